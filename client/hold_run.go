package client

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/grpc"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	"github.com/eventnode/eventnode/internal/convert"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// joinChunk bounds the memberships in one request when members join again.
const joinChunk = 1000

// run holds the members, on one stream after the other, until ctx ends.
func (h *holder) run(ctx context.Context) {
	var repeat []*op
	for failures := 0; ; {
		cn, err := h.c.awaitLong(ctx)
		if err != nil {
			h.end(repeat, context.Cause(ctx))
			return
		}
		restored, err := h.serve(ctx, cn, repeat)
		repeat = h.undo()
		if permanent(err) {
			h.fail(repeat, err)
			repeat = nil
		}
		if restored {
			failures = 0
		}
		if ctx.Err() == nil && !cn.isGoing() {
			h.c.opts.log.WarnContext(ctx, "members are not held", "address", cn.addr, "error", err)
			h.c.opts.pause(ctx, failures)
			failures++
		}
	}
}

// undo takes back what the last stream had not answered, in order: its end has
// undone it.
func (h *holder) undo() []*op {
	h.mu.Lock()
	defer h.mu.Unlock()
	repeat := slices.DeleteFunc(h.flight, func(o *op) bool { return o.passing })
	h.flight = nil
	clear(h.byRef)
	for _, o := range repeat {
		o.state = opWaiting
	}
	return repeat
}

// fail ends operations with err.
func (h *holder) fail(ops []*op, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, o := range ops {
		h.finish(o, nil, err)
	}
}

// finish ends an operation, unless its caller has gone. The caller holds mu.
func (h *holder) finish(o *op, answer *eventnodev1.HoldResponse, err error) {
	if o.state == opGone || o.state == opDone {
		return
	}
	o.state, o.answer, o.err = opDone, answer, err
	if err == nil && o.answered != nil && answer != nil {
		o.answered(answer)
	}
	close(o.done)
}

// end ends everything when the client does.
func (h *holder) end(repeat []*op, cause error) {
	h.fail(repeat, cause)
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range h.members {
		m.queue.close(cause)
	}
	h.members = nil
}

// held is a Hold stream at work. ended is closed when no answer will come any
// more; err then says why.
type held struct {
	h      *holder
	stream grpc.ClientStream
	ended  chan struct{}
	err    error
}

// serve is one stream from its beginning to its end. It reports whether the
// members stood on it. repeat is sent first; what of it was not sent is put
// back into flight.
func (h *holder) serve(ctx context.Context, cn *conn, repeat []*op) (restored bool, err error) {
	streamCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := cn.stream(streamCtx, &bothWays, eventnodev1.GroupService_Hold_FullMethodName)
	if err != nil {
		h.putBack(repeat)
		return false, cn.failure(ctx, err)
	}
	s := &held{h: h, stream: stream, ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		s.err = s.receive()
	}()
	if err = s.restore(ctx); err == nil {
		restored = true
		err = s.operate(ctx, repeat)
	} else {
		h.putBack(repeat)
	}
	if err != nil {
		cancel()
	}
	<-s.ended
	if err == nil || isEOF(err) || errors.Is(err, errEnded) {
		err = s.err
	}
	return restored, cn.failure(ctx, err)
}

// errEnded: the stream has ended; why, its receiver knows.
var errEnded = errors.New("stream ended")

// putBack makes operations be repeated on the next stream.
func (h *holder) putBack(ops []*op) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.flight = append(h.flight, ops...)
}

// operate sends operations until the stream ends.
func (s *held) operate(ctx context.Context, repeat []*op) error {
	for i, o := range repeat {
		if err := s.send(o); err != nil {
			s.h.putBack(repeat[i+1:])
			return err
		}
	}
	for {
		select {
		case o := <-s.h.ops:
			if err := s.send(o); err != nil {
				return err
			}
		case <-s.ended:
			return errEnded
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// send sends one operation, unless its caller has gone.
func (s *held) send(o *op) error {
	req := s.prepare(o)
	if req == nil {
		return nil
	}
	return s.stream.SendMsg(req)
}

// prepare makes the request and puts the operation in flight.
func (s *held) prepare(o *op) *eventnodev1.HoldRequest {
	s.h.mu.Lock()
	defer s.h.mu.Unlock()
	if o.state == opGone {
		return nil
	}
	req, err := o.request()
	if err != nil || req == nil {
		s.h.finish(o, nil, err)
		return nil
	}
	o.state = opSent
	s.h.flight = append(s.h.flight, o)
	return req
}

// receive takes answers and events until the stream ends.
func (s *held) receive() error {
	for {
		var r eventnodev1.HoldResponse
		if err := s.stream.RecvMsg(&r); err != nil {
			return err
		}
		var err error
		switch {
		case r.GetDelivery() != nil:
			s.h.deliver(r.GetDelivery())
		case r.GetOpened() != nil, r.GetResult() != nil:
			err = s.h.answer(&r)
		default: // of a later version
		}
		if err != nil {
			return err
		}
	}
}

// answer gives an answer to the operation that it is for: the oldest.
func (h *holder) answer(r *eventnodev1.HoldResponse) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.flight) == 0 {
		return fmt.Errorf("node answered what was not asked: %w", wire.ErrMalformed)
	}
	o := h.flight[0]
	h.flight = h.flight[1:]
	var err error
	if res := r.GetResult(); res.GetErrorReason() != "" {
		err = apierr.FromReason(res.GetErrorReason(), res.GetErrorMessage(), res.GetErrorDetails())
	}
	h.finish(o, r, err)
	return nil
}

// deliver puts an event into the queues of its members.
func (h *holder) deliver(d *eventnodev1.MemberDelivery) {
	r := eventnode.Received{Scope: d.GetScope(), Group: d.GetGroup()}
	var list []eventnode.Received
	if d.GetGap() != nil {
		g := convert.GapFromProto(d.GetGap())
		list = append(list, eventnode.Received{Scope: r.Scope, Group: r.Group, Gap: &g})
	}
	if d.GetEvent() != nil {
		ev, err := wire.FromProto(d.GetEvent())
		if err != nil {
			r.Gap = &eventnode.Gap{Count: 1, Known: true}
		}
		r.Event = ev
		list = append(list, r)
	}
	for _, m := range h.find(d.GetRefs()) {
		for _, r := range list {
			m.queue.push(r)
		}
	}
}

// find returns the members with these refs, as often as they are listed.
func (h *holder) find(refs []uint64) []*member {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]*member, 0, len(refs))
	for _, ref := range refs {
		if m := h.byRef[ref]; m != nil {
			list = append(list, m)
		}
	}
	return list
}
