package streamsdk

import (
	"context"
	"fmt"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/permit"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// Call implements ConsumerBackend: it finds the method as a server does.
func (l *local) Call(ctx context.Context, method string, _ Effect, req, resp proto.Message) error {
	handler := methodOf(method)
	if handler == nil {
		return fmt.Errorf("no method %s: %w", method, eventnode.ErrInvalidArgument)
	}
	r, err := handler(l.service, permit.Own(ctx), func(m any) error {
		proto.Merge(m.(proto.Message), req)
		return nil
	}, nil)
	if err != nil {
		return localError(ctx, err)
	}
	proto.Merge(resp, r.(proto.Message))
	return nil
}

// methodOf is what serves a method; nil if there is none.
func methodOf(method string) grpc.MethodHandler {
	for _, s := range []*grpc.ServiceDesc{&eventnodev1.ConsumerService_ServiceDesc, &eventnodev1.LockService_ServiceDesc} {
		for _, m := range s.Methods {
			if "/"+s.ServiceName+"/"+m.MethodName == method {
				return m.Handler
			}
		}
	}
	return nil
}

// Consume implements ConsumerBackend. There is no other node's address to go to.
func (l *local) Consume(ctx context.Context, address string) (ConsumeCall, error) {
	if address != "" {
		return nil, fmt.Errorf("a node goes to %s through itself: %w", address, eventnode.ErrUnavailable)
	}
	c := newLocalCall(ctx)
	c.run(func() error {
		return l.service.Consume(&grpc.GenericServerStream[eventnodev1.ConsumeRequest, eventnodev1.ConsumeResponse]{ServerStream: c})
	})
	return localConsume{c}, nil
}

// localConsume is the client's side of a Consume.
type localConsume struct{ *localCall }

// Send implements ConsumeCall.
func (c localConsume) Send(req *eventnodev1.ConsumeRequest) error {
	msg, err := proto.Marshal(req)
	if err != nil {
		return err
	}
	select {
	case c.up <- msg:
		return nil
	case <-c.ctx.Done():
		return io.EOF
	}
}

// CloseSend implements ConsumeCall.
func (c localConsume) CloseSend() error {
	close(c.up)
	return nil
}

// Recv implements ConsumeCall.
func (c localConsume) Recv() (wire.Piece, error) {
	msg, err := c.next()
	return wire.Piece{Data: msg}, err
}
