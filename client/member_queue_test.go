package client

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// The queue against a plain list: what comes out, and what gaps say, adds up to
// what went in, in order.
func TestMemberQueueAccountsForEverything(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 200 {
		most := 1 + random.IntN(20)
		q := newMemberQueue(most)
		next, expect := uint64(0), uint64(0)
		for range 500 {
			if random.IntN(3) > 0 {
				if random.IntN(10) == 0 { // a gap that a node told of
					q.push(eventnode.Received{Gap: &eventnode.Gap{Count: 5, Known: true, Reason: eventnode.GapQueueFull}})
					next += 5
					continue
				}
				q.push(eventnode.Received{Event: event.Event{Key: string(rune(next))}})
				next++
				continue
			}
			r, ok, err := q.pop()
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case !ok:
				if expect != next {
					t.Fatalf("empty after %d of %d", expect, next)
				}
			case r.Gap != nil:
				if !r.Gap.Known {
					t.Fatal("gap of unknown size")
				}
				expect += r.Gap.Count
			default:
				if r.Event.Key != string(rune(expect)) {
					t.Fatalf("out of order at %d", expect)
				}
				expect++
			}
			if len(q.ring) > most {
				t.Fatalf("ring of %d, at most %d", len(q.ring), most)
			}
		}
	}
}

func TestMemberQueueGapOfUnknownSize(t *testing.T) {
	q := newMemberQueue(1)
	q.push(eventnode.Received{Gap: &eventnode.Gap{Reason: eventnode.GapReconnected}})
	q.push(eventnode.Received{Event: event.Event{Name: "1"}})
	q.push(eventnode.Received{Event: event.Event{Name: "2"}})
	r, _, _ := q.pop()
	if r.Gap == nil || r.Gap.Known || r.Gap.Reason != eventnode.GapQueueFull {
		t.Errorf("first %+v, want a gap of unknown size", r)
	}
	if r, _, _ = q.pop(); r.Event.Name != "2" {
		t.Errorf("then %+v, want event 2", r)
	}
	q.push(r)
	q.close(eventnode.ErrClosed)
	q.push(r)
	if _, ok, err := q.pop(); ok || !errors.Is(err, eventnode.ErrClosed) {
		t.Errorf("after close: %v, %v", ok, err)
	}
}
