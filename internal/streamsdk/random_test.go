package streamsdk

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

// attempt is one publish, and what its caller was told.
type attempt struct {
	at  eventnode.Position
	err error
}

// Whatever goes wrong: what was acked is where its caller was told, once; what was
// refused is not there; what nobody knows is there once at most; and each caller's
// events have its order.
func TestRandomFaults(t *testing.T) {
	for range 20 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			inBubble(t, Config{Patience: time.Second, WindowBytes: 8 << 10}, func(t *testing.T, w *world) { randomFaults(t, w, seed) })
		})
	}
}

func randomFaults(t *testing.T, w *world, seed uint64) {
	const callers, each = 6, 40
	var mu sync.Mutex
	told := make(map[string]attempt)
	var wg sync.WaitGroup
	for i := range callers {
		rnd := rand.New(rand.NewPCG(seed, uint64(i)))
		wg.Go(func() {
			for j := range each {
				name := fmt.Sprintf("%d %d", i, j)
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(100+rnd.IntN(5000))*time.Millisecond)
				at, err := w.Publish(ctx, []string{"a", "b"}[rnd.IntN(2)], event.New(name, make([]byte, rnd.IntN(3000))))
				cancel()
				mu.Lock()
				told[name] = attempt{at, err}
				mu.Unlock()
				time.Sleep(time.Duration(rnd.IntN(100)) * time.Millisecond)
			}
		})
	}
	ended := make(chan struct{})
	go func() {
		wg.Wait()
		close(ended)
	}()
	trouble(w, rand.New(rand.NewPCG(seed, 99)), ended)
	checkTold(t, w, told)
}

// trouble makes trouble until the callers have ended.
func trouble(w *world, rnd *rand.Rand, ended <-chan struct{}) {
	for {
		switch rnd.IntN(8) {
		case 0, 1:
			w.DropAnswers(1 + rnd.IntN(3))
		case 2, 3:
			w.Unclear(1 + rnd.IntN(3))
		case 4:
			w.Lead("")
		case 5:
			release := w.Hold()
			time.AfterFunc(time.Duration(rnd.IntN(300))*time.Millisecond, release)
			time.Sleep(300 * time.Millisecond)
		case 6:
			if rnd.IntN(4) == 0 {
				w.ForgetProducers()
			}
		}
		select {
		case <-time.After(time.Duration(rnd.IntN(500)) * time.Millisecond):
		case <-ended:
			w.Lead("n1")
			return
		}
		w.Lead([]string{"n1", "n2"}[rnd.IntN(2)])
	}
}

// checkTold compares what is there with what callers were told.
func checkTold(t *testing.T, w *world, told map[string]attempt) {
	t.Helper()
	there := make(map[string]eventnode.Position)
	last := make(map[string]int) // by stream and caller
	for _, stream := range []string{"a", "b"} {
		for ev, err := range w.Read(t.Context(), stream) {
			if err != nil {
				t.Fatal(err)
			}
			name := ev.Event.Name
			if _, twice := there[name]; twice {
				t.Errorf("%s is there twice", name)
			}
			there[name] = ev.Position
			var i, j int
			if _, err := fmt.Sscan(name, &i, &j); err != nil {
				t.Fatal(err)
			}
			key := fmt.Sprint(stream, i)
			if told[name].err == nil && j < last[key] {
				t.Errorf("%s stands behind number %d", name, last[key])
			}
			last[key] = max(j, last[key])
		}
	}
	acked, unknown := 0, 0
	for name, a := range told {
		at, isThere := there[name]
		switch {
		case a.err == nil:
			if acked++; !isThere || at != a.at {
				t.Errorf("%s was acked at %v and is at %v", name, a.at, at)
			}
		case errors.Is(a.err, eventnode.ErrOutcomeUnknown):
			unknown++
		case isThere:
			t.Errorf("%s is there, and was refused: %v", name, a.err)
		case !errors.Is(a.err, eventnode.ErrUnavailable) && !errors.Is(a.err, context.DeadlineExceeded):
			t.Errorf("%s: %v", name, a.err)
		}
	}
	t.Logf("%d of %d acked, %d unknown", acked, len(told), unknown)
	if acked < len(told)/2 {
		t.Errorf("%d of %d acked", acked, len(told))
	}
}
