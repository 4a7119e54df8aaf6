package fleet_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/shard/fleet"
)

// balanced waits until all shards run, and no node has two more than another.
func (c *cluster) balanced(shards int) {
	c.t.Helper()
	c.eventually(3*time.Minute, "balanced", func() bool {
		loads, sum := c.g.loads(), 0
		for id := range c.nodes {
			if n := loads[nodeID(id)]; n < shards/len(c.nodes) || n > (shards+len(c.nodes)-1)/len(c.nodes) {
				return false
			}
			sum += loads[nodeID(id)]
		}
		return sum == shards && c.g.caughtUp()
	})
}

// Nodes that run a source share its shards evenly, whichever come and go; each shard is
// somewhere, at one place, and every node lists it there. Moved in good order no event is
// lost, and none comes twice.
func TestFleetShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 2, fleet.Config{Shards: fleet.All(8)})
		stop := c.traffic(30 * time.Millisecond)
		c.balanced(8)
		c.start("n3")
		c.balanced(8)
		c.start("n4")
		c.balanced(8)
		c.stop("n1")
		c.balanced(8)
		c.stop("n3")
		c.balanced(8)
		stop()
		c.all(time.Minute, 8)
		c.g.check(0)
		for id := range c.nodes {
			c.eventually(10*time.Second, "listed", func() bool {
				for i := range 8 {
					s := c.list(id, i)
					if s.State != fleet.StateConnected || s.Node != c.g.on(s.ID) || s.Seq == 0 || s.Session == "" {
						return false
					}
				}
				return true
			})
		}
		if n := len(c.g.identified()); n != 8 {
			t.Errorf("%d sessions were opened for 8 shards", n)
		}
	})
}

// A node that is killed loses its shards to others, which go on where it was when that was
// last kept: nothing is missing, and no more than a moment's events come again.
func TestFleetKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, fleet.Config{Shards: fleet.All(6)})
		stop := c.traffic(20 * time.Millisecond)
		c.balanced(6)
		time.Sleep(3 * time.Second)
		c.kill("n2")
		c.balanced(6)
		stop()
		c.all(time.Minute, 6)
		repeated := c.g.check(2 * 2 * 50) // two shards, a second and the time to write
		if repeated == 0 {
			t.Error("nothing came again, so nothing was killed between two keeps")
		}
		if c.g.gaps() != 0 || len(c.g.identified()) != 6 {
			t.Errorf("%d gaps, %d sessions", c.g.gaps(), len(c.g.identified()))
		}
	})
}

// What the source cannot replay is told: a shard whose session it does not know any more is
// given what it had, and so knows from where on something is missing.
func TestFleetGapIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 2, fleet.Config{Shards: fleet.All(2)})
		stop := c.traffic(20 * time.Millisecond)
		c.balanced(2)
		victim := "n1"
		var lost fleet.ShardID
		for i := range 2 {
			if id := (fleet.ShardID{Index: i, Total: 2}); c.g.on(id) == nodeID(victim) {
				lost = id
			}
		}
		c.kill(victim)
		c.g.mu.Lock()
		c.g.state(lost).forget = true
		c.g.mu.Unlock()
		c.balanced(2)
		stop()
		c.all(time.Minute, 2)
		if c.g.gaps() != 1 {
			t.Errorf("%d gaps were told", c.g.gaps())
		}
	})
}

// A node that is killed at the very moment at which its shard has opened a session is no
// exception: the next one knows that there was something that nobody has seen.
func TestFleetGapUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 0, fleet.Config{Shards: fleet.All(1)})
		var first string
		c.g.identify = func(id fleet.ShardID, node eventnode.NodeRef) {
			if first == "" {
				first = string(node.ID)
				c.g.barred[node] = true // it hears nothing of it
			}
		}
		c.start("n1")
		c.eventually(time.Minute, "opened", func() bool { c.g.mu.Lock(); defer c.g.mu.Unlock(); return first != "" })
		c.kill(first)
		c.start("n2")
		c.balanced(1)
		if c.g.gaps() != 1 {
			t.Errorf("%d gaps were told", c.g.gaps())
		}
	})
}

