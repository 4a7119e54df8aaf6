package groups

import (
	"context"
	"errors"
	"io"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/access"
	"github.com/eventnode/eventnode/internal/apierr"
	"github.com/eventnode/eventnode/internal/convert"
	"github.com/eventnode/eventnode/internal/permit"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// maxHeld bounds the members of one stream.
const maxHeld = 10_000

// hold is one client's stream: its members, and which of them have something
// to send. One goroutine reads and does the operations in order, the other one
// sends.
type hold struct {
	s       *service
	stream  grpc.BidiStreamingServer[eventnodev1.HoldRequest, eventnodev1.HoldResponse]
	held    map[uint64]*member // the reader's
	answers chan *eventnodev1.HoldResponse

	mu    sync.Mutex
	ready []*member // in the order in which their queues stopped being empty
	wake  chan struct{}
}

// Hold owns members until the stream ends.
func (s *service) Hold(stream grpc.BidiStreamingServer[eventnodev1.HoldRequest, eventnodev1.HoldResponse]) error {
	h := &hold{
		s: s, stream: stream, held: map[uint64]*member{},
		answers: make(chan *eventnodev1.HoldResponse), wake: make(chan struct{}, 1),
	}
	ended := make(chan error, 1)
	// The reader ends with the stream, which ends when this function returns.
	go func() { ended <- h.read() }()
	err := h.send(ended)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return apierr.ToStatus(err)
}

// read does the operations in order, and takes all members out at the end.
func (h *hold) read() error {
	defer h.closeAll()
	for {
		req, err := h.stream.Recv()
		if err != nil {
			return err
		}
		select {
		case h.answers <- h.do(req):
		case <-h.stream.Context().Done():
			return h.stream.Context().Err()
		}
	}
}

// send sends answers and deliveries until the reader ends.
func (h *hold) send(ended <-chan error) error {
	for {
		select {
		case err := <-ended:
			return err
		case <-h.s.g.done:
			return eventnode.ErrClosed
		case a := <-h.answers:
			if err := h.stream.Send(a); err != nil {
				return err
			}
		case <-h.wake:
			if err := h.deliverReady(); err != nil {
				return err
			}
		}
	}
}

// hasMore is called by a member's queue when it is no longer empty.
func (h *hold) hasMore(m *member) {
	h.mu.Lock()
	h.ready = append(h.ready, m)
	h.mu.Unlock()
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// deliverReady sends what waits for members, a bounded share of each in turn,
// so that answers get through.
func (h *hold) deliverReady() error {
	h.mu.Lock()
	ready := h.ready
	h.ready = nil
	h.mu.Unlock()
	for _, m := range ready {
		more, err := h.deliver(m)
		if err != nil {
			return err
		}
		if more {
			h.hasMore(m)
		}
	}
	return nil
}

// deliverShare is how many queued events of a member are sent in one turn.
const deliverShare = 64

// deliver sends some of a member's queue; more says that there may be more.
func (h *hold) deliver(m *member) (more bool, err error) {
	var last *eventnodev1.MemberDelivery
	var lastItem item
	flush := func() error {
		if last == nil {
			return nil
		}
		d := last
		last = nil
		return h.stream.Send(&eventnodev1.HoldResponse{Response: &eventnodev1.HoldResponse_Delivery{Delivery: d}})
	}
	for range deliverShare {
		it, dropped, wait, err := m.queue.take()
		if wait != nil || err != nil { // empty, or closed
			return false, flush()
		}
		if last != nil && dropped == 0 && same(it, lastItem) {
			last.Refs = append(last.Refs, m.ref) // joined twice
			continue
		}
		if err := flush(); err != nil {
			return false, err
		}
		last, lastItem = deliveryOf(m.ref, it, dropped), it
	}
	return true, flush()
}

// same reports whether two items are one broadcast to a member that is in the
// group several times.
func same(a, b item) bool {
	return len(a.event) > 0 && len(b.event) > 0 && &a.event[0] == &b.event[0] && a.group == b.group && a.scope == b.scope
}

func deliveryOf(ref uint64, it item, dropped uint64) *eventnodev1.MemberDelivery {
	d := &eventnodev1.MemberDelivery{Refs: []uint64{ref}, Scope: it.scope, Group: it.group}
	if dropped > 0 {
		d.Gap = convert.GapToProto(eventnode.Gap{Count: dropped, Known: true, Reason: eventnode.GapQueueFull})
		return d
	}
	ev := &eventnodev1.Event{}
	if err := proto.Unmarshal(it.event, ev); err != nil { // checked when it was put in
		d.Gap = convert.GapToProto(eventnode.Gap{Count: 1, Known: true})
		return d
	}
	d.Event = ev
	return d
}

// do does one operation. A failure is the operation's, not the stream's.
func (h *hold) do(req *eventnodev1.HoldRequest) *eventnodev1.HoldResponse {
	ctx := h.stream.Context()
	if open := req.GetOpen(); open != nil {
		ref, err := h.open(ctx, open)
		if err != nil {
			return result(&eventnodev1.HoldResult{}, err)
		}
		return &eventnodev1.HoldResponse{Response: &eventnodev1.HoldResponse_Opened{Opened: ref}}
	}
	res := &eventnodev1.HoldResult{}
	var err error
	switch {
	case req.GetJoin() != nil:
		if err = mayJoin(ctx, req.GetJoin()); err == nil {
			err = h.join(ctx, req.GetJoin(), res)
		}
	case req.GetLeave() != nil:
		err = h.leave(ctx, req.GetLeave(), res)
	case req.GetSetMeta() != nil:
		err = h.setMeta(ctx, req.GetSetMeta())
	case req.GetClose() != nil:
		err = h.close(req.GetClose().GetRef())
	default:
		err = invalid("unknown operation")
	}
	return result(res, err)
}

func result(res *eventnodev1.HoldResult, err error) *eventnodev1.HoldResponse {
	if err != nil {
		res.ErrorReason, res.ErrorMessage, res.ErrorDetails = apierr.Reason(err), err.Error(), apierr.Details(err)
	}
	return &eventnodev1.HoldResponse{Response: &eventnodev1.HoldResponse_Result{Result: res}}
}

func (h *hold) open(ctx context.Context, req *eventnodev1.OpenMember) (*eventnodev1.MemberRef, error) {
	if len(h.held) >= maxHeld {
		return nil, &eventnode.LimitError{Limit: "max_members_per_stream", Max: maxHeld}
	}
	m, err := h.s.g.newMember(ctx, int(req.GetQueueEvents()), h.hasMore)
	if err != nil {
		return nil, err
	}
	h.held[m.ref] = m
	return convert.MemberRefToProto(m.Ref()), nil
}

func (h *hold) close(ref uint64) error {
	m := h.held[ref]
	if m == nil {
		return eventnode.ErrNotOwner
	}
	delete(h.held, ref)
	return m.Close()
}

// closeAll closes all members with one change a scope.
func (h *hold) closeAll() {
	ms := make([]*member, 0, len(h.held))
	for _, m := range h.held {
		m.shut()
		ms = append(ms, m)
	}
	// A node that has ended holds nothing.
	_ = h.s.g.do(context.Background(), func() { h.s.g.closeMembers(ms) })
}

// entries finds the members of this stream, or ErrNotOwner.
func (h *hold) entries(refs []*eventnodev1.GroupRefs) ([]entry, error) {
	entries := make([]entry, len(refs))
	for i, r := range refs {
		entries[i].group = r.GetGroup()
		for _, ref := range r.GetRefs() {
			m := h.held[ref]
			if m == nil {
				return nil, eventnode.ErrNotOwner
			}
			entries[i].members = append(entries[i].members, m)
		}
	}
	return entries, nil
}

func (h *hold) join(ctx context.Context, req *eventnodev1.JoinRequest, res *eventnodev1.HoldResult) error {
	entries, err := h.entries(req.GetEntries())
	if err != nil {
		return err
	}
	joined, err := h.s.scope(req.GetScope()).join(ctx, entries,
		eventnode.WithMeta(string(req.GetMeta())), eventnode.WithJoinWait(req.GetWait().AsDuration()))
	res.Joined, res.Missing = uint32(joined.Joined), convert.NodeIDsToProto(joined.Missing)
	return err
}

func (h *hold) leave(ctx context.Context, req *eventnodev1.LeaveRequest, res *eventnodev1.HoldResult) error {
	entries, err := h.entries(req.GetEntries())
	if err != nil {
		return err
	}
	left, err := h.s.scope(req.GetScope()).leave(ctx, entries)
	res.Left, res.NotJoined = uint32(left.Left), uint32(left.NotJoined)
	return err
}

func (h *hold) setMeta(ctx context.Context, req *eventnodev1.SetMetaRequest) error {
	m := h.held[req.GetRef()]
	if m == nil {
		return eventnode.ErrNotOwner
	}
	return h.s.scope(req.GetScope()).SetMeta(ctx, req.GetGroup(), m, string(req.GetMeta()))
}

// mayJoin asks whether the caller may be in the groups.
func mayJoin(ctx context.Context, req *eventnodev1.JoinRequest) error {
	for _, e := range req.GetEntries() {
		if err := permit.May(ctx, access.Groups, access.Group(req.GetScope(), e.GetGroup())); err != nil {
			return err
		}
	}
	return nil
}
