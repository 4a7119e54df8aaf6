package node

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// A node listens before it is ready: who connects meanwhile gets no answer. A start takes some
// tenths of a second, and seconds where seeds do not answer. One that takes longer says what
// it waits for.
const (
	lateAfter = 10 * time.Second
	lateAgain = time.Minute
)

// starting is how far a start has come.
type starting struct{ step atomic.Pointer[func() string] }

// at notes what the start waits for from now on.
func (s *starting) at(step func() string) { s.step.Store(&step) }

// watched has a goroutine watch until end is called.
func (s *starting) watched(ctx context.Context, ready <-chan struct{}, logger *slog.Logger) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { s.watch(ctx, ready, logger) })
	return func() { cancel(); wg.Wait() }
}

// watch warns of a start that is late, behind the first at, until ready is closed or ctx ends.
func (s *starting) watch(ctx context.Context, ready <-chan struct{}, logger *slog.Logger) {
	begin, late := time.Now(), time.NewTimer(lateAfter)
	defer late.Stop()
	for {
		select {
		case <-late.C:
			step := *s.step.Load()
			logger.Warn("not ready yet", "waits_for", step(), "for", time.Since(begin).Round(time.Second))
			late.Reset(lateAgain)
		case <-ready:
			return
		case <-ctx.Done():
			return
		}
	}
}