// A node that is cut off from the others, and not from the source, stops its shards before
// others have them; and leaves those alone when it is back.
func TestFleetCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, fleet.Config{Shards: fleet.All(6)})
		stop := c.traffic(20 * time.Millisecond)
		c.balanced(6)
		c.cut("n3")
		c.eventually(time.Minute, "taken over", func() bool {
			loads := c.g.loads()
			return loads["n3"] == 0 && loads["n1"] == 3 && loads["n2"] == 3
		})
		time.Sleep(time.Minute)
		c.heal("n3")
		c.balanced(6)
		stop()
		c.all(time.Minute, 6)
		c.g.check(3 * 8 * 50) // three shards, for as long as the lease was believed
		if c.g.gaps() != 0 || len(c.g.identified()) != 6 {
			t.Errorf("%d gaps, %d sessions: who took over did not know the sessions", c.g.gaps(), len(c.g.identified()))
		}
	})
}

// Without the durable plane no shard runs longer than its lease; they all go on when it is
// back, on whichever node.
func TestFleetAllCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, fleet.Config{Shards: fleet.All(6)})
		stop := c.traffic(20 * time.Millisecond)
		c.balanced(6)
		for id := range c.nodes {
			c.cut(id)
		}
		c.eventually(10*time.Second, "stopped", func() bool { return len(c.g.loads()) == 0 })
		time.Sleep(time.Minute)
		for id := range c.nodes {
			c.heal(id)
		}
		c.balanced(6)
		stop()
		c.all(time.Minute, 6)
		c.g.check(6 * 10 * 50)
	})
}

// Stop stops a shard before it returns, and it stays so when all nodes are started anew,
// until Start; all nodes know. It goes on where it was.
func TestFleetStopStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, fleet.Config{Shards: fleet.All(6)})
		defer c.traffic(20 * time.Millisecond)()
		c.balanced(6)
		id := fleet.ShardID{Index: 3, Total: 6}
		if err := c.nodes["n1"].Stop(within(t, time.Minute), 3); err != nil || c.g.on(id) != "" {
			t.Fatalf("stopped: %v, on %q", err, c.g.on(id))
		}
		for _, n := range []string{"n1", "n2", "n3"} {
			c.eventually(time.Second, "known as stopped", func() bool { return c.list(n, 3).State == fleet.StateStopped })
		}
		for _, n := range []string{"n1", "n2", "n3"} {
			c.stop(n)
		}
		for _, n := range []string{"n1", "n2", "n3"} {
			c.start(n)
		}
		c.eventually(time.Minute, "the others run", func() bool {
			sum := 0
			for _, n := range c.g.loads() {
				sum += n
			}
			return sum == 5
		})
		time.Sleep(time.Minute)
		if c.g.on(id) != "" {
			t.Errorf("it runs on %s", c.g.on(id))
		}
		if err := c.nodes["n2"].Start(within(t, time.Minute), 3); err != nil || c.g.on(id) == "" {
			t.Fatalf("started: %v, on %q", err, c.g.on(id))
		}
		c.all(time.Minute, 6)
		c.g.check(0)
	})
}

