package streamsdk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	"github.com/eventnode/eventnode/internal/permit"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// LocalBackend is both backends in one.
type LocalBackend interface {
	Backend
	ConsumerBackend
}

// Service is what serves streams, consumers and locks.
type Service interface {
	eventnodev1.StreamServiceServer
	eventnodev1.ConsumerServiceServer
	eventnodev1.LockServiceServer
}

// Local is the backends in the same process: it calls the service, as a server does
// for a client. What passes is bytes, as over the network; they are not copied on
// the way there. A leader elsewhere is reached through the service. What is asked is the
// node's own, whoever it is for.
func Local(service Service) LocalBackend { return &local{service: service} }

type local struct{ service Service }

// ask turns a call of the service into one of the Backend.
func ask[Q, R any](ctx context.Context, f func(context.Context, Q) (R, error), req Q) (R, error) {
	r, err := f(permit.Own(ctx), req)
	return r, localError(ctx, err)
}

// localError is what the service says, in the words of package eventnode.
func localError(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	if err = apierr.FromStatus(err); isAny(err, eventnode.ErrClosed) {
		return fmt.Errorf("%w: %w", eventnode.ErrUnavailable, err)
	}
	return err
}

// DeclareStream implements Backend.
func (l *local) DeclareStream(ctx context.Context, req *eventnodev1.DeclareStreamRequest) (*eventnodev1.DeclareStreamResponse, error) {
	return ask(ctx, l.service.DeclareStream, req)
}

// UpdateStream implements Backend.
func (l *local) UpdateStream(ctx context.Context, req *eventnodev1.UpdateStreamRequest) (*eventnodev1.UpdateStreamResponse, error) {
	return ask(ctx, l.service.UpdateStream, req)
}

// DeleteStream implements Backend.
func (l *local) DeleteStream(ctx context.Context, req *eventnodev1.DeleteStreamRequest) (*eventnodev1.DeleteStreamResponse, error) {
	return ask(ctx, l.service.DeleteStream, req)
}

// ListStreams implements Backend.
func (l *local) ListStreams(ctx context.Context, req *eventnodev1.ListStreamsRequest) (*eventnodev1.ListStreamsResponse, error) {
	return ask(ctx, l.service.ListStreams, req)
}

// StreamInfo implements Backend.
func (l *local) StreamInfo(ctx context.Context, req *eventnodev1.StreamInfoRequest) (*eventnodev1.StreamInfoResponse, error) {
	return ask(ctx, l.service.StreamInfo, req)
}

// DeclarePool implements Backend.
func (l *local) DeclarePool(ctx context.Context, req *eventnodev1.DeclarePoolRequest) (*eventnodev1.DeclarePoolResponse, error) {
	return ask(ctx, l.service.DeclarePool, req)
}

// ListPools implements Backend.
func (l *local) ListPools(ctx context.Context, req *eventnodev1.ListPoolsRequest) (*eventnodev1.ListPoolsResponse, error) {
	return ask(ctx, l.service.ListPools, req)
}

// Pipe implements Backend. There is no other node's address to go to.
func (l *local) Pipe(ctx context.Context, address string) (Pipe, error) {
	if address != "" {
		return nil, fmt.Errorf("a node goes to %s through itself: %w", address, eventnode.ErrUnavailable)
	}
	c := newLocalCall(ctx)
	c.run(func() error {
		return l.service.PublishStream(&grpc.GenericServerStream[eventnodev1.PublishStreamRequest, eventnodev1.PublishStreamResponse]{ServerStream: c})
	})
	select {
	case <-c.taken:
		return localPipe{c}, nil
	case <-c.ended:
	}
	if _, err := c.next(); !errors.Is(err, io.EOF) {
		return nil, err
	}
	return nil, fmt.Errorf("the node ended the stream at once: %w", eventnode.ErrUnavailable)
}

// Read implements Backend.
func (l *local) Read(ctx context.Context, req *eventnodev1.ReadRequest) (Reader, error) {
	c := newLocalCall(ctx)
	c.run(func() error {
		return l.service.Read(req, &grpc.GenericServerStream[eventnodev1.ReadRequest, eventnodev1.ReadResponse]{ServerStream: c})
	})
	return localReader{c}, nil
}

