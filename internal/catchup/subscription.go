package catchup

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/eventnode/eventnode"
)

// Subscription runs a Machine. Three goroutines work on it besides its owner: one
// takes what arrives, one reads the stream while that is wanted, one takes marks and
// looks at the clock.
type Subscription struct {
	cfg  Config
	live eventnode.Subscription

	mu         sync.Mutex
	machine    *Machine
	err        error              // why nothing arrives any more
	stopReader context.CancelFunc // of the reading under way

	ready chan struct{} // for the owner: there may be something to receive
	room  chan struct{} // for the reader: there may be room
	begun chan struct{} // for the reader: it may be wanted

	closing sync.Once
	closed  chan struct{}
}

var _ eventnode.Subscription = (*Subscription)(nil)

// Open asks where the stream ends and opens the live subscription. It starts nothing
// by itself: Run has to be called.
func Open(ctx context.Context, cfg Config) (*Subscription, error) {
	cfg = cfg.withDefaults()
	at, err := place(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("catch up from stream %.255q: %w", cfg.Stream, err)
	}
	begin := time.Now()
	live, err := cfg.Subscribe(ctx)
	if err != nil {
		return nil, err
	}
	s := &Subscription{
		cfg: cfg, live: live, machine: NewMachine(cfg, at, begin),
		ready: make(chan struct{}, 1), room: make(chan struct{}, 1), begun: make(chan struct{}, 1),
		closed: make(chan struct{}),
	}
	if len(live.Missing()) > 0 {
		s.machine.Begin(time.Now())
		token(s.begun)
	}
	return s, nil
}

// place is where the stream ends.
func place(ctx context.Context, cfg Config) (Place, error) {
	info, err := cfg.Streams.Info(ctx, cfg.Stream)
	return Place{Position: info.Last, Number: info.Published}, err
}

// Run works until the subscription ends, or ctx does, and returns when all goroutines
// have ended.
func (s *Subscription) Run(ctx context.Context) {
	defer context.AfterFunc(ctx, func() { _ = s.Close() })()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all sync.WaitGroup
	all.Go(func() {
		defer cancel()
		s.take(ctx)
	})
	all.Go(func() { s.follow(ctx) })
	all.Go(func() { s.watch(ctx) })
	select {
	case <-s.closed:
		cancel()
	case <-ctx.Done():
	}
	all.Wait()
}

// take takes what arrives, to the end.
func (s *Subscription) take(ctx context.Context) {
	for {
		d, err := s.live.Receive(ctx)
		if err != nil {
			s.finish(err)
			return
		}
		s.mu.Lock()
		_, before, _ := s.machine.Reading()
		s.machine.Arrive(time.Now(), d)
		_, after, _ := s.machine.Reading()
		s.mu.Unlock()
		token(s.ready)
		if after != before {
			token(s.begun)
		}
	}
}

// finish says that nothing arrives any more.
func (s *Subscription) finish(err error) {
	select {
	case <-s.closed: // that is why
		return
	default:
	}
	s.mu.Lock()
	s.machine.Fail(time.Now())
	s.err = err
	s.mu.Unlock()
	token(s.ready)
}

// follow reads the stream whenever that is wanted.
func (s *Subscription) follow(ctx context.Context) {
	for {
		select {
		case <-s.begun:
		case <-ctx.Done():
			return
		}
		if err := s.read(ctx); err != nil && ctx.Err() == nil {
			s.mu.Lock()
			s.machine.Fail(time.Now())
			s.mu.Unlock()
			token(s.ready)
		}
	}
}

// read reads until it is not wanted any more. An error is for good.
func (s *Subscription) read(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	after, round, ok := s.machine.Reading()
	s.stopReader = cancel
	s.mu.Unlock()
	if !ok {
		return nil
	}
	for ev, err := range s.cfg.Streams.Read(ctx, s.cfg.Stream, eventnode.WithAfter(after), eventnode.WithFollow()) {
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if !s.show(ctx, ev, round) {
			return nil
		}
	}
	return nil
}

// show shows an event as soon as there is room; false: it is not wanted any more.
func (s *Subscription) show(ctx context.Context, ev eventnode.StreamEvent, round uint64) bool {
	for {
		s.mu.Lock()
		_, now, wanted := s.machine.Reading()
		wanted = wanted && now == round
		room := s.machine.Room()
		if wanted && room {
			s.machine.Show(time.Now(), ev)
		}
		s.mu.Unlock()
		switch {
		case !wanted:
			token(s.begun) // perhaps in another round
			return false
		case room:
			token(s.ready)
			return true
		}
		select {
		case <-s.room:
		case <-ctx.Done():
			return false
		}
	}
}

// Receive implements eventnode.Subscription.
func (s *Subscription) Receive(ctx context.Context) (eventnode.Delivery, error) {
	for {
		select {
		case <-s.closed:
			return eventnode.Delivery{}, s.ended()
		default:
		}
		s.mu.Lock()
		d, ok := s.machine.Take()
		err := s.err
		s.mu.Unlock()
		switch {
		case ok:
			token(s.room)
			return d, nil
		case err != nil:
			return eventnode.Delivery{}, err
		}
		select {
		case <-s.ready:
		case <-s.closed:
		case <-ctx.Done():
			return eventnode.Delivery{}, ctx.Err()
		}
	}
}

// ended is why it was closed: for the reason for which nothing arrives any more, if
// there is one.
func (s *Subscription) ended() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	return fmt.Errorf("subscription: %w", eventnode.ErrClosed)
}

// All implements eventnode.Subscription.
func (s *Subscription) All(ctx context.Context) iter.Seq2[eventnode.Delivery, error] {
	return func(yield func(eventnode.Delivery, error) bool) {
		for {
			d, err := s.Receive(ctx)
			if err != nil {
				if !expected(ctx, err) {
					yield(d, err)
				}
				return
			}
			if !yield(d, nil) {
				return
			}
		}
	}
}

// expected reports whether err only says that somebody ended it.
func expected(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, eventnode.ErrClosed) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// Nodes implements eventnode.Subscription.
func (s *Subscription) Nodes() int { return s.live.Nodes() }

// Missing implements eventnode.Subscription.
func (s *Subscription) Missing() []eventnode.NodeID { return s.live.Missing() }

// Close implements eventnode.Subscription.
func (s *Subscription) Close() error {
	s.closing.Do(func() { close(s.closed) })
	return s.live.Close()
}

// token leaves a token in a channel of one, if there is room. It never blocks.
func token(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
