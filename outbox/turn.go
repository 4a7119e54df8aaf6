package outbox

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/backoff"
)

// maxFailures bounds how many events a turn finds that fail by themselves: finding one
// takes about log2(batch) tries. The others have their turn next.
const maxFailures = 16

// item is a row with its event, or why it is none.
type item struct {
	*Row
	event event.Event
	err   error
}

// batch is what was fetched for a turn.
type batch struct {
	rows  []Row
	items []item
	begun time.Time
	// full is when there may be more behind it.
	full bool
	err  error
}

// read fetches a batch, without the rows of the one that is under way.
func (r *Relay) read(ctx context.Context, underWay []Row) *batch {
	b := &batch{begun: time.Now()}
	limit := r.limit
	if b.rows, b.err = r.fetch(ctx, limit, underWay); b.err != nil {
		return b
	}
	b.full = r.adapt(b.rows) || len(b.rows) == limit
	b.items = make([]item, len(b.rows))
	for i := range b.rows {
		it := &b.items[i]
		it.Row = &b.rows[i]
		it.event, it.err = event.ParseJSON(it.Event)
	}
	return b
}

// outcome is what a turn came to.
type outcome struct {
	rows   int    // that something became of
	next   *batch // already read; nil: what is next stands in the table
	failed string // the operation at which err stopped it
	err    error
}

// turn publishes and settles a batch. If there is more, it reads the next one meanwhile.
func (r *Relay) turn(ctx context.Context, b *batch) outcome {
	if b.err != nil || len(b.rows) == 0 {
		return outcome{failed: "fetch", err: b.err}
	}
	var next *batch
	var ahead sync.WaitGroup
	if b.full {
		ahead.Go(func() { next = r.read(ctx, b.rows) })
	}
	t := &turn{Relay: r, held: make(map[string]bool)}
	t.done.Keep = r.cfg.KeepSent > 0
	t.publish(ctx, t.whole(b.items))
	var err error
	if !t.done.empty() {
		err = r.settle(ctx, t.done)
	}
	ahead.Wait()
	if err != nil {
		return outcome{failed: "settle", err: err}
	}
	t.count(b)
	if len(t.done.Sent)+len(t.done.Dead) < len(b.rows) {
		next = nil // something stays, and others of its key must wait for it
	}
	if len(t.done.Sent) == 0 && len(t.done.Retry) > 0 && t.trouble == nil {
		t.trouble = t.last // perhaps it is not about these events: not so fast
	}
	rows := len(t.done.Sent) + len(t.done.Retry) + len(t.done.Dead)
	return outcome{rows: rows, next: next, failed: "publish", err: t.trouble}
}

// storeTimeout bounds what is asked of the store: a connection may be dead without
// knowing it.
const storeTimeout = 30 * time.Second

func (r *Relay) fetch(ctx context.Context, limit int, underWay []Row) ([]Row, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	except := make([]int64, len(underWay))
	for i := range underWay {
		except[i] = underWay[i].Seq
	}
	return r.cfg.Store.Fetch(ctx, Limit{Events: limit, Bytes: r.cfg.BatchBytes, Except: except})
}

// adapt sees to it that the next fetch reads little that it has no room for, and reports
// whether this one had no room for more.
func (r *Relay) adapt(rows []Row) bool {
	bytes := 0
	for i := range rows {
		bytes += len(rows[i].Event)
	}
	if bytes >= r.cfg.BatchBytes {
		r.limit = min(len(rows)+1, r.cfg.Batch)
		return true
	}
	r.limit = min(2*r.limit, r.cfg.Batch)
	return false
}

// settle tries until it succeeds or ctx ends: what is in the stream is not published
// again because the database is away for a moment.
func (r *Relay) settle(ctx context.Context, done Settlement) error {
	for failures := 0; ; failures++ {
		err := r.settleOnce(ctx, done)
		if err == nil || ctx.Err() != nil {
			return err
		}
		r.trouble(ctx, "settle", err)
		if !backoff.Wait(ctx, pauseAfter(failures)) {
			return err
		}
	}
}

func (r *Relay) settleOnce(ctx context.Context, done Settlement) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return r.cfg.Store.Settle(ctx, done)
}

