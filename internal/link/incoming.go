package link

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	"github.com/eventnode/eventnode/internal/wire"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

// maxHandshakes bounds the handshakes under way: a caller needs no secret to
// begin one. More are refused.
const maxHandshakes = 256

// incoming answers the links of other nodes.
type incoming struct {
	clusterv1.UnimplementedLinkServiceServer
	l      *Links
	shakes chan struct{} // a token for each handshake under way
	quit   chan struct{} // closed when Run ends
	wg     sync.WaitGroup

	mu       sync.Mutex
	running  bool
	origins  map[eventnode.NodeID]*origin
	sessions map[string]*session // by token
}

func newIncoming(l *Links) *incoming {
	return &incoming{
		l: l, shakes: make(chan struct{}, maxHandshakes), quit: make(chan struct{}),
		origins: make(map[eventnode.NodeID]*origin), sessions: make(map[string]*session),
	}
}

func (s *incoming) open() {
	s.mu.Lock()
	s.running = true
	s.mu.Unlock()
}

// close ends all sessions and waits for their calls.
func (s *incoming) close() {
	s.mu.Lock()
	s.running = false
	for _, sess := range s.sessions {
		s.finish(sess, errClosing)
	}
	s.mu.Unlock()
	close(s.quit)
	s.wg.Wait()
}

// enter counts a call that Run waits for.
func (s *incoming) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running {
		return errClosing
	}
	s.wg.Add(1)
	return nil
}

// finish ends a session; its calls return soon. s.mu is held.
func (s *incoming) finish(sess *session, cause error) {
	if sess == nil || sess.ended {
		return
	}
	sess.ended = true
	delete(s.sessions, sess.token)
	sess.cancel(cause)
}

// received is one message of a control stream, or its error.
type received struct {
	msg []byte
	err error
}

// request decodes a message that has a kind of its own.
func (r received) request() (*clusterv1.ControlRequest, error) {
	if r.err != nil {
		return nil, r.err
	}
	m := new(clusterv1.ControlRequest)
	if err := proto.Unmarshal(r.msg, m); err != nil {
		return nil, fmt.Errorf("control message: %w", wire.ErrMalformed)
	}
	return m, nil
}

// Control runs one link: the handshake, then group-table messages, until the
// dialler, a later link, or Remove ends it.
func (s *incoming) Control(stream clusterv1.LinkService_ControlServer) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.wg.Done()
	r := s.receive(stream)
	sess, err := s.shake(stream, r.in)
	if err != nil {
		s.l.counters.handshakesRefused.Add(1)
		return apierr.ToStatus(err)
	}
	defer sess.calls.Done()
	err = r.control(sess)
	s.mu.Lock()
	s.finish(sess, status.Error(codes.Canceled, "the control stream has ended"))
	s.mu.Unlock()
	return err
}

// handshakeMessages is how many messages of a control stream are the handshake's.
const handshakeMessages = 2

// reading is a control stream that is read in a goroutine of its own, so that
// Control can return while the dialler says nothing. What follows the handshake
// is handled in that goroutine, too: to hand it over would cost a join some of
// the time until it is visible.
type reading struct {
	in      chan received // the handshake's
	session chan *session // holds the session, once there is one
	// turn holds a token while a message is handled, and for good when Control
	// goes.
	turn chan struct{}
	over chan error // holds why the dialler ended the stream
}

// receive begins to read. The goroutine ends after Control.
func (s *incoming) receive(stream clusterv1.LinkService_ControlServer) *reading {
	r := &reading{
		in: make(chan received), session: make(chan *session, 1),
		turn: make(chan struct{}, 1), over: make(chan error, 1),
	}
	s.wg.Go(func() {
		for range handshakeMessages {
			m := receiveOne(stream)
			select {
			case r.in <- m:
			case <-stream.Context().Done():
				return
			}
			if m.err != nil {
				return
			}
		}
		select {
		case sess := <-r.session:
			s.handleAll(stream, r, sess)
		case <-stream.Context().Done():
		}
	})
	return r
}

func receiveOne(stream clusterv1.LinkService_ControlServer) received {
	var f wire.Frame
	err := stream.RecvMsg(&f)
	return received{f.Received.Data, err}
}

// handleAll handles the messages that follow the handshake.
func (s *incoming) handleAll(stream clusterv1.LinkService_ControlServer, r *reading, sess *session) {
	var msgs [][]byte // used again
	for {
		m := receiveOne(stream)
		select {
		case r.turn <- struct{}{}:
		case <-stream.Context().Done():
			return
		}
		var over bool
		var err error
		msgs, over, err = s.handle(sess, m, msgs)
		<-r.turn
		if over {
			r.over <- err
			return
		}
	}
}

