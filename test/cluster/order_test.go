package cluster_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/test/cluster"
)

func members(m ...eventnode.Member) []eventnode.Member { return m }

// flow is one publisher's numbered events on the way to many subscriptions.
type flow struct {
	mu   sync.Mutex
	sent uint64 // the last number that Dispatch took
}

// ledger is what one subscription got: it fails the test on a duplicate, on a
// reorder, and on a loss that no gap told of.
type ledger struct {
	t    *testing.T
	name string
	mu   sync.Mutex
	last map[uint32]uint64 // publisher -> last number
	gap  map[uint32]bool   // publisher -> a gap came since its last event
	all  bool              // a gap came before the first event of anybody new
	gaps int
	got  int
}

func newLedger(t *testing.T, name string) *ledger {
	return &ledger{t: t, name: name, last: map[uint32]uint64{}, gap: map[uint32]bool{}}
}

func (l *ledger) take(d eventnode.Delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d.Gap != nil {
		l.gaps++
		l.all = true
		for p := range l.last {
			l.gap[p] = true
		}
		return
	}
	l.got++
	publisher := binary.BigEndian.Uint32(d.Event.Data)
	number := binary.BigEndian.Uint64(d.Event.Data[4:])
	last, known := l.last[publisher]
	told := l.gap[publisher] || (!known && l.all)
	switch {
	case known && number <= last:
		l.t.Errorf("%s: publisher %d: number %d after %d", l.name, publisher, number, last)
	case number > last+1 && !told:
		l.t.Errorf("%s: publisher %d: number %d after %d, and no gap told", l.name, publisher, number, last)
	}
	l.last[publisher] = number
	l.gap[publisher] = false
}

// settled says what is missing at the end: everything sent must have arrived, or
// a gap must have come after the last event that did.
func (l *ledger) settled(flows map[uint32]*flow) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p, f := range flows {
		f.mu.Lock()
		sent := f.sent
		f.mu.Unlock()
		_, known := l.last[p]
		if told := l.gap[p] || (!known && l.all); l.last[p] != sent && !told {
			return fmt.Errorf("%s: publisher %d sent %d, got %d, and no gap told", l.name, p, sent, l.last[p])
		}
	}
	return nil
}

// payload is large enough that what a cut holds up does not fit into buffers.
const payload = 64 << 10

// numbered is event number n of a publisher.
func numbered(publisher uint32, n uint64) event.Event {
	data := make([]byte, payload)
	binary.BigEndian.PutUint32(data, publisher)
	binary.BigEndian.PutUint64(data[4:], n)
	return event.New("numbered", data)
}

// At most once, in order per publisher, and every loss told, while links are cut
// and healed, nodes paused, killed and restarted. Publishers and subscribers
// live on n1, n2 and n3; n4 is the one that dies.
func TestOrderAndGapsUnderFaults(t *testing.T) {
	seeds := uint64(4)
	if testing.Short() {
		seeds = 1
	}
	for seed := range seeds {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { faults(t, seed) })
		})
	}
}

func faults(t *testing.T, seed uint64) {
	c := cluster.Start(t, cluster.Config{Nodes: 4, Seed: seed + 1})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	topics := []string{"topic:a", "topic:b", "topic:c"}
	var ledgers []*ledger
	var wg sync.WaitGroup
	for _, name := range []string{"n1", "n2", "n3"} {
		sub, err := c.Node(name).Live().Subscribe(ctx, topics)
		if err != nil {
			t.Fatal(err)
		}
		l := newLedger(t, name)
		ledgers = append(ledgers, l)
		wg.Go(func() {
			for d, err := range sub.All(ctx) {
				if err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				l.take(d)
			}
		})
	}

	flows := map[uint32]*flow{}
	publishing, stop := context.WithCancel(ctx)
	var publishers sync.WaitGroup
	for id := range uint32(3) {
		f := &flow{}
		flows[id] = f
		live := c.Node([]string{"n1", "n2", "n3"}[id%3]).Live()
		publishers.Go(func() { publish(t, publishing, live, id, f, topics) })
	}
	breakThings(c, rand.New(rand.NewPCG(seed, 1)))
	c.Heal()
	c.Eventually(10*time.Second, c.Linked)
	stop()
	publishers.Wait()
	for _, l := range ledgers {
		c.Eventually(10*time.Second, func() error { return l.settled(flows) })
		t.Logf("%s: %d events, %d gaps", l.name, l.got, l.gaps)
		if l.got == 0 {
			t.Errorf("%s got nothing", l.name)
		}
	}
	cancel()
	wg.Wait()
}

// publish dispatches numbered events, one every few milliseconds, until ctx ends.
func publish(t *testing.T, ctx context.Context, live eventnode.Live, id uint32, f *flow, topics []string) {
	p, err := live.NewPublisher(ctx)
	if err != nil {
		t.Error(err)
		return
	}
	for n := uint64(1); ctx.Err() == nil; n++ {
		f.mu.Lock()
		f.sent = n
		f.mu.Unlock()
		if _, err := p.Dispatch(context.WithoutCancel(ctx), topics[n%uint64(len(topics))], numbered(id, n)); err != nil {
			t.Errorf("publisher %d: %v", id, err)
			return
		}
		time.Sleep(time.Duration(10+n%50) * time.Millisecond)
	}
	if err := p.Close(context.WithoutCancel(ctx)); err != nil {
		t.Errorf("publisher %d: %v", id, err)
	}
}

// breakThings breaks and mends, for some two minutes. The longer splits outlast
// the patience of the gossip.
func breakThings(c *cluster.Cluster, rnd *rand.Rand) {
	names := []string{"n1", "n2", "n3", "n4"}
	for range 12 {
		a, b := names[rnd.IntN(3)], names[rnd.IntN(3)]
		switch rnd.IntN(5) {
		case 0:
			c.Kill("n4")
			c.Restart("n4")
		case 1:
			c.Partition([]string{a})
		case 2:
			c.Cut(a, b)
		case 3:
			c.Pause(a)
			time.Sleep(time.Duration(rnd.IntN(4000)) * time.Millisecond)
			c.Resume(a)
		case 4:
			c.Delay(a, b, 0, time.Duration(rnd.IntN(300))*time.Millisecond)
		}
		time.Sleep(time.Duration(rnd.IntN(15000)) * time.Millisecond)
		c.Heal()
		time.Sleep(time.Duration(rnd.IntN(3000)) * time.Millisecond)
	}
}
