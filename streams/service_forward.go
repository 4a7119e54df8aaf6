package streams

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	"github.com/eventnode/eventnode/internal/permit"
	"github.com/eventnode/eventnode/internal/wire"
)

// A forwarded call carries what its caller sent along (the leader has the same
// right to know who asks), and a mark. What passes is bytes: nothing is decoded.
// The call ends when this node knows of another leader, or of none: that is sooner
// than the connection to a machine that is gone would end.

const (
	// connectWait is how long a leader's machine may take to take a call.
	connectWait = 400 * time.Millisecond
	// leaderWatch is how often a forwarded call looks who leads.
	leaderWatch = 100 * time.Millisecond
)

// effect is what a call does, and so what it means that no answer came.
type effect bool

const (
	reads  effect = false
	writes effect = true
)

// unanswered is what it means that a call was sent and not answered.
func (e effect) unanswered(leader Leader, why error) error {
	sentinel := eventnode.ErrUnavailable
	if e == writes {
		sentinel = eventnode.ErrOutcomeUnknown
	}
	return fmt.Errorf("the leader, %s, did not answer: %w: %w", leader.Node, why, sentinel)
}

// call is a call to the leader.
type call struct {
	grpc.ClientStream
	leader Leader
	ctx    context.Context //nolint:containedctx // of this one call
	cancel context.CancelCauseFunc
	stop   func()
}

// The shapes of calls, as gRPC wants to know them.
var (
	unary    = grpc.StreamDesc{}
	answers  = grpc.StreamDesc{ServerStreams: true}
	bothWays = grpc.StreamDesc{ClientStreams: true, ServerStreams: true}
)

// dial begins a call to the leader. An error means that nothing was sent. The
// caller calls stop.
func (s *Service) dial(ctx context.Context, leader Leader, method string, desc *grpc.StreamDesc) (*call, error) {
	conn, err := s.cfg.Forward(leader.Address)
	if err != nil {
		return nil, fmt.Errorf("connect to the leader, %s: %w: %w", leader.Node, err, eventnode.ErrUnavailable)
	}
	c := &call{leader: leader}
	c.ctx, c.cancel = context.WithCancelCause(outgoing(ctx, s.cfg.Self))
	c.stop = s.watch(c)
	late := time.AfterFunc(connectWait, func() { c.cancel(context.DeadlineExceeded) })
	c.ClientStream, err = conn.NewStream(c.ctx, desc, method, grpc.ForceCodecV2(wire.NewCodec()))
	if !late.Stop() && err == nil {
		err = context.DeadlineExceeded
	}
	if err != nil {
		c.stop()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, fmt.Errorf("the leader, %s, cannot be reached: %w", leader.Node, eventnode.ErrUnavailable)
	}
	return c, nil
}

// outgoing is ctx with what the caller sent along, and the mark.
func outgoing(ctx context.Context, self eventnode.NodeID) context.Context {
	return metadata.AppendToOutgoingContext(permit.Forward(ctx), forwardedKey, string(self))
}

// watch ends a call when somebody else leads. Stop ends it too, and what watches.
func (s *Service) watch(c *call) (stop func()) {
	var watcher sync.WaitGroup
	watcher.Go(func() {
		tick := time.NewTicker(leaderWatch)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				if now, ok := s.cfg.Leader(); !ok || now.Node != c.leader.Node {
					c.cancel(errMoved)
				}
			case <-c.ctx.Done():
				return
			}
		}
	})
	return func() {
		c.cancel(nil)
		watcher.Wait()
	}
}

// forward has the leader answer a unary call, and stops it; req is a message or a *wire.Frame.
func (s *Service) forward(ctx context.Context, c *call, kind effect, req, resp any) (err error) {
	defer func() { s.metrics.forwarded.WithLabelValues(codeOf(err)).Inc() }()
	defer c.stop()
	if err := c.SendMsg(req); err != nil && !errors.Is(err, io.EOF) { // RecvMsg says why it is EOF
		return c.ended(ctx, kind, err)
	}
	if err := c.RecvMsg(resp); err != nil {
		return c.ended(ctx, kind, err)
	}
	return nil
}

// ended is why a call ended: what the leader said, or that nothing came of it.
func (c *call) ended(ctx context.Context, kind effect, err error) error {
	told, ours := errors.AsType[*apierr.Error](apierr.FromStatus(err))
	switch {
	case ours && told.Reason != "":
		return err // it is a status, with its details
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case c.ctx.Err() != nil && !errors.Is(context.Cause(c.ctx), errMoved):
		return context.Cause(c.ctx) // see upward
	case c.ctx.Err() != nil:
		return kind.unanswered(c.leader, errMoved)
	case status.Code(err) == codes.Unavailable:
		return kind.unanswered(c.leader, errors.New(status.Convert(err).Message()))
	}
	return err
}

// pipe passes a stream on, in both directions, until it ends, and stops the call; nil
// if it ended well. Kind is what the client's requests do.
// Each answer says where the leader is.
func (s *Service) pipe(client grpc.ServerStream, c *call, kind effect, addressField protowire.Number) (err error) {
	defer func() { s.metrics.forwarded.WithLabelValues(codeOf(err)).Inc() }()
	defer c.stop()
	// gRPC ends its RecvMsg when the call has returned, so nobody can wait for it
	// here; it touches nothing but the two streams.
	go c.upward(client)
	head := address(addressField, c.leader)
	for {
		if err := c.pass(client, kind, head); err != nil {
			return well(err)
		}
	}
}

// pipeDown sends a request on, passes the answers back until the stream ends, and
// stops the call; nil if it ended well.
func (s *Service) pipeDown(client grpc.ServerStream, c *call, req proto.Message) (err error) {
	defer func() { s.metrics.forwarded.WithLabelValues(codeOf(err)).Inc() }()
	defer c.stop()
	if err := c.SendMsg(req); err != nil && !errors.Is(err, io.EOF) { // RecvMsg says why it is EOF
		return c.ended(client.Context(), reads, err)
	}
	_ = c.CloseSend() // it never fails
	for {
		if err := c.pass(client, reads, nil); err != nil {
			return well(err)
		}
	}
}

// address is an encoded leader_address.
func address(field protowire.Number, leader Leader) []byte {
	return protowire.AppendString(protowire.AppendTag(nil, field, protowire.BytesType), leader.Address)
}

// pass passes one answer on, with some fields before it; io.EOF: there is none
// any more.
func (c *call) pass(client grpc.ServerStream, kind effect, head []byte) error {
	f := wire.Frame{Counted: true}
	if err := c.RecvMsg(&f); errors.Is(err, io.EOF) {
		return err
	} else if err != nil {
		return c.ended(client.Context(), kind, err)
	}
	return client.SendMsg(&wire.Frame{Head: head, Segments: []wire.Piece{f.Received}})
}

// well is nil for a good end.
func well(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// upward passes on what the client sends, until it half-closes.
func (c *call) upward(client grpc.ServerStream) {
	for {
		f := wire.Frame{Counted: true}
		err := client.RecvMsg(&f)
		if errors.Is(err, io.EOF) {
			_ = c.CloseSend() // it never fails
			return
		}
		if err != nil {
			c.cancel(err)
			return
		}
		if c.SendMsg(&wire.Frame{Segments: []wire.Piece{f.Received}}) != nil {
			return // RecvMsg says why
		}
	}
}

// codeOf is how a call ended, for a metric.
func codeOf(err error) string {
	if err == nil {
		return codes.OK.String()
	}
	return status.Code(apierr.ToStatus(err)).String()
}
