package trouble

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
)

func found(ids ...string) []Finding {
	var all []Finding
	for _, id := range ids {
		all = append(all, Finding{Cause: Clock, Node: eventnode.NodeID(id), Text: "as it is now"})
	}
	return all
}

// What lasts is told once and again after an hour; its end is told once; what comes back
// within a minute is not told anew, and what comes back later is.
func TestBookTellsOnce(t *testing.T) {
	var b Book
	start := time.Unix(1_000_000, 0)
	for _, step := range []struct {
		at         time.Duration
		now        []string
		news, over int
	}{
		{0, []string{"n2"}, 1, 0},
		{time.Second, []string{"n2"}, 0, 0},
		{2 * time.Second, []string{"n2", "n3"}, 1, 0},
		{again - 1, []string{"n2", "n3"}, 0, 0},
		{again, []string{"n2", "n3"}, 1, 0},
		{again + time.Second, []string{"n3"}, 0, 1},
		{again + 2*time.Second, []string{"n3", "n2"}, 1, 0}, // n3 has lasted an hour; n2 flaps
		{again + 3*time.Second, []string{"n3"}, 0, 0},       // its return was not told
		{again + 4*time.Second, nil, 0, 1},
		{again + time.Hour/2, []string{"n2"}, 1, 0},
	} {
		news, over := b.Update(found(step.now...), start.Add(step.at))
		if len(news) != step.news || len(over) != step.over {
			t.Fatalf("after %v: told %v, over %v, want %d and %d", step.at, news, over, step.news, step.over)
		}
	}
}

// Whatever is found, a Book holds 256 things and tells each at most once a minute: checked
// against a list of all that it told.
func TestBookIsBounded(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	var b Book
	told := map[eventnode.NodeID]time.Time{}
	now, said := time.Unix(1_000_000, 0), 0
	for range 400 {
		now = now.Add(time.Duration(rnd.IntN(3000)) * time.Millisecond)
		var ids []string
		for range rnd.IntN(60) {
			ids = append(ids, fmt.Sprint(rnd.IntN(400)))
		}
		news, _ := b.Update(found(ids...), now)
		for _, f := range news {
			if last, ok := told[f.Node]; ok && now.Sub(last) < flap && len(b.known) < bookMax {
				t.Fatalf("%s was told %v ago", f.Node, now.Sub(last))
			}
			told[f.Node] = now
			said++
		}
		if len(b.known) > bookMax {
			t.Fatalf("%d things are known", len(b.known))
		}
	}
	if said < bookMax {
		t.Errorf("only %d were told", said)
	}
}
