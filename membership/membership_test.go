package membership

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/memnet"
)

func TestSixteenNodesConverge(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		all := w.startAll(16)
		for _, m := range all {
			<-m.Ready()
			nodes := m.Nodes()
			if nodes[0].Ref != m.Self().Ref || nodes[1].RPCAddress == "" || nodes[1].State != Alive {
				t.Fatalf("nodes of %s: %+v", m.Self().Ref, nodes[:2])
			}
		}
	})
}

func TestDeathIsDetected(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		all := w.startAll(16)
		dead := all[7]
		w.crash(dead)
		alive := append(all[:7:7], all[8:]...)
		took := w.eventually(20*time.Second, "the dead is lost everywhere", func() bool { return agree(alive...) })
		t.Logf("took %v", took)
		if gone := alive[0].Gone(); len(gone) != 1 || gone[0].Ref != dead.Self().Ref || gone[0].State != Lost {
			t.Fatalf("gone: %+v", gone)
		}
	})
}

// Run returns when every goroutine of the gossip has ended, also a probe that waits
// for a node that does not answer: a bubble that is left earlier panics.
func TestRunWaitsForProbes(t *testing.T) {
	for range 5 {
		inWorld(t, func(t *testing.T, w *world) {
			all := w.startAll(3)
			w.net.Pause(all[1].host)
			w.net.Pause(all[2].host)
			w.eventually(10*time.Second, "a probe waits", func() bool { return all[0].gossip.Load().list.GetHealthScore() > 0 })
			time.Sleep(1500 * time.Millisecond)
			w.crash(all[1])
			w.crash(all[2])
			w.stop(all[0])
		})
	}
}

// Nodes that seed each other form one cluster in every start order.
func TestEveryStartOrder(t *testing.T) {
	everybody := []string{gossipAt(0), gossipAt(1), gossipAt(2)}
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		for _, gap := range []time.Duration{0, 3 * time.Second} {
			t.Run(fmt.Sprint(order, gap), func(t *testing.T) {
				inWorld(t, func(t *testing.T, w *world) {
					var all []*member
					for _, i := range order {
						all = append(all, w.start(i, func(c *Config) { c.Seeds = everybody }))
						time.Sleep(gap)
					}
					w.eventually(5*time.Second, "one cluster", func() bool { return agree(all...) })
				})
			})
		}
	}
}

// The only seed is there a minute late; nobody needs to be started again.
func TestSeedAMinuteLate(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		b, c := w.start(1, nil), w.start(2, nil)
		time.Sleep(50 * time.Millisecond)
		if got := b.Waiting(); got != "its seeds to answer" {
			t.Errorf("without its seed it waits for %q", got)
		}
		<-b.Ready()
		if got := b.Waiting(); got != "" {
			t.Errorf("when it is ready it waits for %q", got)
		}
		time.Sleep(time.Minute)
		if len(b.Nodes()) != 1 {
			t.Fatal("found somebody without a seed")
		}
		a := w.start(0, nil)
		w.eventually(5*time.Second, "one cluster", func() bool { return agree(a, b, c) })
	})
}

// memberlist alone never heals a split.
func TestSplitHealsByItself(t *testing.T) {
	for _, tc := range []struct {
		nodes, parts int
		length       time.Duration
	}{
		{4, 2, 2 * time.Minute},
		{6, 3, 2 * time.Minute},
		{8, 4, 2 * time.Minute},
		{16, 4, 2 * time.Minute},
		{5, 5, 2 * time.Minute},
		{6, 2, 25 * time.Second},
		{6, 2, 10 * time.Minute},
	} {
		if testing.Short() && (tc.nodes > 8 || tc.length > 2*time.Minute) {
			continue
		}
		t.Run(fmt.Sprintf("%d nodes %d parts %v", tc.nodes, tc.parts, tc.length), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				all := w.startAll(tc.nodes)
				groups := make([][]string, tc.parts)
				sides := make([][]*member, tc.parts)
				for i, m := range all {
					groups[i%tc.parts] = append(groups[i%tc.parts], m.host)
					sides[i%tc.parts] = append(sides[i%tc.parts], m)
				}
				w.net.Partition(groups...)
				time.Sleep(tc.length)
				for _, side := range sides {
					if tc.length >= time.Minute && !agree(side...) {
						t.Fatalf("a side does not agree\n%s", w.dump())
					}
				}
				w.net.Heal()
				took := w.eventually(5*time.Second, "one cluster again", func() bool { return agree(all...) })
				t.Logf("took %v", took)
			})
		})
	}
}

