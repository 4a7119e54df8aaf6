package cluster_test

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// What the tests of faults have in common.

// counted is event number n, with so many bytes of payload.
func counted(n uint64, size int) event.Event {
	data := make([]byte, max(size, 8))
	binary.BigEndian.PutUint64(data, n)
	return event.New("counted", data)
}

// tally is what one subscription of one publisher's counted events got. It fails
// the test on a duplicate and on a reorder.
type tally struct {
	t    *testing.T
	name string
	sub  eventnode.Subscription
	done sync.WaitGroup

	mu   sync.Mutex
	last uint64 // number of the last event
	got  uint64
	gaps []eventnode.Gap
	told uint64        // events told missing, where the count is known
	when time.Time     // of the last delivery
	rest time.Duration // the longest time between two deliveries
	err  error
}

// follow subscribes and counts until the test ends or the subscription does.
func follow(t *testing.T, name string, live eventnode.Live, topic string, opts ...eventnode.SubscribeOption) *tally {
	t.Helper()
	y := open(t, name, live, topic, opts...)
	y.start(t.Context())
	return y
}

// open subscribes, and reads nothing yet.
func open(t *testing.T, name string, live eventnode.Live, topic string, opts ...eventnode.SubscribeOption) *tally {
	t.Helper()
	sub, err := live.Subscribe(t.Context(), []string{topic}, opts...)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	t.Cleanup(func() { _ = sub.Close() })
	return &tally{t: t, name: name, sub: sub}
}

// start reads until the subscription ends.
func (y *tally) start(ctx context.Context) {
	y.done.Go(func() {
		for d, err := range y.sub.All(ctx) {
			y.take(d, err)
		}
	})
}

func (y *tally) take(d eventnode.Delivery, err error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	now := time.Now()
	if !y.when.IsZero() {
		y.rest = max(y.rest, now.Sub(y.when))
	}
	y.when = now
	switch {
	case err != nil:
		y.err = err
	case d.Gap != nil:
		y.gaps = append(y.gaps, *d.Gap)
		y.told += d.Gap.Count
	default:
		n := binary.BigEndian.Uint64(d.Event.Data)
		if n <= y.last {
			y.t.Errorf("%s: number %d after %d", y.name, n, y.last)
		}
		if n != y.last+1 && len(y.gaps) == 0 {
			y.t.Errorf("%s: number %d after %d, and no gap told", y.name, n, y.last)
		}
		y.last = n
		y.got++
	}
}

// snapshot is what a tally holds now.
type snapshot struct {
	got, last, told uint64
	gaps            []eventnode.Gap
	rest            time.Duration
	err             error
}

func (y *tally) now() snapshot {
	y.mu.Lock()
	defer y.mu.Unlock()
	return snapshot{y.got, y.last, y.told, append([]eventnode.Gap(nil), y.gaps...), y.rest, y.err}
}

// unknown reports whether a gap of unknown size came.
func (s snapshot) unknown() bool {
	for _, g := range s.gaps {
		if !g.Known {
			return true
		}
	}
	return false
}

// errShort is what a condition says of a tally that has not got all.
var errShort = errors.New("not all has come")
