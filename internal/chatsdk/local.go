package chatsdk

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// Local is the Backend in the same process: it calls the service, as a server does for a
// client. Messages are handed over as they are.
func Local(service eventnodev1.ChatServiceServer) Backend { return local{service} }

type local struct{ service eventnodev1.ChatServiceServer }

// ask turns a call of the service into one of the Backend.
func ask[Q, R any](ctx context.Context, f func(context.Context, Q) (R, error), req Q) (R, error) {
	r, err := f(ctx, req)
	return r, said(ctx, err)
}

// said is what the service says, in the words of package eventnode.
func said(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	if err = apierr.FromStatus(err); errors.Is(err, eventnode.ErrClosed) {
		return fmt.Errorf("%w: %w", eventnode.ErrUnavailable, err)
	}
	return err
}

// Dispatch implements Backend.
func (l local) Dispatch(ctx context.Context, req *eventnodev1.ChatServiceDispatchRequest) (*eventnodev1.ChatServiceDispatchResponse, error) {
	return ask(ctx, l.service.Dispatch, req)
}

// Change implements Backend.
func (l local) Change(ctx context.Context, req *eventnodev1.ChatServiceChangeRequest) (*eventnodev1.ChatServiceChangeResponse, error) {
	return ask(ctx, l.service.Change, req)
}

// Subscribe implements Backend.
func (l local) Subscribe(ctx context.Context, req *eventnodev1.ChatServiceSubscribeRequest) (*eventnodev1.ChatServiceSubscribeResponse, error) {
	return ask(ctx, l.service.Subscribe, req)
}

// Unsubscribe implements Backend.
func (l local) Unsubscribe(ctx context.Context, req *eventnodev1.ChatServiceUnsubscribeRequest) (*eventnodev1.ChatServiceUnsubscribeResponse, error) {
	return ask(ctx, l.service.Unsubscribe, req)
}

// Remove implements Backend.
func (l local) Remove(ctx context.Context, req *eventnodev1.ChatServiceRemoveRequest) (*eventnodev1.ChatServiceRemoveResponse, error) {
	return ask(ctx, l.service.Remove, req)
}

// CloseSession implements Backend.
func (l local) CloseSession(ctx context.Context, req *eventnodev1.ChatServiceCloseSessionRequest) (*eventnodev1.ChatServiceCloseSessionResponse, error) {
	return ask(ctx, l.service.CloseSession, req)
}

// Export implements Backend.
func (l local) Export(ctx context.Context, req *eventnodev1.ChatServiceExportRequest, take func(*eventnodev1.ChatServiceExportResponse) error) error {
	return streamed(ctx, l.service.Export, req, take)
}

// ListSessions implements Backend.
func (l local) ListSessions(ctx context.Context, req *eventnodev1.ChatServiceListSessionsRequest, take func(*eventnodev1.ChatServiceListSessionsResponse) error) error {
	return streamed(ctx, l.service.ListSessions, req, take)
}

// streamed has the service hand its answers to take.
func streamed[Q, R any](ctx context.Context, f func(*Q, grpc.ServerStreamingServer[R]) error, req *Q, take func(*R) error) error {
	var refused error
	err := f(req, &taker[R]{ctx: ctx, take: func(r *R) error {
		refused = take(r)
		return refused
	}})
	if refused != nil {
		return refused
	}
	return said(ctx, err)
}

// taker is a stream of answers for the service. The service sends and asks for the
// context, and does nothing else with it.
type taker[R any] struct {
	grpc.ServerStream
	ctx  context.Context //nolint:containedctx // of this one call
	take func(*R) error
}

// Send implements grpc.ServerStreamingServer.
func (t *taker[R]) Send(r *R) error {
	if t.ctx.Err() != nil {
		return context.Cause(t.ctx)
	}
	return t.take(r)
}

// Context implements grpc.ServerStream.
func (t *taker[R]) Context() context.Context { return t.ctx }
