package client

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"

	"github.com/eventnode/eventnode/internal/chatsdk"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// chatBackend is the ChatService of the client's node.
type chatBackend struct{ c *Client }

var _ chatsdk.Backend = (*chatBackend)(nil)

// method is one of the ChatService.
type method[Q, R any] = func(eventnodev1.ChatServiceClient, context.Context, *Q, ...grpc.CallOption) (*R, error)

// made makes a call with how: once, or repeat.
func made[Q, R any](ctx context.Context, how func(context.Context, func(*conn) error) error, f method[Q, R], req *Q) (r *R, err error) {
	err = how(ctx, func(cn *conn) (err error) {
		r, err = f(eventnodev1.NewChatServiceClient(cn.cc), ctx, req)
		return err
	})
	return r, err
}

// Dispatch implements chatsdk.Backend.
func (b *chatBackend) Dispatch(ctx context.Context, req *eventnodev1.ChatServiceDispatchRequest) (*eventnodev1.ChatServiceDispatchResponse, error) {
	return made(ctx, b.c.once, eventnodev1.ChatServiceClient.Dispatch, req)
}

// Change implements chatsdk.Backend.
func (b *chatBackend) Change(ctx context.Context, req *eventnodev1.ChatServiceChangeRequest) (*eventnodev1.ChatServiceChangeResponse, error) {
	return made(ctx, b.c.once, eventnodev1.ChatServiceClient.Change, req)
}

// Subscribe implements chatsdk.Backend.
func (b *chatBackend) Subscribe(ctx context.Context, req *eventnodev1.ChatServiceSubscribeRequest) (*eventnodev1.ChatServiceSubscribeResponse, error) {
	return made(ctx, b.c.repeat, eventnodev1.ChatServiceClient.Subscribe, req)
}

// Unsubscribe implements chatsdk.Backend.
func (b *chatBackend) Unsubscribe(ctx context.Context, req *eventnodev1.ChatServiceUnsubscribeRequest) (*eventnodev1.ChatServiceUnsubscribeResponse, error) {
	return made(ctx, b.c.repeat, eventnodev1.ChatServiceClient.Unsubscribe, req)
}

// Remove implements chatsdk.Backend.
func (b *chatBackend) Remove(ctx context.Context, req *eventnodev1.ChatServiceRemoveRequest) (*eventnodev1.ChatServiceRemoveResponse, error) {
	return made(ctx, b.c.repeat, eventnodev1.ChatServiceClient.Remove, req)
}

// CloseSession implements chatsdk.Backend. Made again it finds that there is no such
// session, which is so.
func (b *chatBackend) CloseSession(ctx context.Context, req *eventnodev1.ChatServiceCloseSessionRequest) (*eventnodev1.ChatServiceCloseSessionResponse, error) {
	return made(ctx, b.c.repeat, eventnodev1.ChatServiceClient.CloseSession, req)
}

// Export implements chatsdk.Backend.
func (b *chatBackend) Export(ctx context.Context, req *eventnodev1.ChatServiceExportRequest, take func(*eventnodev1.ChatServiceExportResponse) error) error {
	return listed(ctx, b.c, eventnodev1.ChatServiceClient.Export, req, take)
}

// ListSessions implements chatsdk.Backend.
func (b *chatBackend) ListSessions(ctx context.Context, req *eventnodev1.ChatServiceListSessionsRequest, take func(*eventnodev1.ChatServiceListSessionsResponse) error) error {
	return listed(ctx, b.c, eventnodev1.ChatServiceClient.ListSessions, req, take)
}

// listed makes a call that is answered with a list, and hands the answers to take. The
// call is made again if it fails before the first one.
func listed[Q, R any](ctx context.Context, c *Client, f func(eventnodev1.ChatServiceClient, context.Context, *Q, ...grpc.CallOption) (grpc.ServerStreamingClient[R], error), req *Q, take func(*R) error) error {
	ctx, stop := c.life(ctx)
	defer stop(nil)
	var cn *conn
	var answers grpc.ServerStreamingClient[R]
	var first *R
	err := c.repeat(ctx, func(now *conn) (err error) {
		cn, first = now, nil
		if answers, err = f(eventnodev1.NewChatServiceClient(cn.cc), ctx, req); err != nil {
			return err
		}
		if first, err = answers.Recv(); errors.Is(err, io.EOF) {
			return nil // an empty list
		}
		return err
	})
	for next := first; err == nil && next != nil; {
		if err := take(next); err != nil {
			return err
		}
		if next, err = answers.Recv(); errors.Is(err, io.EOF) {
			return nil
		}
		err = undone(cn.failure(ctx, err))
	}
	return err
}
