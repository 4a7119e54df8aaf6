package fleet_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/shard/fleet"
)

// Shards of one bucket open sessions five seconds apart, whichever node they are on; those of
// other buckets do not wait for them, and who goes on with a session for nobody.
func TestIdentifyInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, fleet.Config{
			Shards: fleet.All(12), IdentifyInterval: fleet.DefaultIdentifyInterval,
			Advise: func(context.Context) (fleet.Advice, error) { return fleet.Advice{MaxConcurrency: 2}, nil },
		})
		began := time.Now()
		c.balanced(12)
		opened := c.g.identified()
		last := map[int]time.Time{}
		for _, o := range opened {
			bucket := o.shard.Index % 2
			if at, ok := last[bucket]; ok && (o.at.Sub(at) < 5*time.Second || o.at.Sub(at) > 8*time.Second) {
				t.Errorf("shard %v opens a session %v after the one before of its bucket", o.shard, o.at.Sub(at))
			}
			last[bucket] = o.at
		}
		if took := time.Since(began); len(opened) != 12 || took > 45*time.Second {
			t.Errorf("%d sessions in %v", len(opened), took)
		}
		c.g.happen()
		c.stop("n2")
		c.eventually(10*time.Second, "moved", func() bool { return c.g.loads()["n1"] == 6 && c.g.loads()["n3"] == 6 })
		if len(c.g.identified()) != 12 {
			t.Errorf("who moved opened a session: %v", c.g.identified()[12:])
		}
	})
}

// When the gateway has no more sessions for today none is opened until it has; a gateway
// that cannot be asked does not open any either.
func TestIdentifyDaily(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g *fakeGateway
		begin := time.Now()
		down := atomic.Bool{}
		advise := func(context.Context) (fleet.Advice, error) {
			if down.Load() {
				return fleet.Advice{}, errors.New("503")
			}
			a := fleet.Advice{Total: 3, Remaining: 3 - len(g.identified()), ResetAfter: time.Until(begin.Add(time.Hour))}
			if a.ResetAfter <= 0 {
				a.Remaining = 100
			}
			return a, nil
		}
		c := newCluster(t, 0, fleet.Config{Shards: fleet.All(6), Advise: advise})
		g = c.g
		down.Store(true)
		c.start("n1")
		c.start("n2")
		time.Sleep(5 * time.Minute)
		if n := len(g.identified()); n != 0 {
			t.Errorf("%d sessions without asking", n)
		}
		down.Store(false)
		time.Sleep(40 * time.Minute)
		if n := len(g.identified()); n != 3 {
			t.Errorf("%d sessions of 3", n)
		}
		time.Sleep(25 * time.Minute)
		if n := len(g.identified()); n != 6 {
			t.Errorf("%d sessions in the end", n)
		}
	})
}

// Auto asks how many shards are recommended; nodes that are told different numbers agree on
// one, which those take that come later.
func TestAuto(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := atomic.Int32{}
		c := newCluster(t, 3, fleet.Config{Advise: func(context.Context) (fleet.Advice, error) {
			n := asked.Add(1)
			if n == 1 {
				return fleet.Advice{}, errors.New("not now")
			}
			return fleet.Advice{Shards: int(n)}, nil
		}})
		var total int
		c.eventually(time.Minute, "agreed", func() bool {
			list, err := c.nodes["n1"].List(within(t, time.Minute))
			total = len(list)
			return err == nil
		})
		c.balanced(total)
		c.start("n4")
		c.balanced(total)
		for _, id := range []string{"n1", "n2", "n3", "n4"} {
			if list, err := c.nodes[id].List(within(t, time.Minute)); err != nil || len(list) != total {
				t.Errorf("%s: %d shards, %v", id, len(list), err)
			}
		}
		t.Logf("%d shards", total)
	})
}