// control waits for the end of a link: by the dialler, a later link or Remove.
// When it returns no message is being handled, and none will be.
func (r *reading) control(sess *session) error {
	r.session <- sess
	var err error
	select {
	case <-sess.ctx.Done():
		err = context.Cause(sess.ctx)
	case err = <-r.over:
		if err == nil {
			err = context.Cause(sess.ctx)
		}
	}
	r.turn <- struct{}{}
	return err
}

// shake is the called side of the handshake. On success the session counts this
// call.
func (s *incoming) shake(stream clusterv1.LinkService_ControlServer, in <-chan received) (*session, error) {
	select {
	case s.shakes <- struct{}{}:
		defer func() { <-s.shakes }()
	default:
		return nil, status.Error(codes.ResourceExhausted, "too many handshakes")
	}
	limit := time.NewTimer(s.l.cfg.HandshakeTimeout)
	defer limit.Stop()
	next := func() (*clusterv1.ControlRequest, error) {
		select {
		case r := <-in:
			return r.request()
		case <-limit.C:
			return nil, status.Error(codes.DeadlineExceeded, errHandshakeTimeout.Error())
		case <-s.quit:
			return nil, errClosing
		}
	}
	m, err := next()
	if err != nil {
		return nil, err
	}
	return s.challenge(stream, m.GetHello(), next)
}

// challenge goes on after the hello.
func (s *incoming) challenge(stream clusterv1.LinkService_ControlServer, hello *clusterv1.Hello, next func() (*clusterv1.ControlRequest, error)) (*session, error) {
	cfg := &s.l.cfg
	id := identity{self: cfg.Self, cluster: cfg.Cluster, uuid: cfg.ClusterUUID(), versions: cfg.versions}
	version, err := id.check(hello)
	if err != nil {
		s.l.cfg.Logger.Debug("link refused", "node", diallerOf(hello).String(), "error", err)
		return nil, err
	}
	t := transcript{
		diallerNonce: hello.GetNonce(), calledNonce: newNonce(),
		dialler: diallerOf(hello), called: cfg.Self, generation: hello.GetGeneration(),
	}
	lanes := max(1, min(cfg.Lanes, int(hello.GetLanes())))
	err = stream.Send(&clusterv1.ControlResponse{Message: &clusterv1.ControlResponse_Challenge{Challenge: &clusterv1.Challenge{
		Version: version, Nonce: t.calledNonce, Proof: t.proof(cfg.Secrets()[0], labelCalled), Lanes: uint32(lanes), Clock: cfg.Clock().UnixNano(),
	}}})
	if err != nil {
		return nil, err
	}
	m, err := next()
	if err != nil {
		return nil, err
	}
	if _, ok := t.provedBy(cfg.Secrets(), labelDialler, m.GetProof().GetProof()); !ok {
		return nil, fmt.Errorf("%w: the caller does not know this cluster's secret", eventnode.ErrPermissionDenied)
	}
	return s.accept(stream, hello, &session{token: newToken(), version: version, lanes: lanes, opened: make([]bool, lanes)})
}

// handle handles one message. It reports whether it was the last one, and as
// what Control ends then.
func (s *incoming) handle(sess *session, r received, into [][]byte) (msgs [][]byte, over bool, err error) {
	if r.err != nil || sess.ctx.Err() != nil {
		return into, true, nil // the dialler ended the stream, or Control knows why it ends
	}
	msgs, err = decodeExchanges(r.msg, into[:0])
	if err != nil {
		return msgs, true, apierr.ToStatus(err)
	}
	if len(msgs) > 0 {
		s.l.handler.Exchange(sess.origin.ref, msgs)
		clear(msgs) // the message is free when its receiver lets go of it
		return msgs, false, nil
	}
	m, err := r.request()
	if err != nil {
		return msgs, true, apierr.ToStatus(err)
	}
	return msgs, s.message(sess, m), nil
}

// message handles one. It reports true after goodbye.
func (s *incoming) message(sess *session, m *clusterv1.ControlRequest) bool {
	from := sess.origin.ref
	switch m := m.GetMessage().(type) {
	case *clusterv1.ControlRequest_Dropped:
		tellDropped(s.l.handler, from, m.Dropped)
	case *clusterv1.ControlRequest_Publishing:
		s.published(sess.origin)
	case *clusterv1.ControlRequest_Goodbye:
		s.mu.Lock()
		sess.origin.goodbye = true
		s.mu.Unlock()
		s.l.handler.Goodbye(from)
		return true
	default:
		s.l.counters.unknown.Add(1)
	}
	return false
}

// published notes that losing the origin may lose events.
func (s *incoming) published(o *origin) {
	s.mu.Lock()
	o.publishing = true
	s.mu.Unlock()
}

// tellDropped passes a notice on.
func tellDropped(h Handler, from eventnode.NodeRef, d *clusterv1.Dropped) {
	for _, t := range d.GetTopics() {
		h.Dropped(from, t.GetTopic(), t.GetCount())
	}
	if d.GetOthers() > 0 {
		h.DroppedAny(from, d.GetOthers())
	}
}
