package client

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// What came before a reconnect is left out once when it comes again soon after;
// everything else passes.
func TestRepeatedEventsAreLeftOutAfterAReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recent
		a, b := delivery(), delivery()
		passes(t, &r, "the first time", a)
		passes(t, &r, "dispatched twice", a)
		passes(t, &r, "another gap", eventnode.Delivery{Gap: &eventnode.Gap{Reason: eventnode.GapLinkLost}})
		passes(t, &r, "after another gap", a)
		passes(t, &r, "the reconnect", reconnect())
		passes(t, &r, "a new one", b)
		if !r.repeats(&a, arrived()) {
			t.Error("an event that came before the reconnect came again")
		}
		passes(t, &r, "dispatched again", a)
		passes(t, &r, "twice since the reconnect", b)
		passes(t, &r, "another reconnect", reconnect())
		time.Sleep(recentTime + time.Second)
		passes(t, &r, "long after the reconnect", b)
		if r.before != nil {
			t.Error("the past is kept for ever")
		}
	})
}

// Of however many events the last are remembered, in bounded memory.
func TestOnlyTheLastEventsAreRemembered(t *testing.T) {
	var r recent
	all := make([]eventnode.Delivery, 3*recentEvents/2)
	for i := range all {
		all[i] = delivery()
		passes(t, &r, "first", all[i])
	}
	passes(t, &r, "the reconnect", reconnect())
	for i := range all {
		if got, want := r.repeats(&all[i], arrived()), i >= len(all)-recentEvents; got != want {
			t.Fatalf("event %d of %d: left out %v, want %v", i, len(all), got, want)
		}
	}
	if len(r.ids) != recentEvents {
		t.Errorf("%d events are remembered", len(r.ids))
	}
}

// arrived is a frame of now.
func arrived() *frame { return &frame{at: time.Now()} }

func delivery() eventnode.Delivery { return eventnode.Delivery{Event: event.New("x", nil)} }

func reconnect() eventnode.Delivery {
	return eventnode.Delivery{Gap: &eventnode.Gap{Reason: eventnode.GapReconnected}}
}

func passes(t *testing.T, r *recent, what string, d eventnode.Delivery) {
	t.Helper()
	if r.repeats(&d, arrived()) {
		t.Errorf("%s: left out", what)
	}
}
