package sourcetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/eventnode/eventnode/source"
)

// EventName is what the other end says.
const EventName = "numbered"

// Subject is a source under test, and the other end of it.
type Subject struct {
	// Source is new: it has not run.
	Source source.Source
	// Say has the other end say a number, as EventName, with so many bytes besides. It
	// returns when the source has taken it over, as far as the other end can know, or
	// with an error: it was refused, or ctx has ended. Calls overlap.
	Say func(ctx context.Context, n, padding int) error
	// Number is the number that a payload of Say has.
	Number func(p source.Payload) (int, error)
	// Garble has the other end say what is no payload. nil: it cannot.
	Garble func(ctx context.Context) error
	// Fail has the other end refuse the source for good. nil: it cannot.
	Fail func()
	// Close ends the other end.
	Close func()
}

// patience is how long anything may take.
const patience = 30 * time.Second

// Run runs all tests. open makes a Subject for each.
func Run(t *testing.T, open func(t *testing.T) Subject) {
	for _, tt := range []struct {
		name string
		run  func(s *suite)
	}{
		{"order", order}, {"credit", credit}, {"garbage", garbage}, {"stop while idle", stopIdle},
		{"stop while delivering", stopDelivering}, {"failure", failure}, {"failure of deliver", failureOfDeliver},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			s := &suite{T: t, Subject: open(t), ctx: ctx, held: make(chan struct{}), moved: make(chan struct{}, 1)}
			tt.run(s)
			s.Close()
			if !t.Failed() {
				goleak.VerifyNone(t, before)
			}
		})
	}
}

// suite is one test.
type suite struct {
	*testing.T
	Subject
	ctx context.Context //nolint:containedctx // of the test

	mu       sync.Mutex
	inside   bool
	numbers  []int
	sessions map[string]uint64
	held     chan struct{} // while hold, deliver waits for its end
	hold     bool
	refuse   error
	moved    chan struct{} // one place: numbers has grown
}

// deliver is what the source is given.
func (s *suite) deliver(ctx context.Context, p source.Payload) error {
	s.enter(p)
	defer s.leave()
	if s.hold {
		select {
		case <-s.held:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return s.refuse
}

// enter notes a payload, and checks it.
func (s *suite) enter(p source.Payload) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inside {
		s.Error("a payload is delivered before deliver has returned for the one before")
	}
	s.inside = true
	n, err := s.Number(p)
	o := p.Origin
	switch {
	case err != nil:
		s.Errorf("no number in %+v: %v", p, err)
	case p.Name != EventName || !json.Valid(p.Data):
		s.Errorf("name %q, data %.80s", p.Name, p.Data)
	case o.Source != s.Source.Name() || o.Shards < 1 || o.Shard < 0 || o.Shard >= o.Shards:
		s.Errorf("origin %+v", o)
	case o.Seq != 0 && o.Seq <= s.sessions[o.Session]:
		s.Errorf("number %d of session %q behind %d", o.Seq, o.Session, s.sessions[o.Session])
	}
	if s.sessions == nil {
		s.sessions = map[string]uint64{}
	}
	s.sessions[o.Session] = o.Seq
	s.numbers = append(s.numbers, n)
	select {
	case s.moved <- struct{}{}:
	default:
	}
}

func (s *suite) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inside = false
}

func (s *suite) delivered() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.numbers)
}

// run runs the source. stop ends it, and returns what Run has.
func (s *suite) run() (stop func() error) {
	if err := source.CheckName(s.Source.Name()); err != nil {
		s.Error(err)
	}
	ctx, cancel := context.WithCancel(s.ctx)
	ended := make(chan error, 1)
	go func() { ended <- s.Source.Run(ctx, s.deliver) }()
	return func() error {
		cancel()
		return s.ends(ended)
	}
}

// ends waits for Run.
func (s *suite) ends(ended <-chan error) error {
	s.Helper()
	select {
	case err := <-ended:
		return err
	case <-s.ctx.Done():
		s.Fatal("Run does not end")
		return nil
	}
}

// wait waits until so many were delivered.
func (s *suite) wait(n int) []int {
	s.Helper()
	for {
		if got := s.delivered(); len(got) >= n {
			return got
		}
		select {
		case <-s.moved:
		case <-s.ctx.Done():
			s.Fatalf("%d of %d were delivered", len(s.delivered()), n)
		}
	}
}

// say says numbers from..to.
func (s *suite) say(from, to int) {
	for n := from; n <= to; n++ {
		if err := s.Say(s.ctx, n, 0); err != nil {
			s.Errorf("saying %d: %v", n, err)
			return
		}
	}
}

func (s *suite) nilOf(what string, err error) {
	s.Helper()
	if err != nil {
		s.Errorf("%s: Run returned %v", what, err)
	}
}

