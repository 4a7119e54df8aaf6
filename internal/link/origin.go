package link

import (
	"context"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/eventnode/eventnode"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

// origin is what is known of one life of a node that dials this one. It lasts
// longer than its links.
type origin struct {
	ref  eventnode.NodeRef
	turn chan struct{} // holds a token while one of its links is being accepted

	// Guarded by incoming.mu.
	generation uint64 // of the last link accepted
	session    *session
	publishing bool
	goodbye    bool
	gone       bool // removed or replaced

	// received is the last frame of each lane. Only the lanes of the present
	// session write it; it is read when they have ended.
	received []uint64
}

// session is one accepted link.
type session struct {
	origin  *origin
	token   string
	version uint32
	lanes   int

	ctx    context.Context
	cancel context.CancelCauseFunc
	calls  sync.WaitGroup // Control and Lane calls; Add under incoming.mu, before the end
	ended  bool           // guarded by incoming.mu
	opened []bool         // lanes; guarded by incoming.mu
}

var (
	errReplaced = status.Error(codes.Aborted, "a later link from the same node took over")
	errRemoved  = status.Error(codes.Aborted, "the node was removed here")
	errClosing  = status.Error(codes.Unavailable, "this node does not take links now")
)

// accept makes sess the link of its dialler. The link before it is ended, and
// its last frame handled, before the dialler learns that it may open lanes.
func (s *incoming) accept(stream clusterv1.LinkService_ControlServer, hello *clusterv1.Hello, sess *session) (*session, error) {
	o, err := s.originOf(diallerOf(hello))
	if err != nil {
		return nil, err
	}
	select {
	case o.turn <- struct{}{}:
		defer func() { <-o.turn }()
	case <-stream.Context().Done():
		return nil, stream.Context().Err()
	}
	old, err := s.supersede(o, hello.GetGeneration())
	if err != nil {
		return nil, err
	}
	if old != nil {
		old.calls.Wait()
	}
	before := o.received
	next, lost := reconcile(hello.GetLastSent(), before)
	o.received = resize(next, sess.lanes)
	if lost || s.missed(o, hello) {
		s.gap(o.ref, eventnode.GapLinkLost)
	}
	sess.origin = o
	if err := s.install(sess, hello); err != nil {
		return nil, err
	}
	err = stream.Send(&clusterv1.ControlResponse{Message: &clusterv1.ControlResponse_Accepted{Accepted: &clusterv1.Accepted{
		Token: sess.token, LastReceived: before,
	}}})
	if err != nil {
		s.mu.Lock()
		s.finish(sess, err)
		s.mu.Unlock()
		sess.calls.Done()
		return nil, err
	}
	return sess, nil
}

// missed reports whether the dialler, having given this node up for a while,
// may not have sent what this node is interested in.
func (s *incoming) missed(o *origin, hello *clusterv1.Hello) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return hello.GetInterrupted() && (hello.GetPublishing() || o.publishing)
}

// resize returns v with at least n elements.
func resize(v []uint64, n int) []uint64 {
	for len(v) < n {
		v = append(v, 0)
	}
	return v
}

// originOf returns the record of a life of a node; a new life replaces an
// older one, and an older one is refused.
func (s *incoming) originOf(ref eventnode.NodeRef) (*origin, error) {
	s.mu.Lock()
	o := s.origins[ref.ID]
	switch {
	case !s.running:
		s.mu.Unlock()
		return nil, errClosing
	case o != nil && o.ref.Epoch > ref.Epoch:
		s.mu.Unlock()
		return nil, status.Errorf(codes.FailedPrecondition, "%s is known here, which is later than %s", o.ref, ref)
	case o != nil && o.ref == ref:
		s.mu.Unlock()
		return o, nil
	}
	tell := o != nil && s.forget(o, true)
	fresh := &origin{ref: ref, turn: make(chan struct{}, 1)}
	s.origins[ref.ID] = fresh
	s.mu.Unlock()
	if tell {
		s.gap(o.ref, eventnode.GapNodeLost)
	}
	return fresh, nil
}

// forget takes an origin out and ends its link. It reports whether its loss may
// have lost events, and so must be told. s.mu is held.
func (s *incoming) forget(o *origin, lost bool) bool {
	delete(s.origins, o.ref.ID)
	o.gone = true
	s.finish(o.session, errRemoved)
	return lost && o.publishing && !o.goodbye
}

// remove is Links.Remove's part. A later life of the node stays.
func (s *incoming) remove(ref eventnode.NodeRef, lost bool) {
	s.mu.Lock()
	o := s.origins[ref.ID]
	tell := o != nil && o.ref == ref && s.forget(o, lost)
	s.mu.Unlock()
	if tell {
		s.gap(ref, eventnode.GapNodeLost)
	}
}

func (s *incoming) gap(from eventnode.NodeRef, reason eventnode.GapReason) {
	s.l.counters.gaps.Add(1)
	s.l.handler.Gap(from, reason)
}

// supersede ends the origin's present session in favour of a generation, and
// returns it.
func (s *incoming) supersede(o *origin, generation uint64) (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o.gone {
		return nil, errRemoved
	}
	if generation <= o.generation {
		return nil, status.Errorf(codes.FailedPrecondition, "generation %d of this link is not after %d", generation, o.generation)
	}
	o.generation = generation
	s.finish(o.session, errReplaced)
	return o.session, nil
}

// install makes the session usable by its token.
func (s *incoming) install(sess *session, hello *clusterv1.Hello) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sess.origin.gone || !s.running {
		return errRemoved
	}
	sess.ctx, sess.cancel = context.WithCancelCause(context.Background())
	sess.calls.Add(1)
	sess.origin.session = sess
	sess.origin.publishing = sess.origin.publishing || hello.GetPublishing()
	sess.origin.goodbye = false
	s.sessions[sess.token] = sess
	return nil
}
