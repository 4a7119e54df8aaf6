package dispatch

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	"github.com/eventnode/eventnode/internal/convert"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// ListRemote lists the subscriptions to topic ("" for all) of the other nodes,
// and the nodes that could not be asked.
type ListRemote func(ctx context.Context, topic string) ([]eventnode.SubscriptionInfo, []eventnode.NodeID)

// Service serves dispatch over gRPC. The server must use wire.Codec, and its
// limit on received messages should be well above Config.MaxEventBytes.
type Service struct {
	eventnodev1.UnimplementedDispatchServiceServer
	d      *Dispatcher
	remote ListRemote
}

var _ eventnodev1.DispatchServiceServer = (*Service)(nil)

// NewService makes the service. A nil remote means that there is no other node.
func NewService(d *Dispatcher, remote ListRemote) *Service {
	if remote == nil {
		remote = func(context.Context, string) ([]eventnode.SubscriptionInfo, []eventnode.NodeID) { return nil, nil }
	}
	return &Service{d: d, remote: remote}
}

// Dispatch dispatches one event. Each call is a publisher of its own.
func (s *Service) Dispatch(ctx context.Context, req *eventnodev1.DispatchRequest) (*eventnodev1.DispatchResponse, error) {
	p, err := s.d.NewPublisher(ctx)
	if err != nil {
		return nil, apierr.ToStatus(err)
	}
	envelope, err := proto.Marshal(req.GetEnvelope())
	if err != nil {
		return nil, apierr.ToStatus(fmt.Errorf("envelope: %w: %w", eventnode.ErrInvalidEvent, err))
	}
	if !req.GetReceipt() {
		_, refused, err := p.Forward(ctx, record(envelope).Piece)
		if len(refused) > 0 {
			err = refused[0].Err
		}
		if err != nil {
			return nil, apierr.ToStatus(err)
		}
		return &eventnodev1.DispatchResponse{}, nil
	}
	timeout, err := receiptTimeout(req.GetReceiptTimeout())
	if err != nil {
		return nil, apierr.ToStatus(err)
	}
	got := make(chan eventnode.Receipt, 1)
	if err := p.ForwardTracked(ctx, envelope, timeout, func(r eventnode.Receipt) { got <- r }); err != nil {
		return nil, apierr.ToStatus(err)
	}
	// The receipt comes in any case: it ends with ctx and with its timeout.
	return &eventnodev1.DispatchResponse{Receipt: convert.ReceiptToProto(<-got)}, nil
}

// ListSubscriptions lists the subscriptions of this node and, unless local is
// set, of the others.
func (s *Service) ListSubscriptions(ctx context.Context, req *eventnodev1.ListSubscriptionsRequest) (*eventnodev1.ListSubscriptionsResponse, error) {
	if topic := req.GetTopic(); topic != "" {
		if err := s.d.parse(topic); err != nil {
			return nil, apierr.ToStatus(err)
		}
	}
	infos := s.d.Subscriptions(req.GetTopic())
	var missing []eventnode.NodeID
	if !req.GetLocal() {
		var others []eventnode.SubscriptionInfo
		others, missing = s.remote(ctx, req.GetTopic())
		infos = append(infos, others...)
	}
	return &eventnodev1.ListSubscriptionsResponse{
		Subscriptions: convert.SubscriptionsToProto(infos),
		Missing:       convert.NodeIDsToProto(missing),
	}, nil
}

// streamError is the status that ends a stream.
func streamError(err error) error {
	switch {
	case errors.Is(err, wire.ErrMalformed):
		return apierr.ToStatus(fmt.Errorf("%w: %w", eventnode.ErrInvalidArgument, err))
	case errors.Is(err, eventnode.ErrClosed):
		return apierr.ToStatus(fmt.Errorf("this node goes away: %w", eventnode.ErrUnavailable))
	}
	return apierr.ToStatus(err)
}
