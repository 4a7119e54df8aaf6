package streams

import (
	"slices"
	"testing"
	"testing/synctest"

	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

func (n *testNode) dead(t testing.TB, stream string) *eventnodev1.ListDeadLettersResponse {
	t.Helper()
	resp, err := n.consumers().ListDeadLetters(t.Context(), &eventnodev1.ListDeadLettersRequest{Stream: streamName(stream)})
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// What is terminated, or delivered too often, is a dead letter: listed with the reason,
// consumed again when it is replayed, and gone when it is dropped.
func TestDeadLettersAreListedReplayedAndDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _ := withGroup(t, &eventnodev1.ConsumerGroupConfig{MaxDeliver: 1})
		first := n.publish(t, "s", events("1", "2", "3")...)
		if d := n.dead(t, "s"); d.GetCount() != 0 || len(d.GetLetters()) != 0 {
			t.Errorf("before any died: %v", d)
		}
		c := n.consume(t, opening1("g", 10, "s"))
		has := c.take(3)
		if r := c.settle(&eventnodev1.SettleEvents{Verb: eventnodev1.Verb_VERB_TERMINATE, Reason: "no such customer"}, has[0]); r.GetSettled() != 1 {
			t.Error(r)
		}
		if r := c.settle(&eventnodev1.SettleEvents{Verb: eventnodev1.Verb_VERB_NACK}, has[1]); r.GetSettled() != 1 {
			t.Error(r)
		}
		c.ack(has[2])
		letters := n.dead(t, "s")
		if letters.GetCount() != 2 || len(letters.GetLetters()) != 2 || letters.GetMore() {
			t.Fatalf("letters %v", letters)
		}
		one, two := letters.GetLetters()[0], letters.GetLetters()[1]
		if one.GetReason() != "no such customer" || one.GetGroup() != "g" || one.GetDeliveries() != 1 || one.GetEvent().GetName() != "1" ||
			len(one.GetEvent().GetMeta()) != 0 || one.GetPosition() != positionIn(first).String() || two.GetReason() != "max_deliver" {
			t.Errorf("letters %v", letters)
		}
		page, err := n.consumers().ListDeadLetters(t.Context(), &eventnodev1.ListDeadLettersRequest{Stream: streamName("s"), Limit: 1})
		if err != nil || len(page.GetLetters()) != 1 || !page.GetMore() {
			t.Errorf("%v, %v", page, err)
		}
		replayed, err := n.consumers().ReplayDeadLetters(t.Context(), &eventnodev1.ReplayDeadLettersRequest{Stream: streamName("s"), Numbers: numbersOf(one.GetNumber())})
		if err != nil || replayed.GetReplayed() != 1 {
			t.Fatalf("%v, %v", replayed, err)
		}
		if again := c.take(1); again[0].name != "1" || again[0].deliveries != 1 {
			t.Errorf("again %v", again)
		}
		dropped, err := n.consumers().DropDeadLetters(t.Context(), &eventnodev1.DropDeadLettersRequest{Stream: streamName("s"), Numbers: numbersOf(one.GetNumber(), two.GetNumber())})
		if err != nil || dropped.GetDropped() != 1 {
			t.Errorf("%v, %v", dropped, err)
		}
		if d := n.dead(t, "s"); d.GetCount() != 0 {
			t.Errorf("after all are gone: %v", d)
		}
	})
}

func numbersOf(numbers ...uint64) []*eventnodev1.NumberRange {
	slices.Sort(numbers)
	var all []delivered
	for _, n := range numbers {
		all = append(all, delivered{number: n})
	}
	return named(all)[0].GetNumbers()
}