// Move brings a shard to a node, with nothing lost and nothing twice, and it stays there when
// others come; while the node is away the shard is elsewhere, and it comes back with it.
func TestFleetMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, fleet.Config{Shards: fleet.All(6)})
		stop := c.traffic(20 * time.Millisecond)
		c.balanced(6)
		id := fleet.ShardID{Index: 0, Total: 6}
		for _, to := range []string{"n1", "n2", "n3", "n2"} {
			began := time.Now()
			if err := c.nodes["n3"].Move(within(t, time.Minute), 0, nodeID(to)); err != nil || c.g.on(id) != nodeID(to) {
				t.Fatalf("moved to %s: %v, on %q", to, err, c.g.on(id))
			}
			if took := time.Since(began); took > time.Second { // of virtual time: nobody waits for a lease to end
				t.Errorf("moving to %s took %v", to, took)
			}
			c.eventually(time.Second, "pinned", func() bool { return c.list("n1", 0).Pin == nodeID(to) })
		}
		c.start("n4")
		c.balanced(6)
		if c.g.on(id) != "n2" {
			t.Errorf("it is on %s", c.g.on(id))
		}
		c.stop("n2")
		c.balanced(6)
		c.start("n2")
		c.eventually(time.Minute, "back", func() bool { return c.g.on(id) == "n2" })
		c.balanced(6)
		stop()
		c.all(time.Minute, 6)
		c.g.check(0)
		if err := c.nodes["n1"].Move(t.Context(), 0, "n9"); !errors.Is(err, fleet.ErrNoRunner) {
			t.Errorf("to a node that is not there: %v", err)
		}
		if err := c.nodes["n1"].Move(t.Context(), 6, "n2"); err == nil {
			t.Error("there is no shard 6")
		}
	})
}

// A node that hears late of what is written does not go by what it has heard: a shard that
// moves to it goes on where it is, and one that was stopped is not run there.
func TestFleetLateReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, fleet.Config{Shards: fleet.All(3)})
		stop := c.traffic(20 * time.Millisecond)
		c.balanced(3)
		id := fleet.ShardID{Total: 3}
		if err := c.nodes["n1"].Move(within(t, time.Minute), 0, "n1"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		late := c.nodes["n2"].n
		c.twin.mu.Lock()
		late.lag = map[string]time.Duration{"shards.bot.resume": 3 * time.Second}
		c.twin.mu.Unlock()
		if err := c.nodes["n1"].Move(within(t, time.Minute), 0, "n2"); err != nil || c.g.on(id) != "n2" {
			t.Fatalf("moved: %v, on %s", err, c.g.on(id))
		}
		if err := c.nodes["n1"].Move(within(t, time.Minute), 0, "n1"); err != nil {
			t.Fatal(err)
		}
		if err := c.nodes["n1"].Move(within(t, time.Minute), 0, ""); err != nil {
			t.Fatal(err)
		}
		stop()
		c.all(time.Minute, 3)
		c.g.check(0)

		c.kill("n1")
		c.eventually(time.Minute, "waited for", func() bool {
			for _, n := range []string{"n2", "n3"} {
				for i := range 3 {
					if s := c.list(n, i); s.State == fleet.StateWaiting && s.Node == "n2" && !s.Since.IsZero() {
						id.Index = i
						return true
					}
				}
			}
			return false
		})
		c.g.mu.Lock()
		runs := c.g.runs[id.Index]
		c.g.mu.Unlock()
		c.twin.mu.Lock()
		late.lag = map[string]time.Duration{"shards.bot.control": time.Minute}
		c.twin.mu.Unlock()
		if err := c.nodes["n3"].Stop(within(t, 2*time.Minute), id.Index); err != nil {
			t.Error(err)
		}
		c.g.mu.Lock()
		defer c.g.mu.Unlock()
		if c.g.runs[id.Index] != runs {
			t.Errorf("shard %v was run after it was stopped", id)
		}
	})
}

// A command that cannot be done in time says what it waits for, and is done later.
func TestFleetPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 2, fleet.Config{Shards: fleet.All(2)})
		c.balanced(2)
		id := fleet.ShardID{Total: 2}
		victim := c.g.on(id)
		other := "n1"
		if victim == "n1" {
			other = "n2"
		}
		c.kill(string(victim))
		err := c.nodes[other].Stop(within(t, time.Second), 0)
		if !errors.Is(err, fleet.ErrPending) {
			t.Fatalf("stopped on a dead node: %v", err)
		}
		if err := c.nodes[other].Stop(within(t, time.Minute), 0); err != nil {
			t.Fatal(err)
		}
		c.g.mu.Lock()
		c.g.broken[0] = errors.New("no route")
		c.g.mu.Unlock()
		if err = c.nodes[other].Start(within(t, 10*time.Second), 0); !errors.Is(err, fleet.ErrPending) {
			t.Fatalf("started without a route: %v", err)
		}
		t.Log(err)
		c.g.mu.Lock()
		delete(c.g.broken, 0)
		c.g.mu.Unlock()
		c.eventually(2*time.Minute, "started", func() bool { return c.g.on(id) != "" })
	})
}