// What the other end says is delivered once and in its order, one after the other.
func order(s *suite) {
	const most = 200
	stop := s.run()
	var wg sync.WaitGroup
	wg.Go(func() { s.say(1, most) })
	got := s.wait(most)
	wg.Wait()
	for i, n := range got {
		if n != i+1 {
			s.Fatalf("%d as number %d", n, i+1)
		}
	}
	s.nilOf("in the end", stop())
}

// Without credit nothing more is delivered, and what the source takes in is bounded: the
// other end is held up, or refused. What it took is delivered when there is credit.
func credit(s *suite) {
	const speakers, padding, most = 8, 64 << 10, 32 << 20
	s.hold = true
	stop := s.run()
	var mu sync.Mutex
	var taken []int
	next := 0
	ctx, hush := context.WithCancel(s.ctx)
	var wg sync.WaitGroup
	for range speakers {
		wg.Go(func() {
			for {
				mu.Lock()
				next++
				n := next
				mu.Unlock()
				if err := s.Say(ctx, n, padding); err != nil || n*padding > most {
					return
				}
				mu.Lock()
				taken = append(taken, n)
				mu.Unlock()
			}
		})
	}
	s.wait(1)
	progress := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(taken)
	}
	for last := -1; last != progress() && last*padding < most; {
		last = progress()
		pause(ctx)
	}
	if n := progress(); n*padding >= most {
		s.Errorf("%d bytes were taken in without credit", n*padding)
	}
	if got := s.delivered(); len(got) != 1 {
		s.Errorf("%d were delivered with credit for one", len(got))
	}
	hush()
	wg.Wait()
	close(s.held)
	s.deliveredAll(taken)
	s.nilOf("in the end", stop())
}

// pause is long enough for whatever makes progress to make some.
func pause(ctx context.Context) {
	select {
	case <-time.After(300 * time.Millisecond):
	case <-ctx.Done():
	}
}

// deliveredAll waits until all of these were delivered.
func (s *suite) deliveredAll(want []int) {
	s.Helper()
	missing := map[int]bool{}
	for _, n := range want {
		missing[n] = true
	}
	for seen := 0; ; {
		got := s.delivered()
		for _, n := range got[seen:] {
			delete(missing, n)
		}
		if seen = len(got); len(missing) == 0 {
			return
		}
		select {
		case <-s.moved:
		case <-s.ctx.Done():
			s.Fatalf("%d of %d that were taken in were not delivered", len(missing), len(want))
		}
	}
}

// What is no payload harms nothing that comes after it.
func garbage(s *suite) {
	if s.Garble == nil {
		s.Skip("the other end cannot say what is no payload")
	}
	stop := s.run()
	s.say(1, 1)
	s.wait(1)
	if err := s.Garble(s.ctx); err != nil {
		s.Logf("garbage was refused: %v", err)
	}
	s.say(2, 2)
	if got := s.wait(2); !slices.Equal(got, []int{1, 2}) {
		s.Errorf("delivered %v", got)
	}
	s.nilOf("in the end", stop())
}

// Run ends with its context.
func stopIdle(s *suite) {
	stop := s.run()
	s.say(1, 1)
	s.wait(1)
	s.nilOf("while idle", stop())
}

// Run ends with its context while a payload is being delivered, and has ended that call.
func stopDelivering(s *suite) {
	s.hold = true
	stop := s.run()
	ctx, hush := context.WithCancel(s.ctx)
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Say(ctx, 1, 0) }) // it may be told that it was not handled
	s.wait(1)
	s.nilOf("while delivering", stop())
	s.mu.Lock()
	if s.inside {
		s.Error("Run has returned before deliver has")
	}
	s.mu.Unlock()
	hush()
	wg.Wait()
}

// A source that cannot go on says why.
func failure(s *suite) {
	if s.Fail == nil {
		s.Skip("the other end cannot refuse for good")
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Source.Run(s.ctx, s.deliver) }()
	s.say(1, 1)
	s.wait(1)
	s.Fail()
	if err := s.ends(ended); err == nil {
		s.Error("it cannot go on, and Run returned nil")
	}
}

// What deliver fails with ends Run, which returns it.
func failureOfDeliver(s *suite) {
	s.refuse = fmt.Errorf("the end of a pipeline: %w", source.ErrNotHandled)
	ended := make(chan error, 1)
	go func() { ended <- s.Source.Run(s.ctx, s.deliver) }()
	ctx, hush := context.WithCancel(s.ctx)
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Say(ctx, 1, 0) }) // it may be told that it was not handled
	if err := s.ends(ended); !errors.Is(err, source.ErrNotHandled) {
		s.Errorf("Run returned %v", err)
	}
	hush()
	wg.Wait()
}
