package replica

import (
	"context"
	"fmt"
	"testing"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// What is submitted without waiting is applied in that order, also if all of it
// together is more than the queue takes; and who goes away leaves room for others.
func TestSubmitKeepsOrder(t *testing.T) {
	w := formed(t, 1, func(cfg *Config) { cfg.MaxQueueBytes = 20_000 })
	stream := w.declare("a")
	leader := w.leader().life
	const proposals = 300
	var waits []func(context.Context) (state.Result, error)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for i := range proposals {
		wait, err := leader.Submit(t.Context(), publish(stream, 500, fmt.Sprint(i)))
		if err != nil {
			t.Fatal(err)
		}
		waits = append(waits, wait)
		if i%3 == 0 {
			left, err := leader.Submit(t.Context(), publish(stream, 500, "left"))
			if err != nil {
				t.Fatal(err)
			}
			_, _ = left(gone) // it may be in, or not
		}
	}
	var last eventnode.Position
	for i, wait := range waits {
		r, err := wait(t.Context())
		if err != nil || r.Err != nil || r.Published.First.Compare(last) <= 0 {
			t.Fatalf("proposal %d: %v, %v, %v", i, r, err, last)
		}
		last = r.Published.First
	}
	commits := leader.now.commits
	w.eventually("room for all", func() bool {
		free := commits.bytes.TryAcquire(commits.max)
		if free {
			commits.bytes.Release(commits.max)
		}
		return free
	})
}
