package bus

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// Memory is a queue in this process, for tests: first in, first out, at least once. It
// is to a consumer as a stream with one consumer group is, but that nothing outlives the
// process. Its zero value is ready; the fields are set before it is used.
//
// Each event goes to one consumer, also if that is started later. What is nacked comes
// again after its delay, behind what waits then; what is given back at once, at its old
// place. After MaxDeliver deliveries, and when it is terminated, it is a dead letter.
type Memory struct {
	// Capacity bounds the events that wait or are in hand: beyond it producing is
	// ErrStreamFull. Defaults to 65,536.
	Capacity int
	// MaxDeliver is after how many deliveries an event is a dead letter. Defaults to
	// 20.
	MaxDeliver int
	// Backoff is how long the first nack without a delay puts an event off; each further
	// one doubles it, up to a second. Defaults to 10 ms.
	Backoff time.Duration
	// MaxEventBytes bounds name, key, meta and data of an event. Defaults to 1 MiB.
	MaxEventBytes int

	mu      sync.Mutex
	seq     uint64
	ready   []*memoryEvent // by seq
	later   []*memoryEvent // by due
	inHand  int
	dead    []eventnode.DeadLetter
	died    uint64
	changed chan struct{} // closed when there may be something to deliver; nil: nobody waits
}

var _ Transport = (*Memory)(nil)

// The defaults of Memory. maxDead bounds the dead letters: the oldest go.
const (
	defaultCapacity   = 65_536
	defaultMaxDeliver = 20
	defaultEventBytes = 1 << 20
	defaultBackoff    = 10 * time.Millisecond
	mostBackoff       = time.Second
	maxDead           = 1024
)

// memoryEvent is an event in the queue.
type memoryEvent struct {
	event      event.Event
	seq        uint64
	deliveries int
	due        time.Time
}

// NewMemory makes a queue with the defaults.
func NewMemory() *Memory { return &Memory{} }

// Guarantee implements Transport.
func (m *Memory) Guarantee() Guarantee { return AtLeastOnce }

// OpenSender implements Transport.
func (m *Memory) OpenSender(ctx context.Context) (Sender, error) { return memorySender{m}, ctx.Err() }

// OpenReceiver implements Transport.
func (m *Memory) OpenReceiver(ctx context.Context) (Receiver, error) {
	return memoryReceiver{m}, ctx.Err()
}

// Len is how many events wait or are in hand.
func (m *Memory) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.len()
}

// len is it. The caller holds mu.
func (m *Memory) len() int { return len(m.ready) + len(m.later) + m.inHand }

// DeadLetters are the events that were given up, 1,024 at most, the oldest first.
func (m *Memory) DeadLetters() []eventnode.DeadLetter {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.dead)
}

// memorySender puts events into a queue.
type memorySender struct{ m *Memory }

// Send implements Sender.
func (s memorySender) Send(ctx context.Context, evs []event.Event, _ bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for i := range evs {
		if err := s.m.check(&evs[i]); err != nil {
			return err
		}
	}
	m := s.m
	m.mu.Lock()
	defer m.mu.Unlock()
	if capacity := cmp.Or(m.Capacity, defaultCapacity); m.len()+len(evs) > capacity {
		return fmt.Errorf("%d events wait in memory, and %d are the most: %w", m.len(), capacity, eventnode.ErrStreamFull)
	}
	for _, e := range evs {
		m.seq++
		m.ready = append(m.ready, &memoryEvent{event: e, seq: m.seq})
	}
	m.wake()
	return nil
}

// Flush implements Sender.
func (memorySender) Flush(ctx context.Context) error { return ctx.Err() }

// Close implements Sender.
func (memorySender) Close(context.Context) error { return nil }

// check refuses what a stream would refuse.
func (m *Memory) check(e *event.Event) error {
	size := len(e.Name) + len(e.Key) + len(e.Source) + len(e.DataType) + len(e.Data)
	for k, v := range e.Meta {
		size += len(k) + len(v)
		if strings.HasPrefix(k, eventnode.ReservedMeta) {
			return fmt.Errorf("meta %.80q: keys that begin with %q are the project's own: %w", k, eventnode.ReservedMeta, eventnode.ErrInvalidEvent)
		}
	}
	if most := cmp.Or(m.MaxEventBytes, defaultEventBytes); size > most {
		return &eventnode.LimitError{Limit: "max_event_bytes", Max: most, Got: size}
	}
	return nil
}

// wake wakes those who wait. The caller holds mu.
func (m *Memory) wake() {
	if m.changed != nil {
		close(m.changed)
		m.changed = nil
	}
}
