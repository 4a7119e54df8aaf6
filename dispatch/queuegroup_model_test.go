package dispatch

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/wire"
)

// The model of queue groups: who may get an event is everybody whose topics and filter it
// matches; each of them without a group gets it once, and of each group one, on the publisher's
// node if one of them is there.

// modelSub is a subscription, where it is, what it wants and what it got.
type modelSub struct {
	*Subscription
	node   int
	filter eventnode.Filter
	got    []string
}

// wantsEvent says whether the event is one for it.
func (s *modelSub) wantsEvent(topics []string, ev event.Event) bool {
	return anyOf(s.topics, topics) && s.filter.Match(ev)
}

// queueWorld is one random run.
type queueWorld struct {
	t    *testing.T
	r    *rand.Rand
	c    *cluster
	subs []*modelSub
}

// newSub subscribes at random: without a group, or as a member of one of three.
func (w *queueWorld) newSub(filters bool) {
	s := &modelSub{node: w.r.IntN(len(w.c.nodes))}
	var topics []string
	for range 1 + w.r.IntN(3) {
		topics = append(topics, interestName(w.r))
	}
	if filters {
		s.filter = someFilter(w.r)
	}
	group := []string{"", "g", "h", "topic:a"}[w.r.IntN(4)]
	s.Subscription = w.c.nodes[s.node].subscribe(topics, eventnode.WithQueueGroup(group), eventnode.WithFilter(s.filter))
	w.subs = append(w.subs, s)
}

// collect reads what everybody got.
func (w *queueWorld) collect() {
	for _, s := range w.subs {
		s.got = append(s.got, names(w.t, s.Subscription)...)
	}
}

// check compares who got an event with who may.
func (w *queueWorld) check(at int, topics []string, ev event.Event) (reached int) {
	w.t.Helper()
	may, here, got := map[string]int{}, map[string]int{}, map[string]int{}
	for i, s := range w.subs {
		group, want := s.group, s.wantsEvent(topics, ev)
		if group == "" {
			group = fmt.Sprint("plain ", i) // a group of its own, wherever it is
		}
		n := 0
		for _, name := range s.got {
			if name == ev.Name {
				n++
			}
		}
		if n > 0 && !want {
			w.t.Errorf("%s to %v went to %q of %v with %+v", ev.Name, topics, s.group, s.topics, s.filter)
		}
		if want {
			may[group]++
		}
		if want && s.node == at {
			here[group]++
		}
		got[group] += n
	}
	for group, n := range may {
		if got[group] != 1 {
			w.t.Errorf("%s to %v reached %d of %d of %q", ev.Name, topics, got[group], n, group)
		}
	}
	for i, s := range w.subs {
		if s.group != "" && s.node != at && here[s.group] > 0 && slices.Contains(s.got, ev.Name) {
			w.t.Errorf("%s went to subscription %d past a member of %q on its node", ev.Name, i, s.group)
		}
	}
	return len(may)
}

// step dispatches one event, or a frame of them, and checks what became of it.
func (w *queueWorld) step(number int, filters bool) {
	at := w.r.IntN(len(w.c.nodes))
	p := w.c.nodes[at].publisher()
	topics := []string{topicName(w.r.IntN(6))}
	for w.r.IntN(3) == 0 {
		topics = append(topics, topicName(w.r.IntN(6)))
	}
	for _, s := range w.subs {
		s.got = nil
	}
	if w.r.IntN(2) == 0 {
		ev := made(w.r.IntN(5), number, nil)
		r, err := p.DispatchMany(w.t.Context(), topics, ev, eventnode.WithReceipt(time.Minute))
		if err != nil {
			w.t.Fatal(err)
		}
		w.collect()
		if n := w.check(at, topics, ev); r.Reached < n || r.Reached > n && !filters { // what was passed on counts, whatever came of it
			w.t.Errorf("a receipt of %d, want %d", r.Reached, n)
		}
		return
	}
	var frame []byte
	var evs []event.Event
	for i := range w.r.IntN(300) {
		evs = append(evs, made(w.r.IntN(5), number*1000+i, nil))
		frame = wire.AppendEnvelope(frame, topics, &evs[i])
	}
	forward(w.t, p, frame)
	w.collect()
	for _, ev := range evs {
		w.check(at, topics, ev)
	}
	for _, s := range w.subs {
		if filters && s.group != "" {
			continue // what was passed on may come late
		}
		last := -1
		for _, name := range s.got {
			i := slices.IndexFunc(evs, func(ev event.Event) bool { return ev.Name == name })
			if i <= last {
				w.t.Errorf("%s out of order", name)
			}
			last = i
		}
	}
}

// Random subscriptions on four nodes, with and without groups, patterns and filters, that come
// and go: each event reaches each plain one once and of each group one, as the model has it.
func TestQueueGroupModel(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rounds := uint64(20)
	if testing.Short() {
		rounds = 4
	}
	for round := range rounds {
		synctest.Test(t, func(t *testing.T) { queueModel(t, rand.New(rand.NewPCG(seed, round)), round%2 == 1) })
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
	}
}

func queueModel(t *testing.T, r *rand.Rand, filters bool) {
	w := &queueWorld{t: t, r: r, c: newCluster(t, 4, Config{})}
	for _, n := range w.c.nodes {
		n.intN = r.IntN
	}
	for i := range 60 {
		if len(w.subs) > 25 || len(w.subs) > 5 && r.IntN(4) == 0 {
			at := r.IntN(len(w.subs))
			w.subs[at].Close()
			w.subs = slices.Delete(w.subs, at, at+1)
			synctest.Wait() // its interest has ended
		} else {
			w.newSub(filters)
		}
		w.step(i, filters)
	}
}
