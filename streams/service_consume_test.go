package streams

import (
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// Events are sent as long as there is credit, acks are answered, and a group that has
// acked all has nothing left.
func TestConsumersAreHandedEventsAndAckThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _ := withGroup(t, nil)
		n.publish(t, "s", events(numbered(10)...)...)
		c := n.consume(t, opening1("g", 4, "s"))
		if c.opened.GetConsumer() != 1 || c.opened.GetEpoch() == 0 || c.opened.GetLeaseTtl().AsDuration() != time.Second {
			t.Errorf("opened %v", c.opened)
		}
		first := c.take(4)
		if !slices.Equal(namesOf(first), numbered(4)) || first[0].deliveries != 1 || first[3].number != 4 {
			t.Errorf("first %v", first)
		}
		synctest.Wait() // nothing comes without credit
		if g := n.group(t, "s", "g"); g.GetLag() != 6 || g.GetPending() != 4 || g.GetLastDelivered() != 4 || g.GetLowestPending() != 1 ||
			g.GetLowestPendingPosition() == nil || len(g.GetConsumers()) != 1 || !g.GetConsumers()[0].GetConnected() || g.GetConsumers()[0].GetPending() != 4 {
			t.Errorf("group %v", g)
		}
		c.ack(first[1:]...)
		c.ack(first[0])
		if r := c.settle(&eventnodev1.SettleEvents{Verb: eventnodev1.Verb_VERB_ACK}, first...); r.GetAlready() != 4 || r.GetErrorReason() != "" {
			t.Errorf("acked twice: %v", r)
		}
		c.give(100)
		rest := c.take(6)
		c.none()
		c.ack(rest...)
		if g := n.group(t, "s", "g"); g.GetLag() != 0 || g.GetPending() != 0 || g.GetLowestPending() != 0 {
			t.Errorf("group %v", g)
		}
		n.publish(t, "s", events("late")...) // who waits is woken
		c.ack(c.take(1)...)
		if err := c.stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		if err := c.ended(); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		if g := n.group(t, "s", "g"); g.GetConsumerCount() != 0 {
			t.Errorf("after the end %v", g)
		}
	})
}

// What is not settled in time goes to another consumer; what is extended does not.
func TestEventsComeAgainAfterTheAckWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _ := withGroup(t, &eventnodev1.ConsumerGroupConfig{AckWait: seconds(2)})
		n.publish(t, "s", events("1", "2")...)
		a := n.consume(t, opening1("g", 2, "s"))
		has := a.take(2)
		b := n.consume(t, opening1("g", 10, "s"))
		b.none()
		time.Sleep(time.Second)
		if r := a.settle(&eventnodev1.SettleEvents{Verb: eventnodev1.Verb_VERB_EXTEND, Delay: seconds(60)}, has[1]); r.GetSettled() != 1 {
			t.Error(r)
		}
		again := b.take(1)
		if again[0].name != "1" || again[0].deliveries != 2 {
			t.Errorf("again %v", again)
		}
		if r := a.settle(&eventnodev1.SettleEvents{Verb: eventnodev1.Verb_VERB_ACK}, has[0]); r.GetErrorReason() != "NOT_PENDING" || r.GetMissed() != 1 {
			t.Errorf("ack of what another one has: %v", r)
		}
		b.ack(again...)
		a.ack(has[1])
	})
}

// Each event goes to one of several consumers, and all of them get some.
func TestConsumersShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _ := withGroup(t, nil)
		a, b := n.consume(t, opening1("g", 5, "s")), n.consume(t, opening1("g", 5, "s"))
		if a.opened.GetConsumer() != 1 || b.opened.GetConsumer() != 2 {
			t.Errorf("consumers %d and %d", a.opened.GetConsumer(), b.opened.GetConsumer())
		}
		n.publish(t, "s", events(numbered(10)...)...)
		all := append(namesOf(a.take(5)), namesOf(b.take(5))...)
		slices.SortFunc(all, func(x, y string) int { return len(x)*100 - len(y)*100 + compareText(x, y) })
		if !slices.Equal(all, numbered(10)) {
			t.Errorf("all %v", all)
		}
	})
}

