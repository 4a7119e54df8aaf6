package shard

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/eventnode/eventnode/source"
)

// Shard is a session with a gateway, from the client's end. It is a source.Source.
type Shard struct {
	cfg     Config
	metrics *series
	starts  *Starts // nil: Config.Identify

	begun    atomic.Int32 // notYet, running or never
	delivery *delivery
	asked    chan request
	stop     func()
	stopping chan struct{} // closed by Stop
	over     chan struct{} // closed when Run has returned, or will not be called
	aborting chan struct{} // closed by a Stop that does not wait any more
	abort    func()
}

// The states of begun.
const (
	notYet int32 = iota
	running
	never // it was stopped before
)

var _ source.Source = (*Shard)(nil)

// New makes a Shard. It starts nothing.
func New(cfg Config) (*Shard, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	m, err := newSeries(cfg)
	if err != nil {
		return nil, err
	}
	s := &Shard{
		cfg: cfg, metrics: m, asked: make(chan request),
		stopping: make(chan struct{}), over: make(chan struct{}), aborting: make(chan struct{}),
	}
	s.stop = sync.OnceFunc(func() { close(s.stopping) })
	s.abort = sync.OnceFunc(func() { close(s.aborting) })
	if cfg.Identify == nil {
		s.starts = NewStarts(StartLimit{})
		s.cfg.Identify = s.starts
	}
	s.delivery = &delivery{
		cfg: s.cfg, window: newWindow(cfg.ReadAhead, cfg.ReadAheadBytes), metrics: m, stop: s.stopping, done: s.first(),
	}
	return s, nil
}

// first is what Resume is in the beginning.
func (s *Shard) first() Resume {
	r := s.cfg.Resume
	r.Source, r.Shard, r.Shards = s.cfg.Name, s.cfg.Shard, s.cfg.Shards
	if s.cfg.Gateway != "" {
		r.Gateway = s.cfg.Gateway
	}
	return r
}

// Name implements source.Source.
func (s *Shard) Name() string { return s.cfg.Name }

// Resume is how far payloads were handled, and the session they are of.
func (s *Shard) Resume() Resume { return s.delivery.reached() }

// Connected reports whether there is a session with the gateway now.
func (s *Shard) Connected() bool { return s.metrics.up.Load() }

// Trouble is why there is no session with the gateway, in words; empty while there is one, and
// while nothing was in the way of one.
func (s *Shard) Trouble() string {
	if why := s.metrics.trouble.Load(); why != nil {
		return *why
	}
	return ""
}

// Run implements source.Source: it connects, and delivers what comes. It returns nil after
// Stop or the end of ctx, ErrRefused if the gateway does not want this shard, and what
// deliver failed with. Resume says then where it is to go on. It can be called once.
func (s *Shard) Run(ctx context.Context, deliver source.Deliver) error {
	if !s.begun.CompareAndSwap(notYet, running) {
		if s.begun.CompareAndSwap(never, running) {
			return nil
		}
		return ErrStopped
	}
	defer close(s.over)
	s.metrics.begin()
	defer s.metrics.end()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	err := s.run(ctx, cancel, deliver)
	s.stop()
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		return nil
	}
	return err
}

// run starts the other goroutines, and ends with them.
func (s *Shard) run(ctx context.Context, cancel context.CancelFunc, deliver source.Deliver) error {
	var others sync.WaitGroup
	s.delivery.to = deliver
	delivered, ended := make(chan error, 1), make(chan struct{})
	others.Go(func() { delivered <- s.delivery.run(ctx) })
	others.Go(func() { s.delivery.progress(ctx, ended) })
	others.Go(func() {
		select {
		case <-s.aborting:
			cancel()
		case <-ctx.Done():
			s.stop()
		}
	})
	l := newLoop(s)
	failure, over := l.run(ctx, delivered)
	s.stop()
	if !over {
		err := <-delivered
		if failure == nil {
			failure = err
		}
	}
	cancel()
	close(ended)
	others.Wait()
	l.wait()
	return failure
}

// Stop ends Run so that the session can be resumed, here or on another node: the gateway
// keeps it for a while. The payload that is being delivered is waited for, those behind it
// come again. If ctx ends before, that one does, too, its delivery is cancelled, and Stop
// returns its error beside the Resume.
func (s *Shard) Stop(ctx context.Context) (Resume, error) {
	s.stop()
	if s.begun.CompareAndSwap(notYet, never) {
		close(s.over)
	}
	var err error
	select {
	case <-s.over:
	case <-ctx.Done():
		err = context.Cause(ctx)
		s.abort()
		<-s.over
	}
	return s.Resume(), err
}
