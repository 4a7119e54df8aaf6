package cluster_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/test/cluster"
)

// run is one stream of a publisher, up to the loss of its node: what it sent has
// one order.
type run struct{ publisher, number uint32 }

// runLedger is what a subscription got, stream by stream. It fails the test on
// a duplicate, on a reorder, and on a loss that neither a gap nor the publisher's
// error told of.
type runLedger struct {
	t    *testing.T
	name string

	mu          sync.Mutex
	last        map[run]uint64
	seen        map[event.ID]bool
	excused     map[run]bool // a gap came since the last event of the run
	gap         bool         // a gap came: runs that begin later may begin later
	got, gaps   int
	reconnected int
}

// fate is what publishers know of events that need not arrive.
type fate struct {
	mu      sync.Mutex
	unknown map[run]map[uint64]bool // ErrOutcomeUnknown
	sent    map[run]uint64          // the last number of each run
}

func (f *fate) note(r run, n uint64, unknown bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sent[r] = n
	if unknown {
		if f.unknown[r] == nil {
			f.unknown[r] = map[uint64]bool{}
		}
		f.unknown[r][n] = true
	}
}

func (l *runLedger) take(d eventnode.Delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d.Gap != nil {
		l.gaps++
		l.gap = true
		if d.Gap.Reason == eventnode.GapReconnected {
			l.reconnected++
		}
		for r := range l.last {
			l.excused[r] = true
		}
		return
	}
	l.got++
	if l.seen[d.Event.ID] {
		l.t.Errorf("%s: event %v came twice", l.name, d.Event.ID)
	}
	l.seen[d.Event.ID] = true
	r := run{binary.BigEndian.Uint32(d.Event.Data), binary.BigEndian.Uint32(d.Event.Data[4:])}
	n := binary.BigEndian.Uint64(d.Event.Data[8:])
	last, known := l.last[r]
	if known && n <= last {
		l.t.Errorf("%s: %v: number %d after %d", l.name, r, n, last)
	}
	if n > last+1 && !l.excused[r] && (known || !l.gap) {
		l.t.Errorf("%s: %v: number %d after %d, and no gap told", l.name, r, n, last)
	}
	l.last[r], l.excused[r] = n, false
}

// settled says what is missing at the end without having been told.
func (l *runLedger) settled(f *fate) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	for r, sent := range f.sent {
		last, known := l.last[r]
		for n := last + 1; n <= sent; n++ {
			told := l.excused[r] || (!known && l.gap) || f.unknown[r][n]
			if !told {
				return fmt.Errorf("%s: %v: sent %d, got %d, and nobody was told", l.name, r, sent, last)
			}
		}
	}
	return nil
}

// moved says that no gap has told of a move yet: each node was killed, so each subscriber
// has lost its own, and may still be on its way to another.
func (l *runLedger) moved() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reconnected == 0 {
		return fmt.Errorf("%s: its node was killed, and no gap says that it reconnected: %w", l.name, errShort)
	}
	return nil
}

