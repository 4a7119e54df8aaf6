package streamsdk

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventnode/eventnode"
)

// maxLanes bounds the streams of which the outbox remembers the producer's ID: of
// more, those that have nothing to do get a new one the next time.
const maxLanes = 4096

// outbox holds calls from Publish to their answer. It has no goroutine, clock or
// pipe. Its capacity is a number of bytes, which one call may exceed; whoever adds
// to a full outbox waits. What it does with channels under its mutex (to close, to
// send if there is room) never blocks.
type outbox struct {
	namespace string
	window    int
	// wake tells the one who sends that there is something new.
	wake chan struct{}
	// calls counts the calls that came in, ever.
	calls atomic.Uint64

	mu     sync.Mutex
	closed error
	runs   bool // somebody sends
	lanes  map[string]*lane
	ready  []*lane    // those that have work, in order
	sent   []*request // without an answer, in order
	held   int        // bytes
	paused bool       // there is no leader: nothing is handed over until resume
	// why is what went wrong last, trouble since when that is so. There is none since
	// the last answer.
	why     error
	trouble time.Time
	// room is closed when there may be room; nil if nobody waits for it.
	room chan struct{}
}

func newOutbox(namespace string, window int) *outbox {
	return &outbox{namespace: namespace, window: window, lanes: make(map[string]*lane), wake: make(chan struct{}, 1)}
}

// add puts in calls of one moment, each for another stream. If there is no room it
// returns a channel instead, which is closed when that may have changed. Start says
// that nobody sends: the caller has to see to it.
func (o *outbox) add(calls []*call, now time.Time) (room <-chan struct{}, start bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed != nil {
		return nil, false, o.closed
	}
	if o.held >= o.window {
		if o.room == nil {
			o.room = make(chan struct{})
		}
		return o.room, false, nil
	}
	o.calls.Add(uint64(len(calls)))
	for _, c := range calls {
		c.since, c.lane = now, o.lane(c.stream)
		c.lane.waiting = append(c.lane.waiting, c)
		o.held += c.size()
		o.queue(c.lane)
	}
	start = !o.runs
	o.runs = true
	return nil, start, nil
}

// lane returns a stream's lane.
func (o *outbox) lane(stream string) *lane {
	l := o.lanes[stream]
	if l == nil {
		l = newLane(stream)
		o.lanes[stream] = l
	}
	return l
}

// queue notes that a lane has work, if it has. The caller holds mu.
func (o *outbox) queue(l *lane) {
	if l.queued || !l.hasWork() {
		return
	}
	l.queued = true
	o.ready = append(o.ready, l)
	token(o.wake)
}

// token puts a token into a channel of one, unless there is one.
func token(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// take hands over the next request; nil if there is none, or too many are under
// way.
func (o *outbox) take() *request {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.paused || len(o.sent) >= requestsInFlight {
		return nil
	}
	r := &request{}
	size := 0
	for len(o.ready) > 0 && len(r.batches) < requestBatches {
		l := o.ready[0]
		if !l.hasWork() { // its callers have gone
			o.pop()
			continue
		}
		b := l.next()
		if size += b.size(o.namespace); len(r.batches) > 0 && size > requestBytes {
			break
		}
		o.pop()
		b.flying = true
		r.batches = append(r.batches, b)
	}
	if len(r.batches) == 0 {
		return nil
	}
	o.sent = append(o.sent, r)
	return r
}

// pop takes the first ready lane out of the queue. The caller holds mu.
func (o *outbox) pop() {
	o.ready[0].queued = false
	o.ready = slices.Delete(o.ready, 0, 1)
}

// leave says that nobody waits for a call any more, because of cause. It returns
// what the caller is to be told.
func (o *outbox) leave(c *call, cause error) (eventnode.Published, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if c.over {
		return c.got, c.err
	}
	b := c.batch
	c.left = true
	switch {
	case b == nil:
		c.lane.waiting = slices.DeleteFunc(c.lane.waiting, func(other *call) bool { return other == c })
		o.finish(c, eventnode.Published{}, o.because(cause))
		o.tidy(c.lane)
		return c.got, c.err
	case !b.flying && b.unknown && b.deserted():
		o.giveUp(b, fmt.Errorf("%w (%v)", cause, o.why)) //nolint:errorlint // why is told, not what callers are to tell apart
		return c.got, c.err
	case !b.flying && b.deserted():
		o.giveUp(b, o.because(cause))
		return c.got, c.err
	}
	return eventnode.Published{}, fmt.Errorf("no answer yet, %w: %w", eventnode.ErrOutcomeUnknown, cause)
}

// because is why something was not done when its caller's time ended: what went
// wrong before, and that. The caller holds mu.
func (o *outbox) because(cause error) error {
	if o.why == nil || errors.Is(o.why, eventnode.ErrOutcomeUnknown) { // of another batch
		return cause
	}
	return fmt.Errorf("%w: %w", o.why, cause)
}

// close ends the outbox and everything in it.
func (o *outbox) close(cause error) {
	o.mu.Lock()
	o.closed = cause
	if o.room != nil {
		close(o.room)
		o.room = nil
	}
	o.mu.Unlock()
	o.broken(cause)
	o.refuseAll(cause)
}

// resume says that there is another pipe.
func (o *outbox) resume() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.paused = false
}

// isPaused reports whether nothing is handed over.
func (o *outbox) isPaused() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.paused
}

// flying is how many requests have no answer.
func (o *outbox) flying() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.sent)
}

// idle reports whether there is nothing to send and nothing without an answer.
func (o *outbox) idle() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.idleLocked()
}

func (o *outbox) idleLocked() bool {
	for len(o.ready) > 0 && !o.ready[0].hasWork() { // its callers have gone
		o.pop()
	}
	return len(o.ready) == 0 && len(o.sent) == 0
}

// rest says that the one who sends ends, if there is nothing to do.
func (o *outbox) rest() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.runs = !o.idleLocked()
	return !o.runs
}
