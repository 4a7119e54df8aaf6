package faults_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/eventnode/eventnode"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/test/cluster"
)

const (
	// handStream is a small stream, and handGroup the consumer group of it whose
	// history is recorded.
	handStream = "handed"
	handGroup  = "recorded"
	// handWait is its ack wait: so short that events go from hand to hand.
	handWait = 700 * time.Millisecond
	// handEvents are published.
	handEvents = 150
	// handAtOnce is how many events a consumer has in hand that it has not acked.
	handAtOnce = 4
)

func groupConfig(ackWait time.Duration, keyed bool) *eventnodev1.ConsumerGroupConfig {
	return &eventnodev1.ConsumerGroupConfig{
		AckWait: durationpb.New(ackWait), MaxDeliver: math.MaxUint32, Keyed: keyed,
		Backoff: durationpb.New(50 * time.Millisecond), BackoffMax: durationpb.New(500 * time.Millisecond),
	}
}

// handHistory is all operations of consumers and of those who move what these have. It
// is safe for concurrent use.
type handHistory struct {
	begun time.Time
	mu    sync.Mutex
	list  []porcupine.Operation
}

func (h *handHistory) add(client int, in handInput, out handAnswer, begun time.Time) {
	op := porcupine.Operation{ClientId: client, Input: in, Output: out, Call: int64(begun.Sub(h.begun)), Return: int64(time.Since(h.begun))}
	if out == handUnknown {
		op.Return = math.MaxInt64
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = append(h.list, op)
}

// check looks for an order of the operations about each event, and returns for how many
// events there is none.
func (h *handHistory) check(t *testing.T, dir string) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	count := map[string]int{}
	events := map[uint64][]porcupine.Operation{}
	var all []porcupine.Operation // about all events
	for _, op := range h.list {
		in := op.Input.(handInput)
		count[fmt.Sprintf("%s %s", in.Verb, op.Output)]++
		if in.Event == 0 {
			all = append(all, op)
			continue
		}
		events[in.Event] = append(events[in.Event], op)
	}
	wrong := 0
	for _, number := range slices.Sorted(maps.Keys(events)) {
		ops := slices.Concat(all, events[number])
		result, info := porcupine.CheckOperationsVerbose(handModel(), ops, linearTimeout)
		if result == porcupine.Ok {
			continue
		}
		if wrong++; wrong > maxProblems {
			continue
		}
		picture := filepath.Join(dir, fmt.Sprintf("event-%d.html", number))
		t.Errorf("event %d: %s: see %s", number, result, picture)
		if err := porcupine.VisualizePath(handModel(), info, picture); err != nil {
			t.Error(err)
		}
	}
	h.save(t, filepath.Join(dir, "handed.jsonl"))
	t.Logf("%d events, %d of which nothing explains; operations: %v", len(events), wrong, count)
}

// save writes all operations to a file. The caller holds mu.
func (h *handHistory) save(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	buffered := bufio.NewWriter(f)
	lines := json.NewEncoder(buffered)
	for _, op := range h.list {
		_ = lines.Encode(op)
	}
	if err := buffered.Flush(); err != nil {
		t.Error(err)
	}
}

// handed is the consumers, and those who move things between them.
type handed struct {
	*handHistory
	w        *world
	ctx      context.Context // ends with stop
	cancel   context.CancelFunc
	calm     chan struct{} // closed when nobody forgets or moves anything any more
	becalm   sync.Once
	work     sync.WaitGroup
	publish  sync.WaitGroup
	problems findings
	mu       sync.Mutex // problems'
}

// newHanded starts them: two rivals for the first two consumers each, and one for the
// third.
func newHanded(w *world) *handed {
	w.Declare(handStream, eventnode.StreamConfig{})
	w.handGroup(handStream, handGroup, handWait)
	h := &handed{handHistory: &handHistory{begun: time.Now()}, w: w, calm: make(chan struct{})}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	w.t.Cleanup(h.stop)
	for i, consumer := range []uint32{1, 2, 3, 1, 2} {
		c := &handClient{handed: h, id: i, consumer: consumer, wire: w.dialWire(i), holder: newHolder(), rnd: rand.New(rand.NewPCG(w.seed, uint64(10+i)))}
		h.work.Go(c.run)
	}
	m := &handMover{handed: h, id: 5, wire: w.dialWire(1), rnd: rand.New(rand.NewPCG(w.seed, 20))}
	h.work.Go(m.run)
	streams := w.dial(w.Running()...).Streams()
	rnd := rand.New(rand.NewPCG(w.seed, 21))
	h.publish.Go(func() {
		for i := range handEvents {
			if !h.wait(time.Duration(10+rnd.IntN(60)) * time.Millisecond) {
				return
			}
			ctx, cancel := context.WithTimeout(h.ctx, 10*publishTimeout)
			_, err := streams.Publish(ctx, handStream, newEvent(value("handed", i), 8, rnd))
			cancel()
			if err != nil && h.ctx.Err() == nil {
				h.complain("event %d cannot be published: %v", i, err)
			}
		}
	})
	return h
}