func compareText(x, y string) int {
	if x < y {
		return -1
	}
	return 1
}

// In a keyed group what has the same key waits for what came before, also across
// consumers, and an ack lets it go on.
func TestKeyedEventsComeInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _ := withGroup(t, &eventnodev1.ConsumerGroupConfig{Keyed: true})
		batch := events("a1", "a2", "b1")
		batch[0].Event.Key, batch[1].Event.Key, batch[2].Event.Key = "a", "a", "b"
		n.publish(t, "s", batch...)
		one := n.consume(t, opening1("g", 1, "s"))
		first := one.take(1)
		two := n.consume(t, opening1("g", 10, "s"))
		other := two.take(1)
		if first[0].name != "a1" || other[0].name != "b1" {
			t.Fatalf("first %v, other %v", first, other)
		}
		two.none()
		one.ack(first...)
		if next := two.take(1); next[0].name != "a2" {
			t.Errorf("next %v", next)
		}
	})
}

// A holder that comes back has its consumer, the call before ends as fenced, and what
// was in hand comes first.
func TestTheHolderComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _ := withGroup(t, nil)
		n.publish(t, "s", events("1", "2", "3")...)
		open := opening1("g", 2, "s")
		before := n.consume(t, open)
		has := before.take(2)
		open.Credit.Events = 10
		now := n.consume(t, open)
		if now.opened.GetConsumer() != before.opened.GetConsumer() || now.opened.GetEpoch() <= before.opened.GetEpoch() {
			t.Errorf("before %v, now %v", before.opened, now.opened)
		}
		if err := before.ended(); !errors.Is(err, eventnode.ErrFenced) {
			t.Errorf("the call before: %v", err)
		}
		if all := now.take(3); !slices.Equal(namesOf(all), []string{"1", "2", "3"}) || all[0].deliveries != 2 || all[2].deliveries != 1 {
			t.Errorf("now %v", all)
		}
		now.ack(has...)
	})
}

// While a holder is away its lease stays, and then ends: others have what it had.
func TestWhoStaysAwayLosesWhatItHad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, m := withGroup(t, nil)
		n.publish(t, "s", events("1")...)
		a := n.consume(t, opening1("g", 1, "s"))
		a.take(1)
		b := n.consume(t, opening1("g", 1, "s"))
		b.none()
		started := time.Now()
		a.cancel()
		if again := b.take(1); again[0].deliveries != 2 || time.Since(started) < m.desk.LeaseTTL() {
			t.Errorf("%v after %v", again, time.Since(started))
		}
	})
}

// Who closes leaves what it has to others at once; who half-closes keeps it.
func TestHowAConsumerEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _ := withGroup(t, nil)
		n.publish(t, "s", events("1", "2")...)
		a := n.consume(t, opening1("g", 1, "s"))
		a.take(1)
		b := n.consume(t, opening1("g", 1, "s"))
		b.take(1)
		c := n.consume(t, opening1("g", 9, "s"))
		c.none()
		if err := a.stream.CloseSend(); err != nil {
			t.Fatal(err)
		}
		if err := a.ended(); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		b.send(&eventnodev1.ConsumeRequest{Request: &eventnodev1.ConsumeRequest_Close{Close: &eventnodev1.CloseConsumer{}}})
		if err := b.ended(); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
		if got := c.take(1); got[0].name != "2" {
			t.Errorf("others have %v", got)
		}
	})
}

