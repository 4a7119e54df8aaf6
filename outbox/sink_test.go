package outbox_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/outbox"
)

// sink is a stream in memory that remembers every ID for ever.
type sink struct {
	mu      sync.Mutex
	events  []event.Event // as they stand in the stream
	known   map[event.ID]bool
	doubled int // events that came again
	batches []int
	// fail, if set, may refuse a batch, and may block.
	fail func(ctx context.Context, evs []event.Event) error
	// after, if set, may have the answer of a batch that was appended get lost.
	after func(ctx context.Context) error
}

func (s *sink) PublishMany(ctx context.Context, stream string, evs []event.Event, opts ...eventnode.PublishOption) (p eventnode.Published, err error) {
	if stream != "orders" || !eventnode.NewPublishOptions(opts...).Dedupe {
		return p, fmt.Errorf("stream %q, %+v", stream, eventnode.NewPublishOptions(opts...))
	}
	s.mu.Lock()
	fail, after := s.fail, s.after
	s.mu.Unlock()
	if fail != nil {
		if err := fail(ctx, evs); err != nil {
			return p, err
		}
	}
	s.append(evs, &p)
	if after != nil {
		if err := after(ctx); err != nil {
			return eventnode.Published{}, err
		}
	}
	return p, ctx.Err()
}

// mend has it refuse nothing any more.
func (s *sink) mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail, s.after = nil, nil
}

func (s *sink) append(evs []event.Event, p *eventnode.Published) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = make(map[event.ID]bool)
	}
	s.batches = append(s.batches, len(evs))
	for i, e := range evs {
		if s.known[e.ID] {
			p.Known = append(p.Known, i)
			s.doubled++
			continue
		}
		s.known[e.ID] = true
		s.events = append(s.events, e)
		p.Appended++
	}
}

// all is what is in the stream, and how many events came again.
func (s *sink) all() (events []event.Event, doubled int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.events), s.doubled
}

// twice is how many events came again.
func (s *sink) twice() int {
	_, doubled := s.all()
	return doubled
}

// names are those of the events in the stream.
func (s *sink) names() (list []string) {
	events, _ := s.all()
	for _, e := range events {
		list = append(list, e.Name)
	}
	return list
}

// start runs a relay until stop, which waits for its end.
func start(t testing.TB, cfg outbox.Config) (r *outbox.Relay, stop func()) {
	t.Helper()
	if cfg.Stream == "" {
		cfg.Stream = "orders"
	}
	r, err := outbox.NewRelay(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := r.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		<-ended
	})
	t.Cleanup(stop)
	return r, stop
}

// eventually waits until condition holds.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !condition(); {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// published waits until these events, and no others, are in the stream in this order.
func published(t testing.TB, s *sink, names ...string) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Logf("in the stream: %q", s.names())
		}
	}()
	eventually(t, fmt.Sprintf("%q are published", names), func() bool { return slices.Equal(s.names(), names) })
}

// named makes events of a key.
func named(key string, names ...string) (list []event.Event) {
	for _, name := range names {
		list = append(list, event.New(name, nil, event.WithKey(key)))
	}
	return list
}