// Also where the seed that all were started with is no more.
func TestSplitHealsWithoutSeeds(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		all := w.startAll(5)
		w.crash(all[0])
		rest := all[1:]
		w.eventually(20*time.Second, "the seed is lost", func() bool { return agree(rest...) })
		w.net.Partition([]string{hostOf(1), hostOf(2)})
		w.eventually(time.Minute, "two sides", func() bool { return agree(rest[:2]...) && agree(rest[2:]...) })
		time.Sleep(2 * time.Minute)
		w.net.Heal()
		w.eventually(5*time.Second, "one cluster again", func() bool { return agree(rest...) })
	})
}

// A restarted node is known at once, at its old address and at a new one, and its
// former life is lost in the same breath.
func TestRestartIsKnownAtOnce(t *testing.T) {
	for _, at := range []int{2, 9} {
		t.Run(hostOf(at), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				all := w.startAll(4)
				old := all[2]
				watch := all[1].Watch(0)
				defer watch.Close()
				_, _ = watch.Next(t.Context())
				w.crash(old)
				next := w.start(at, func(c *Config) { c.ID = "n2" })
				w.eventually(time.Second, "the new life is known", func() bool { return agree(all[0], all[1], next, all[3]) })
				if next.Self().Ref.Epoch <= old.Self().Ref.Epoch {
					t.Fatal("the epoch did not grow")
				}
				for _, want := range []Event{{Kind: EventLost, Node: old.Self()}, {Kind: EventJoined, Node: next.Self()}} {
					ev, err := watch.Next(t.Context())
					if err != nil || ev.Kind != want.Kind || ev.Node.Ref != want.Node.Ref {
						t.Fatalf("got %v %v, %v; want %v %v", ev.Kind, ev.Node.Ref, err, want.Kind, want.Node.Ref)
					}
				}
				time.Sleep(time.Minute) // the former life's end is no news any more
				if !agree(all[0], all[1], next, all[3]) {
					t.Fatal(w.dump())
				}
			})
		})
	}
}

// A newcomer whose name is in use stops, and says where the other one is; the
// holder of the name goes on.
func TestNameTakenByNewcomer(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		all := w.startAll(3)
		watch := all[0].Watch(0)
		defer watch.Close()
		if _, err := watch.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		late := w.start(5, func(c *Config) { c.ID = "n2" })
		<-late.ended
		if !errors.Is(late.err, eventnode.ErrNameTaken) || time.Since(start) > 2*time.Second {
			t.Fatalf("after %v: %v", time.Since(start), late.err)
		}
		for _, addr := range []string{all[2].Self().GossipAddress, all[2].Self().RPCAddress, late.Self().GossipAddress} {
			if !strings.Contains(late.err.Error(), addr) {
				t.Errorf("%q does not name %s", late.err, addr)
			}
		}
		select {
		case <-late.Ready():
			t.Error("the newcomer was ready")
		default:
		}
		time.Sleep(time.Minute)
		if !stillRuns(all[2]) {
			t.Fatalf("the holder stopped: %v", all[2].err)
		}
		quiet, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if ev, err := watch.Next(quiet); err == nil {
			t.Errorf("the newcomer was noticed: %s %s", ev.Kind, ev.Node.Ref)
		}
	})
}

func stillRuns(m *member) bool {
	select {
	case <-m.ended:
		return false
	default:
		return true
	}
}

