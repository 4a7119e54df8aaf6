package recording

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// fakeSubscriber has one subscription, which a test feeds.
type fakeSubscriber struct {
	eventnode.Subscription
	options eventnode.SubscribeOptions
	feed    chan eventnode.Delivery
	closed  chan struct{}
	once    sync.Once
}

func newSubscriber() *fakeSubscriber {
	return &fakeSubscriber{feed: make(chan eventnode.Delivery, 20_000), closed: make(chan struct{})}
}

func (s *fakeSubscriber) Subscribe(_ context.Context, _ []string, opts ...eventnode.SubscribeOption) (eventnode.Subscription, error) {
	s.options = eventnode.NewSubscribeOptions(opts...)
	return s, nil
}

// Receive returns what is there first.
func (s *fakeSubscriber) Receive(ctx context.Context) (eventnode.Delivery, error) {
	select {
	case d := <-s.feed:
		return d, nil
	default:
	}
	select {
	case d := <-s.feed:
		return d, nil
	case <-s.closed:
		return eventnode.Delivery{}, eventnode.ErrClosed
	case <-ctx.Done():
		return eventnode.Delivery{}, ctx.Err()
	}
}

func (s *fakeSubscriber) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

// send dispatches events with these names.
func (s *fakeSubscriber) send(names ...string) {
	for _, name := range names {
		s.feed <- eventnode.Delivery{Topics: []string{"topic:a", "topic:b"}, Event: event.New(name, []byte("data"))}
	}
}

// fakeAppender is a stream that remembers IDs.
type fakeAppender struct {
	mu      sync.Mutex
	there   []eventnode.Delivery
	known   map[event.ID]bool
	calls   int
	largest int
	fail    func(list []eventnode.Delivery) error
	hold    chan struct{} // not nil: nothing is appended before it is closed
}

func (a *fakeAppender) PublishRecorded(ctx context.Context, _ string, list []eventnode.Delivery) (p eventnode.Published, err error) {
	a.mu.Lock()
	hold := a.hold
	a.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return p, fmt.Errorf("%w: %w", eventnode.ErrOutcomeUnknown, context.Cause(ctx))
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls++
	a.largest = max(a.largest, len(list))
	if a.fail != nil {
		if err := a.fail(list); err != nil {
			return p, err
		}
	}
	for i, d := range list {
		if a.known[d.Event.ID] {
			p.Known = append(p.Known, i)
			continue
		}
		a.known[d.Event.ID] = true
		a.there = append(a.there, d)
		p.Appended++
	}
	p.First = eventnode.Position{MS: 5, Seq: uint64(len(a.there) - p.Appended)}
	return p, nil
}

func (a *fakeAppender) CheckRecorded(_ string, d *eventnode.Delivery) error {
	if d.Event.Name == "reserved" {
		return eventnode.ErrInvalidEvent
	}
	return nil
}

func (a *fakeAppender) Info(_ context.Context, stream string) (eventnode.StreamInfo, error) {
	if stream == "nowhere" {
		return eventnode.StreamInfo{}, eventnode.ErrStreamNotFound
	}
	return eventnode.StreamInfo{}, nil
}

// world is a recorder at work, in virtual time.
type world struct {
	*fakeSubscriber
	*fakeAppender
	stop context.CancelFunc
	over chan error

	telling  sync.Mutex // guards what follows
	progress eventnode.RecordProgress
	gaps     []eventnode.Gap
	refused  []string
	troubles int
}

func start(t *testing.T, opts ...eventnode.RecordOption) *world {
	w := &world{fakeSubscriber: newSubscriber(), fakeAppender: &fakeAppender{known: map[event.ID]bool{}}, over: make(chan error, 1)}
	ctx, stop := context.WithCancel(t.Context())
	w.stop = stop
	opts = append(opts,
		eventnode.WithRecordGap(func(g eventnode.Gap) {
			w.telling.Lock()
			defer w.telling.Unlock()
			w.gaps = append(w.gaps, g)
		}),
		eventnode.WithRecordRefused(func(d eventnode.Delivery, _ error) {
			w.telling.Lock()
			defer w.telling.Unlock()
			w.refused = append(w.refused, d.Event.Name)
		}),
		eventnode.WithRecordProgress(func(p eventnode.RecordProgress) {
			w.telling.Lock()
			defer w.telling.Unlock()
			if p.Trouble != nil {
				w.troubles++
			}
			w.progress = p
		}))
	r := New(Config{Subscriber: w.fakeSubscriber, Appender: w.fakeAppender, Topics: []string{"topic:a"}, Stream: "log", Options: eventnode.NewRecordOptions(opts...)})
	go func() { w.over <- r.Run(ctx) }()
	return w
}

func (w *world) wants(t *testing.T, want string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	var got []string
	for _, d := range w.there {
		got = append(got, d.Event.Name)
		if !slices.Equal(d.Topics, []string{"topic:a", "topic:b"}) {
			t.Errorf("%s has the topics %v", d.Event.Name, d.Topics)
		}
	}
	if strings.Join(got, " ") != want {
		t.Errorf("recorded %q, want %q", got, want)
	}
}

