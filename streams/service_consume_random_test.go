package streams

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// moody is a consumer that does anything, and in the end what it should.
type moody struct {
	n      *testNode
	rng    *rand.Rand
	holder []byte
	good   <-chan struct{} // closed when it is to do what it should

	mu    *sync.Mutex
	acked map[string]int // by event; shared
}

func (w *moody) isGood() bool {
	select {
	case <-w.good:
		return true
	default:
		return false
	}
}

// run comes again and again until ctx ends.
func (w *moody) run(ctx context.Context) {
	for ctx.Err() == nil {
		if w.rng.IntN(3) == 0 {
			w.holder = newHolder()
		}
		w.call(ctx)
		select {
		case <-time.After(time.Duration(w.rng.IntN(3000)) * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

func (w *moody) call(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := w.n.consumers().Consume(ctx)
	if err != nil {
		return
	}
	open := opening1("g", uint64(1+w.rng.IntN(20)), "s")
	open.Holder = w.holder
	if stream.Send(&eventnodev1.ConsumeRequest{Request: &eventnodev1.ConsumeRequest_Open{Open: open}}) != nil {
		return
	}
	waiting := map[uint64][]string{} // acks that are not answered
	for request := uint64(1); ; request++ {
		m, err := stream.Recv()
		if err != nil {
			return
		}
		w.note(m, waiting)
		if len(m.GetEnvelopes()) == 0 {
			continue
		}
		if !w.isGood() && w.end(stream, cancel) {
			return
		}
		if stream.Send(&eventnodev1.ConsumeRequest{Request: &eventnodev1.ConsumeRequest_Credit{Credit: &eventnodev1.ConsumerCredit{Events: uint64(len(m.GetEnvelopes()))}}}) != nil {
			return
		}
		settle := w.settlement(m)
		if settle == nil { // it forgets
			continue
		}
		if settle.Request = request; settle.GetVerb() == eventnodev1.Verb_VERB_ACK {
			for _, e := range m.GetEnvelopes() {
				waiting[request] = append(waiting[request], e.GetEvent().GetName())
			}
		}
		if stream.Send(&eventnodev1.ConsumeRequest{Request: &eventnodev1.ConsumeRequest_Settle{Settle: settle}}) != nil {
			return
		}
	}
}

// note counts acks that took effect as a whole.
func (w *moody) note(m *eventnodev1.ConsumeResponse, waiting map[uint64][]string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range m.GetResults() {
		if names := waiting[r.GetRequest()]; int(r.GetSettled()) == len(names) {
			for _, name := range names {
				w.acked[name]++
			}
		}
	}
}

// end perhaps ends the call, in some way.
func (w *moody) end(stream grpc.BidiStreamingClient[eventnodev1.ConsumeRequest, eventnodev1.ConsumeResponse], cancel func()) bool {
	switch w.rng.IntN(12) {
	case 0:
		cancel()
	case 1:
		_ = stream.CloseSend()
	case 2:
		_ = stream.Send(&eventnodev1.ConsumeRequest{Request: &eventnodev1.ConsumeRequest_Close{Close: &eventnodev1.CloseConsumer{}}})
	default:
		return false
	}
	return true
}

// settlement is what it says of what came; nil: nothing.
func (w *moody) settlement(m *eventnodev1.ConsumeResponse) *eventnodev1.SettleEvents {
	var has []delivered
	for _, d := range m.GetDeliveries() {
		for _, s := range d.GetSlices() {
			for i := range s.GetCount() {
				has = append(has, delivered{number: s.GetNumber() + uint64(i)})
			}
		}
	}
	settle := &eventnodev1.SettleEvents{Verb: eventnodev1.Verb_VERB_ACK, Events: named(has)}
	if w.isGood() {
		return settle
	}
	switch w.rng.IntN(10) {
	case 0:
		return nil
	case 1:
		settle.Verb = eventnodev1.Verb_VERB_NACK
	case 2:
		settle.Verb, settle.Delay = eventnodev1.Verb_VERB_NACK, durationpb.New(time.Duration(w.rng.IntN(5000))*time.Millisecond)
	case 3:
		settle.Verb = eventnodev1.Verb_VERB_NACK_SILENT
	case 4:
		settle.Verb = eventnodev1.Verb_VERB_EXTEND
	}
	return settle
}

// Whatever consumers do, nobody who waits is forgotten: when they behave again the group
// drains within the longest wait there is, and each event was acked once.
func TestRandomConsumersDrain(t *testing.T) {
	for _, keyed := range []bool{false, true} {
		for range 4 {
			seed := rand.Uint64()
			t.Run(fmt.Sprintf("keyed=%v seed=%d", keyed, seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { testRandomConsumers(t, keyed, seed) })
			})
		}
	}
}

func testRandomConsumers(t *testing.T, keyed bool, seed uint64) {
	const all, workers = 200, 5
	wait := 10 * time.Second
	n, _ := withGroup(t, &eventnodev1.ConsumerGroupConfig{Keyed: keyed, MaxDeliver: 1 << 31, AckWait: durationpb.New(wait), BackoffMax: durationpb.New(wait)})
	rng := rand.New(rand.NewPCG(seed, 0))
	ctx, cancel := context.WithCancel(t.Context())
	good := make(chan struct{})
	var mu sync.Mutex
	acked := map[string]int{}
	var working sync.WaitGroup
	for i := range workers {
		w := &moody{n: n, rng: rand.New(rand.NewPCG(seed, uint64(i+1))), holder: newHolder(), good: good, mu: &mu, acked: acked}
		working.Go(func() { w.run(ctx) })
	}
	for sent := 0; sent < all; {
		batch := events(numbered(all)[sent : sent+min(1+rng.IntN(10), all-sent)]...)
		for _, e := range batch {
			e.Event.Key = fmt.Sprint(rng.IntN(5))
		}
		n.publish(t, "s", batch...)
		sent += len(batch)
		time.Sleep(time.Duration(rng.IntN(2000)) * time.Millisecond)
		if from, to := uint32(1+rng.IntN(workers)), uint32(1+rng.IntN(workers)); from != to && rng.IntN(4) == 0 {
			_, _ = n.consumers().ClaimPending(t.Context(), &eventnodev1.ClaimPendingRequest{Stream: streamName("s"), Group: "g", From: from, To: to})
		}
		if rng.IntN(10) == 0 {
			_, _ = n.consumers().DeleteConsumer(t.Context(), &eventnodev1.DeleteConsumerRequest{Stream: streamName("s"), Group: "g", Consumer: uint32(1 + rng.IntN(workers))})
		}
	}
	close(good)
	began := time.Now()
	for g := n.group(t, "s", "g"); g.GetLag()+g.GetPending() > 0; g = n.group(t, "s", "g") {
		if time.Since(began) > 5*time.Minute {
			t.Errorf("stuck: %v", g)
			break
		}
		time.Sleep(time.Second)
	}
	cancel()
	working.Wait()
	for name, times := range acked {
		if times > 1 {
			t.Errorf("event %s was acked %d times", name, times)
		}
	}
}
