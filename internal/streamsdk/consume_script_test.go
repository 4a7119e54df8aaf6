package streamsdk

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// scripted is a backend whose calls answer what was written down.
type scripted struct {
	LocalBackend
	answers []*eventnodev1.ConsumeResponse
}

type scriptedCall struct {
	left   []*eventnodev1.ConsumeResponse
	ctx    context.Context
	cancel context.CancelFunc
}

// Consume implements ConsumerBackend.
func (s *scripted) Consume(ctx context.Context, _ string) (ConsumeCall, error) {
	c := &scriptedCall{left: s.answers}
	c.ctx, c.cancel = context.WithCancel(ctx)
	return c, nil
}

func (c *scriptedCall) Send(*eventnodev1.ConsumeRequest) error { return nil }

func (c *scriptedCall) CloseSend() error { return nil }

func (c *scriptedCall) Recv() (wire.Piece, error) {
	if len(c.left) == 0 {
		<-c.ctx.Done()
		return wire.Piece{}, context.Cause(c.ctx)
	}
	msg, err := proto.Marshal(c.left[0])
	c.left = c.left[1:]
	return wire.Piece{Data: msg}, err
}

func (c *scriptedCall) Close() { c.cancel() }
