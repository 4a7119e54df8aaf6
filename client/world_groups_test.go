package client_test

import (
	"context"
	"slices"

	"google.golang.org/grpc"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// membership is one membership in the world's table.
type membership struct {
	scope, group string
	ref          uint64
	meta         string
	owner        *holdStream
}

// holdStream is one Hold stream.
type holdStream struct {
	node  *plainNode
	refs  map[uint64]bool
	out   []*eventnodev1.HoldResponse
	ready chan struct{}
}

// put queues a response. The caller holds w.mu.
func (h *holdStream) put(r *eventnodev1.HoldResponse) {
	h.out = append(h.out, r)
	select {
	case h.ready <- struct{}{}:
	default:
	}
}

// monitorFeed is one Monitor stream.
type monitorFeed struct {
	scope string
	group *string
	out   []*eventnodev1.MonitorResponse
	ready chan struct{}
}

func (m *monitorFeed) put(r *eventnodev1.MonitorResponse) {
	m.out = append(m.out, r)
	select {
	case m.ready <- struct{}{}:
	default:
	}
}

func (m *monitorFeed) wants(scope, group string) bool {
	return m.scope == scope && (m.group == nil || *m.group == group)
}

// Hold serves members.
func (n *plainNode) Hold(s grpc.BidiStreamingServer[eventnodev1.HoldRequest, eventnodev1.HoldResponse]) error {
	if err := n.enter(); err != nil {
		return err
	}
	h := &holdStream{node: n, refs: map[uint64]bool{}, ready: make(chan struct{}, 1)}
	defer n.w.leaveAll(h, 0)
	received := make(chan *eventnodev1.HoldRequest)
	go func() {
		defer close(received)
		for {
			req, err := s.Recv()
			if err != nil {
				return
			}
			select {
			case received <- req:
			case <-s.Context().Done():
				return
			}
		}
	}()
	for {
		select {
		case req, ok := <-received:
			if !ok {
				return nil
			}
			n.w.operate(h, req)
		case <-h.ready:
		}
		n.w.mu.Lock()
		out := h.out
		h.out = nil
		if n.hold {
			out = nil
		}
		n.w.mu.Unlock()
		for _, r := range out {
			if err := s.Send(r); err != nil {
				return err
			}
		}
	}
}

// operate does one operation.
func (w *world) operate(h *holdStream, req *eventnodev1.HoldRequest) {
	if c := req.GetClose(); c != nil {
		w.leaveAll(h, c.GetRef())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	res := &eventnodev1.HoldResult{}
	switch {
	case req.GetOpen() != nil:
		w.nextRef++
		h.refs[w.nextRef] = true
		h.put(&eventnodev1.HoldResponse{Response: &eventnodev1.HoldResponse_Opened{Opened: h.ref(w.nextRef)}})
		return
	case req.GetJoin() != nil:
		w.join(h, req.GetJoin(), res)
	case req.GetLeave() != nil:
		w.leave(h, req.GetLeave(), res)
	case req.GetSetMeta() != nil:
		m := req.GetSetMeta()
		for i := range w.members {
			if w.members[i].ref == m.GetRef() && w.members[i].group == m.GetGroup() && w.members[i].scope == m.GetScope() {
				w.members[i].meta = string(m.GetMeta())
			}
		}
	}
	h.put(&eventnodev1.HoldResponse{Response: &eventnodev1.HoldResponse_Result{Result: res}})
}

func (h *holdStream) ref(n uint64) *eventnodev1.MemberRef {
	return &eventnodev1.MemberRef{Node: h.node.name, Epoch: h.node.epoch, Ref: n}
}

func (w *world) join(h *holdStream, j *eventnodev1.JoinRequest, res *eventnodev1.HoldResult) {
	for _, e := range j.GetEntries() {
		for _, ref := range e.GetRefs() {
			if !h.refs[ref] {
				res.ErrorReason, res.ErrorMessage = "NOT_OWNER", "not yours"
				return
			}
			m := membership{j.GetScope(), e.GetGroup(), ref, string(j.GetMeta()), h}
			w.members = append(w.members, m)
			w.tell(m, true)
			res.Joined++
		}
	}
}

func (w *world) leave(h *holdStream, l *eventnodev1.LeaveRequest, res *eventnodev1.HoldResult) {
	for _, e := range l.GetEntries() {
		for _, ref := range e.GetRefs() {
			last := -1
			for i, m := range w.members {
				if m.scope == l.GetScope() && m.group == e.GetGroup() && m.ref == ref && m.owner == h {
					last = i
				}
			}
			if last < 0 {
				res.NotJoined++
				continue
			}
			w.tell(w.members[last], false)
			w.members = slices.Delete(w.members, last, last+1)
			res.Left++
		}
	}
	if res.GetLeft() == 0 {
		res.ErrorReason, res.ErrorMessage = "NOT_JOINED", "none of them"
	}
}

// leaveAll lets a member, or with 0 all of a stream, leave everything.
func (w *world) leaveAll(h *holdStream, ref uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.members = slices.DeleteFunc(w.members, func(m membership) bool {
		gone := m.owner == h && (ref == 0 || m.ref == ref)
		if gone {
			w.tell(m, false)
		}
		return gone
	})
}

// tell tells monitors. The caller holds w.mu.
func (w *world) tell(m membership, joined bool) {
	gm := []*eventnodev1.GroupMember{{Member: m.owner.ref(m.ref), Meta: []byte(m.meta)}}
	ch := &eventnodev1.GroupChange{Group: m.group, Left: gm}
	if joined {
		ch = &eventnodev1.GroupChange{Group: m.group, Joined: gm}
	}
	for _, f := range w.monitors {
		if f.wants(m.scope, m.group) {
			f.put(&eventnodev1.MonitorResponse{Changes: []*eventnodev1.GroupChange{ch}})
		}
	}
}

// Members lists a group, one a chunk.
func (n *plainNode) Members(req *eventnodev1.MembersRequest, s grpc.ServerStreamingServer[eventnodev1.MembersResponse]) error {
	n.w.mu.Lock()
	var list []*eventnodev1.GroupMember
	for _, m := range n.w.members {
		if m.scope == req.GetScope() && m.group == req.GetGroup() && (!req.GetLocal() || m.owner.node == n) {
			list = append(list, &eventnodev1.GroupMember{Member: m.owner.ref(m.ref), Meta: []byte(m.meta)})
		}
	}
	n.w.mu.Unlock()
	for _, m := range list {
		if err := s.Send(&eventnodev1.MembersResponse{Members: []*eventnodev1.GroupMember{m}}); err != nil {
			return err
		}
	}
	return nil
}

// Groups lists groups.
func (n *plainNode) Groups(req *eventnodev1.GroupsRequest, s grpc.ServerStreamingServer[eventnodev1.GroupsResponse]) error {
	n.w.mu.Lock()
	sizes := map[string]uint64{}
	for _, m := range n.w.members {
		if m.scope == req.GetScope() && (!req.GetLocal() || m.owner.node == n) {
			sizes[m.group]++
		}
	}
	n.w.mu.Unlock()
	for group, size := range sizes {
		if err := s.Send(&eventnodev1.GroupsResponse{Groups: []*eventnodev1.GroupSummary{{Group: group, Members: size}}}); err != nil {
			return err
		}
	}
	return nil
}

// Monitor sends a snapshot in chunks of one, then differences.
func (n *plainNode) Monitor(req *eventnodev1.MonitorRequest, s grpc.ServerStreamingServer[eventnodev1.MonitorResponse]) error {
	if err := n.enter(); err != nil {
		return err
	}
	f := &monitorFeed{scope: req.GetScope(), group: req.Group, ready: make(chan struct{}, 1)}
	n.w.mu.Lock()
	for _, m := range n.w.members {
		if f.wants(m.scope, m.group) {
			f.put(&eventnodev1.MonitorResponse{Snapshot: true, Changes: []*eventnodev1.GroupChange{{
				Group: m.group, Joined: []*eventnodev1.GroupMember{{Member: m.owner.ref(m.ref), Meta: []byte(m.meta)}},
			}}})
		}
	}
	f.put(&eventnodev1.MonitorResponse{Snapshot: true, SnapshotEnd: true})
	n.w.monitors = append(n.w.monitors, f)
	n.w.mu.Unlock()
	defer func() {
		n.w.mu.Lock()
		defer n.w.mu.Unlock()
		n.w.monitors = slices.DeleteFunc(n.w.monitors, func(other *monitorFeed) bool { return other == f })
	}()
	for {
		select {
		case <-s.Context().Done():
			return s.Context().Err()
		case <-f.ready:
		}
		n.w.mu.Lock()
		out := f.out
		f.out = nil
		n.w.mu.Unlock()
		for _, r := range out {
			if err := s.Send(r); err != nil {
				return err
			}
		}
	}
}

// Broadcast sends to every membership, one delivery a stream.
func (n *plainNode) Broadcast(_ context.Context, req *eventnodev1.BroadcastRequest) (*eventnodev1.BroadcastResponse, error) {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	refs := map[*holdStream][]uint64{}
	r := &eventnodev1.BroadcastResponse{Missing: []string{"elsewhere"}}
	for _, m := range n.w.members {
		if m.scope == req.GetScope() && m.group == req.GetGroup() && (!req.GetLocal() || m.owner.node == n) {
			refs[m.owner] = append(refs[m.owner], m.ref)
			r.Delivered++
		}
	}
	for h, list := range refs {
		h.put(delivery(&eventnodev1.MemberDelivery{Refs: list, Scope: req.GetScope(), Group: req.GetGroup(), Event: req.GetEvent()}))
	}
	return r, nil
}

func delivery(d *eventnodev1.MemberDelivery) *eventnodev1.HoldResponse {
	return &eventnodev1.HoldResponse{Response: &eventnodev1.HoldResponse_Delivery{Delivery: d}}
}

// SendOne sends to the first membership.
func (n *plainNode) SendOne(_ context.Context, req *eventnodev1.SendOneRequest) (*eventnodev1.SendOneResponse, error) {
	n.w.mu.Lock()
	defer n.w.mu.Unlock()
	for _, m := range n.w.members {
		if m.scope == req.GetScope() && m.group == req.GetGroup() {
			m.owner.put(delivery(&eventnodev1.MemberDelivery{Refs: []uint64{m.ref}, Scope: m.scope, Group: m.group, Event: req.GetEvent()}))
			return &eventnodev1.SendOneResponse{Member: m.owner.ref(m.ref)}, nil
		}
	}
	return nil, errNoMembers
}

// errNoMembers is how a node says that a group is empty.
var errNoMembers = apierr.ToStatus(eventnode.ErrNoMembers)

// denied is how a node keeps somebody out, unavailable how it does so for now.
var (
	denied      = apierr.ToStatus(eventnode.ErrPermissionDenied)
	unavailable = apierr.ToStatus(eventnode.ErrUnavailable)
)
