package table

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventnode/eventnode"
)

// errNoMembers is what a look-up that finds nobody is.
var errNoMembers = errors.New("the group has members all the time")

// pollInterval is how often a node looks whether all is there. To look costs a
// fraction of a millisecond.
const pollInterval = 5 * time.Millisecond

// watch counts joins. A resync says how many there are at that moment.
func (p *peer) watch(ctx context.Context, w words) (any, error) {
	mon, err := p.scope.MonitorScope(ctx)
	if err != nil {
		return nil, err
	}
	want := w.number(0)
	p.monitors.Go(func() {
		defer mon.Close()
		seen := 0
		for seen < want {
			c, err := mon.Next(ctx)
			if err != nil {
				return // the node stops
			}
			if c.Resync != nil {
				seen = total(c.Resync)
			}
			seen += len(c.Joined)
		}
		p.answer(done{DoneNS: now()})
	})
	return nothing{}, nil
}

func total(snapshot map[string][]eventnode.Membership) int {
	n := 0
	for _, ms := range snapshot {
		n += len(ms)
	}
	return n
}

func (p *peer) report(ctx context.Context, _ words) (any, error) {
	mon, err := p.scope.MonitorScope(ctx)
	if err != nil {
		return nil, err
	}
	p.monitors.Go(func() {
		defer mon.Close()
		for {
			c, err := mon.Next(ctx)
			if err != nil {
				return
			}
			if len(c.Joined) > 0 {
				p.answer(moment{NS: now()})
			}
		}
	})
	return nothing{}, nil
}

func (p *peer) await(ctx context.Context, w words) (any, error) {
	return nothing{}, poll(func() (bool, error) {
		ms, err := p.scope.Members(ctx, w.text(0))
		return len(ms) == w.number(1), err
	})
}

// sync waits for a number of memberships, as the node's own metric has it: to
// list a million of them each time would be in the way of what is measured.
func (p *peer) sync(_ context.Context, w words) (any, error) {
	err := poll(func() (bool, error) {
		families, err := p.registry.Gather()
		if err != nil {
			return false, err
		}
		for _, f := range families {
			if f.GetName() == "eventnode_groups_memberships" {
				return int(f.GetMetric()[0].GetGauge().GetValue()) == w.number(1), nil
			}
		}
		return false, errors.New("the node has no metric of its memberships")
	})
	return done{DoneNS: now()}, err
}

// poll waits, at most two minutes, until it is so.
func poll(so func() (bool, error)) error {
	again := time.NewTicker(pollInterval)
	defer again.Stop()
	for until := time.Now().Add(2 * time.Minute); time.Now().Before(until); <-again.C {
		if is, err := so(); err != nil || is {
			return err
		}
	}
	return errors.New("not within two minutes")
}

func (p *peer) count(ctx context.Context, _ words) (any, error) {
	sizes, err := p.scope.Groups(ctx)
	if err != nil {
		return nil, err
	}
	h := held{Groups: len(sizes)}
	for _, s := range sizes {
		ms, err := p.scope.Members(ctx, s.Group)
		if err != nil {
			return nil, err
		}
		if len(ms) != s.Members {
			return nil, fmt.Errorf("%s has %d members, and lists %d", s.Group, s.Members, len(ms))
		}
		h.Memberships += len(ms)
	}
	return h, nil
}

// memory collects twice: what has a finalizer goes with the second collection.
func (p *peer) memory(context.Context, words) (any, error) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return memory{Heap: int64(m.HeapAlloc)}, nil
}

func (p *peer) look(ctx context.Context, w words) (any, error) {
	list := p.scope.Members
	if w.text(0) == "local" {
		list = p.scope.LocalMembers
	}
	read := func() (int, error) {
		ms, err := list(ctx, group(0))
		return len(ms), err
	}
	churn, err := p.churn(ctx)
	if err != nil {
		return nil, err
	}
	begin, looks := time.Now(), int64(0)
	for until := time.Duration(w.number(1)) * time.Millisecond; time.Since(begin) < until; looks++ {
		if n, err := read(); err != nil || n == 0 {
			_, churnErr := churn()
			return nil, fmt.Errorf("a look-up gave %d members: %w", n, errors.Join(err, churnErr, errNoMembers))
		}
	}
	took := time.Since(begin)
	churned, err := churn()
	if err != nil {
		return nil, err
	}
	n, err := read()
	return looked{Looks: looks, Members: n, Churned: churned, NS: int64(took)}, err
}

// churn makes a member join the group and leave it again and again, until the
// function that is returned is called, which says how often.
func (p *peer) churn(ctx context.Context) (stop func() (int64, error), err error) {
	members, err := p.first(1)
	if err != nil {
		return nil, err
	}
	var (
		churning sync.WaitGroup
		stopped  atomic.Bool
		n        int64
		failed   error
	)
	churning.Go(func() {
		for ; !stopped.Load() && failed == nil; n++ {
			_, joinErr := p.scope.Join(ctx, group(0), members)
			_, leaveErr := p.scope.Leave(ctx, group(0), members...)
			failed = errors.Join(joinErr, leaveErr)
		}
	})
	return func() (int64, error) {
		stopped.Store(true)
		churning.Wait()
		return n, failed
	}, nil
}
