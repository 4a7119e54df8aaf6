package stream

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/eventnode/eventnode/bench/internal/load"
)

// callers is the process of callers.
func (p process) callers(ctx context.Context, cfg CallersConfig) error {
	s, err := dial(ctx, cfg.System, cfg.Addrs)
	if err != nil {
		return err
	}
	defer s.close()
	if err := p.ready(); err != nil {
		return err
	}
	watch := newWatch(cfg.Callers)
	publishing, stop := context.WithCancel(ctx)
	defer stop()
	if cfg.Seconds > 0 {
		after := time.AfterFunc(time.Duration(cfg.Seconds*float64(time.Second)), stop)
		defer after.Stop()
	}
	r := Published{First: time.Now().UnixNano()}
	list := make([]*caller, cfg.Callers)
	var all sync.WaitGroup
	for i := range list {
		list[i] = &caller{number: i, store: s, source: newSource(i, cfg.Size), cfg: cfg, latency: load.NewHistogram(), watch: watch}
		all.Go(func() { list[i].run(ctx, publishing, stop) })
	}
	if cfg.Seconds == 0 {
		if err := p.look(ctx, watch); err != nil {
			stop()
			all.Wait()
			return err
		}
		stop()
	}
	all.Wait()
	r.Last = time.Now().UnixNano()
	latency := load.NewHistogram()
	for _, c := range list {
		r.Acked = append(r.Acked, c.acked)
		latency.Merge(c.latency)
		if c.err != nil && r.Trouble == "" {
			r.Trouble = c.err.Error()
		}
	}
	r.Latency, r.Failed = load.Percentiles(latency), watch.failures()
	return p.answer(r)
}

// look answers for how long there was no ack, until the order to stop.
func (p process) look(ctx context.Context, w *watch) error {
	for {
		o, err := p.order()
		if err != nil || o.Stop {
			return err
		}
		pause, err := w.since(ctx, o.Since, o.Until)
		if err != nil {
			return err
		}
		if err := p.out.Encode(pause); err != nil {
			return err
		}
	}
}

// caller publishes one event at a time.
type caller struct {
	number  int
	store   store
	source  *source
	cfg     CallersConfig
	latency *hdrhistogram.Histogram
	watch   *watch
	acked   uint64
	err     error
}

// warmUp is how many events of a caller do not count for its latency.
const warmUp = 50

// run publishes until publishing ends; what is under way then is waited for. An
// error stops all.
func (c *caller) run(ctx, publishing context.Context, stop func()) {
	for publishing.Err() == nil {
		data := c.source.event()
		began := time.Now()
		if c.err = c.publish(ctx, data); c.err != nil {
			stop()
			return
		}
		took := time.Since(began)
		c.watch.acked(c.number, began)
		if c.acked++; c.acked > warmUp {
			_ = c.latency.RecordValue(int64(took))
		}
	}
}

// retryPause is between two tries.
const retryPause = 5 * time.Millisecond

// retryWait bounds all tries for one event.
const retryWait = time.Minute

// publish publishes one event, again and again if that was asked for.
func (c *caller) publish(ctx context.Context, data []byte) error {
	if !c.cfg.Retry {
		return c.store.publish(ctx, "", data)
	}
	began := time.Now()
	id := fmt.Sprintf("%d-%d", c.number, c.source.next)
	for {
		err := c.try(ctx, id, data)
		if err == nil {
			return nil
		}
		c.watch.failed(err)
		if time.Since(began) > retryWait {
			return fmt.Errorf("event %s was not acked for %v: %w", id, retryWait, err)
		}
		select {
		case <-time.After(retryPause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// try leaves it to the client how long to wait, unless a time was given.
func (c *caller) try(ctx context.Context, id string, data []byte) error {
	if c.cfg.TryMS > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(c.cfg.TryMS)*time.Millisecond)
		defer cancel()
	}
	return c.store.publish(ctx, id, data)
}
