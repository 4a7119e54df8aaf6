package fleet_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode/shard/fleet"
)

// Whatever happens to nodes, shards and connections, in whatever order, and whatever is asked
// for meanwhile: no shard is connected twice at a time, and in the end every event was
// handled, in order, once but for what came again under its number; or a gap was told.
func TestChaos(t *testing.T) {
	rounds := 40
	if testing.Short() {
		rounds = 5
	}
	first := rand.Uint64()
	for round := range rounds {
		seed := first + uint64(round)
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { chaos(t, rand.New(rand.NewPCG(seed, 0))) })
		})
		if t.Failed() {
			return
		}
	}
}

func chaos(t *testing.T, r *rand.Rand) {
	const shards = 5
	c := newCluster(t, 3, fleet.Config{Shards: fleet.All(shards), Settle: time.Second, MaxBackoff: 10 * time.Second})
	stop := c.traffic(50 * time.Millisecond)
	cut := map[string]bool{}
	for range 30 {
		time.Sleep(time.Duration(r.Int64N(int64([]time.Duration{50 * time.Millisecond, time.Second, 15 * time.Second}[r.IntN(3)]))))
		id := fmt.Sprint("n", 1+r.IntN(3))
		shard := r.IntN(shards)
		_, runs := c.nodes[id]
		switch do := r.IntN(10); {
		case !runs:
			c.start(id)
			delete(cut, id)
		case do == 0:
			c.kill(id)
		case do == 1 && !cut[id]:
			c.stop(id)
		case do == 2:
			cut[id] = true
			c.cut(id)
		case do == 3:
			delete(cut, id)
			c.heal(id)
		case do == 4:
			_ = c.nodes[id].Stop(within(t, time.Second), shard)
		case do == 5:
			_ = c.nodes[id].Start(within(t, time.Second), shard)
		case do == 6:
			_ = c.nodes[id].Move(within(t, time.Second), shard, nodeID(fmt.Sprint("n", 1+r.IntN(3))))
		default:
			c.g.mu.Lock()
			if s := c.g.state(fleet.ShardID{Index: shard, Total: shards}); s.conn != nil && do < 9 {
				s.conn.closed, s.conn = true, nil
			}
			switch {
			case c.g.broken[shard] != nil || c.g.panics[shard]:
				delete(c.g.broken, shard)
				delete(c.g.panics, shard)
			case do == 7:
				c.g.broken[shard] = errors.New("no route")
			case do == 8:
				c.g.panics[shard] = true
			}
			c.g.change()
			c.g.mu.Unlock()
		}
	}
	for i := range 3 {
		id := fmt.Sprint("n", i+1)
		if c.nodes[id] == nil {
			c.start(id)
		}
		c.heal(id)
	}
	c.g.mu.Lock()
	clear(c.g.broken)
	clear(c.g.panics)
	c.g.mu.Unlock()
	for shard := range shards {
		if err := c.nodes["n1"].Start(within(t, 5*time.Minute), shard); err != nil {
			t.Errorf("start %d: %v", shard, err)
		}
	}
	stop()
	c.all(5*time.Minute, shards)
	again := c.g.check(1 << 30)
	c.g.mu.Lock()
	handled := 0
	for _, s := range c.g.shards {
		handled += len(s.handled)
	}
	t.Logf("%d events handled, %d of them again, %d sessions; nodes %v", handled, again, len(c.g.opened), slices.Sorted(maps.Keys(c.nodes)))
	c.g.mu.Unlock()
}
