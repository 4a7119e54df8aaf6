package link

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/wire"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

// answerInterval is how often a busy lane says how far it is, and that a frame
// holds it up. It must be well below a sender's StallTimeout.
const answerInterval = 50 * time.Millisecond

// maxReceipts bounds the receipts that wait to be sent in one lane; beyond it
// the oldest go, and their senders' contexts end the wait.
const maxReceipts = 65536

// Lane takes the frames of one lane. Control's session must be open.
func (s *incoming) Lane(stream clusterv1.LinkService_LaneServer) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.wg.Done()
	sess, err := s.authenticate(stream.Context())
	if err != nil {
		return err
	}
	if !s.join(sess) {
		return context.Cause(sess.ctx)
	}
	defer sess.calls.Done()
	r := &laneReader{
		s: s, sess: sess, stream: stream, lane: -1,
		gate: make(chan struct{}, 1), wake: make(chan struct{}, 1), done: make(chan error, 1),
	}
	r.resting.Store(true)
	s.wg.Go(func() { r.done <- r.run() })
	return r.answer()
}

// join counts a call of the session, unless that has ended.
func (s *incoming) join(sess *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sess.ended {
		return false
	}
	sess.calls.Add(1)
	return true
}

// laneReader takes one lane's frames. It has two goroutines: run receives and
// handles, answer (the call's own) says how far it is and ends the lane.
type laneReader struct {
	s      *incoming
	sess   *session
	stream clusterv1.LinkService_LaneServer
	lane   int

	// gate holds a token while a frame is handled, and for ever once the lane
	// has ended: then nothing more is handled.
	gate chan struct{}
	wake chan struct{} // holds a token when answer has something to do
	done chan error    // run's result

	resting atomic.Bool   // answer does nothing until it is woken
	begun   atomic.Uint64 // frames begun
	handled atomic.Uint64 // the number of the last frame finished
	ended   atomic.Uint64 // frames finished

	mu       sync.Mutex
	receipts []*clusterv1.LinkReceipt
}

// run handles the lane's frames until the stream ends.
func (r *laneReader) run() error {
	for {
		msg := wire.Frame{Counted: true}
		if err := r.stream.RecvMsg(&msg); err != nil {
			return nil //nolint:nilerr // the dialler ended the stream
		}
		f, err := decodeFrame(msg.Received.Data)
		if err != nil {
			return status.Error(codes.InvalidArgument, err.Error())
		}
		select {
		case r.gate <- struct{}{}:
		case <-r.sess.ctx.Done():
			return nil
		case <-r.stream.Context().Done():
			return nil
		}
		err = r.take(f, msg.Received.Mem)
		<-r.gate
		if err != nil {
			return err
		}
		msg.Received.Release()
	}
}

// take handles one message; the first one opens the lane.
func (r *laneReader) take(f frame, mem *wire.Memory) error {
	if r.sess.ctx.Err() != nil {
		return nil // the gate opened because the lane has ended
	}
	if r.lane < 0 {
		return r.open(f)
	}
	last := &r.sess.origin.received[r.lane]
	if f.number <= *last {
		return status.Errorf(codes.InvalidArgument, "frame %d after frame %d", f.number, *last)
	}
	if f.number > *last+1 {
		r.s.gap(r.sess.origin.ref, eventnode.GapLinkLost)
	}
	if r.begun.Load() == 0 {
		r.s.published(r.sess.origin)
	}
	r.begun.Add(1)
	r.rouse()
	*last = f.number
	err := r.handle(f, mem)
	r.handled.Store(f.number)
	r.ended.Add(1)
	if err != nil {
		r.s.gap(r.sess.origin.ref, eventnode.GapLinkLost)
		return status.Errorf(codes.InvalidArgument, "frame %d: %v", f.number, err)
	}
	return nil
}

// open checks the first message and takes the lane.
func (r *laneReader) open(f frame) error {
	if !f.opens || f.lane >= uint64(r.sess.lanes) {
		return status.Errorf(codes.InvalidArgument, "the first message opens none of the %d lanes", r.sess.lanes)
	}
	r.s.mu.Lock()
	taken := r.sess.opened[f.lane]
	r.sess.opened[f.lane] = true
	r.s.mu.Unlock()
	if taken {
		return status.Errorf(codes.InvalidArgument, "lane %d is open", f.lane)
	}
	r.lane = int(f.lane)
	r.handled.Store(r.sess.origin.received[r.lane])
	return nil
}