// turn is what becomes of a batch.
type turn struct {
	*Relay
	done    Settlement
	known   int
	held    map[string]bool // keys of which an event has failed
	failed  int             // events that did
	last    error           // why the last one did
	trouble error           // why the rest is left for later
}

// whole returns what is an event. What is none is dead.
func (t *turn) whole(items []item) []item {
	list := make([]item, 0, len(items))
	for _, it := range items {
		if it.err != nil {
			t.bury(it.Row, it.Attempts, fmt.Errorf("not tried: %w", it.err))
			continue
		}
		list = append(list, it)
	}
	return list
}

// publish publishes a batch, in halves if something in it fails, so that what fails is
// found and what does not goes on. The halves keep the order.
func (t *turn) publish(ctx context.Context, batch []item) {
	batch = t.free(batch)
	if len(batch) == 0 || t.trouble != nil || t.failed >= maxFailures {
		return
	}
	events := make([]event.Event, len(batch))
	for i := range batch {
		events[i] = batch[i].event
	}
	p, err := t.cfg.Publisher.PublishMany(ctx, t.cfg.Stream, events, eventnode.WithDedupe())
	if err == nil {
		t.known += len(p.Known)
		for i := range batch {
			t.done.Sent = append(t.done.Sent, batch[i].Seq)
		}
		return
	}
	switch verdict := t.cfg.Judge(err); {
	case verdict == VerdictWait || ctx.Err() != nil:
		t.trouble = err
	case len(batch) == 1:
		t.fail(batch[0].Row, verdict, err)
	default:
		half := len(batch) / 2
		t.publish(ctx, batch[:half])
		t.publish(ctx, batch[half:])
	}
}

// free leaves out what stands behind an event of its key that has failed.
func (t *turn) free(batch []item) []item {
	if len(t.held) == 0 {
		return batch
	}
	var free []item
	for _, it := range batch {
		if !t.held[it.Key] {
			free = append(free, it)
		}
	}
	return free
}

// fail notes that an event has failed by itself.
func (t *turn) fail(row *Row, verdict Verdict, err error) {
	t.failed++
	t.last = err
	attempts := row.Attempts + 1
	switch {
	case verdict == VerdictDead:
		t.bury(row, attempts, err)
		return
	case attempts >= t.cfg.MaxAttempts:
		t.bury(row, attempts, fmt.Errorf("tried %d times: %w", attempts, err))
		return
	}
	if row.Key != "" {
		t.held[row.Key] = true
	}
	after := backoff.Backoff{Min: t.cfg.RetryMin, Max: t.cfg.RetryMax}.Next(row.Attempts, rand.Float64())
	t.done.Retry = append(t.done.Retry, Retry{Seq: row.Seq, Attempts: attempts, After: after})
	t.cfg.Logger.Warn("outbox event failed", "row", row.Seq, "attempts", attempts, "again_in", after, "error", err)
}

// bury gives a row up that has failed so often.
func (t *turn) bury(row *Row, attempts int, err error) {
	t.done.Dead = append(t.done.Dead, Death{Seq: row.Seq, Attempts: attempts, Reason: err.Error()})
	t.cfg.Logger.Error("outbox event is a dead letter", "row", row.Seq, "attempts", attempts, "error", err)
}

// count counts what was settled.
func (t *turn) count(b *batch) {
	took := time.Since(b.begun)
	next := 0 // of what was sent, which is in the order of the rows
	for i := range b.rows {
		if next < len(t.done.Sent) && t.done.Sent[next] == b.rows[i].Seq {
			t.metrics.age.Observe((b.rows[i].Age + took).Seconds())
			next++
		}
	}
	t.metrics.sent.Add(float64(len(t.done.Sent)))
	t.metrics.known.Add(float64(t.known))
	t.metrics.retried.Add(float64(len(t.done.Retry)))
	t.metrics.died.Add(float64(len(t.done.Dead)))
	t.note(func(p *Progress) {
		p.Sent += uint64(len(t.done.Sent))
		p.Known += uint64(t.known)
		p.Retried += uint64(len(t.done.Retry))
		p.Dead += uint64(len(t.done.Dead))
	})
}
