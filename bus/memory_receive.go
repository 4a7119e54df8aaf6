package bus

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/eventnode/eventnode"
)

// memoryReceiver takes events from a queue.
type memoryReceiver struct{ m *Memory }

// Receive implements Receiver.
func (r memoryReceiver) Receive(ctx context.Context, take func(context.Context, *Delivery) error) error {
	var open sync.WaitGroup
	defer open.Wait()
	for {
		e := r.m.next(ctx)
		if e == nil {
			return nil
		}
		open.Add(1)
		d := &Delivery{Event: e.event, Deliveries: e.deliveries, Settler: &memorySettler{m: r.m, e: e, open: &open}}
		if err := take(ctx, d); err != nil {
			return err
		}
	}
}

// Close implements Receiver.
func (memoryReceiver) Close() error { return nil }

// next waits for an event; nil: ctx has ended.
func (m *Memory) next(ctx context.Context) *memoryEvent {
	for ctx.Err() == nil {
		e, changed, due := m.pop(time.Now())
		if e != nil {
			return e
		}
		if !awaitChange(ctx, changed, due) {
			return nil
		}
	}
	return nil
}

// awaitChange waits for a change, or until something is due; false: ctx has ended.
func awaitChange(ctx context.Context, changed <-chan struct{}, due time.Time) bool {
	var timer <-chan time.Time
	if !due.IsZero() {
		t := time.NewTimer(time.Until(due))
		defer t.Stop()
		timer = t.C
	}
	select {
	case <-changed:
	case <-timer:
	case <-ctx.Done():
		return false
	}
	return true
}

// pop takes the first event; if there is none it returns what to wait for.
func (m *Memory) pop(now time.Time) (e *memoryEvent, changed <-chan struct{}, due time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.later) > 0 && !m.later[0].due.After(now) {
		m.seq++
		m.later[0].seq = m.seq
		m.ready = append(m.ready, m.later[0])
		m.later = slices.Delete(m.later, 0, 1)
	}
	if len(m.ready) > 0 {
		e = m.ready[0]
		m.ready[0] = nil
		m.ready = m.ready[1:]
		e.deliveries++
		m.inHand++
		return e, nil, time.Time{}
	}
	if m.changed == nil {
		m.changed = make(chan struct{})
	}
	if len(m.later) > 0 {
		due = m.later[0].due
	}
	return nil, m.changed, due
}

// memorySettler settles one event.
type memorySettler struct {
	m    *Memory
	e    *memoryEvent
	open *sync.WaitGroup
}

// Withdrawn implements Settler.
func (*memorySettler) Withdrawn(*Delivery) bool { return false }

// Settle implements Settler.
func (s *memorySettler) Settle(_ *Delivery, what eventnode.Settlement) error {
	if what.Verb == eventnode.VerbExtend {
		return nil
	}
	defer s.open.Done()
	s.m.settle(s.e, what)
	return nil
}

// settle does what was said of an event.
func (m *Memory) settle(e *memoryEvent, what eventnode.Settlement) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.inHand--
	switch what.Verb {
	case eventnode.VerbTerminate:
		m.bury(e, what.Reason)
	case eventnode.VerbNack:
		if e.deliveries >= cmp.Or(m.MaxDeliver, defaultMaxDeliver) {
			m.bury(e, "max_deliver")
			break
		}
		m.again(e, what.Delay)
	case eventnode.VerbNackSilent:
		e.deliveries--
		at, _ := slices.BinarySearchFunc(m.ready, e.seq, func(o *memoryEvent, seq uint64) int { return cmp.Compare(o.seq, seq) })
		m.ready = slices.Insert(m.ready, at, e)
	case eventnode.VerbAck, eventnode.VerbExtend:
	}
	m.wake()
}

// again has an event come again. The caller holds mu.
func (m *Memory) again(e *memoryEvent, delay time.Duration) {
	if delay <= 0 {
		first := min(cmp.Or(m.Backoff, defaultBackoff), mostBackoff)
		delay = min(first<<min(e.deliveries-1, 10), mostBackoff) // 10: enough from a millisecond on
	}
	e.due = time.Now().Add(delay)
	at, _ := slices.BinarySearchFunc(m.later, e.due, func(o *memoryEvent, due time.Time) int { return o.due.Compare(due) })
	m.later = slices.Insert(m.later, at, e)
}

// bury makes a dead letter of an event. The caller holds mu.
func (m *Memory) bury(e *memoryEvent, reason string) {
	m.died++
	m.dead = append(m.dead, eventnode.DeadLetter{
		Number: m.died, Died: time.Now(), Reason: reason, Deliveries: e.deliveries, Event: eventnode.StreamEvent{Event: e.event},
	})
	if len(m.dead) > maxDead {
		m.dead = slices.Delete(m.dead, 0, 1)
	}
}
