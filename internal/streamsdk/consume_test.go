package streamsdk

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// A consumer goes to the leader by the shortest way, and follows it: nothing is handed
// out twice.
func TestConsumerFollowsTheLeader(t *testing.T) {
	withConsumers(t, func(t *testing.T, w *consumers) {
		w.Lead("n2")
		k := w.start(1, 2, nil)
		w.publishTo("a", "x", 5)
		k.want(t, listOf("x", 5)...)
		if a, b := w.Cluster.Consumers("n1"), w.Cluster.Consumers("n2"); a != 1 || b != 1 {
			t.Errorf("%d calls to its node, %d to the leader, want one each", a, b)
		}
		w.Lead("n1")
		w.publishTo("a", "y", 5)
		k.want(t, append(listOf("x", 5), listOf("y", 5)...)...)
		if n := w.Cluster.Consumers("n1"); n > 3 {
			t.Errorf("%d calls to the next leader", n)
		}
		k.stop(t)
		w.drained("a")
	})
}

// A handler that works while there is no leader, for less time than a lease is kept, is
// left alone; its events are not handed out again, and are acked in the end.
func TestHandlerOutlivesElection(t *testing.T) {
	withConsumers(t, func(t *testing.T, w *consumers) {
		w.publishTo("a", "x", 3)
		k := w.start(1, 2, func(ctx context.Context, _ []*eventnode.StreamDelivery) error {
			w.Lead("")
			time.Sleep(time.Second)
			w.Lead("n2")
			time.Sleep(5 * time.Second)
			return ctx.Err()
		})
		k.want(t, listOf("x", 3)...)
		time.Sleep(10 * time.Second)
		k.stop(t)
		w.drained("a")
	})
}

// When nobody can be asked for as long as a lease is kept, the handler is told, what it
// acks does not count, and the event comes again when there is a leader.
func TestTheLeaseExpires(t *testing.T) {
	withConsumers(t, func(t *testing.T, w *consumers) {
		w.publishTo("a", "x", 1)
		var told time.Duration
		var acked error
		var once sync.Once
		k := w.start(1, 2, func(ctx context.Context, events []*eventnode.StreamDelivery) error {
			once.Do(func() {
				w.Lead("")
				began := time.Now()
				<-ctx.Done()
				told, acked = time.Since(began), events[0].Ack()
				if !errors.Is(context.Cause(ctx), eventnode.ErrFenced) {
					t.Errorf("told %v", context.Cause(ctx))
				}
				w.Lead("n2")
			})
			return nil
		})
		k.want(t, "x0", "x0")
		if told < time.Second || told > 3*time.Second || !errors.Is(acked, eventnode.ErrFenced) {
			t.Errorf("told after %v; ack: %v", told, acked)
		}
		if k.ctxs[1].Err() != nil {
			t.Error("the next lease was over from the beginning")
		}
		k.stop(t)
		w.drained("a")
	})
}

// A consumer that somebody else is, now, or when it comes back, ends at once and says so.
func TestConsumerIsReplaced(t *testing.T) {
	for _, away := range []bool{false, true} {
		t.Run(fmt.Sprint("away ", away), func(t *testing.T) {
			withConsumers(t, func(t *testing.T, w *consumers) {
				w.publishTo("a", "x", 1)
				k := w.start(1, 2, func(ctx context.Context, _ []*eventnode.StreamDelivery) error {
					if away {
						w.Lead("")
						time.Sleep(100 * time.Millisecond)
					}
					w.Take("g", 1)
					w.Lead("n1")
					<-ctx.Done()
					return ctx.Err()
				})
				<-k.done
				if k.ran || k.err != nil {
					t.Errorf("%v, %v", k.ran, k.err)
				}
				for _, err := range w.Consumer("g").Events(t.Context(), 1) {
					if !errors.Is(err, eventnode.ErrLeaseTaken) {
						t.Error(err)
					}
				}
			})
		})
	}
}

// A consumer that has taken the lease from itself goes on.
func TestConsumerFencesItself(t *testing.T) {
	withConsumers(t, func(t *testing.T, w *consumers) {
		k := w.start(1, 2, nil)
		w.publishTo("a", "x", 2)
		k.want(t, listOf("x", 2)...)
		synctest.Wait()
		w.Fence("g", 1)
		synctest.Wait() // else what is delivered before it has heard of it comes again
		w.publishTo("a", "y", 2)
		k.want(t, append(listOf("x", 2), listOf("y", 2)...)...)
		k.stop(t)
		w.drained("a")
	})
}