// What a consumer gives back before it ends is not handed to itself, though it has
// credit: the delivery does not count.
func TestWhoEndsIsHandedNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 20 {
			n, _ := withGroup(t, nil)
			n.publish(t, "s", events("1", "2")...)
			a := n.consume(t, opening1("g", 10, "s"))
			has := a.take(2)
			a.none()
			a.send(&eventnodev1.ConsumeRequest{Request: &eventnodev1.ConsumeRequest_Settle{Settle: &eventnodev1.SettleEvents{
				Verb: eventnodev1.Verb_VERB_NACK_SILENT, Events: named(has), Last: true,
			}}})
			a.send(&eventnodev1.ConsumeRequest{Request: &eventnodev1.ConsumeRequest_Close{Close: &eventnodev1.CloseConsumer{}}})
			if err := a.ended(); !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			b := n.consume(t, opening1("g", 10, "s"))
			if again := b.take(2); again[0].deliveries != 1 || again[1].deliveries != 1 {
				t.Fatalf("given back, and then %v", again)
			}
		}
	})
}

// What is claimed reaches a consumer that runs.
func TestClaimWhileTheReceiverRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _ := withGroup(t, nil)
		n.publish(t, "s", events("1", "2")...)
		a := n.consume(t, opening1("g", 2, "s"))
		has := a.take(2)
		b := n.consume(t, opening1("g", 5, "s"))
		b.none()
		resp, err := n.consumers().ClaimPending(t.Context(), &eventnodev1.ClaimPendingRequest{Stream: streamName("s"), Group: "g", From: 1, To: 2})
		if err != nil || resp.GetMoved() != 2 {
			t.Fatalf("%v, %v", resp, err)
		}
		b.ack(b.take(2)...)
		if r := a.settle(&eventnodev1.SettleEvents{Verb: eventnodev1.Verb_VERB_ACK}, has...); r.GetAlready() != 2 {
			t.Errorf("the one before: %v", r)
		}
	})
}

// A consumer that does not read holds nobody up, and nothing of the state.
func TestASlowConsumerHoldsNobodyUp(t *testing.T) {
	n, m := withGroup(t, nil)
	n.addGroup(t, "s", "other", nil)
	for range 40 {
		n.publish(t, "s", sized("large", 512<<10))
	}
	slow := n.consume(t, opening1("g", 1000, "s"))
	fast := n.consume(t, opening1("g", 1000, "s"))
	n.consume(t, opening1("other", 1000, "s")).take(40)
	n.publish(t, "s", events("new")...)
	fast.until(func() bool {
		return slices.ContainsFunc(fast.events, func(d delivered) bool { return d.name == "new" })
	})
	for deadline := time.Now().Add(10 * time.Second); m.views.Load() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d views are open", m.views.Load())
		}
	}
	slow.cancel()
}

// A nack comes again after its delay, a silent one does not count, and who waits is
// woken by it.
func TestNacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _ := withGroup(t, nil)
		n.publish(t, "s", events("1")...)
		c := n.consume(t, opening1("g", 10, "s"))
		has := c.take(1)
		c.none()
		if r := c.settle(&eventnodev1.SettleEvents{Verb: eventnodev1.Verb_VERB_NACK_SILENT}, has...); r.GetSettled() != 1 {
			t.Error(r)
		}
		if has = c.take(1); has[0].deliveries != 1 {
			t.Errorf("after a silent one %v", has)
		}
		began := time.Now()
		if r := c.settle(&eventnodev1.SettleEvents{Verb: eventnodev1.Verb_VERB_NACK, Delay: seconds(3)}, has...); r.GetSettled() != 1 {
			t.Error(r)
		}
		if has = c.take(1); has[0].deliveries != 2 || time.Since(began) < 3*time.Second || time.Since(began) > 4*time.Second {
			t.Errorf("%v after %v", has, time.Since(began))
		}
	})
}

