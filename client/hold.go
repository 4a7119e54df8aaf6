package client

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/convert"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// How members are held.
//
// All members of a client share one Hold stream. Operations go out in the order
// in which they were asked for and are answered in that order; events for
// members come between the answers. One goroutine (run) sends, one (in serve)
// receives.
//
// When the stream ends, the node lets all of its members leave everything. So
// on the next stream run first makes the members again (they get new refs),
// tells each by a gap that it may have missed events, lets them join what they
// had joined, and then repeats, in order, the operations that were under way:
// what they may have done on the old stream is undone by its end. So an
// operation is done once in its effect, and its caller only waits longer.

// holder holds a client's members.
type holder struct {
	c    *Client
	once sync.Once
	ops  chan *op

	mu      sync.Mutex
	members []*member          // in the order they were made
	byRef   map[uint64]*member // on the present stream
	flight  []*op              // sent on it, not answered
	held    int                // memberships remembered, of all members
}

func newHolder(c *Client) *holder {
	return &holder{c: c, ops: make(chan *op), byRef: make(map[uint64]*member)}
}

// opState is how far an operation has come.
type opState uint8

const (
	opWaiting opState = iota // not sent on the present stream
	opSent
	opGone // its caller has gone before it was sent
	opDone
)

// op is an operation: each waits for a caller, so their number is bounded by
// that of the goroutines that call.
type op struct {
	// request makes the message, with the present refs. It is called under mu,
	// once a stream. An error ends the operation.
	request func() (*eventnodev1.HoldRequest, error)
	// answered takes the answer if that is no error, under mu.
	answered func(*eventnodev1.HoldResponse)

	// passing operations belong to one stream: they are not repeated.
	passing bool

	state opState // guarded by holder.mu
	// done is closed after answer or err was set.
	done   chan struct{}
	answer *eventnodev1.HoldResponse
	err    error
}

// do has an operation done. If ctx ends, or no node can be found, before it was
// sent, it is not done; after that nobody knows.
func (h *holder) do(ctx context.Context, o *op) error {
	o.done = make(chan struct{})
	var startErr error
	h.once.Do(func() { startErr = h.c.start(func() { h.run(h.c.ctx) }) })
	if startErr != nil {
		return startErr
	}
	for ops := h.ops; ; {
		st := h.c.state.Load()
		if st.err != nil && h.giveUp(o) {
			return st.err
		}
		select {
		case ops <- o:
			ops = nil // it is taken: wait for the answer
		case <-o.done:
			return o.err
		case <-st.over:
		case <-ctx.Done():
			if h.giveUp(o) {
				return ctx.Err()
			}
			return fmt.Errorf("no answer yet, %w: %w", eventnode.ErrOutcomeUnknown, ctx.Err())
		}
	}
}

// giveUp takes back an operation that was not sent yet.
func (h *holder) giveUp(o *op) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if o.state != opWaiting {
		return false
	}
	o.state = opGone
	return true
}

// NewMember makes a member of process groups, on the connected node. When that
// is lost it is made anew on the next one, with a new Ref, joins again what it
// had joined, and receives a gap with the reason reconnected.
func (c *Client) NewMember(ctx context.Context, queue int) (eventnode.Member, error) {
	m, err := c.hold.newMember(ctx, queue)
	if err != nil {
		return nil, err
	}
	return m, nil
}

func (h *holder) newMember(ctx context.Context, queue int) (*member, error) {
	m := &member{h: h, queue: newMemberQueue(queue), joined: make(joined)}
	o := h.openOp(m)
	err := h.do(ctx, o)
	if errors.Is(err, eventnode.ErrOutcomeUnknown) {
		// The answer will come: then nobody wants the member.
		return nil, errors.Join(err, h.c.start(func() {
			<-o.done
			if o.err == nil {
				_ = m.Close()
			}
		}))
	}
	return m, err
}

// openOp makes a member on the node.
func (h *holder) openOp(m *member) *op {
	return &op{
		request: func() (*eventnodev1.HoldRequest, error) {
			return openRequest(m), nil
		},
		answered: func(r *eventnodev1.HoldResponse) {
			h.members = append(h.members, m)
			h.bind(m, r.GetOpened())
		},
	}
}

// bind gives a member its ref on the present stream. The caller holds mu.
func (h *holder) bind(m *member, r *eventnodev1.MemberRef) {
	ref := convert.MemberRefFromProto(r)
	m.ref.Store(&ref)
	h.byRef[ref.Ref] = m
}

// stands returns why a member has no ref on the present stream: nil if it has.
// The caller holds mu.
func (h *holder) stands(m *member) error {
	if m.closed {
		return fmt.Errorf("member: %w", eventnode.ErrClosed)
	}
	if h.byRef[m.Ref().Ref] != m {
		return fmt.Errorf("the node did not take the member: %w", eventnode.ErrUnavailable)
	}
	return nil
}

func openRequest(m *member) *eventnodev1.HoldRequest {
	return &eventnodev1.HoldRequest{Request: &eventnodev1.HoldRequest_Open{
		Open: &eventnodev1.OpenMember{QueueEvents: uint32(m.queue.most)},
	}}
}

// closeMember ends a member, here at once, then at the node.
func (h *holder) closeMember(ctx context.Context, m *member) error {
	if !h.forget(m) {
		return nil
	}
	return h.do(ctx, &op{request: func() (*eventnodev1.HoldRequest, error) {
		ref := m.Ref().Ref
		if h.byRef[ref] != m {
			return nil, nil // the stream that held it has ended, and the member with it
		}
		delete(h.byRef, ref)
		return &eventnodev1.HoldRequest{Request: &eventnodev1.HoldRequest_Close{
			Close: &eventnodev1.CloseMember{Ref: ref},
		}}, nil
	}})
}

// forget takes a member out of what is remembered; false if that was done.
func (h *holder) forget(m *member) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if m.closed {
		return false
	}
	m.closed = true
	h.held -= m.joined.count()
	m.joined = nil
	for i, other := range h.members {
		if other == m {
			h.members = append(h.members[:i:i], h.members[i+1:]...)
			break
		}
	}
	return true
}