// A shard that panics, or fails, is run again, later each time, and counted, on its node; the
// others do not notice. It goes on where it was when it can.
func TestFleetRestarts(t *testing.T) {
	for name, set := range map[string]func(*fakeGateway, bool){
		"panic": func(g *fakeGateway, on bool) { g.panics[2] = on },
		"error": func(g *fakeGateway, on bool) {
			if g.broken[2] = errors.New("no route"); !on {
				delete(g.broken, 2)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, 2, fleet.Config{Shards: fleet.All(4)})
				stop := c.traffic(20 * time.Millisecond)
				c.balanced(4)
				id := fleet.ShardID{Index: 2, Total: 4}
				home := c.g.on(id)
				c.g.mu.Lock()
				set(c.g, true)
				s := c.g.state(id)
				s.conn.closed, s.conn = true, nil
				c.g.change()
				c.g.runs[2] = 0
				c.g.mu.Unlock()
				time.Sleep(10 * time.Minute)
				c.g.mu.Lock()
				runs, others := c.g.runs[2], c.g.runs[0]+c.g.runs[1]+c.g.runs[3]
				set(c.g, false)
				c.g.mu.Unlock()
				if runs < 8 || runs > 60 { // a minute between two, half of that on the average
					t.Errorf("%d runs in ten minutes", runs)
				}
				if others > 3+4 {
					t.Errorf("others were run %d times", others)
				}
				st := c.list("n1", 2)
				if st.State != fleet.StateRestarting || st.Restarts < 8 || st.Node != home || st.Err == "" {
					t.Errorf("%+v", st)
				}
				c.all(2*time.Minute, 4)
				stop()
				c.all(2*time.Minute, 4)
				c.g.check(0)
				if c.g.on(id) != home {
					t.Errorf("it is on %s, was on %s", c.g.on(id), home)
				}
			})
		})
	}
}

// A shard that cannot go on is not run again, by any node, also not by those that come; all
// know why. Start tries again, and says why if that was in vain.
func TestFleetFatal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 2, fleet.Config{Shards: fleet.All(3)})
		c.balanced(3)
		c.g.mu.Lock()
		c.g.broken[1] = fmt.Errorf("the token is not good: %w", fleet.ErrFatal)
		s := c.g.state(fleet.ShardID{Index: 1, Total: 3})
		s.conn.closed, s.conn = true, nil
		c.g.change()
		c.g.runs[1] = 0
		c.g.mu.Unlock()
		time.Sleep(5 * time.Second) // one restart, for the connection was reset
		c.start("n3")
		time.Sleep(time.Minute)
		for _, n := range []string{"n1", "n2", "n3"} {
			if st := c.list(n, 1); st.State != fleet.StateFailed || st.Err != "the token is not good: the shard cannot go on" {
				t.Errorf("%s: %+v", n, st)
			}
		}
		if c.g.runs[1] != 1 {
			t.Errorf("it was run %d times", c.g.runs[1])
		}
		if err := c.nodes["n3"].Start(within(t, time.Minute), 1); !errors.Is(err, fleet.ErrShardFailed) {
			t.Errorf("started: %v", err)
		}
		c.g.mu.Lock()
		delete(c.g.broken, 1)
		c.g.mu.Unlock()
		if err := c.nodes["n2"].Start(within(t, time.Minute), 1); err != nil {
			t.Error(err)
		}
		c.all(time.Minute, 3)
	})
}
