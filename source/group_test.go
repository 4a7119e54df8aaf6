package source_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/node"
	"github.com/eventnode/eventnode/source"
	"github.com/eventnode/eventnode/test/cluster"
)

// world is three nodes with a group of consumers, at each of them.
type world struct {
	*testing.T
	c    *cluster.Cluster
	regs map[string]*prometheus.Registry
}

// inCluster runs a test in virtual time.
func inCluster(t *testing.T, f func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, regs: map[string]*prometheus.Registry{}}
		w.c = cluster.Start(t, cluster.Config{Nodes: 3, Configure: func(name string, cfg *node.Config) {
			w.regs[name] = prometheus.NewRegistry()
			cfg.Registry = w.regs[name]
		}})
		f(t, w)
	})
}

func (w *world) group(live eventnode.Live) *source.ConsumerGroup {
	w.Helper()
	g, err := source.NewConsumerGroup(live, "bot")
	must(w, err)
	w.Cleanup(func() { _ = g.Close(context.Background()) })
	return g
}

// consumer is one that has joined so many times.
func (w *world) consumer(g *source.ConsumerGroup, times int, opts ...eventnode.SubscribeOption) *source.Consumer {
	w.Helper()
	c, err := g.NewConsumer(w.Context(), opts...)
	must(w, err)
	w.Cleanup(func() { _ = c.Close() })
	for range times {
		must(w, g.Join(w.Context(), c))
	}
	return c
}

// of are events of the source "bot".
func of(numbers ...uint64) (events []source.Event) {
	for _, n := range numbers {
		events = append(events, source.Event{Name: "N", Data: json.RawMessage(fmt.Sprint(n)), Origin: source.Origin{Source: "bot", Shards: 1, Session: "a", Seq: n}})
	}
	return events
}

// expect wants these to be received, in order.
func (w *world) expect(c *source.Consumer, want ...string) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), 5*time.Second)
	defer cancel()
	for i, want := range want {
		got, err := c.Receive(ctx)
		what := string(got.Event.Data)
		if got.Gap != nil {
			what = fmt.Sprint("gap ", got.Gap.Count)
		}
		if err != nil || what != want {
			w.Fatalf("received %q, %v as number %d, want %q", what, err, i, want)
		}
	}
}

// nothing wants nothing to come, for a while.
func (w *world) nothing(c *source.Consumer) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), 5*time.Second)
	defer cancel()
	if got, err := c.Receive(ctx); err == nil {
		w.Errorf("received %+v", got)
	}
}

// NO-T1, N1, N2: who has joined, on whatever node and by client or embedded, receives the
// two events of one dispatch, in order, with where they come from.
func TestNOT1_EveryMemberGetsEveryEvent(t *testing.T) {
	inCluster(t, func(t *testing.T, w *world) {
		var all []*source.Consumer
		for _, name := range []string{"n1", "n2", "n3"} {
			all = append(all, w.consumer(w.group(w.c.Node(name).Live()), 1), w.consumer(w.group(w.c.Node(name).Client()), 1))
		}
		for i, g := range []*source.ConsumerGroup{w.group(w.c.Node("n2").Live()), w.group(w.c.Node("n2").Client())} {
			n := uint64(2*i + 1)
			must(t, g.Dispatch(t.Context(), of(n, n+1)...))
			for _, c := range all {
				w.expect(c, fmt.Sprint(n), fmt.Sprint(n+1))
			}
		}
	})
}

