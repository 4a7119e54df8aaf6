package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/streamsdk"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// readOnly describes a stream of answers to gRPC.
var readOnly = grpc.StreamDesc{ServerStreams: true}

// streamsBackend is the StreamService of the client's node.
type streamsBackend struct{ c *Client }

var _ streamsdk.Backend = (*streamsBackend)(nil)

// call makes a call that reads: it can be made again.
func call[Q, R any](ctx context.Context, c *Client, f func(eventnodev1.StreamServiceClient, context.Context, Q, ...grpc.CallOption) (R, error), req Q) (r R, err error) {
	cn, err := c.await(ctx)
	if err != nil {
		return r, err
	}
	defer cn.begin()()
	r, err = f(eventnodev1.NewStreamServiceClient(cn.cc), ctx, req)
	return r, cn.failure(ctx, err)
}

// DeclareStream implements streamsdk.Backend.
func (b *streamsBackend) DeclareStream(ctx context.Context, req *eventnodev1.DeclareStreamRequest) (*eventnodev1.DeclareStreamResponse, error) {
	r, err := call(ctx, b.c, eventnodev1.StreamServiceClient.DeclareStream, req)
	return r, unknown(err)
}

// UpdateStream implements streamsdk.Backend.
func (b *streamsBackend) UpdateStream(ctx context.Context, req *eventnodev1.UpdateStreamRequest) (*eventnodev1.UpdateStreamResponse, error) {
	r, err := call(ctx, b.c, eventnodev1.StreamServiceClient.UpdateStream, req)
	return r, unknown(err)
}

// DeleteStream implements streamsdk.Backend.
func (b *streamsBackend) DeleteStream(ctx context.Context, req *eventnodev1.DeleteStreamRequest) (*eventnodev1.DeleteStreamResponse, error) {
	r, err := call(ctx, b.c, eventnodev1.StreamServiceClient.DeleteStream, req)
	return r, unknown(err)
}

// ListStreams implements streamsdk.Backend.
func (b *streamsBackend) ListStreams(ctx context.Context, req *eventnodev1.ListStreamsRequest) (*eventnodev1.ListStreamsResponse, error) {
	r, err := call(ctx, b.c, eventnodev1.StreamServiceClient.ListStreams, req)
	return r, undone(err)
}

// StreamInfo implements streamsdk.Backend.
func (b *streamsBackend) StreamInfo(ctx context.Context, req *eventnodev1.StreamInfoRequest) (*eventnodev1.StreamInfoResponse, error) {
	r, err := call(ctx, b.c, eventnodev1.StreamServiceClient.StreamInfo, req)
	return r, undone(err)
}

// DeclarePool implements streamsdk.Backend.
func (b *streamsBackend) DeclarePool(ctx context.Context, req *eventnodev1.DeclarePoolRequest) (*eventnodev1.DeclarePoolResponse, error) {
	r, err := call(ctx, b.c, eventnodev1.StreamServiceClient.DeclarePool, req)
	return r, unknown(err)
}

// ListPools implements streamsdk.Backend.
func (b *streamsBackend) ListPools(ctx context.Context, req *eventnodev1.ListPoolsRequest) (*eventnodev1.ListPoolsResponse, error) {
	r, err := call(ctx, b.c, eventnodev1.StreamServiceClient.ListPools, req)
	return r, undone(err)
}

// Pipe implements streamsdk.Backend. At another address than that of the client's
// node it has a connection of its own.
func (b *streamsBackend) Pipe(ctx context.Context, address string) (streamsdk.Pipe, error) {
	cn, own, err := b.connection(ctx, address)
	if err != nil {
		return nil, err
	}
	p := &streamPipe{conn: cn, own: own}
	p.ctx, p.cancel = context.WithCancelCause(ctx)
	if err := p.open(b.c.opts.dialTimeout); err != nil {
		err = undone(cn.failure(p.ctx, err))
		p.Close()
		return nil, err
	}
	return p, nil
}

// open opens the stream, and waits until a leader has taken it.
func (p *streamPipe) open(patience time.Duration) (err error) {
	defer time.AfterFunc(patience, func() {
		p.cancel(fmt.Errorf("%s has not taken a stream within %v: %w", p.conn.addr, patience, eventnode.ErrUnavailable))
	}).Stop()
	if p.stream, err = p.conn.stream(p.ctx, &bothWays, eventnodev1.StreamService_PublishStream_FullMethodName); err != nil {
		return err
	}
	return wire.Taken(p.stream)
}

// connection is one to the address; own says that it is nobody else's.
func (b *streamsBackend) connection(ctx context.Context, address string) (cn *conn, own bool, err error) {
	if address == "" || address == b.c.Addr() {
		cn, err = b.c.await(ctx)
		return cn, false, err
	}
	timed, cancel := context.WithTimeoutCause(ctx, b.c.opts.dialTimeout, errors.New("dial timeout"))
	defer cancel()
	if cn, err = b.c.opts.connect(timed, address); err != nil {
		return nil, false, fmt.Errorf("connect to the leader: %w", err)
	}
	return cn, true, nil
}

// streamPipe is a PublishStream.
type streamPipe struct {
	conn   *conn
	own    bool // the connection is the pipe's
	stream grpc.ClientStream
	ctx    context.Context //nolint:containedctx // of this one call
	cancel context.CancelCauseFunc
}

// Send implements streamsdk.Pipe.
func (p *streamPipe) Send(request *[]byte) error {
	return p.stream.SendMsg(&wire.Frame{Own: request})
}

// Recv implements streamsdk.Pipe.
func (p *streamPipe) Recv() (*eventnodev1.PublishStreamResponse, error) {
	var r eventnodev1.PublishStreamResponse
	if err := p.stream.RecvMsg(&r); err != nil {
		return nil, undone(p.conn.failure(p.ctx, err))
	}
	return &r, nil
}

// Close implements streamsdk.Pipe.
func (p *streamPipe) Close() {
	p.cancel(nil)
	if p.own {
		_ = p.conn.cc.Close()
	}
}

// Read implements streamsdk.Backend.
func (b *streamsBackend) Read(ctx context.Context, req *eventnodev1.ReadRequest) (streamsdk.Reader, error) {
	cn, err := b.c.await(ctx)
	if err != nil {
		return nil, err
	}
	r := &streamReader{conn: cn}
	r.ctx, r.cancel = context.WithCancel(ctx)
	r.stream, err = cn.stream(r.ctx, &readOnly, eventnodev1.StreamService_Read_FullMethodName)
	if err == nil {
		if err = r.stream.SendMsg(req); errors.Is(err, io.EOF) {
			err = nil // Recv says why
		}
	}
	if err == nil {
		err = r.stream.CloseSend()
	}
	if err != nil {
		err = undone(cn.failure(ctx, err))
		r.cancel()
		return nil, err
	}
	return r, nil
}

// streamReader is the answers to a Read.
type streamReader struct {
	conn   *conn
	stream grpc.ClientStream
	ctx    context.Context //nolint:containedctx // of this one call
	cancel context.CancelFunc
}

// Recv implements streamsdk.Reader.
func (r *streamReader) Recv() ([]byte, error) {
	var f wire.Frame
	err := r.stream.RecvMsg(&f)
	switch {
	case errors.Is(err, io.EOF):
		return nil, io.EOF
	case err != nil:
		return nil, undone(r.conn.failure(r.ctx, err))
	}
	return f.Received.Data, nil
}

// Close implements streamsdk.Reader.
func (r *streamReader) Close() { r.cancel() }
