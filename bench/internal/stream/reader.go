package stream

import (
	"context"
	"sync/atomic"
	"time"
)

const (
	// patience is how long to wait for an event that does not come. JetStream notices a
	// consumer that went with a node after 30 s.
	patience = 45 * time.Second
	// afterwards is how long to look for what comes twice.
	afterwards = 200 * time.Millisecond
)

// read is the reader process. It reads from the order to go on; how much there is to
// come it may be told later.
func (p process) read(ctx context.Context, cfg ReaderConfig) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := dial(ctx, cfg.System, cfg.Addrs)
	if err != nil {
		return err
	}
	defer s.close()
	if err := p.ready(); err != nil {
		return err
	}
	r := &reader{judge: newJudge(cfg.First), ended: make(chan struct{})}
	result := Read{Begin: time.Now().UnixNano()}
	go r.run(ctx, s, cfg)
	expect, failed := make(chan []uint64, 1), make(chan error, 1)
	go func() {
		o, err := p.order()
		if err != nil {
			failed <- err
			return
		}
		expect <- o.Expect
	}()
	var published []uint64
	select {
	case published = <-r.watch(expect, cfg.First):
	case err := <-failed:
		return err
	}
	if r.alone() {
		result.Trouble = text(r.err)
	}
	cancel()
	s.close()
	<-r.ended
	result.Events, result.End = r.seen.Load(), r.last.UnixNano()
	result.Wrong = r.judge.end(published)
	return p.answer(result)
}

// reader reads in one goroutine and is watched by another.
type reader struct {
	judge *judge
	seen  atomic.Uint64
	ended chan struct{} // closed when it reads no more
	err   error         // why; set before

	// What the watch saw.
	last     time.Time // when the last event came, to a millisecond
	complete bool      // everything came
}

func (r *reader) run(ctx context.Context, s store, cfg ReaderConfig) {
	defer close(r.ended)
	r.err = s.read(ctx, cfg.Last, func(data []byte) bool {
		if ctx.Err() != nil {
			return false
		}
		r.judge.see(data)
		return r.seen.Add(1) != cfg.Limit
	})
}

// watch waits until what is expected has come, or nothing comes any more, and hands
// on what was expected.
func (r *reader) watch(expect <-chan []uint64, first []uint64) <-chan []uint64 {
	done := make(chan []uint64, 1)
	go func() {
		var published []uint64
		var all, seen uint64
		r.last = time.Now()
		changed := r.last
		look := func() {
			if n := r.seen.Load(); n != seen {
				seen, changed = n, time.Now()
				if !r.complete {
					r.last = changed
				}
			}
			r.complete = published != nil && seen >= all
		}
		for published == nil || !r.over(time.Since(changed)) {
			select {
			case published = <-expect:
				all = sum(published) - sum(first)
				changed = time.Now()
			case <-time.After(time.Millisecond):
			}
			look()
		}
		look()
		done <- published
	}()
	return done
}

// over reports whether there is nothing to wait for, after nothing came for a time.
func (r *reader) over(quiet time.Duration) bool {
	return quiet > patience || r.complete && quiet > afterwards || r.alone()
}

// alone reports whether it has ended by itself.
func (r *reader) alone() bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

func sum(list []uint64) (all uint64) {
	for _, n := range list {
		all += n
	}
	return all
}
