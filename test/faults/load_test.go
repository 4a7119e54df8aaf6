package faults_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

const (
	// publishTimeout is how long a producer waits for an answer. The SDK tries again
	// by itself meanwhile; then the outcome is unknown.
	publishTimeout = 4 * time.Second
	// readTimeout bounds one read of a poller.
	readTimeout = 4 * time.Second
)

// load is producers, readers, and those who publish under a condition, at all nodes.
// One client of each kind is bound to one node, which may be down or cut off; one
// knows all nodes.
type load struct {
	history   *history
	registers *registerHistory
	ctx       context.Context // ends with stop
	cancel    context.CancelFunc
	work      sync.WaitGroup
}

// newLoad starts a load.
func newLoad(w *world) *load {
	l := &load{history: newHistory(), registers: &registerHistory{begun: time.Now()}}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	w.t.Cleanup(l.stop)
	nodes := w.Running()
	for i, n := range nodes {
		c := w.dial(n)
		l.produce(n.Name(), c.Streams(), w.seed+uint64(i))
		l.work.Go(func() { l.follow("follower at "+n.Name(), c.Streams()) })
		l.work.Go(func() { l.poll("poller at "+n.Name(), c.Streams()) })
		if i < 3 {
			l.registers.run(l, i, w.dial(n).Streams(), w.seed+uint64(i))
		}
	}
	all := w.dial(nodes...)
	l.produce("all", all.Streams(), w.seed+100)
	l.registers.run(l, 3, w.dial(nodes...).Streams(), w.seed+100)
	return l
}

// stop ends the load and waits for it.
func (l *load) stop() {
	l.cancel()
	l.work.Wait()
}

// wait waits a moment; false: the load ends.
func (l *load) wait(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-l.ctx.Done():
		return false
	}
}

// producer publishes one value after the other.
type producer struct {
	load    *load
	name    string
	streams eventnode.Streams
	rnd     *rand.Rand
	next    int
	size    int // of an event's data
}

// produce starts a producer.
func (l *load) produce(name string, streams eventnode.Streams, seed uint64) {
	p := &producer{load: l, name: name, streams: streams, rnd: rand.New(rand.NewPCG(seed, 2)), size: 64}
	l.work.Go(func() {
		for l.wait(time.Duration(p.rnd.IntN(6)) * time.Millisecond) {
			_ = p.publish(1 + p.rnd.IntN(8)) // it is in the history
		}
	})
}

// publish publishes the next values, and records what became of them.
func (p *producer) publish(count int) error {
	op := operation{Producer: p.name, First: p.next, Count: count, Begun: p.load.history.now()}
	p.next += count
	events := make([]event.Event, count)
	for i := range events {
		events[i] = newEvent(value(p.name, op.First+i), p.size, p.rnd)
	}
	// Not under the load's context: a publish that is under way when the load ends is
	// waited for.
	ctx, cancel := context.WithTimeout(context.Background(), publishTimeout)
	defer cancel()
	done, err := p.streams.PublishMany(ctx, stream, events)
	op.Ended = p.load.history.now()
	switch {
	case err == nil:
		op.Outcome, op.Position = acked, done.First
	case undone(err):
		op.Outcome, op.Error = refused, err.Error()
	default:
		op.Outcome, op.Error = unknown, err.Error()
	}
	p.load.history.add(op)
	return err
}

// follow reads the stream from its beginning, and on, until the load ends.
func (l *load) follow(name string, streams eventnode.Streams) {
	for part := 1; l.ctx.Err() == nil; part++ {
		reader := fmt.Sprintf("%s, part %d", name, part)
		for e, err := range streams.Read(l.ctx, stream, eventnode.WithFollow()) {
			if err != nil {
				break // and from the beginning again
			}
			l.history.read(reader, seenOf(e))
		}
		l.wait(50 * time.Millisecond)
	}
}

// poll reads the last event again and again: it must be as new as the last ack.
func (l *load) poll(name string, streams eventnode.Streams) {
	for l.wait(40 * time.Millisecond) {
		before, began := l.history.acked(), l.history.now()
		ctx, cancel := context.WithTimeout(l.ctx, readTimeout)
		for e, err := range streams.Read(ctx, stream, eventnode.WithLast(1)) {
			if err == nil {
				checkFresh(l.history, name, began, before, seenOf(e))
			}
		}
		cancel()
	}
}

