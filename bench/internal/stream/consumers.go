package stream

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// GroupStart is where a consumer group begins.
type GroupStart struct {
	// Newest is behind what is there; else it is the oldest event.
	Newest bool
	// Keyed hands events of a key to one consumer at a time. Only eventnode has it.
	Keyed bool
}

// grouped is a stream that is consumed by groups.
type grouped interface {
	// addGroup makes a group.
	addGroup(ctx context.Context, group string, start GroupStart) error
	// consume is a consumer of a number, from 1 on, that handles events in batches of
	// at most so many and acks them, until ctx ends. Their data is valid during the
	// call of handle.
	consume(ctx context.Context, group string, number, batch int, handle func(events [][]byte)) error
	// left is how many events a group was not handed, or has not acked.
	left(ctx context.Context, group string) (uint64, error)
	close()
}

// dialGrouped connects to a system.
func dialGrouped(ctx context.Context, c Conn) (grouped, error) {
	s, err := dial(ctx, c.System, c.Addrs)
	if err != nil {
		return nil, err
	}
	g, ok := s.(grouped)
	if !ok {
		s.close()
		return nil, fmt.Errorf("%s has no consumer groups", c.System)
	}
	return g, nil
}

// AddGroup makes a consumer group as soon as the servers can.
func AddGroup(ctx context.Context, c Conn, group string, start GroupStart) error {
	return until(ctx, func(ctx context.Context) error {
		g, err := dialGrouped(ctx, c)
		if err != nil {
			return err
		}
		defer g.close()
		return g.addGroup(ctx, group, start)
	})
}

// leftEvery is how often it is asked whether everything is acked, once everything was
// handled.
const leftEvery = 2 * time.Millisecond

// consumers is the process of consumers. How much there is to come it may be told
// later.
func (p process) consumers(ctx context.Context, cfg ConsumersConfig) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all []grouped
	for range cfg.Consumers {
		g, err := dialGrouped(ctx, cfg.Conn)
		if err != nil {
			return err
		}
		defer g.close()
		all = append(all, g)
	}
	if err := p.ready(); err != nil {
		return err
	}
	work := &handled{tally: newTally(cfg.First, cfg.Keys)}
	r := Read{Begin: time.Now().UnixNano()}
	consuming, life := errgroup.WithContext(ctx) // life ends with the first one that fails
	for i, g := range all {
		consuming.Go(func() error {
			return g.consume(life, cfg.Group, i+1, cfg.Batch, work.handle)
		})
	}
	o, err := p.order()
	if err != nil {
		return err
	}
	err = work.wait(life, sum(o.Expect)-sum(cfg.First))
	if err == nil {
		r.End, err = acked(life, all[0], cfg.Group)
	}
	if err == nil {
		err = pause(life, afterwards)
	}
	cancel()
	if ended := consuming.Wait(); ended != nil {
		err = ended
	}
	r.Events, r.Wrong, r.Trouble = work.count.Load(), work.tally.end(o.Expect), text(err)
	return p.answer(r)
}

// handled is what the consumers have handled.
type handled struct {
	tally *tally
	count atomic.Uint64
}

// handle handles a batch.
func (h *handled) handle(events [][]byte) {
	h.tally.see(events)
	h.count.Add(uint64(len(events)))
}

// wait waits until so many events were handled. That nothing comes for a while is an
// error.
func (h *handled) wait(ctx context.Context, all uint64) error {
	seen, changed := uint64(0), time.Now()
	for {
		if n := h.count.Load(); n != seen {
			seen, changed = n, time.Now()
		}
		switch {
		case seen >= all:
			return nil
		case time.Since(changed) > patience:
			return fmt.Errorf("%d of %d events were handled, and none for %v", seen, all, patience)
		}
		if err := pause(ctx, time.Millisecond); err != nil {
			return err
		}
	}
}

// acked waits until a group has nothing left, and says when that was.
func acked(ctx context.Context, g grouped, group string) (at int64, err error) {
	for began := time.Now(); ; {
		left, err := g.left(ctx, group)
		if err == nil && left == 0 {
			return time.Now().UnixNano(), nil
		}
		if err == nil && time.Since(began) > patience {
			err = fmt.Errorf("all was handled, and %d events are not acked after %v", left, patience)
		}
		if err == nil {
			err = pause(ctx, leftEvery)
		}
		if err != nil {
			return 0, err
		}
	}
}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
