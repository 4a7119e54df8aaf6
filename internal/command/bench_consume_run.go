package command

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
)

// benchAcking is how many batches of a consumer wait for their acks, at most. Then
// it waits, too.
const benchAcking = 64

// benchConsuming is one run.
type benchConsuming struct {
	cfg     benchConsumeConfig
	target  int64 // events to consume
	taken   atomic.Int64
	settled atomic.Int64  // events whose ack has an answer
	done    chan struct{} // closed when all have
	begin   time.Time
	end     atomic.Int64 // when they had, in nanoseconds since begin
	shown   *progress
}

// consumeWorker is one consumer.
type consumeWorker struct {
	run       *benchConsuming
	consumers eventnode.Consumers
	number    int
	slots     chan struct{} // benchAcking
	acking    sync.WaitGroup

	mu          sync.Mutex
	latency     histogram // of batches
	events      int64
	bytes       int64
	redelivered int64
	errors      int64
	first       error
}

// benchConsumeRun connects, consumes and reports.
func (a *app) benchConsumeRun(ctx context.Context, cfg benchConsumeConfig) (report *benchConsumeReport, err error) {
	b := &benchConsuming{cfg: cfg, done: make(chan struct{}), shown: newProgress(a.stderr)}
	var clients []cluster
	defer func() {
		for _, c := range clients {
			err = errors.Join(err, c.Close())
		}
	}()
	var workers []*consumeWorker
	for i := range cfg.consumers {
		c, err := a.connectTo(ctx, []string{cfg.addrs[i%len(cfg.addrs)]}, "eventnode bench consume")
		if err != nil {
			return nil, err
		}
		clients = append(clients, c)
		workers = append(workers, &consumeWorker{run: b, consumers: c.Consumers(client.WithNamespace(cfg.namespace)), number: i + 1, slots: make(chan struct{}, benchAcking)})
	}
	info, remove, err := b.cfg.benchGroup(ctx, workers[0].consumers, "bench-"+uuid.NewString())
	defer func() { err = errors.Join(err, remove()) }()
	if err != nil {
		return nil, err
	}
	if err := b.aim(info); err != nil {
		return nil, err
	}
	if err := b.consume(ctx, workers); err != nil {
		return nil, err
	}
	return b.report(info, workers), nil
}

// aim says how many events to consume.
func (b *benchConsuming) aim(info eventnode.ConsumerGroupInfo) error {
	b.target = int64(b.cfg.count)
	if there := info.Lag + info.Ready; !b.cfg.follow {
		b.target = int64(min(uint64(b.target), there))
	}
	if b.target == 0 {
		return fmt.Errorf("stream %s has nothing for the group: \"eventnode bench publish %s\" makes events, --follow waits for them", b.cfg.stream, b.cfg.stream)
	}
	return nil
}

// consume runs the consumers until all events are settled.
func (b *benchConsuming) consume(ctx context.Context, workers []*consumeWorker) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer b.shown.clear()
	b.begin = time.Now()
	var g errgroup.Group
	for _, w := range workers {
		g.Go(func() error {
			defer cancel() // one that fails ends all
			return w.consume(ctx)
		})
	}
	b.wait(ctx)
	cancel()
	err := g.Wait()
	select {
	case <-b.done:
		return nil // what failed behind the last ack harms nobody
	default:
	}
	if err == nil {
		err = ctx.Err()
	}
	return err
}

// wait waits until all events are settled, or ctx ends, and shows how far it is.
func (b *benchConsuming) wait(ctx context.Context) {
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	for {
		select {
		case <-b.done:
			return
		case <-ctx.Done():
			return
		case <-ticker.C:
			b.shown.now(uint64(b.settled.Load()))
		}
	}
}

// take is how many of n events are wanted still.
func (b *benchConsuming) take(n int) int {
	before := b.taken.Add(int64(n)) - int64(n)
	return int(min(int64(n), max(0, b.target-before)))
}

// settle counts events whose ack has an answer.
func (b *benchConsuming) settle(n int) {
	if b.settled.Add(int64(n)) == b.target {
		b.end.Store(int64(time.Since(b.begin)))
		close(b.done)
	}
}

// consume consumes until ctx ends.
func (w *consumeWorker) consume(ctx context.Context) error {
	c := w.consumers.Consumer(w.run.cfg.group, eventnode.WithStreams(w.run.cfg.stream), eventnode.WithManualAck())
	ran, err := c.ConsumeMany(ctx, w.number, w.run.cfg.batch, func(_ context.Context, events []*eventnode.StreamDelivery) error {
		w.handle(ctx, events)
		return nil
	})
	w.acking.Wait()
	if err == nil && !ran {
		err = fmt.Errorf("consumer %d of group %q is another one's, or was taken over", w.number, w.run.cfg.group)
	}
	return err
}

// handle acks a batch. The last ack is sent by a goroutine of its own, which waits
// until the batch is replicated: so the next batch does not wait.
func (w *consumeWorker) handle(ctx context.Context, events []*eventnode.StreamDelivery) {
	begin := time.Now()
	n := w.run.take(len(events))
	giveBack(events[n:])
	if n == 0 {
		return
	}
	select {
	case w.slots <- struct{}{}:
	case <-ctx.Done():
		return
	}
	events = events[:n]
	errs := w.count(events)
	last := events[n-1]
	w.acking.Go(func() {
		defer func() { <-w.slots }()
		err := last.AckAndWait(ctx)
		w.acked(n, errs, err, time.Since(begin))
	})
}

// count acks all events of a batch but the last, and returns how many of these acks
// failed.
func (w *consumeWorker) count(events []*eventnode.StreamDelivery) (failed int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, d := range events {
		w.bytes += int64(len(d.Event().Data))
		if d.Deliveries() > 1 {
			w.redelivered++
		}
		if i == len(events)-1 {
			break
		}
		if err := d.Ack(); err != nil {
			failed++
			w.first = firstOf(w.first, err)
		}
	}
	return failed
}

// acked notes a batch whose acks have an answer.
func (w *consumeWorker) acked(n int, failed int64, err error, took time.Duration) {
	w.mu.Lock()
	if err != nil {
		failed = int64(n) // which of them is not known
		w.first = firstOf(w.first, err)
	}
	w.latency.add(int64(took))
	w.events += int64(n) - failed
	w.errors += failed
	w.mu.Unlock()
	w.run.settle(n)
}

// firstOf is the first error.
func firstOf(first, next error) error {
	if first != nil {
		return first
	}
	return next
}

// report sums up.
func (b *benchConsuming) report(info eventnode.ConsumerGroupInfo, workers []*consumeWorker) *benchConsumeReport {
	took := time.Duration(b.end.Load())
	r := &benchConsumeReport{
		Stream: b.cfg.stream, Group: b.cfg.group, Keyed: info.Config.Keyed, Consumers: b.cfg.consumers, Batch: b.cfg.batch, Took: int64(took),
	}
	var latency histogram
	var bytes int64
	for _, w := range workers {
		latency.merge(&w.latency)
		r.Events += w.events
		r.Redelivered += w.redelivered
		r.Errors += w.errors
		bytes += w.bytes
		if w.first != nil && r.FirstError == "" {
			r.FirstError = w.first.Error()
		}
	}
	r.Batches = latency.total
	r.Rate = float64(r.Events) / took.Seconds()
	r.Bytes = float64(bytes) / took.Seconds()
	r.latencies = latency.latencies()
	return r
}