// N2: joined twice is every event twice, one right behind the other; one leave makes it
// once, another one nothing, and the third is ErrNotJoined.
func TestJoinedTwiceIsTwice(t *testing.T) {
	inCluster(t, func(t *testing.T, w *world) {
		g, here := w.group(w.c.Node("n1").Live()), w.group(w.c.Node("n3").Client())
		c := w.consumer(g, 2)
		must(t, here.Dispatch(t.Context(), of(1, 2)...))
		w.expect(c, "1", "1", "2", "2")
		if m, err := here.Members(t.Context()); err != nil || len(m) != 2 || m[0].Member != c.Ref() {
			t.Errorf("%v, %v", m, err)
		}
		must(t, g.Leave(t.Context(), c))
		must(t, here.Dispatch(t.Context(), of(3)...))
		w.expect(c, "3")
		must(t, g.Leave(t.Context(), c))
		must(t, here.Dispatch(t.Context(), of(4)...))
		w.nothing(c)
		if err := g.Leave(t.Context(), c); !errors.Is(err, source.ErrNotJoined) {
			t.Errorf("a third leave: %v", err)
		}
		if err := here.Leave(t.Context(), c); !errors.Is(err, eventnode.ErrNotOwner) {
			t.Errorf("somebody else's: %v", err)
		}
		must(t, g.Join(t.Context(), c))
		must(t, here.Dispatch(t.Context(), of(5)...))
		w.expect(c, "5")
		must(t, g.Leave(t.Context(), c, c)) // one of the two was joined
	})
}

// NO-T2: a malformed dispatch is refused, says what is wrong, and none of its list was
// sent; an empty one is nothing.
func TestNOT2_MalformedDispatchIsRefused(t *testing.T) {
	inCluster(t, func(t *testing.T, w *world) {
		g := w.group(w.c.Node("n1").Live())
		c := w.consumer(w.group(w.c.Node("n2").Live()), 1)
		bad := of(1, 2)
		bad[1].Data = json.RawMessage(`{"half":`)
		err := g.Dispatch(t.Context(), bad...)
		if ee, ok := errors.AsType[*source.EventError](err); !ok || ee.Index != 1 || !errors.Is(err, source.ErrInvalidEvent) {
			t.Errorf("%v", err)
		}
		must(t, g.Dispatch(t.Context()))
		w.nothing(c)
		must(t, g.Dispatch(t.Context(), of(3)...))
		w.expect(c, "3")
	})
}

// NO-T3: what is forwarded arrives as it was, with the same origin; a stranger's event on
// the topic is left out, and counted.
func TestNOT3_ForwardedAsItIs(t *testing.T) {
	inCluster(t, func(t *testing.T, w *world) {
		c := w.consumer(w.group(w.c.Node("n3").Client()), 1)
		want := source.Event{
			Name: "INTERACTION_CREATE", Data: json.RawMessage(`{"id":"1","data":{}}`),
			Origin: source.Origin{Source: "bot", Shard: 2, Shards: 4, Session: "abc", Seq: 42},
			Place:  source.Place{Part: 0, Parts: 1, After: 40},
		}
		n1 := w.c.Node("n1").Live()
		_, err := n1.Dispatch(t.Context(), source.Topic("bot"), event.New("INTERACTION_CREATE", []byte(`{}`)))
		must(t, err)
		must(t, w.group(n1).Dispatch(t.Context(), want))
		got, err := c.Receive(t.Context())
		must(t, err)
		if fmt.Sprintf("%+v", got.Event) != fmt.Sprintf("%+v", want) || got.Seen != source.First || c.Foreign() != 1 {
			t.Errorf("%+v, %d foreign\nwant %+v", got, c.Foreign(), want)
		}
	})
}