// handle passes a frame's parts on, in their order.
func (r *laneReader) handle(f frame, mem *wire.Memory) error {
	h, from := r.s.l.handler, r.sess.origin.ref
	tellDropped(h, from, f.dropped)
	for _, t := range f.tracked {
		to, err := audience(t.audience)
		if err != nil {
			return err
		}
		reached, err := h.Tracked(r.sess.ctx, from, to, t.envelope)
		if err != nil {
			return err
		}
		r.receipt(&clusterv1.LinkReceipt{Receipt: t.receipt, Reached: uint64(max(reached, 0))})
	}
	for _, q := range f.queued {
		to, err := audience(q.audience)
		if err != nil {
			return err
		}
		if err := h.Queued(r.sess.ctx, from, to, wire.Piece{Data: q.run.Data, Mem: mem}); err != nil {
			return err
		}
	}
	if len(f.envelopes) == 0 {
		return nil
	}
	return h.Frame(r.sess.ctx, from, wire.Piece{Data: f.envelopes, Mem: mem})
}

// audience reads whom events are for; without one they are for the plain subscriptions.
func audience(encoded []byte) (wire.Audience, error) {
	if encoded == nil {
		return wire.Audience{Plain: true}, nil
	}
	return wire.ParseAudience(encoded)
}

// receipt queues an answer and has it sent at once.
func (r *laneReader) receipt(lr *clusterv1.LinkReceipt) {
	r.mu.Lock()
	if len(r.receipts) >= maxReceipts {
		r.receipts = r.receipts[1:]
	}
	r.receipts = append(r.receipts, lr)
	r.mu.Unlock()
	r.signal()
}

// rouse wakes answer if it rests: once for each busy period, not for each frame.
func (r *laneReader) rouse() {
	if r.resting.Load() && r.resting.CompareAndSwap(true, false) {
		r.signal()
	}
}

func (r *laneReader) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// answer tells the dialler how far the lane is, every answerInterval while it
// is busy, and receipts at once. It returns when the lane has ended; then no
// frame is being handled, and none will be.
func (r *laneReader) answer() error {
	timer := time.NewTimer(answerInterval)
	timer.Stop()
	defer timer.Stop()
	var told progress
	for {
		select {
		case <-r.sess.ctx.Done():
			r.gate <- struct{}{} // the frame being handled, if any, is the last
			return context.Cause(r.sess.ctx)
		case err := <-r.done:
			return err
		case <-r.wake:
			if err := r.send(false, false); err != nil {
				return r.close()
			}
			timer.Reset(answerInterval)
		case <-timer.C:
			again, err := r.tick(&told)
			if err != nil {
				return r.close()
			}
			if again {
				timer.Reset(answerInterval)
			}
		}
	}
}

// progress is what the last tick saw.
type progress struct{ begun, handled uint64 }

// tick sends what is new since the last one, and whether a frame has been in
// the handler's hands since then. It reports false, and rests, if there is
// nothing new.
func (r *laneReader) tick(told *progress) (again bool, err error) {
	now := progress{r.begun.Load(), r.handled.Load()}
	busy := r.ended.Load() < now.begun
	blocked := busy && now.begun == told.begun
	news := now != *told
	*told = now
	if busy || news {
		return true, r.send(blocked, news || blocked)
	}
	r.resting.Store(true)
	if r.begun.Load() != now.begun { // begun before rouse could see it resting
		r.rouse()
	}
	return false, nil
}

// send sends the waiting receipts; without any it sends only if asked to.
func (r *laneReader) send(blocked, always bool) error {
	r.mu.Lock()
	receipts := r.receipts
	r.receipts = nil
	r.mu.Unlock()
	if len(receipts) == 0 && !always {
		return nil
	}
	return r.stream.Send(&clusterv1.LaneResponse{Handled: r.handled.Load(), Blocked: blocked, Receipts: receipts})
}

// close ends the lane after its stream broke.
func (r *laneReader) close() error {
	r.gate <- struct{}{}
	return status.Error(codes.Canceled, "the lane's stream has ended")
}
