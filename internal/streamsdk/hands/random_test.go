package hands

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/wire"
)

// randomWorld is a world in which anything happens.
type randomWorld struct {
	*world
	rng    *rand.Rand
	cfg    Config
	honest bool // everything is acked, and the lease is never lost
	once   bool // it was so from the beginning

	batch  *Batch
	inside []*eventnode.StreamDelivery
	handed map[string]int // how often an event was handed out
	kept   []func()       // settles what was kept by hand
}

// Whatever happens, the window is kept, and in the end each event was acked once, or is
// a dead letter. If every event is acked, and the lease is never lost, each is handed
// out once, however often the connection is lost.
func TestRandom(t *testing.T) {
	for _, honest := range []bool{true, false} {
		for range 100 {
			seed := rand.Uint64()
			t.Run(fmt.Sprintf("honest=%v seed=%d", honest, seed), func(t *testing.T) { testRandom(t, honest, seed) })
		}
	}
}

func testRandom(t *testing.T, honest bool, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	cfg := Config{Count: 1 + rng.IntN(5), Each: rng.IntN(3) == 0, NoPrefetch: rng.IntN(3) == 0, MaxBytes: 1 << 20}
	if rng.IntN(3) == 0 {
		cfg.MaxBytes = 200 + rng.IntN(1000)
	}
	if !honest {
		cfg.Manual = rng.IntN(3) == 0
	}
	t.Logf("%+v", cfg)
	w := &randomWorld{world: newWorld(t, cfg, "a", "b", "c"), rng: rng, cfg: cfg, honest: honest, once: honest, handed: map[string]int{}}
	w.anything(w.work, func() { w.h.Extend(w.now) })
	w.drain()
}

// anything has much happen in any order, and ends with a connection.
func (w *randomWorld) anything(work, rare func()) {
	w.t.Helper()
	connected := true
	for range 400 {
		w.now = w.now.Add(time.Duration(w.rng.IntN(30)) * time.Second)
		switch n := w.rng.IntN(20); {
		case n == 0:
			w.publish(w.rng.IntN(len(w.streams)), 1+w.rng.IntN(5))
		case n == 1 && connected:
			w.lose()
			connected = false
		case n < 4 && !connected:
			w.open()
			connected = true
		case n < 8:
			work()
		case !connected:
		case n < 12:
			w.up(1 + w.rng.IntN(3))
		case n < 14:
			rare()
		case n < 17:
			w.step()
		default:
			w.downOne()
		}
		w.check()
	}
	if !connected {
		w.open()
	}
}

// lose breaks the connection; now and then the lease is lost with it.
func (w *randomWorld) lose() {
	if !w.honest && w.rng.IntN(3) == 0 {
		w.h.Fence()
		for _, e := range w.events {
			if e.epoch > 0 && (w.oneKey || w.rng.IntN(2) == 0) { // others have it, and give it back
				e.epoch = 0
			}
		}
	}
	w.h.Broke()
}

// work takes a batch, or says something of the one there is, or ends it.
func (w *randomWorld) work() {
	switch {
	case w.batch == nil && w.h.Ready():
		w.batch = w.h.Take()
		var d wire.Decoder
		w.inside, _ = w.batch.Decode(&d, nil)
		for _, e := range w.inside {
			w.handed[e.Event().Name]++
		}
	case w.batch == nil:
		if len(w.kept) > 0 {
			w.kept[0]()
			w.kept = w.kept[1:]
		}
	case w.rng.IntN(2) == 0:
		w.say(w.batch, w.inside[w.rng.IntN(len(w.inside))])
	default:
		w.finish()
	}
}

func (w *randomWorld) say(b *Batch, d *eventnode.StreamDelivery) {
	s := eventnode.Settlement{Verb: eventnode.VerbAck}
	if !w.honest {
		s.Verb = 1 + eventnode.Verb(w.rng.IntN(5))
	}
	if s.Verb == eventnode.VerbExtend {
		s.Delay = time.Duration(w.rng.IntN(100)) * time.Second
	}
	holds := w.h.Holds(b, d)
	if err := w.h.Settle(b, d, s, w.now); (err == nil) != holds {
		w.t.Errorf("held %v: %v", holds, err)
	}
}

func (w *randomWorld) finish() {
	how := Succeeded
	if !w.honest {
		how = Outcome(w.rng.IntN(3))
	}
	w.h.Finish(w.batch, how)
	for _, d := range w.inside {
		if w.cfg.Manual && w.h.Holds(w.batch, d) {
			b := w.batch
			w.kept = append(w.kept, func() { _ = w.h.Settle(b, d, eventnode.Settlement{Verb: eventnode.VerbAck}, w.now) })
		}
	}
	w.batch, w.inside = nil, nil
}

// check looks whether the bounds are kept.
func (w *randomWorld) check() {
	w.t.Helper()
	most := w.h.window().plus(w.h.extra)
	if in := w.h.waiting.plus(w.h.worked); in.events > most.events || in.bytes > most.bytes+7*100 {
		w.t.Fatalf("%v in hand, at most %v", in, most)
	}
	if sum := w.h.given.plus(w.h.waiting).plus(w.h.worked); len(w.h.streams) > 0 && sum.events > most.events+w.h.extra.events {
		w.t.Fatalf("%v given and in hand, at most %v", sum, most)
	}
	if w.h.given.events != w.credit.events+w.onTheWay() && len(w.h.streams) > 0 {
		w.t.Fatalf("%d events of credit here, %d there, %d on the way", w.h.given.events, w.credit.events, w.onTheWay())
	}
	for _, st := range w.h.byName {
		n := 0
		for _, p := range st.parts {
			n += p.count
		}
		if n != st.waiting {
			w.t.Fatalf("%d events wait, not %d", n, st.waiting)
		}
	}
}

// onTheWay is the events that were sent and not received.
func (w *randomWorld) onTheWay() (n int) {
	for _, m := range w.down {
		for _, d := range m.deliveries {
			for _, s := range d.GetSlices() {
				n += int(s.GetCount())
			}
		}
	}
	return n
}

// drain has everybody do what they should, until there is nothing left.
func (w *randomWorld) drain() {
	w.honest = true
	w.h.Drain(true)
	for range 10_000 {
		w.up(100)
		w.step()
		w.downOne()
		w.check()
		for w.batch != nil || w.h.Ready() {
			w.work()
		}
		for _, f := range w.kept {
			f()
		}
		w.kept = nil
		if w.h.Drained() {
			w.wantDone()
			return
		}
	}
	w.t.Fatalf("stuck: given %v, waiting %v, worked %v, %d said, idle %v", w.h.given, w.h.waiting, w.h.worked, len(w.h.said), w.h.idle)
}

func (w *randomWorld) wantDone() {
	w.t.Helper()
	for _, e := range w.events {
		if e.acked != 1 && !e.dead || e.epoch > 0 {
			w.t.Errorf("event %d of stream %d: %+v", e.number, e.stream, *e)
		}
	}
	for name, n := range w.handed {
		if w.once && n != 1 {
			w.t.Errorf("event %s was handed out %d times", name, n)
		}
	}
	if !w.h.Quiet() {
		w.t.Error("something is left to be said")
	}
}