// Where the name was free on the other side of a split, the later life is
// established there; when the split heals, the earlier one stops.
func TestNameTakenAfterSplit(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		all := w.startAll(4)
		w.net.Partition([]string{hostOf(0), hostOf(1)})
		time.Sleep(time.Minute)
		later := w.start(7, func(c *Config) { c.ID, c.Seeds = "n1", []string{gossipAt(2)} })
		w.eventually(5*time.Second, "the other side has a new n1", func() bool { return agree(all[2], all[3], later) })
		time.Sleep(time.Minute)
		w.net.Heal()
		<-all[1].ended
		if !errors.Is(all[1].err, eventnode.ErrNameTaken) {
			t.Fatal(all[1].err)
		}
		w.eventually(5*time.Second, "the later one is n1", func() bool { return agree(all[0], later, all[2], all[3]) })
		time.Sleep(time.Minute)
		if !stillRuns(later) || !agree(all[0], later, all[2], all[3]) {
			t.Fatalf("%v\n%s", later.err, w.dump())
		}
	})
}

// A clock that went back, without a data directory: the former life had a higher
// epoch, so the new one takes a higher one still.
func TestEpochAboveFormerLife(t *testing.T) {
	for name, crashed := range map[string]bool{"still alive by gossip": true, "left": false} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				a, b := w.start(0, nil), w.start(1, nil)
				ahead := w.configure(2, nil)
				ahead.view.change(func(n *Node) { n.Ref.Epoch += uint64(time.Hour) })
				w.run(ahead)
				w.eventually(5*time.Second, "three", func() bool { return agree(a, b, ahead) })
				if !crashed {
					if err := ahead.Leave(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				w.crash(ahead)
				next := w.start(2, nil)
				<-next.Ready()
				if next.Self().Ref.Epoch <= ahead.Self().Ref.Epoch {
					t.Fatalf("%v is not above %v", next.Self().Ref, ahead.Self().Ref)
				}
				w.eventually(5*time.Second, "the new life is seen", func() bool { return agree(a, b, next) })
			})
		})
	}
}

func TestLeaveIsAnnounced(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.net.Loss(memnet.Any, memnet.Any, 0.05)
		all := w.startAll(8)
		leaver := all[3]
		if err := leaver.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		rest := append(all[:3:3], all[4:]...)
		if !agree(rest...) {
			t.Fatalf("Leave returned before all knew\n%s", w.dump())
		}
		for _, m := range rest {
			if gone := m.Gone(); len(gone) != 1 || gone[0].State != Left || gone[0].Ref != leaver.Self().Ref {
				t.Fatalf("%s: gone: %+v", m.Self().Ref, gone)
			}
		}
		w.stop(leaver)
		if err := leaver.Leave(t.Context()); !errors.Is(err, eventnode.ErrClosed) {
			t.Fatalf("leave after the end: %v", err)
		}
		time.Sleep(2 * time.Minute)
		if !agree(rest...) {
			t.Fatal(w.dump())
		}
	})
}

// No false alarm in ten minutes with 5 % loss.
func TestNoFalsePositivesUnderLoss(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.net.Loss(memnet.Any, memnet.Any, 0.05)
		all := w.startAll(8)
		watch := all[5].Watch(0)
		length := 10 * time.Minute
		if testing.Short() {
			length = time.Minute
		}
		ctx, cancel := context.WithTimeout(t.Context(), length)
		defer cancel()
		defer watch.Close()
		_, _ = watch.Next(ctx)
		if ev, err := watch.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("%v %v, %v", ev.Kind, ev.Node.Ref, err)
		}
	})
}

func TestClusterUUIDIsAdopted(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		all := w.startAll(3)
		id := uuid.New()
		if err := all[1].SetClusterUUID(id); err != nil {
			t.Fatal(err)
		}
		late := w.start(3, nil)
		w.eventually(5*time.Second, "all have the UUID and know it of each other", func() bool {
			for _, m := range append(all, late) {
				for _, n := range m.Nodes() {
					if n.ClusterUUID != id {
						return false
					}
				}
			}
			return agree(all[0], all[1], all[2], late)
		})
		if err := all[1].SetClusterUUID(id); err != nil {
			t.Fatal(err)
		}
		if err := late.SetClusterUUID(uuid.New()); !errors.Is(err, eventnode.ErrForeignCluster) {
			t.Fatal(err)
		}
	})
}