func (h *handed) complain(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.problems.add("while handed out", format, args...)
}

// stop ends all.
func (h *handed) stop() {
	h.cancel()
	h.work.Wait()
	h.publish.Wait()
}

// wait waits a moment; false: it is over.
func (h *handed) wait(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-h.ctx.Done():
		return false
	}
}

// isCalm reports whether all is to be acked now.
func (h *handed) isCalm() bool {
	select {
	case <-h.calm:
		return true
	default:
		return false
	}
}

// finish waits until the group has drained, which it must now that nobody breaks
// anything, and checks the history.
func (h *handed) finish() {
	h.w.t.Helper()
	h.publish.Wait()
	h.becalm.Do(func() { close(h.calm) })
	asks := h.w.dialWire(0)
	h.w.Eventually(60*time.Second, func() error {
		resp, err := ask(h.ctx, wireTimeout, func(ctx context.Context) (*eventnodev1.ListConsumerGroupsResponse, error) {
			return asks.consumers().ListConsumerGroups(ctx, &eventnodev1.ListConsumerGroupsRequest{
				Stream: &eventnodev1.StreamName{Name: handStream}, Group: handGroup, Consumers: true,
			})
		})
		if err != nil {
			asks.next()
			return err
		}
		if g := resp.GetGroups()[0]; g.GetLag()+g.GetPending() > 0 {
			return fmt.Errorf("the group does not drain: %v", g)
		}
		return nil
	})
	h.stop()
	for _, problem := range h.problems.all() {
		h.w.t.Error(problem)
	}
	h.check(h.w.t, h.w.dir)
}

// handMover claims, and ends consumers, now and then.
type handMover struct {
	*handed
	*wire
	id  int
	rnd *rand.Rand
}

func (m *handMover) run() {
	for m.wait(time.Duration(200+m.rnd.IntN(600))*time.Millisecond) && !m.isCalm() {
		from := uint32(1 + m.rnd.IntN(handConsumers))
		if m.rnd.IntN(3) == 0 {
			m.delete(from)
		} else {
			m.claim(from, from%handConsumers+1)
		}
	}
}

func (m *handMover) claim(from, to uint32) {
	begun := time.Now()
	resp, err := ask(m.ctx, wireTimeout, func(ctx context.Context) (*eventnodev1.ClaimPendingResponse, error) {
		return m.consumers().ClaimPending(ctx, &eventnodev1.ClaimPendingRequest{
			Stream: &eventnodev1.StreamName{Name: handStream}, Group: handGroup, From: from, To: to,
		})
	})
	out := handDone
	switch {
	case err != nil:
		out = handUnknown
		m.next()
	case resp.GetMoved() == 0:
		out = handNothing
	}
	m.add(m.id, handInput{Verb: handClaim, Consumer: from, To: to}, out, begun)
}

func (m *handMover) delete(consumer uint32) {
	begun := time.Now()
	_, err := ask(m.ctx, wireTimeout, func(ctx context.Context) (*eventnodev1.DeleteConsumerResponse, error) {
		return m.consumers().DeleteConsumer(ctx, &eventnodev1.DeleteConsumerRequest{
			Stream: &eventnodev1.StreamName{Name: handStream}, Group: handGroup, Consumer: consumer,
		})
	})
	out := handDone
	if err != nil {
		out = handUnknown
		m.next()
	}
	m.add(m.id, handInput{Verb: handDelete, Consumer: consumer}, out, begun)
}

// Consumers that take their time, forget, break off and come back, under kills and
// pauses of leaders, while others claim what they have and end them: each event is
// handed out until it is acked, an ack counts once, by who has the event, and stale ones
// are refused.
func TestConsumeHistory(t *testing.T) {
	t.Parallel()
	w := begin(t, cluster.Config{})
	h := newHanded(w)
	for range rounds() {
		for range 2 {
			w.waitFor(time.Duration(500+w.rnd.IntN(1000)) * time.Millisecond)
			leader := w.Leader(handStream)
			w.Kill(leader.Name())
			w.progress("after the leader was killed")
			w.Restart(leader.Name())
		}
		w.waitFor(time.Duration(500+w.rnd.IntN(1000)) * time.Millisecond)
		leader := w.Leader(handStream)
		w.Pause(leader.Name())
		w.progress("while the leader is paused")
		w.waitFor(time.Second)
		w.Resume(leader.Name())
		w.progress("after the leader woke")
	}
	h.finish()
	w.finish()
}