// localCall is both sides of a call that streams. It has one goroutine, which ends
// when the service returns: soon after Close, or after the end of its context.
type localCall struct {
	parent context.Context //nolint:containedctx // the caller's
	ctx    context.Context //nolint:containedctx // of this one call
	cancel context.CancelFunc
	up     chan []byte // not buffered: who sends waits for the service
	down   chan []byte // not buffered: the service waits for who reads

	taken chan struct{} // closed when the service has sent its header
	once  sync.Once
	err   error
	ended chan struct{} // closed when the service has returned err
}

var _ grpc.ServerStream = (*localCall)(nil)

func newLocalCall(ctx context.Context) *localCall {
	c := &localCall{parent: ctx, up: make(chan []byte), down: make(chan []byte), taken: make(chan struct{}), ended: make(chan struct{})}
	c.ctx, c.cancel = context.WithCancel(permit.Own(ctx))
	return c
}

// run has the service serve the call.
func (c *localCall) run(serve func() error) {
	go func() {
		defer c.cancel()
		defer close(c.ended)
		c.err = serve()
	}()
}

// next is the service's next message; io.EOF: the good end.
func (c *localCall) next() ([]byte, error) {
	select {
	case msg := <-c.down:
		return msg, nil
	case <-c.ended:
	}
	if c.err == nil {
		return nil, io.EOF
	}
	return nil, localError(c.parent, c.err)
}

// RecvMsg implements grpc.ServerStream.
func (c *localCall) RecvMsg(m any) error {
	var msg []byte
	open := true
	select {
	case msg, open = <-c.up:
	case <-c.ctx.Done():
		return context.Cause(c.ctx)
	}
	if !open {
		return io.EOF // half-closed
	}
	if f, ok := m.(*wire.Frame); ok {
		f.Received = wire.Piece{Data: msg}
		return nil
	}
	p, ok := m.(proto.Message)
	if !ok {
		return fmt.Errorf("receive into %T: %w", m, wire.ErrMalformed)
	}
	return proto.Unmarshal(msg, p)
}

// SendMsg implements grpc.ServerStream.
func (c *localCall) SendMsg(m any) error {
	msg, err := localBytes(m)
	if err != nil {
		return err
	}
	select {
	case c.down <- msg:
		return nil
	case <-c.ctx.Done():
		return context.Cause(c.ctx)
	}
}

// localBytes is a message as it would pass over the network.
func localBytes(m any) ([]byte, error) {
	if p, ok := m.(proto.Message); ok {
		return proto.Marshal(p)
	}
	f, ok := m.(*wire.Frame)
	if !ok {
		return nil, fmt.Errorf("send %T: %w", m, wire.ErrMalformed)
	}
	msg := make([]byte, 0, f.Len())
	msg = append(msg, f.Head...)
	for _, p := range f.Segments {
		msg = append(msg, p.Data...)
		p.Release()
	}
	if f.Own != nil {
		msg = append(msg, *f.Own...)
	}
	return msg, nil
}

// Context implements grpc.ServerStream.
func (c *localCall) Context() context.Context { return c.ctx }

// SetHeader implements grpc.ServerStream: there is nothing in headers.
func (*localCall) SetHeader(metadata.MD) error { return nil }

// SendHeader implements grpc.ServerStream.
func (c *localCall) SendHeader(metadata.MD) error {
	c.once.Do(func() { close(c.taken) })
	return nil
}

// SetTrailer implements grpc.ServerStream.
func (*localCall) SetTrailer(metadata.MD) {}

// localPipe is the client's side of a PublishStream.
type localPipe struct{ *localCall }

// Send implements Pipe.
func (p localPipe) Send(request *[]byte) error {
	select {
	case p.up <- *request:
		return nil
	case <-p.ctx.Done():
		return io.EOF
	}
}

// Recv implements Pipe.
func (p localPipe) Recv() (*eventnodev1.PublishStreamResponse, error) {
	msg, err := p.next()
	if err != nil {
		return nil, err
	}
	var m eventnodev1.PublishStreamResponse
	if err := proto.Unmarshal(msg, &m); err != nil {
		return nil, fmt.Errorf("%w: %w", wire.ErrMalformed, err)
	}
	m.LeaderAddress = "" // the service goes there by itself
	return &m, nil
}

// Close implements Pipe and Reader. It waits for the service.
func (c *localCall) Close() {
	c.cancel()
	<-c.ended
}

// localReader is the client's side of a Read.
type localReader struct{ *localCall }

// Recv implements Reader.
func (r localReader) Recv() ([]byte, error) { return r.next() }