// A group over several streams: the batch is shared fairly, or counted by stream.
func TestAConsumerOfSeveralStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _ := withGroup(t, nil)
		n.declare(t, "r", &eventnodev1.StreamConfig{Groups: []string{"g", "h"}})
		n.addGroup(t, "s", "h", nil)
		n.publish(t, "s", events(numbered(10)...)...)
		n.publish(t, "r", events(numbered(3)...)...)
		for group, each := range map[string]bool{"g": false, "h": true} {
			open := opening1(group, 8, "s", "r")
			open.Each = each
			c := n.consume(t, open)
			want := map[bool][2]int{false: {5, 3}, true: {4, 3}}[each]
			c.until(func() bool { return len(c.events) >= want[0]+want[1] })
			var has [2]int
			for _, e := range c.events[:want[0]+want[1]] {
				has[e.stream]++
			}
			if has != want {
				t.Errorf("each %v: %v, want %v", each, has, want)
			}
			c.ack(c.events...)
		}
	})
}

// With less credit than streams, they take turns.
func TestStreamsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _ := withGroup(t, nil)
		n.declare(t, "r", &eventnodev1.StreamConfig{Groups: []string{"g"}})
		n.publish(t, "s", events(numbered(4)...)...)
		n.publish(t, "r", events(numbered(4)...)...)
		open := opening1("g", 1, "s", "r")
		open.Each = true
		c := n.consume(t, open)
		var has [2]int
		for range 4 {
			has[c.take(1)[0].stream]++
			synctest.Wait()
			if len(c.events) > 0 {
				t.Errorf("more than there is credit for: %v", c.events)
			}
			c.give(1)
		}
		if has[0] == 0 || has[1] == 0 {
			t.Errorf("by stream %v", has)
		}
	})
}

// With bytes counted no more is sent than there is credit for, but for one chunk.
func TestCreditInBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _ := withGroup(t, nil)
		for range 6 {
			n.publish(t, "s", sized("e", 1000))
		}
		open := opening1("g", 100, "s")
		open.CountBytes, open.Credit.Bytes = true, 2500
		c := n.consume(t, open)
		c.take(3)
		synctest.Wait()
		if g := n.group(t, "s", "g"); g.GetPending() != 3 {
			t.Errorf("pending %d", g.GetPending())
		}
		c.send(&eventnodev1.ConsumeRequest{Request: &eventnodev1.ConsumeRequest_Credit{Credit: &eventnodev1.ConsumerCredit{Bytes: 10_000}}})
		c.take(3)
	})
}

// When the leader goes, the call says where to go and ends; what was in hand stays so.
func TestAConsumerMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, other := newMemory(t), newMemory(t)
		other.leads.Store(false)
		cluster := newCluster(t, nil, m, other)
		n := cluster.nodes[0]
		m.work()
		n.declare(t, "s", &eventnodev1.StreamConfig{Groups: []string{"g"}})
		n.publish(t, "s", events("1")...)
		c := cluster.nodes[1].consume(t, opening1("g", 5, "s")) // through another node
		c.take(1)
		direct := n.consume(t, opening1("g", 5, "s"))
		direct.none()
		m.leads.Store(false)
		cluster.lead(1)
		other.leads.Store(true)
		if err := direct.ended(); !errors.Is(err, eventnode.ErrUnavailable) || direct.moved.GetLeaderAddress() != "addr-n2" {
			t.Errorf("%v, moved %v", err, direct.moved)
		}
		if err := c.ended(); !errors.Is(err, eventnode.ErrUnavailable) {
			t.Error(err)
		}
	})
}

// Retention that goes by limits takes what a group did not have; it is told.
func TestWhatIsLostIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, m := alone(t, nil)
		m.work()
		n.declare(t, "s", &eventnodev1.StreamConfig{Retain: eventnodev1.Retain_RETAIN_LIMITS, MaxCount: 2, Groups: []string{"g"}})
		for _, name := range numbered(5) {
			n.publish(t, "s", events(name)...)
		}
		c := n.consume(t, opening1("g", 10, "s"))
		if got := c.take(2); !slices.Equal(namesOf(got), []string{"4", "5"}) {
			t.Errorf("%v", got)
		}
		if len(c.lost) != 1 || c.lost[0].GetNumbers()[0].GetFrom() != 1 || c.lost[0].GetNumbers()[0].GetTo() != 3 {
			t.Errorf("lost %v", c.lost)
		}
	})
}