// Another number of shards counts when the last node was given it: until then the others go
// on with the old one, and what was begun by then is not mixed up with it.
func TestAnotherTotal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 2, fleet.Config{Shards: fleet.All(2)})
		c.balanced(2)
		c.stop("n1")
		c.cfg.Shards = fleet.All(4)
		c.start("n1")
		c.eventually(time.Minute, "n2 has both", func() bool { return c.g.loads()["n2"] == 2 })
		time.Sleep(time.Minute)
		if loads := c.g.loads(); loads["n1"] != 0 || loads["n2"] != 2 {
			t.Errorf("%v", loads)
		}
		c.stop("n2")
		c.start("n2")
		c.balanced(4)
		for _, o := range c.g.identified()[2:] {
			if o.shard.Total != 4 {
				t.Errorf("%v", o.shard)
			}
		}
		if len(c.g.identified()) != 6 || c.g.gaps() != 0 {
			t.Errorf("%d sessions, %d gaps", len(c.g.identified()), c.g.gaps())
		}
	})
}

// Some of the shards: no others run, and those have the whole count.
func TestSome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 2, fleet.Config{Shards: fleet.Spec{First: 4, Last: 7, Total: 16}})
		c.balanced(4)
		for _, o := range c.g.identified() {
			if o.shard.Index < 4 || o.shard.Index > 7 || o.shard.Total != 16 {
				t.Errorf("%v", o.shard)
			}
		}
	})
}

// A node that is seen coming and going all the time does not have shards move back and
// forth.
func TestFlapping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, fleet.Config{Shards: fleet.All(6), TTL: 30 * time.Second})
		c.balanced(6)
		n := c.twin.node("n4", 99)
		c.g.mu.Lock()
		c.g.runs = map[int]int{}
		c.g.mu.Unlock()
		for range 100 { // others see its runner for a second, and then not
			m, _ := n.NewMember(t.Context(), 1)
			_, _ = n.Scope("").Join(t.Context(), "runners", []eventnode.Member{m}, eventnode.WithMeta(`{"shards":"6"}`))
			time.Sleep(time.Second)
			_ = m.Close()
			time.Sleep(time.Second)
		}
		c.g.mu.Lock()
		defer c.g.mu.Unlock()
		runs := 0
		for _, n := range c.g.runs {
			runs += n
		}
		if runs > 0 {
			t.Errorf("shards were run %d times", runs)
		}
	})
}

// A shard that is stopped while it handles something finishes that; one that takes too long
// is cut, and what it had not handled comes again. Neither is lost.
func TestDrain(t *testing.T) {
	for name, slow := range map[string]time.Duration{"in time": 3 * time.Second, "too slow": time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, 2, fleet.Config{Shards: fleet.All(2), Drain: 5 * time.Second})
				c.balanced(2)
				c.g.happen()
				c.all(time.Minute, 2)
				c.g.mu.Lock()
				c.g.slow = slow
				c.g.mu.Unlock()
				c.g.happen()
				time.Sleep(time.Second)
				began := time.Now()
				c.stop("n1")
				took := time.Since(began)
				c.g.mu.Lock()
				c.g.slow = 0
				c.g.mu.Unlock()
				if slow < time.Hour {
					c.all(time.Minute, 2)
					c.g.check(0)
				} else if took > 6*time.Second {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

// What a shard that does not run needs to go on survives however much is written of
// others.
func TestKeptForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 2, fleet.Config{Shards: fleet.All(3), Every: 100 * time.Millisecond})
		stop := c.traffic(90 * time.Millisecond)
		c.balanced(3)
		time.Sleep(10 * time.Second)
		if err := c.nodes["n1"].Stop(within(t, time.Minute), 1); err != nil {
			t.Fatal(err)
		}
		c.twin.mu.Lock()
		s := c.twin.streams["shards.bot.resume"]
		from := s.number
		c.twin.mu.Unlock()
		time.Sleep(10 * time.Minute)
		c.twin.mu.Lock()
		written, kept := s.number-from, len(s.events)
		c.twin.mu.Unlock()
		if written < 4*uint64(kept) || kept > 1024 {
			t.Errorf("%d were written, and %d kept", written, kept)
		}
		stop()
		c.stop("n1")
		c.stop("n2")
		c.start("n5") // it knows only what is kept
		if err := c.nodes["n5"].Start(within(t, time.Minute), 1); err != nil {
			t.Fatal(err)
		}
		c.all(time.Minute, 3)
		c.g.check(0)
		if len(c.g.identified()) != 3 {
			t.Errorf("%d sessions", len(c.g.identified()))
		}
	})
}

