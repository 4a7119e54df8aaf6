package client

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/streamsdk"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// Consumers returns the consumers of a namespace. They go to the leader by themselves,
// and come back to what they had in hand when a node is lost.
func (c *Client) Consumers(opts ...StreamsOption) eventnode.Consumers {
	return c.opts.tracer.Consumers(streamsdk.NewConsumers(c.streamsConfig(opts...)))
}

// Locks returns the locks of a namespace.
func (c *Client) Locks(opts ...StreamsOption) eventnode.Locks {
	return streamsdk.NewLocks(c.streamsConfig(opts...))
}

var _ streamsdk.ConsumerBackend = (*streamsBackend)(nil)

// Call implements streamsdk.ConsumerBackend.
func (b *streamsBackend) Call(ctx context.Context, method string, effect streamsdk.Effect, req, resp proto.Message) error {
	cn, err := b.c.await(ctx)
	if err != nil {
		return err
	}
	defer cn.begin()()
	err = cn.failure(ctx, cn.cc.Invoke(ctx, method, req, resp))
	if effect == streamsdk.Once {
		return unknown(err)
	}
	return undone(err)
}

// Consume implements streamsdk.ConsumerBackend. At another address than that of the
// client's node it has a connection of its own.
func (b *streamsBackend) Consume(ctx context.Context, address string) (streamsdk.ConsumeCall, error) {
	cn, own, err := b.connection(ctx, address)
	if err != nil {
		return nil, err
	}
	s := &streamConsume{conn: cn, own: own}
	s.ctx, s.cancel = context.WithCancel(ctx)
	s.stream, err = cn.stream(s.ctx, &bothWays, eventnodev1.ConsumerService_Consume_FullMethodName)
	if err != nil {
		err = undone(cn.failure(ctx, err))
		s.Close()
		return nil, err
	}
	return s, nil
}

// streamConsume is a Consume.
type streamConsume struct {
	conn   *conn
	own    bool // the connection is the call's
	stream grpc.ClientStream
	ctx    context.Context //nolint:containedctx // of this one call
	cancel context.CancelFunc
}

// Send implements streamsdk.ConsumeCall.
func (s *streamConsume) Send(req *eventnodev1.ConsumeRequest) error { return s.stream.SendMsg(req) }

// CloseSend implements streamsdk.ConsumeCall.
func (s *streamConsume) CloseSend() error { return s.stream.CloseSend() }

// Recv implements streamsdk.ConsumeCall.
func (s *streamConsume) Recv() (wire.Piece, error) {
	f := wire.Frame{Counted: true}
	err := s.stream.RecvMsg(&f)
	switch {
	case errors.Is(err, io.EOF):
		return wire.Piece{}, io.EOF
	case err != nil:
		return wire.Piece{}, undone(s.conn.failure(s.ctx, err))
	}
	return f.Received, nil
}

// Close implements streamsdk.ConsumeCall.
func (s *streamConsume) Close() {
	s.cancel()
	if s.own {
		_ = s.conn.cc.Close()
	}
}
