package link

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

// authenticate returns the session that a call's token belongs to.
func (s *incoming) authenticate(ctx context.Context) (*session, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	tokens := md.Get(MetadataKey)
	if len(tokens) != 1 {
		return nil, apierr.ToStatus(fmt.Errorf("%w: only nodes of the cluster may call this", eventnode.ErrUnauthenticated))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sess := s.sessions[tokens[0]]
	if sess == nil {
		return nil, apierr.ToStatus(fmt.Errorf("%w: not the token of a link", eventnode.ErrPermissionDenied))
	}
	return sess, nil
}

// Vouched reports whether a call carries the token of a link that stands: another node
// of this cluster makes it.
func (l *Links) Vouched(ctx context.Context) bool {
	_, err := l.called.authenticate(ctx)
	return err == nil
}

// Vouch adds the token of the link to the peer at address to an outgoing call, if there is
// one: the peer then knows that a node makes it.
func (l *Links) Vouch(ctx context.Context, address string) context.Context {
	for ref, p := range *l.peers.Load() {
		if p.addressNow() != address {
			continue
		}
		if g, err := l.up(ref); err == nil {
			return g.outgoing(ctx)
		}
	}
	return ctx
}

// Deliver hands an event to group members on this node. The handler's context
// ends with the link, too.
func (s *incoming) Deliver(ctx context.Context, req *clusterv1.DeliverRequest) (*clusterv1.DeliverResponse, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.wg.Done()
	sess, err := s.authenticate(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(sess.ctx, cancel)()
	resp, err := s.l.handler.Deliver(ctx, sess.origin.ref, req)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", eventnode.ErrOutcomeUnknown, err)
	}
	if err != nil {
		return nil, apierr.ToStatus(err)
	}
	if resp == nil {
		return nil, apierr.ToStatus(errors.New("no response"))
	}
	return resp, nil
}

// ListSubscriptions lists those of this node.
func (s *incoming) ListSubscriptions(ctx context.Context, req *clusterv1.ListSubscriptionsRequest) (*clusterv1.ListSubscriptionsResponse, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.wg.Done()
	if _, err := s.authenticate(ctx); err != nil {
		return nil, err
	}
	return &clusterv1.ListSubscriptionsResponse{Subscriptions: s.l.handler.ListSubscriptions(req.GetTopic())}, nil
}

// Chat hands a call to this node's part of a chat service.
func (s *incoming) Chat(ctx context.Context, req *clusterv1.ChatRequest) (*clusterv1.ChatResponse, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.wg.Done()
	sess, err := s.authenticate(ctx)
	if err != nil {
		return nil, err
	}
	resp, err := s.l.handler.Chat(ctx, sess.origin.ref, req)
	return resp, apierr.ToStatus(err)
}

// Source hands a question to this node's event sources.
func (s *incoming) Source(req *clusterv1.SourceRequest, answer grpc.ServerStreamingServer[clusterv1.SourceResponse]) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.wg.Done()
	sess, err := s.authenticate(answer.Context())
	if err != nil {
		return err
	}
	return apierr.ToStatus(s.l.handler.Source(answer.Context(), sess.origin.ref, req, answer.Send))
}

// Storage hands a question to this node's durable plane.
func (s *incoming) Storage(ctx context.Context, req *clusterv1.StorageRequest) (*clusterv1.StorageResponse, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.wg.Done()
	sess, err := s.authenticate(ctx)
	if err != nil {
		return nil, err
	}
	resp, err := s.l.handler.Storage(ctx, sess.origin.ref, req)
	return resp, apierr.ToStatus(err)
}