// NO-T5: a monitor begins with nobody, and tells of each join and leave; the end of a
// client is a leave, and so is Close.
func TestNOT5_Monitor(t *testing.T) {
	inCluster(t, func(t *testing.T, w *world) {
		g := w.group(w.c.Node("n1").Live())
		m, err := g.Monitor(t.Context())
		must(t, err)
		if len(m.Snapshot()) != 0 {
			t.Errorf("in the beginning: %v", m.Snapshot())
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		change := func(joined, left int) {
			t.Helper()
			ch, err := m.Next(ctx)
			if err != nil || len(ch.Joined) != joined || len(ch.Left) != left {
				t.Errorf("%+v, %v; want %d joined, %d left", ch, err, joined, left)
			}
		}
		cl := w.c.Node("n3").Client()
		w.consumer(w.group(cl), 1)
		change(1, 0)
		closes := w.consumer(w.group(w.c.Node("n2").Live()), 1)
		change(1, 0)
		must(t, cl.Close())
		change(0, 1)
		must(t, closes.Close())
		change(0, 1)
		if _, err := closes.Receive(t.Context()); !errors.Is(err, source.ErrClosed) {
			t.Errorf("closed: %v", err)
		}
		if err := g.Leave(t.Context(), w.consumer(g, 0)); !errors.Is(err, source.ErrNotJoined) {
			t.Errorf("who had not joined leaves: %v", err)
		}
		if !m.Close() || m.Close() {
			t.Error("closing it says true once")
		}
	})
}

// W1: what is done about a slow consumer is its own policy, and what it misses is told in
// place, with the count. Nobody else misses anything.
func TestSlowConsumers(t *testing.T) {
	for policy, want := range map[eventnode.Policy][]string{
		eventnode.PolicyDropOldest: {"gap 7", "8", "9", "10"},
		eventnode.PolicyDropNewest: {"1", "2", "3", "gap 7"},
		eventnode.PolicyBlock:      {"1", "2", "3", "4", "5", "6", "7", "8", "9", "10"},
		eventnode.PolicyDisconnect: {"1", "2", "3"},
	} {
		t.Run(policy.String(), func(t *testing.T) {
			inCluster(t, func(t *testing.T, w *world) {
				g := w.group(w.c.Node("n3").Live())
				slow := w.consumer(g, 1, eventnode.WithPolicy(policy), eventnode.WithQueue(3, 0))
				quick := w.consumer(w.group(w.c.Node("n2").Live()), 1)
				sent := make(chan error, 1)
				from := w.group(w.c.Node("n1").Live())
				go func() {
					var errs error
					for n := range uint64(10) {
						errs = errors.Join(errs, from.Dispatch(t.Context(), of(n+1)...))
					}
					sent <- errs
				}()
				time.Sleep(time.Second) // virtual: the slow one has read nothing yet
				switch policy {
				case eventnode.PolicyDisconnect:
					disconnected(w, g, slow)
				default:
					w.expect(slow, want...)
				}
				must(t, <-sent)
				w.expect(quick, "1", "2", "3", "4", "5", "6", "7", "8", "9", "10")
			})
		})
	}
}

// disconnected wants a consumer to be told, after what it had, that it was too slow; it has
// left the group, and may join again.
func disconnected(w *world, g *source.ConsumerGroup, slow *source.Consumer) {
	w.Helper()
	var err error
	for err == nil {
		_, err = slow.Receive(w.Context())
	}
	if !errors.Is(err, eventnode.ErrSlowSubscriber) {
		w.Errorf("too slow: %v", err)
	}
	w.c.Eventually(5*time.Second, func() error {
		if m, err := w.group(w.c.Node("n1").Live()).Members(w.Context()); err != nil || len(m) != 1 {
			return fmt.Errorf("%v, %w", m, err)
		}
		return nil
	})
	must(w, g.Join(w.Context(), slow))
	must(w, g.Dispatch(w.Context(), of(99)...))
	w.expect(slow, "99")
}

// N14x, W5: one copy of an event crosses to each node with consumers, once, however many
// there are; none to one without.
func TestOneCopyANode(t *testing.T) {
	inCluster(t, func(t *testing.T, w *world) {
		g := w.group(w.c.Node("n2").Live())
		var all []*source.Consumer
		for range 20 {
			all = append(all, w.consumer(g, 2))
		}
		before := crossed(w)
		const events = 50
		from := w.group(w.c.Node("n1").Live())
		var want []string
		for n := range uint64(events) {
			must(t, from.Dispatch(t.Context(), of(n+1)...))
			want = append(want, fmt.Sprint(n+1), fmt.Sprint(n+1))
		}
		for _, c := range all {
			w.expect(c, want...)
		}
		for way, n := range crossed(w) {
			want := 0.0
			if way == "n1>n2" {
				want = events
			}
			if n-before[way] != want {
				t.Errorf("%v events from %s, want %v", n-before[way], way, want)
			}
		}
	})
}

// crossed is how many events each link has carried.
func crossed(w *world) map[string]float64 {
	links := map[string]float64{}
	for name, reg := range w.regs {
		families, err := reg.Gather()
		must(w, err)
		for _, f := range families {
			for _, m := range f.GetMetric() {
				if f.GetName() == "eventnode_link_events_total" {
					links[name+">"+m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
				}
			}
		}
	}
	if len(links) != 6 {
		w.Fatalf("%d links: %v", len(links), links)
	}
	return links
}

// N15x, W3: what a pipeline dispatches is seen by consumers everywhere, and what is missing
// or comes again is visible by its number, also where no gap was told: payloads that became
// no event are no gap.
func TestGapsAndRepeatsAreVisible(t *testing.T) {
	inCluster(t, func(t *testing.T, w *world) {
		c := w.consumer(w.group(w.c.Node("n3").Client()), 1)
		var again []source.Event
		sends, err := source.NewLive(w.c.Node("n1").Live(), "bot")
		must(t, err)
		defer func() { must(t, sends.Close(t.Context())) }()
		p := pipeline(t, source.Config{
			Source: botSource{says(nil, payload("N", 1), payload("N", 2), payload("QUIET", 3), payload("N", 4), payload("N", 5))},
			Cache: cacheFunc(func(_ context.Context, p source.Payload) (source.Change, error) {
				return changeFunc(func(p source.Payload) ([]source.Event, error) {
					if p.Name == "QUIET" {
						return nil, nil
					}
					return []source.Event{{Name: p.Name, Data: p.Data}, {Name: p.Name, Data: p.Data}}, nil
				}), nil
			}),
			Dispatcher: dispatchFunc(func(ctx context.Context, e []source.Event) error {
				switch e[0].Origin.Seq {
				case 2:
					again = slices.Clone(e)
				case 5:
					must(t, sends.Dispatch(ctx, again))
					e = e[1:] // one is lost on the way
				}
				return sends.Dispatch(ctx, e)
			}),
		})
		must(t, p.Run(t.Context()))
		var got []string
		for range 9 {
			r, err := c.Receive(t.Context())
			must(t, err)
			got = append(got, fmt.Sprint(r.Event.Origin.Seq, ".", r.Event.Place.Part, " ", r.Seen))
		}
		want := []string{"1.0 first", "1.1 next", "2.0 next", "2.1 next", "4.0 next", "4.1 next", "2.0 repeat", "2.1 repeat", "5.1 gap"}
		if !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	})
}

// botSource says what another source says, as "bot".
type botSource struct{ source.Source }

func (botSource) Name() string { return "bot" }

func (s botSource) Run(ctx context.Context, deliver source.Deliver) error {
	return s.Source.Run(ctx, func(ctx context.Context, p source.Payload) error {
		p.Origin.Source = "bot"
		return deliver(ctx, p)
	})
}

// While there is no node to send to, the payload waits, and with it its credit: nothing is
// lost when a node is there again.
func TestDispatchWaitsForANode(t *testing.T) {
	inCluster(t, func(t *testing.T, w *world) {
		c := w.consumer(w.group(w.c.Node("n3").Live()), 1)
		g := w.group(w.c.Node("n1").Client(w.c.Node("n2")))
		must(t, g.Dispatch(t.Context(), of(1)...))
		w.expect(c, "1")
		w.c.KillAll("n1", "n2")
		sent := make(chan error, 1)
		go func() { sent <- g.Dispatch(t.Context(), of(2)...) }()
		time.Sleep(time.Minute)
		select {
		case err := <-sent:
			t.Fatalf("it does not wait: %v", err)
		default:
		}
		w.c.Restart("n2")
		must(t, <-sent)
		for { // gaps tell that the nodes were lost
			got, err := c.Receive(t.Context())
			must(t, err)
			if got.Gap == nil {
				if string(got.Event.Data) != "2" {
					t.Errorf("%+v", got)
				}
				return
			}
		}
	})
}

// What a node refuses is told to who dispatches, also by a client, and counted by a
// pipeline; what stands beside it is sent all the same.
func TestRefusedByTheNode(t *testing.T) {
	inCluster(t, func(t *testing.T, w *world) {
		c := w.consumer(w.group(w.c.Node("n3").Live()), 1)
		for _, live := range []eventnode.Live{w.c.Node("n1").Live(), w.c.Node("n1").Client()} {
			large := of(1, 2, 3)
			large[1].Data = json.RawMessage(`"` + strings.Repeat("x", 2<<20) + `"`)
			err := w.group(live).Dispatch(t.Context(), large...)
			if limit, ok := errors.AsType[*eventnode.LimitError](err); !ok || limit.Limit != "max_event_bytes" || !strings.Contains(err.Error(), "event 2 of 3") {
				t.Errorf("%v", err)
			}
			w.expect(c, "1", "3")
		}
	})
}

// N8: Await is a join for one event: it returns with it or at its time-out, and nobody is
// left in the group.
func TestGroupAwait(t *testing.T) {
	inCluster(t, func(t *testing.T, w *world) {
		g, from := w.group(w.c.Node("n3").Client()), w.group(w.c.Node("n1").Live())
		e, err := g.Await(t.Context(), func(e source.Event) bool { return e.Origin.Seq == 2 }, func() {
			must(t, from.Dispatch(t.Context(), of(1, 2, 3)...))
		})
		if err != nil || string(e.Data) != "2" {
			t.Errorf("%+v, %v", e, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := g.Await(ctx, func(source.Event) bool { return false }, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a time-out: %v", err)
		}
		if _, err := g.Await(ctx, nil, nil); !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Errorf("no predicate: %v", err)
		}
		if m, err := g.Members(t.Context()); err != nil || len(m) != 0 {
			t.Errorf("%v, %v", m, err)
		}
	})
}

// Handlers handle what a consumer receives, on a node far from the source, and what it
// missed is told in its place.
func TestHandlersOfAConsumer(t *testing.T) {
	inCluster(t, func(t *testing.T, w *world) {
		c := w.consumer(w.group(w.c.Node("n3").Live()), 1, eventnode.WithQueue(2, 0))
		var l log
		h := handlers(t, source.HandlersConfig{Mode: source.Sequential})
		must(t, source.On(h, "N", func(_ context.Context, n int, e source.Event) error { l.add(n, " of ", e.Origin.Source); return nil }))
		must(t, w.group(w.c.Node("n1").Live()).Dispatch(t.Context(), of(1, 2, 3, 4)...))
		time.Sleep(time.Second) // virtual: all have come
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		must(t, h.Run(ctx, c.Events(ctx, func(g eventnode.Gap) { l.add("gap ", g.Count) })))
		l.want(t, "gap 2", "3 of bot", "4 of bot")
	})
}

// Join, Leave, Receive and Close may meet in any order, and nobody is left in the group.
func TestConsumerConcurrently(t *testing.T) {
	inCluster(t, func(t *testing.T, w *world) {
		g := w.group(w.c.Node("n1").Live())
		var wg sync.WaitGroup
		for range 8 {
			c, err := g.NewConsumer(t.Context())
			must(t, err)
			for range 3 {
				wg.Go(func() {
					for range 5 {
						_ = g.Join(t.Context(), c) // after Close it is refused
						_ = g.Leave(t.Context(), c)
					}
				})
			}
			wg.Go(func() {
				for range c.All(t.Context()) {
				}
			})
			wg.Go(func() {
				for n := range uint64(20) {
					must(t, g.Dispatch(t.Context(), of(n+1)...))
				}
				must(t, c.Close())
				must(t, c.Close())
			})
		}
		wg.Wait()
		if m, err := g.Members(t.Context()); err != nil || len(m) != 0 {
			t.Errorf("%v, %v", m, err)
		}
	})
}