// What others write into the streams and the groups of a fleet does no harm.
func TestGarbage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 2, fleet.Config{Shards: fleet.All(3)})
		c.balanced(3)
		n := c.twin.node("x", 99)
		for _, stream := range []string{"shards.bot.control", "shards.bot.resume"} {
			for _, data := range []string{"", "null", "[]", "{}\n{", `{"shards":"x"}`} {
				if _, err := n.Publish(t.Context(), stream, event.New("what", []byte(data))); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, group := range []string{"runners", "shards", "others"} {
			m, _ := n.NewMember(t.Context(), 1)
			_, _ = n.Scope("").Join(t.Context(), group, []eventnode.Member{m}, eventnode.WithMeta("what"))
		}
		c.g.happen()
		if err := c.nodes["n1"].Stop(within(t, time.Minute), 1); err != nil {
			t.Error(err)
		}
		if err := c.nodes["n2"].Start(within(t, time.Minute), 1); err != nil {
			t.Error(err)
		}
		c.all(time.Minute, 3)
		c.g.check(0)
	})
}

// What makes no sense is refused, and says what would.
func TestConfig(t *testing.T) {
	n := newTwin().node("n1", 1)
	good := fleet.Config{
		Source: "bot", Node: n.ref, Shards: fleet.All(2), Groups: n, Streams: n, Locks: locksOf{n}, Open: newGateway(t).open(n.ref),
		Registerer: prometheus.NewRegistry(),
	}
	for what, change := range map[string]func(*fleet.Config){
		"no source":   func(c *fleet.Config) { c.Source = "" },
		"bad source":  func(c *fleet.Config) { c.Source = "a b" },
		"no node":     func(c *fleet.Config) { c.Node = eventnode.NodeRef{} },
		"no groups":   func(c *fleet.Config) { c.Groups = nil },
		"no open":     func(c *fleet.Config) { c.Open = nil },
		"auto":        func(c *fleet.Config) { c.Shards = fleet.Auto() },
		"bad shards":  func(c *fleet.Config) { c.Shards = fleet.Spec{First: 3, Last: 1, Total: 2} },
		"negative":    func(c *fleet.Config) { c.Every = -1 },
		"short lease": func(c *fleet.Config) { c.TTL = time.Millisecond },
		"odd lease":   func(c *fleet.Config) { c.TTL = time.Second + 1 },
	} {
		cfg := good
		change(&cfg)
		if _, err := fleet.New(cfg); !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, source := range []string{"bot", "other"} { // metrics are shared
		cfg := good
		cfg.Source = source
		if _, err := fleet.New(cfg); err != nil {
			t.Error(err)
		}
	}
}

// A fleet that has not run, or has ended, answers; it does not run twice.
func TestEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1, fleet.Config{Shards: fleet.All(2)})
		r := c.nodes["n1"]
		c.balanced(2)
		c.stop("n1")
		if err := r.Run(t.Context()); !errors.Is(err, fleet.ErrClosed) {
			t.Errorf("run again: %v", err)
		}
		var calls sync.WaitGroup
		for _, call := range []func() error{
			func() error { return r.Start(t.Context(), 7) },
			func() error { return r.Stop(within(t, time.Second), 0) },
			func() error { return r.Move(t.Context(), 0, "n7") },
		} {
			calls.Go(func() {
				if err := call(); !errors.Is(err, fleet.ErrClosed) {
					t.Error(err)
				}
			})
		}
		calls.Wait()
		if len(c.g.loads()) != 0 {
			t.Errorf("%v", c.g.loads())
		}
	})
}
