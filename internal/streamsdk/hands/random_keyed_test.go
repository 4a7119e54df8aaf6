package hands

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/wire"
)

// keyedWorld is a world of a keyed group in which each stream is one key, and handlers
// fail in the middle of a batch.
type keyedWorld struct {
	*randomWorld
	failing bool
	how     Outcome         // of the batch
	handled map[string]bool // events, by name
}

// Whatever fails, and however often the connection is lost, nobody handles an event for
// the first time before those of its key that were published before it.
func TestRandomKeyed(t *testing.T) {
	for range 300 {
		seed := rand.Uint64()
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { testRandomKeyed(t, seed) })
	}
}

func testRandomKeyed(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	cfg := Config{Count: 1 + rng.IntN(5), NoPrefetch: rng.IntN(3) == 0, Manual: rng.IntN(2) == 0, MaxBytes: 1 << 20}
	t.Logf("%+v", cfg)
	w := &keyedWorld{
		randomWorld: &randomWorld{world: newWorld(t, cfg, "a", "b"), rng: rng, cfg: cfg, handed: map[string]int{}},
		failing:     true, handled: map[string]bool{},
	}
	w.keyed, w.oneKey = true, true
	w.anything(w.work, w.due)
	w.failing = false
	for n := range 10_000 {
		w.up(100)
		w.due()
		w.step()
		w.downOne()
		for w.batch != nil || w.h.Ready() {
			w.work()
		}
		if n == 1000 { // what was put off does not hold up the end of draining
			w.h.Drain(true)
		}
		if w.h.Drained() {
			w.wantDone()
			return
		}
	}
	t.Fatal("stuck")
}

// due has events that were put off come again.
func (w *keyedWorld) due() {
	for _, e := range w.events {
		e.putOff = false
	}
}

// work takes a batch and handles it, as far as it goes, or ends it.
func (w *keyedWorld) work() {
	switch {
	case w.batch != nil:
		w.h.Finish(w.batch, w.how)
		w.batch, w.inside = nil, nil
	case w.h.Ready():
		w.batch = w.h.Take()
		var d wire.Decoder
		w.inside, _ = w.batch.Decode(&d, nil)
		w.how = Succeeded
		for _, d := range w.inside {
			if w.failing && w.rng.IntN(6) == 0 {
				w.how = Failed
				return
			}
			w.handle(d)
		}
	}
}

func (w *keyedWorld) handle(d *eventnode.StreamDelivery) {
	w.t.Helper()
	var stream, number int
	if _, err := fmt.Sscanf(d.Event().Name, "%d-%d", &stream, &number); err != nil {
		w.t.Fatal(err)
	}
	for n := 1; n < number && !w.handled[d.Event().Name]; n++ {
		if before := fmt.Sprintf("%d-%d", stream, n); !w.handled[before] {
			w.t.Fatalf("%s is handled, and %s was not: %+v", d.Event().Name, before, *w.find(stream, uint64(n)))
		}
	}
	w.handled[d.Event().Name] = true
	if w.cfg.Manual {
		_ = w.h.Settle(w.batch, d, eventnode.Settlement{Verb: eventnode.VerbAck}, w.now)
	}
}
