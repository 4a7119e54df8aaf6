package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/outbox"
	"github.com/eventnode/eventnode/outbox/outboxtest"
)

// mortal is what one relay has of store and stream. When it is killed nothing of that
// answers any more; what was under way may have arrived.
type mortal struct {
	outbox.Store
	sink *sink
	// A relay fetches while it publishes and settles: each has its own.
	rnd, fetching *rand.Rand
	dead          atomic.Bool
}

var errKilled = errors.New("killed")

// lives waits as long as a call takes, and fails if the relay was killed by then.
func (m *mortal) lives(ctx context.Context, rnd *rand.Rand, most time.Duration) error {
	select {
	case <-time.After(time.Duration(rnd.Int64N(int64(most)))):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if m.dead.Load() {
		return errKilled
	}
	return nil
}

func (m *mortal) Lead(ctx context.Context, holder string, ttl time.Duration) (bool, error) {
	if m.dead.Load() {
		return false, errKilled
	}
	return m.Store.Lead(ctx, holder, ttl)
}

func (m *mortal) Fetch(ctx context.Context, limit outbox.Limit) ([]outbox.Row, error) {
	if err := m.lives(ctx, m.fetching, 5*time.Millisecond); err != nil {
		return nil, err
	}
	return m.Store.Fetch(ctx, limit)
}

func (m *mortal) Settle(ctx context.Context, s outbox.Settlement) error {
	if err := m.lives(ctx, m.rnd, 20*time.Millisecond); err != nil {
		return err
	}
	return m.Store.Settle(ctx, s)
}

func (m *mortal) PublishMany(ctx context.Context, stream string, evs []event.Event, opts ...eventnode.PublishOption) (eventnode.Published, error) {
	if err := m.lives(ctx, m.rnd, 20*time.Millisecond); err != nil {
		return eventnode.Published{}, err
	}
	p, err := m.sink.PublishMany(ctx, stream, evs, opts...)
	if m.lives(ctx, m.rnd, 20*time.Millisecond) != nil { // the answer is lost
		return eventnode.Published{}, eventnode.ErrOutcomeUnknown
	}
	return p, err
}

// TestRandom: writers whose transactions commit in any order or not at all, streams that
// refuse for every reason, and relays that are killed: each committed event is in the
// stream or a dead letter, once; keys keep their order; no more comes twice than those
// who were killed had under way.
func TestRandom(t *testing.T) {
	seed := rand.Uint64()
	for round := range uint64(30) {
		t.Logf("seed %d, round %d", seed, round)
		synctest.Test(t, func(t *testing.T) { randomRound(t, rand.New(rand.NewPCG(seed, round))) })
		if t.Failed() {
			return
		}
	}
}

// randomWorld is one round.
type randomWorld struct {
	t         *testing.T
	rnd       *rand.Rand
	m         *outboxtest.Memory
	s         *sink
	committed map[string][]string // names by key, in the order that is promised
	poison    map[string]int      // how often an event fails by itself; -1: always
	never     map[string]bool     // rolled back
	count     int
}

const randomBatch = 8

func randomRound(t *testing.T, rnd *rand.Rand) {
	w := &randomWorld{
		t: t, rnd: rnd, m: new(outboxtest.Memory), s: new(sink),
		committed: map[string][]string{}, poison: map[string]int{}, never: map[string]bool{},
	}
	w.s.fail = w.refuse
	kills := 0
	var killed []func()
	relay := func() *mortal {
		m := &mortal{Store: w.m, sink: w.s, rnd: rand.New(rand.NewPCG(rnd.Uint64(), 1)), fetching: rand.New(rand.NewPCG(rnd.Uint64(), 2))}
		_, stop := start(t, outbox.Config{
			Store: m, Publisher: m, Batch: randomBatch, Lease: time.Second, MaxAttempts: 4, RetryMin: 10 * time.Millisecond, RetryMax: time.Second, Grace: time.Millisecond,
		})
		killed = append(killed, stop)
		return m
	}
	relays := []*mortal{relay(), relay()}
	for range 60 {
		w.write()
		time.Sleep(time.Duration(rnd.IntN(200)) * time.Millisecond)
		if rnd.IntN(8) == 0 {
			i := rnd.IntN(len(relays))
			relays[i].dead.Store(true)
			kills++
			relays[i] = relay()
		}
	}
	eventually(t, "the outbox is empty", func() bool { time.Sleep(time.Second); return stats(t, w.m).Waiting == 0 })
	w.check(kills)
	for _, stop := range killed {
		stop()
	}
}

// write adds events in transactions, of which some are open at once and end in any
// order. Those of a key are never open at once.
func (w *randomWorld) write() {
	type open struct {
		tx   outboxtest.Tx
		key  string
		name []string
	}
	var list []open
	for i := range 1 + w.rnd.IntN(4) {
		o := open{tx: w.m.Begin(), key: fmt.Sprintf("key-%d-%d", i, w.rnd.IntN(3))}
		if w.rnd.IntN(10) == 0 {
			o.key = ""
		}
		for range 1 + w.rnd.IntN(4) {
			w.count++
			name := fmt.Sprintf("e%d", w.count)
			switch w.rnd.IntN(30) {
			case 0:
				w.mark(name, -1)
			case 1:
				w.mark(name, 1+w.rnd.IntN(3))
			}
			o.name = append(o.name, name)
			if err := o.tx.Add(w.t.Context(), named(o.key, name)...); err != nil {
				w.t.Fatal(err)
			}
		}
		list = append(list, o)
	}
	w.rnd.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	for _, o := range list {
		time.Sleep(time.Duration(w.rnd.IntN(30)) * time.Millisecond)
		if w.rnd.IntN(5) == 0 {
			for _, name := range o.name {
				w.never[name] = true
			}
			continue
		}
		w.committed[o.key] = append(w.committed[o.key], o.name...)
		if err := o.tx.Commit(); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *randomWorld) mark(name string, failures int) {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	w.poison[name] = failures
}

// refuse refuses batches.
func (w *randomWorld) refuse(_ context.Context, evs []event.Event) error {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	for _, e := range evs {
		if left := w.poison[e.Name]; left != 0 {
			if left > 0 && len(evs) == 1 {
				w.poison[e.Name]--
			}
			return errStrange
		}
	}
	return nil
}

func (w *randomWorld) check(kills int) {
	letters, err := w.m.DeadLetters(w.t.Context(), 0, 10_000)
	if err != nil {
		w.t.Fatal(err)
	}
	dead := map[string]bool{}
	for _, d := range letters {
		var e event.Event
		if err := e.UnmarshalJSON(d.Event); err != nil {
			w.t.Fatal(err)
		}
		dead[e.Name] = true
	}
	got, seen := map[string][]string{}, map[string]bool{}
	for _, e := range w.s.events {
		if seen[e.Name] || w.never[e.Name] {
			w.t.Errorf("%s is in the stream, twice: %v, rolled back: %v", e.Name, seen[e.Name], w.never[e.Name])
		}
		seen[e.Name] = true
		got[e.Key] = append(got[e.Key], e.Name)
	}
	for key, names := range w.committed {
		var want []string
		for _, name := range names {
			if dead[name] != (w.poison[name] == -1) {
				w.t.Errorf("%s is a dead letter: %v", name, dead[name])
			}
			if dead[name] {
				continue
			}
			want = append(want, name)
			if !seen[name] {
				w.t.Errorf("%s is lost", name)
			}
		}
		if key != "" && fmt.Sprint(got[key]) != fmt.Sprint(want) {
			w.t.Errorf("key %q: %q, want %q", key, got[key], want)
		}
	}
	if w.s.doubled > kills*randomBatch {
		w.t.Errorf("%d came twice, with %d kills", w.s.doubled, kills)
	}
}