// Streams that get the group are joined, those that lose it left out, while the consumer
// runs; one without any is an error.
func TestConsumerJoinsStreams(t *testing.T) {
	withConsumers(t, func(t *testing.T, w *consumers) {
		k := w.start(1, 2, nil)
		w.publishTo("b", "b", 2)
		if _, err := w.AddGroup(t.Context(), "b", "g", eventnode.ConsumerGroupConfig{}, eventnode.StartPlace{}); err != nil {
			t.Fatal(err)
		}
		k.want(t, listOf("b", 2)...)
		w.publishTo("a", "a", 1)
		k.want(t, "b0", "b1", "a0")
		if err := w.RemoveGroup(t.Context(), "a", "g"); err != nil {
			t.Fatal(err)
		}
		w.publishTo("b", "c", 1)
		k.want(t, "b0", "b1", "a0", "c0")
		if err := w.Delete(t.Context(), "b"); err != nil {
			t.Fatal(err)
		}
		<-k.done
		if k.ran || !errors.Is(k.err, eventnode.ErrConsumerGroupNotFound) {
			t.Errorf("%v, %v", k.ran, k.err)
		}
	})
}

// One that was told which streams to consume says which one is gone.
func TestConsumerOfAStreamThatGoes(t *testing.T) {
	withConsumers(t, func(t *testing.T, w *consumers) {
		k := w.start(1, 2, nil, eventnode.WithStreams("a"))
		synctest.Wait()
		if err := w.Delete(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		<-k.done
		if k.ran || !errors.Is(k.err, eventnode.ErrStreamNotFound) {
			t.Errorf("%v, %v", k.ran, k.err)
		}
	})
}

// Acks whose answers are lost are neither repeated by hand nor forgotten.
func TestAnswersAreLost(t *testing.T) {
	withConsumers(t, func(t *testing.T, w *consumers) {
		w.DropResults(3)
		w.publishTo("a", "x", 10)
		var errs []error
		k := w.start(1, 2, func(ctx context.Context, events []*eventnode.StreamDelivery) error {
			errs = append(errs, events[0].AckAndWait(ctx))
			return nil
		})
		k.want(t, listOf("x", 10)...)
		if err := errors.Join(errs...); err != nil {
			t.Error(err)
		}
		k.stop(t)
		w.drained("a")
	})
}

// A handler may work for an hour: nobody else is handed what it works on, nor what waits
// behind it.
func TestHandlerOfAnHour(t *testing.T) {
	withConsumers(t, func(t *testing.T, w *consumers) {
		w.publishTo("a", "x", 4)
		k := w.start(1, 2, func(ctx context.Context, _ []*eventnode.StreamDelivery) error {
			time.Sleep(time.Hour)
			return ctx.Err()
		})
		synctest.Wait()
		other := w.start(2, 10, nil)
		time.Sleep(2*time.Hour + time.Minute)
		other.want(t)
		k.want(t, listOf("x", 4)...)
		if n := w.Settles(); n > 2000 {
			t.Errorf("%d requests", n)
		}
		other.stop(t)
		k.stop(t)
		w.drained("a")
	})
}

// A consumer that is busy, or ends while it waits, is told to drain, or to go on, from
// outside.
func TestBlockTimeWhileItRuns(t *testing.T) {
	withConsumers(t, func(t *testing.T, w *consumers) {
		var beats atomic.Int32
		k := w.start(1, 2, nil, eventnode.WithHeartbeat(0, func() { beats.Add(1) }))
		time.Sleep(16 * time.Second)
		if n := beats.Load(); n != 3 { // every DefaultBlockTime
			t.Errorf("%d heartbeats", n)
		}
		k.SetBlockTime(time.Second)
		time.Sleep(10 * time.Second)
		if n := beats.Load(); n < 11 {
			t.Errorf("%d heartbeats", n)
		}
		if ran, err := k.Consume(t.Context(), 1, func(context.Context, []*eventnode.StreamDelivery) error { return nil }); ran || !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Errorf("consumed twice: %v, %v", ran, err)
		}
		k.DisableLoop()
		<-k.done
		if !k.ran || k.err != nil {
			t.Errorf("%v, %v", k.ran, k.err)
		}
		// And again, which begins anew.
		w.publishTo("a", "x", 3)
		n := 0
		if ran, err := k.Consume(t.Context(), 5, func(_ context.Context, events []*eventnode.StreamDelivery) error { n += len(events); return nil }); !ran || err != nil || n != 3 {
			t.Errorf("%v, %v: %d", ran, err, n)
		}
	})
}

// A consumer that has found nobody ends with its context, at once.
func TestConsumerEndsWithoutALeader(t *testing.T) {
	withConsumers(t, func(t *testing.T, w *consumers) {
		w.Lead("")
		k := w.start(1, 1, nil)
		time.Sleep(time.Minute)
		began := time.Now()
		k.stop(t)
		if took := time.Since(began); took > 100*time.Millisecond {
			t.Errorf("it took %v", took)
		}
	})
}