// Under load, with kill -9 and restart of the very nodes that clients are
// connected to: clients go to another node and subscribe again, with a gap that
// says so; publishers are told which outcomes are unknown. No duplicate, no
// reorder of what one publisher sent on one stream, and every loss told by a gap
// or by the publisher's error.
func TestOrderUnderKillsOfTheClientsNodes(t *testing.T) {
	c := cluster.Start(t, cluster.Config{Processes: true})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	nodes := []*cluster.Node{c.Node("n1"), c.Node("n2"), c.Node("n3")}
	var ledgers []*runLedger
	var reading, publishing sync.WaitGroup
	for i := range nodes {
		l := &runLedger{t: t, name: "subscriber of " + nodes[i].Name(), last: map[run]uint64{}, seen: map[event.ID]bool{}, excused: map[run]bool{}}
		ledgers = append(ledgers, l)
		sub, err := nodes[i].Client(nodes[(i+1)%3], nodes[(i+2)%3]).Subscribe(ctx, []string{"topic:a", "topic:b"})
		if err != nil {
			t.Fatal(err)
		}
		reading.Go(func() {
			for d, err := range sub.All(ctx) {
				if err != nil {
					t.Errorf("%s: %v", l.name, err)
					return
				}
				l.take(d)
			}
		})
	}
	f := &fate{unknown: map[run]map[uint64]bool{}, sent: map[run]uint64{}}
	stopping, stop := context.WithCancel(ctx)
	for i := range nodes {
		live := nodes[i].Client(nodes[(i+1)%3], nodes[(i+2)%3])
		publishing.Go(func() { publishRuns(t, stopping, live, uint32(i), f) })
	}
	for _, name := range []string{"n1", "n2", "n3", "n1"} {
		enough := ledgers[0].events() + 200
		c.Eventually(20*time.Second, func() error {
			if got := ledgers[0].events(); got < enough {
				return fmt.Errorf("%w: %d of %d", errShort, got, enough)
			}
			return nil
		})
		c.Kill(name)
		c.Restart(name)
		c.Eventually(20*time.Second, c.Linked)
	}
	stop()
	publishing.Wait()
	for _, l := range ledgers {
		c.Eventually(20*time.Second, func() error { return errors.Join(l.settled(f), l.moved()) })
		l.mu.Lock()
		t.Logf("%s: %d events, %d gaps, %d by reconnecting", l.name, l.got, l.gaps, l.reconnected)
		l.mu.Unlock()
	}
	unknown := 0
	for _, numbers := range f.unknown {
		unknown += len(numbers)
	}
	t.Logf("%d runs, %d events of unknown outcome", len(f.sent), unknown)
	cancel()
	reading.Wait()
}

func (l *runLedger) events() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.got
}

// publishRuns publishes numbered events, each accepted before the next, until ctx
// ends. After an unknown outcome it begins a new run: the client is at another
// node then, and the order between the two is not promised.
func publishRuns(t *testing.T, ctx context.Context, live eventnode.Live, publisher uint32, f *fate) {
	p, err := live.NewPublisher(ctx)
	if err != nil {
		t.Error(err)
		return
	}
	topics := []string{"topic:a", "topic:b"}
	r, n := run{publisher: publisher}, uint64(0)
	for ctx.Err() == nil {
		n++
		data := make([]byte, 256)
		binary.BigEndian.PutUint32(data, r.publisher)
		binary.BigEndian.PutUint32(data[4:], r.number)
		binary.BigEndian.PutUint64(data[8:], n)
		_, err := p.Dispatch(context.WithoutCancel(ctx), topics[n%2], event.New("numbered", data))
		if err == nil {
			err = p.Flush(context.WithoutCancel(ctx))
		}
		switch {
		case err == nil:
			f.note(r, n, false)
		case errors.Is(err, eventnode.ErrOutcomeUnknown), errors.Is(err, eventnode.ErrUnavailable):
			f.note(r, n, true)
			r.number++
			n = 0
		default:
			t.Errorf("publisher %d: %v", publisher, err)
			return
		}
	}
	if err := p.Close(context.WithoutCancel(ctx)); err != nil {
		t.Errorf("publisher %d: %v", publisher, err)
	}
}

// A client that goes to another node gets no event twice, also when that node
// hears of it later than the one before did.
func TestReconnectBringsNoDuplicate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := cluster.Start(t, cluster.Config{})
		before, after := c.Node("n1"), c.Node("n2")
		moves := before.Client(after)
		if moves.Addr() == after.RPCAddress() { // a client begins with any address
			before, after = after, before
		}
		follow(t, "keeps the interest of the second node", after.Live(), "topic:x")
		moving := follow(t, "moving", moves, "topic:x")
		c.Delay("n3", after.Name(), 3*time.Second, 3*time.Second)
		for n := range uint64(10) {
			dispatchTo(t, c.Node("n3").Live(), "topic:x", n+1)
		}
		c.Eventually(time.Second, func() error { return atLeast(10, moving) })
		c.Kill(before.Name())
		time.Sleep(10 * time.Second)
		if s := moving.now(); s.got != 10 {
			t.Errorf("%d events came, 10 were dispatched; gaps %v", s.got, s.gaps)
		}
	})
}
