package table

import (
	"context"
	"fmt"
	"time"

	"github.com/eventnode/eventnode/bench/internal/proc"
	"github.com/eventnode/eventnode/bench/internal/suite"
)

// late is a third node that comes when node 1 has n memberships, and node 2
// knows them.
type late struct {
	spread spread
	n      int
	// rest is how long nodes rest before their memory is read: what was kept
	// for the transfer, for a moment, is not what a membership takes.
	rest time.Duration
}

const resting = 4 * time.Second

func (l late) runner(start system) suite.Runner {
	return func(ctx context.Context, env *suite.Env) (suite.Outcome, error) {
		if env.Short {
			l.n, l.rest = l.n/100, 0
		}
		return run(ctx, env, start, 2, l.measure)
	}
}

// size is what a node takes: its live heap, and its resident memory before it
// was asked to collect.
type size struct{ heap, rss int64 }

func measureSize(ctx context.Context, n *proc.Process) (size, error) {
	rss, err := n.RSS()
	if err != nil {
		return size{}, fmt.Errorf("resident memory of %s: %w", n.Name(), err)
	}
	m, err := ask[memory](ctx, n, "memory")
	return size{m.Heap, rss}, err
}

func (l late) measure(ctx context.Context, c cluster, ns []*proc.Process) (map[string]float64, error) {
	if err := order(ctx, ns[0], "members %d", l.spread.members(l.n)); err != nil {
		return nil, err
	}
	var before [3]size
	for i, n := range ns {
		var err error
		if before[i], err = measureSize(ctx, n); err != nil {
			return nil, err
		}
	}
	before[2] = before[1] // a node that holds nothing
	if err := l.fill(ctx, ns); err != nil {
		return nil, err
	}
	begin := time.Now()
	joiner, err := c.Add(ctx)
	if err != nil {
		return nil, fmt.Errorf("start the late joiner: %w", err)
	}
	ready := time.Now()
	all, err := l.sync(ctx, joiner)
	if err != nil {
		return nil, err
	}
	values := map[string]float64{
		synced.Name:     time.Unix(0, all.DoneNS).Sub(begin).Seconds(),
		sinceReady.Name: max(0, time.Unix(0, all.DoneNS).Sub(ready).Seconds()),
	}
	if err := pause(ctx, l.rest); err != nil {
		return nil, err
	}
	return values, l.sizes(ctx, append(ns, joiner), before, values)
}

func pause(ctx context.Context, d time.Duration) error {
	over := time.NewTimer(d)
	defer over.Stop()
	select {
	case <-over.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// fill puts all memberships into node 1 and waits until node 2 has them. Nothing
// is read yet: nodes may keep what they have made for a reader.
func (l late) fill(ctx context.Context, ns []*proc.Process) error {
	if err := order(ctx, ns[0], "fill %d %s", l.n, l.spread); err != nil {
		return err
	}
	_, err := l.sync(ctx, ns[1])
	return err
}

func (l late) sync(ctx context.Context, n *proc.Process) (done, error) {
	h := l.spread.held(l.n)
	return ask[done](ctx, n, "sync %d %d", h.Groups, h.Memberships)
}

// sizes says what a membership takes on each node, and checks that they are
// there.
func (l late) sizes(ctx context.Context, ns []*proc.Process, before [3]size, values map[string]float64) error {
	heaps, rss := []suite.Metric{originHeap, copyHeap, joinerHeap}, []suite.Metric{originRSS, copyRSS, joinerRSS}
	for i, n := range ns {
		after, err := measureSize(ctx, n)
		if err != nil {
			return err
		}
		values[heaps[i].Name] = float64(after.heap-before[i].heap) / float64(l.n)
		values[rss[i].Name] = float64(after.rss-before[i].rss) / float64(l.n)
	}
	for _, n := range ns {
		if err := verify(ctx, n, l.spread.held(l.n)); err != nil {
			return err
		}
	}
	read, err := measureSize(ctx, ns[1])
	values[readHeap.Name] = float64(read.heap-before[1].heap) / float64(l.n)
	return err
}
