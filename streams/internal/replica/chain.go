package replica

import (
	"fmt"
	"sync"

	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// chains remembers the hash over the state at the last entries, for comparison
// with what a leader says its own was. The fsm notes them, and anybody may ask.
type chains struct {
	mu   sync.Mutex
	ring [1024]struct {
		index uint64
		chain engine.Chain
	}
}

func (c *chains) note(index uint64, chain engine.Chain) {
	c.mu.Lock()
	defer c.mu.Unlock()
	slot := &c.ring[index%uint64(len(c.ring))]
	slot.index, slot.chain = index, chain
}

// at is the hash at an entry, if it is remembered.
func (c *chains) at(index uint64) (engine.Chain, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	slot := c.ring[index%uint64(len(c.ring))]
	return slot.chain, slot.index == index && index != 0
}

// DivergedError says that this replica's state is not what the leader made of the
// same entries, or, if it leads, what a majority made of them: Want is 0 then. It is
// damaged, or was changed from outside.
type DivergedError struct {
	Index      uint64
	Ours, Want engine.Chain
}

func (e *DivergedError) Error() string {
	if e.Want == 0 {
		return fmt.Sprintf("the state at entry %d has the hash %v, and a majority of the replicas has another one: %v", e.Index, e.Ours, engine.ErrDamaged)
	}
	return fmt.Sprintf("the state at entry %d has the hash %v, the leader's has %v: %v", e.Index, e.Ours, e.Want, engine.ErrDamaged)
}

// Is reports whether target is engine.ErrDamaged.
func (e *DivergedError) Is(target error) bool { return target == engine.ErrDamaged }

// compare checks what the results say of the leader's state.
func (c *chains) compare(results []state.Result) error {
	for _, r := range results {
		if r.Compare == nil {
			continue
		}
		want := engine.Chain(r.Compare.GetChain())
		if ours, known := c.at(r.Compare.GetIndex()); known && ours != want {
			return &DivergedError{Index: r.Compare.GetIndex(), Ours: ours, Want: want}
		}
	}
	return nil
}