// Two clusters with different UUIDs do not become one, also through a third node
// that has none yet.
func TestForeignClusterUUIDIsRefused(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		one, two := w.configure(0, nil), w.configure(1, nil)
		_ = one.SetClusterUUID(uuid.New())
		_ = two.SetClusterUUID(uuid.New())
		w.run(one)
		w.run(two)
		time.Sleep(time.Minute)
		if len(one.Nodes()) != 1 || len(two.Nodes()) != 1 {
			t.Fatal(w.dump())
		}
		third := w.start(2, func(c *Config) { c.Seeds = []string{gossipAt(0), gossipAt(1)} })
		<-third.ended
		if !errors.Is(third.err, eventnode.ErrForeignCluster) {
			t.Fatal(third.err)
		}
		w.eventually(20*time.Second, "each is alone again", func() bool { return agree(one) && agree(two) })
	})
}

// Nodes that have no UUID when two clusters meet take one of the two, and are not
// shown in the other.
func TestClustersThatMeetStayApart(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.net.Partition([]string{hostOf(0), hostOf(1)})
		everybody := func(c *Config) { c.Seeds = []string{gossipAt(0), gossipAt(2)} }
		a, b, c, d := w.start(0, everybody), w.start(1, everybody), w.start(2, everybody), w.start(3, everybody)
		w.eventually(10*time.Second, "two sides", func() bool { return agree(a, b) && agree(c, d) })
		_, _ = a.SetClusterUUID(uuid.New()), c.SetClusterUUID(uuid.New())
		time.Sleep(10 * time.Second)
		w.net.Heal()
		for range 60 {
			time.Sleep(time.Second)
			if !agree(a, b) || !agree(c, d) {
				t.Fatal(w.dump())
			}
		}
	})
}

func TestOtherLabelOrKeyIsNotHeard(t *testing.T) {
	key := []byte("0123456789abcdef")
	for name, opt := range map[string]func(*Config){
		"label": func(c *Config) { c.Cluster = "other" },
		"key":   func(c *Config) { c.SecretKey = []byte("fedcba9876543210") },
		"open":  func(c *Config) { c.SecretKey = nil },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				secret := func(c *Config) { c.SecretKey = key }
				a, b := w.start(0, secret), w.start(1, secret)
				c := w.start(2, func(c *Config) { secret(c); opt(c) })
				w.eventually(5*time.Second, "two", func() bool { return agree(a, b) })
				time.Sleep(time.Minute)
				if !agree(a, b) || len(c.Nodes()) != 1 {
					t.Fatal(w.dump())
				}
			})
		})
	}
}

// A stopped machine is lost after a while, and is back by itself when it goes on.
func TestPausedNodeComesBack(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		all := w.startAll(4)
		w.net.Pause(all[3].host)
		w.eventually(20*time.Second, "the stopped one is lost", func() bool { return agree(all[:3]...) })
		time.Sleep(2 * time.Minute)
		w.net.Resume(all[3].host)
		w.eventually(10*time.Second, "it is back", func() bool { return agree(all...) })
	})
}

func TestIPv6(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var all []*member
		for i := range 3 {
			host := fmt.Sprintf("fd00::%d", i+1)
			tr, err := w.net.Host(host).Transport(gossipPort)
			if err != nil {
				t.Fatal(err)
			}
			m := w.configure(10+i, func(c *Config) {
				c.Transport = tr
				c.RPCAddress = "[" + host + "]:7401"
				c.Seeds = []string{"[fd00::1]:7400"}
			})
			w.run(m)
			all = append(all, m)
		}
		w.eventually(5*time.Second, "one cluster", func() bool { return agree(all...) })
		if got := all[0].Nodes()[1].GossipAddress; got != "[fd00::2]:7400" {
			t.Fatal(got)
		}
		w.net.Partition([]string{"fd00::1"})
		time.Sleep(2 * time.Minute)
		w.net.Heal()
		w.eventually(5*time.Second, "one cluster again", func() bool { return agree(all...) })
	})
}