// What comes is appended in its order, with its topics; gaps are told, and so is what
// cannot be in a stream.
func TestRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t)
		w.send("1", "2")
		w.feed <- eventnode.Delivery{Gap: &eventnode.Gap{Count: 3, Known: true, Reason: eventnode.GapQueueFull}}
		w.send("3", "reserved", "4")
		synctest.Wait()
		w.wants(t, "1 2 3 4")
		w.stop()
		if err := <-w.over; err != nil {
			t.Error(err)
		}
		if w.options.Policy != eventnode.PolicyBlock {
			t.Errorf("policy %v", w.options.Policy)
		}
		if len(w.gaps) != 1 || w.gaps[0].Count != 3 || !slices.Equal(w.refused, []string{"reserved"}) {
			t.Errorf("gaps %v, refused %v", w.gaps, w.refused)
		}
		if p := w.progress; p.Received != 5 || p.Appended != 4 || p.Refused != 1 || p.Gaps != 1 || p.Last != (eventnode.Position{MS: 5, Seq: 3}) {
			t.Errorf("%+v", p)
		}
	})
}

// What another recorder appended is known.
func TestKnownEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t)
		d := eventnode.Delivery{Topics: []string{"topic:a", "topic:b"}, Event: event.New("1", nil)}
		w.feed <- d
		w.feed <- d
		synctest.Wait()
		w.stop()
		<-w.over
		w.wants(t, "1")
		if w.progress.Appended != 1 || w.progress.Known != 1 {
			t.Errorf("%+v", w.progress)
		}
	})
}

// Trouble that may pass is told and tried again; what comes meanwhile is appended
// together.
func TestTroubleIsTriedAgain(t *testing.T) {
	for _, trouble := range []error{eventnode.ErrUnavailable, eventnode.ErrOutcomeUnknown, eventnode.ErrStreamFull, eventnode.ErrStorageFull} {
		synctest.Test(t, func(t *testing.T) {
			w := start(t)
			left := 4
			w.fail = func([]eventnode.Delivery) error {
				if left--; left >= 0 {
					return trouble
				}
				return nil
			}
			w.send("0")
			synctest.Wait()
			w.send("1", "2", "3")
			time.Sleep(10 * time.Second)
			w.wants(t, "0 1 2 3")
			w.stop()
			<-w.over
			if w.troubles != 4 || w.progress.Trouble != nil || w.calls != 6 {
				t.Errorf("%v: told %d times, %d calls, %+v", trouble, w.troubles, w.calls, w.progress)
			}
		})
	}
}

// One event that the stream refuses harms no other.
func TestRefusedAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t)
		w.fail = func(list []eventnode.Delivery) error {
			for _, d := range list {
				if d.Event.Name == "large" {
					return &eventnode.LimitError{Limit: "max_event_bytes", Max: 1, Got: 2}
				}
			}
			return nil
		}
		w.send("0", "1", "large", "2")
		synctest.Wait()
		w.wants(t, "0 1 2")
		w.stop()
		<-w.over
		if !slices.Equal(w.refused, []string{"large"}) || w.progress.Refused != 1 || w.progress.Appended != 3 {
			t.Errorf("refused %v, %+v", w.refused, w.progress)
		}
	})
}

// What cannot pass ends it.
func TestEndsForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t)
		w.fail = func([]eventnode.Delivery) error { return eventnode.ErrStreamNotFound }
		w.send("0")
		if err := <-w.over; !errors.Is(err, eventnode.ErrStreamNotFound) {
			t.Error(err)
		}
		r := New(Config{Appender: w.fakeAppender, Stream: "nowhere", Options: eventnode.NewRecordOptions()})
		if err := r.Run(t.Context()); !errors.Is(err, eventnode.ErrStreamNotFound) {
			t.Error(err)
		}
	})
}

// A recorder that is behind receives no more than its buffer holds. When it ends, what
// it has received, and what waits for it, is appended first.
func TestEndAppendsWhatWasReceived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t)
		w.mu.Lock()
		w.hold = make(chan struct{})
		w.mu.Unlock()
		const n = maxBuffered + maxBatch + 5000
		for i := range n {
			w.send(fmt.Sprint(i))
		}
		synctest.Wait()
		if left := len(w.feed); left < 4000 {
			t.Errorf("%d events wait in the subscription, of %d", left, n)
		}
		w.stop()
		time.Sleep(500 * time.Millisecond)
		close(w.hold)
		if err := <-w.over; err != nil {
			t.Error(err)
		}
		for i, d := range w.there {
			if d.Event.Name != fmt.Sprint(i) {
				t.Fatalf("%s at %d", d.Event.Name, i)
			}
		}
		if len(w.there) != n || w.largest > maxBatch {
			t.Errorf("%d of %d events, the largest batch has %d", len(w.there), n, w.largest)
		}
	})
}

// It does not wait for ever.
func TestGraceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, eventnode.WithRecordGrace(3*time.Second))
		w.mu.Lock()
		w.hold = make(chan struct{})
		w.mu.Unlock()
		w.send("0")
		synctest.Wait()
		begin := time.Now()
		w.stop()
		if err := <-w.over; !errors.Is(err, errGrace) {
			t.Error(err)
		}
		if took := time.Since(begin); took != 3*time.Second {
			t.Errorf("took %v", took)
		}
	})
}
