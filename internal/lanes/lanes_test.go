package lanes

import (
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// In every mode each thing is worked on once, no more than n at once; and of one key in
// its order, but in Free.
func TestRandom(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	type thing struct {
		key string
		nr  int
	}
	for _, mode := range []Mode{Direct, Free, Keyed} {
		for range 20 {
			n := 1 + rnd.IntN(8)
			var mu sync.Mutex
			done := map[thing]int{}
			last := map[string]int{}
			var now atomic.Int64
			l := New(mode, n, func(v thing) {
				if now.Add(1) > int64(n) {
					t.Errorf("mode %d: more than %d at once", mode, n)
				}
				defer now.Add(-1)
				mu.Lock()
				defer mu.Unlock()
				if done[v]++; v.key != "" && v.nr < last[v.key] && mode != Free {
					t.Errorf("mode %d: %v behind %d", mode, v, last[v.key])
				}
				last[v.key] = v.nr
			})
			given := 0
			for range 1 + rnd.IntN(3) {
				for range rnd.IntN(200) {
					key := ""
					if k := rnd.IntN(10); k > 0 {
						key = strconv.Itoa(k)
					}
					given++
					l.Give(key, thing{key, given})
				}
				l.Wait()
				if len(done) != given {
					t.Fatalf("mode %d: %d of %d done", mode, len(done), given)
				}
			}
			for v, times := range done {
				if times != 1 {
					t.Errorf("mode %d: %v done %d times", mode, v, times)
				}
			}
		}
	}
}

// Keys run beside each other: one that hangs holds only its own lane.
func TestKeysRunBesideEachOther(t *testing.T) {
	hold, other := make(chan struct{}), make(chan struct{})
	l := New(Keyed, 2, func(key string) {
		if key == "" {
			<-hold
			return
		}
		close(other)
	})
	l.Give("", "") // the first lane; without a key the next one takes the second
	l.Give("", "x")
	<-other
	close(hold)
	l.Wait()
}