// bulk publishes so many MiB of large events, as a part of the load.
func (w *world) bulk(mib int) {
	w.t.Helper()
	p := &producer{
		load: w.load, name: fmt.Sprintf("bulk-%d", w.load.history.now()), streams: w.dial(w.Running()...).Streams(),
		rnd: rand.New(rand.NewPCG(w.seed, 3)), size: 512 << 10,
	}
	for published := 0; published < 2*mib; {
		before := p.next
		if err := p.publish(4); err == nil {
			published += p.next - before
		} else if !errors.Is(err, eventnode.ErrUnavailable) && !errors.Is(err, eventnode.ErrOutcomeUnknown) {
			w.t.Fatal(err)
		}
	}
}

// The checks find what they are there for.
func TestChecks(t *testing.T) {
	position := func(n int) eventnode.Position { return eventnode.Position{MS: 1, Seq: uint64(n)} }
	// Two publishes of p, of two events each, and one of q, which is unknown.
	ops := []operation{
		{Producer: "p", First: 0, Count: 2, Begun: 1, Ended: 2, Outcome: acked, Position: position(0)},
		{Producer: "p", First: 2, Count: 2, Begun: 3, Ended: 4, Outcome: acked, Position: position(2)},
		{Producer: "q", First: 0, Count: 2, Begun: 1, Ended: 9, Outcome: unknown},
	}
	good := func() ([]operation, []seen) {
		var list []seen
		for i := range 4 {
			list = append(list, seen{Value: value("p", i), Position: position(i), Number: uint64(i + 1)})
		}
		return append([]operation(nil), ops...), list
	}
	run := func(ops []operation, final []seen, readers map[string][]seen) []string {
		h := newHistory()
		h.readers = readers
		for _, op := range ops {
			h.add(op)
		}
		return h.check(final)
	}
	o, f := good()
	if found := run(o, f, map[string][]seen{"r": f[1:3]}); len(found) > 0 {
		t.Fatalf("nothing is wrong, and found: %q", found)
	}
	q := []seen{{Value: "q/0", Position: position(4), Number: 5}, {Value: "q/1", Position: position(5), Number: 6}}
	if found := run(o, append(f, q...), nil); len(found) > 0 {
		t.Fatalf("what is unknown may be there, and found: %q", found)
	}
	for name, spoil := range map[string]func(ops []operation, final []seen) ([]operation, []seen, map[string][]seen){
		"lost": func(o []operation, f []seen) ([]operation, []seen, map[string][]seen) { return o, f[:2], nil },
		"twice": func(o []operation, f []seen) ([]operation, []seen, map[string][]seen) {
			f[3].Value = f[0].Value
			return o, f, nil
		},
		"elsewhere": func(o []operation, f []seen) ([]operation, []seen, map[string][]seen) {
			o[0].Position.MS = 2
			return o, f, nil
		},
		"refused": func(o []operation, f []seen) ([]operation, []seen, map[string][]seen) {
			o[1].Outcome = refused
			return o, f, nil
		},
		"torn":  func(o []operation, f []seen) ([]operation, []seen, map[string][]seen) { return o, append(f, q[0]), nil },
		"never": func(o []operation, f []seen) ([]operation, []seen, map[string][]seen) { return o[:1], f, nil },
		"order in time": func(o []operation, f []seen) ([]operation, []seen, map[string][]seen) {
			o[0].Begun, o[0].Ended = 5, 6
			return o, f, nil
		},
		"position again": func(o []operation, f []seen) ([]operation, []seen, map[string][]seen) {
			f[3].Position = f[2].Position
			return o, f, nil
		},
		"hole": func(o []operation, f []seen) ([]operation, []seen, map[string][]seen) {
			f[3].Number = 5
			return o, f, nil
		},
		"read and gone": func(o []operation, f []seen) ([]operation, []seen, map[string][]seen) {
			return o, f, map[string][]seen{"r": {{Value: "p/9", Position: position(1), Number: 2}}}
		},
		"reader missed": func(o []operation, f []seen) ([]operation, []seen, map[string][]seen) {
			return o, f, map[string][]seen{"r": {f[0], f[2]}}
		},
	} {
		if found := run(spoil(good())); len(found) == 0 {
			t.Errorf("%s: not found", name)
		}
	}
	h := newHistory()
	checkFresh(h, "r", 0, position(3), seen{Position: position(2)})
	if len(h.check(nil)) != 1 {
		t.Error("a stale read: not found")
	}
}
