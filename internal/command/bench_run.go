package command

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// benchSubscriber receives for one tally.
type benchSubscriber struct {
	c     cluster
	sub   eventnode.Subscription
	tally *tally
	gaps  int
	last  time.Duration // when the last event came
	// received is tally.distinct for whoever waits for the end.
	received atomic.Int64
}

// bench is one run.
type bench struct {
	cfg         benchConfig
	start       time.Time
	publishers  []cluster
	subscribers []*benchSubscriber
}

// benchRun connects, subscribes, dispatches, waits for the rest and reports.
func (a *app) benchRun(ctx context.Context, cfg benchConfig) (*benchReport, error) {
	b := &bench{cfg: cfg}
	defer b.close()
	if err := b.connect(ctx, a); err != nil {
		return nil, err
	}
	receiving, stop := context.WithCancel(ctx)
	defer stop()
	var receivers errgroup.Group
	b.start = time.Now()
	for _, s := range b.subscribers {
		receivers.Go(func() error { return s.receive(receiving, b.start) })
	}
	err := b.dispatch(ctx)
	dispatched := time.Since(b.start)
	if err == nil {
		err = b.settle(ctx)
	}
	stop()
	if err := errors.Join(err, receivers.Wait()); err != nil {
		return nil, err
	}
	return b.report(dispatched), nil
}

// connect makes the connections and subscriptions, spread over the nodes.
func (b *bench) connect(ctx context.Context, a *app) error {
	on := func(i int) []string { return []string{b.cfg.addrs[i%len(b.cfg.addrs)]} }
	for i := range b.cfg.subscribers {
		c, err := a.connectTo(ctx, on(i+1), "eventnode bench subscriber")
		if err != nil {
			return err
		}
		s := &benchSubscriber{c: c, tally: newTally(b.cfg.publishers, b.cfg.count)}
		b.subscribers = append(b.subscribers, s)
		if s.sub, err = c.Subscribe(ctx, []string{b.cfg.topic}, eventnode.WithPolicy(b.cfg.policy)); err != nil {
			return err
		}
		if missing := s.sub.Missing(); len(missing) > 0 {
			return fmt.Errorf("%s did not confirm the subscription: is the cluster healthy?", nodeNames(missing))
		}
	}
	for i := range b.cfg.publishers {
		c, err := a.connectTo(ctx, on(i), "eventnode bench publisher")
		if err != nil {
			return err
		}
		b.publishers = append(b.publishers, c)
	}
	return nil
}

// close ends the connections.
func (b *bench) close() {
	for _, s := range b.subscribers {
		_ = s.c.Close()
	}
	for _, c := range b.publishers {
		_ = c.Close()
	}
}

// receive counts until ctx ends.
func (s *benchSubscriber) receive(ctx context.Context, start time.Time) error {
	for {
		d, err := s.sub.Receive(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return fmt.Errorf("subscriber: %w", err)
		case d.Gap != nil:
			s.gaps++
			continue
		}
		s.last = time.Since(start)
		s.tally.add(d.Event.Data, s.last)
		s.received.Store(int64(s.tally.distinct))
	}
}

// dispatch runs the publishers until all is accepted.
func (b *bench) dispatch(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for i, c := range b.publishers {
		g.Go(func() error {
			if err := b.publisher(ctx, c, i); err != nil {
				return fmt.Errorf("publisher %d: %w", i, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// publisher dispatches its events.
func (b *bench) publisher(ctx context.Context, c cluster, number int) error {
	pub, err := c.NewPublisher(ctx)
	if err != nil {
		return err
	}
	begin := time.Now()
	for i := range b.cfg.count {
		if err := b.pace(ctx, begin, i); err != nil {
			return err
		}
		data := make([]byte, b.cfg.size)
		stamp{uint64(number), uint64(i), int64(time.Since(b.start))}.put(data)
		if _, err := pub.Dispatch(ctx, b.cfg.topic, event.New("bench", data)); err != nil {
			return err
		}
	}
	return errors.Join(pub.Flush(ctx), pub.Close(ctx))
}

// pace waits until it is time for event i, if there is a rate.
func (b *bench) pace(ctx context.Context, begin time.Time, i int) error {
	if b.cfg.rate == 0 {
		return nil
	}
	due := begin.Add(time.Duration(float64(i) / b.cfg.rate * float64(time.Second)))
	wait := time.Until(due)
	if wait <= 0 {
		return nil
	}
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// duplicateWait is how long to look for duplicates after everything came.
const duplicateWait = 100 * time.Millisecond

// settle waits until everything came and a moment more, or until nothing came
// for cfg.settle.
func (b *bench) settle(ctx context.Context) error {
	expected := int64(b.cfg.publishers * b.cfg.count * b.cfg.subscribers)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	before, since := int64(-1), time.Now()
	for {
		now, patience := b.received(), b.cfg.settle
		if now >= expected {
			patience = duplicateWait
		}
		if now != before {
			before, since = now, time.Now()
		} else if time.Since(since) > patience {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// received sums over the subscribers.
func (b *bench) received() int64 {
	var sum int64
	for _, s := range b.subscribers {
		sum += s.received.Load()
	}
	return sum
}

// report sums up. The receivers have ended.
func (b *bench) report(dispatched time.Duration) *benchReport {
	r := &benchReport{
		Publishers: b.cfg.publishers, Subscribers: b.cfg.subscribers, Nodes: len(b.cfg.addrs), Size: b.cfg.size,
		Dispatched: b.cfg.publishers * b.cfg.count, DispatchTook: int64(dispatched),
	}
	r.Expected = r.Dispatched * r.Subscribers
	var latency histogram
	var last time.Duration
	for _, s := range b.subscribers {
		r.Delivered += s.tally.distinct
		r.Duplicates += s.tally.duplicates
		r.OutOfOrder += s.tally.outOfOrder
		r.Gaps += s.gaps
		latency.merge(&s.tally.latency)
		last = max(last, s.last)
	}
	r.Lost = r.Expected - r.Delivered
	r.DispatchRate = float64(r.Dispatched) / dispatched.Seconds()
	r.DeliveredTook = int64(last)
	if last > 0 {
		r.DeliveryRate = float64(r.Delivered) / last.Seconds()
	}
	r.latencies = latency.latencies()
	return r
}