// The end of the owner ends a consumer, also one whose handler works.
func TestConsumerEndsWithItsOwner(t *testing.T) {
	withConsumers(t, func(t *testing.T, w *consumers) {
		w.publishTo("a", "x", 1)
		works, waits := w.start(1, 1, func(ctx context.Context, _ []*eventnode.StreamDelivery) error {
			<-ctx.Done()
			return ctx.Err()
		}), w.start(2, 1, nil)
		synctest.Wait()
		w.stop(eventnode.ErrClosed)
		for _, k := range []*working{works, waits} {
			<-k.done
			if k.ran || !errors.Is(k.err, eventnode.ErrClosed) {
				t.Errorf("%v, %v", k.ran, k.err)
			}
		}
	})
}

// The words of what is gone are told, and what a node says that is no word of the
// protocol ends the consumer.
func TestStrangeNodes(t *testing.T) {
	for name, c := range map[string]struct {
		answers []*eventnodev1.ConsumeResponse
		want    error
		lost    uint64
	}{
		"lost": {[]*eventnodev1.ConsumeResponse{
			{Opened: &eventnodev1.ConsumerOpened{Consumer: 1, Epoch: 1}},
			{Lost: []*eventnodev1.StreamEvents{{Numbers: []*eventnodev1.NumberRange{{From: 3, To: 5}}}}},
			{Deliveries: []*eventnodev1.Delivery{{Stream: 7}}},
		}, wire.ErrMalformed, 3},
		"never opened": {[]*eventnodev1.ConsumeResponse{{Idle: true}}, wire.ErrMalformed, 0},
	} {
		t.Run(name, func(t *testing.T) {
			withConsumers(t, func(t *testing.T, w *consumers) {
				sdk := w.Consumers
				sdk.cfg.Consumers = &scripted{LocalBackend: Local(w.Node("n1")), answers: c.answers}
				var lost atomic.Uint64
				k := w.start(1, 1, nil, eventnode.WithLost(func(stream string, n uint64) { lost.Add(n) }))
				<-k.done
				if k.ran || !errors.Is(k.err, c.want) || lost.Load() != c.lost {
					t.Errorf("%v, %v; %d lost", k.ran, k.err, lost.Load())
				}
			})
		})
	}
}

// Whatever happens to the cluster, consumers that ack all they are handed handle each
// event once as long as no lease is lost, in order for each of them; and nobody is stuck.
func TestRandomConsumers(t *testing.T) {
	for range 10 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			withConsumers(t, func(t *testing.T, w *consumers) { testRandomConsumers(t, w, seed) })
		})
	}
}

func testRandomConsumers(t *testing.T, w *consumers, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	var all []*working
	for nr := range 3 {
		slow := time.Duration(rng.IntN(500)) * time.Millisecond
		var opts []eventnode.ConsumerOption
		waits := rng.IntN(2) == 0
		if rng.IntN(2) == 0 {
			opts = append(opts, eventnode.WithManualAck())
		}
		all = append(all, w.start(nr+1, 1+rng.IntN(5), func(ctx context.Context, events []*eventnode.StreamDelivery) error {
			time.Sleep(slow)
			for _, d := range events {
				ack := d.Ack
				if waits {
					ack = func() error { return d.AckAndWait(ctx) }
				}
				if err := ack(); err != nil {
					t.Error(err)
				}
			}
			return nil
		}, opts...))
	}
	const events = 150
	for sent := 0; sent < events; {
		n := min(1+rng.IntN(10), events-sent)
		w.publishTo("a", fmt.Sprintf("%04d-", sent), n)
		sent += n
		switch rng.IntN(4) {
		case 0:
			w.DropResults(1 + rng.IntN(3))
		case 1:
			w.Lead("")
			time.Sleep(time.Duration(rng.IntN(1000)) * time.Millisecond)
			w.Lead("n2")
			time.Sleep(time.Second) // all come back before their leases are over
		case 2:
			w.Lead("n1")
		}
		time.Sleep(time.Duration(rng.IntN(2000)) * time.Millisecond)
	}
	for end := time.Now().Add(5 * time.Minute); w.Unacked("a", "g") > 0; time.Sleep(time.Second) {
		if time.Now().After(end) {
			t.Fatalf("stuck, with %d events left", w.Unacked("a", "g"))
		}
	}
	var got []string
	for _, k := range all {
		k.stop(t)
		if !slices.IsSortedFunc(k.got, byNumber) {
			t.Errorf("out of order: %v", k.got)
		}
		got = append(got, k.got...)
	}
	slices.Sort(got)
	if len(got) != events || len(slices.Compact(got)) != events {
		t.Errorf("%d events were handled %d times", events, len(got))
	}
}

// byNumber orders names such as 0010-3.
func byNumber(a, b string) int {
	first, rest, _ := strings.Cut(a, "-")
	other, others, _ := strings.Cut(b, "-")
	if first != other {
		return strings.Compare(first, other)
	}
	return len(rest)*100 - len(others)*100 + strings.Compare(rest, others)
}
