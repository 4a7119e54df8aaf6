package link

import (
	"context"
	"sync"

	"github.com/eventnode/eventnode"
)

// tracker keeps the tracked envelopes of one peer until their answer: bounded
// by limit; more are refused.
type tracker struct {
	limit int

	mu      sync.Mutex
	last    uint64 // the last receipt number given out
	waiting map[uint64]*tracked
}

// tracked is one of them. Whoever takes it out of waiting answers it.
type tracked struct {
	reply func(int, error)
	stop  func() bool // ends the watch of the caller's context
	sent  bool        // handed over: its outcome is unknown until the answer
}

func newTracker(limit int) *tracker {
	return &tracker{limit: limit, waiting: make(map[uint64]*tracked)}
}

// add returns a number for the receipt, or 0 if too many wait. When ctx ends
// first, its error is the answer.
func (t *tracker) add(ctx context.Context, reply func(int, error)) uint64 {
	t.mu.Lock()
	if len(t.waiting) >= t.limit {
		t.mu.Unlock()
		return 0
	}
	t.last++
	id := t.last
	w := &tracked{reply: reply}
	t.waiting[id] = w
	t.mu.Unlock()

	stop := context.AfterFunc(ctx, func() { t.answer(id, 0, ctx.Err()) })
	t.mu.Lock()
	w.stop = stop
	_, still := t.waiting[id]
	t.mu.Unlock()
	if !still {
		stop()
	}
	return id
}

// answer calls the reply, unless that was done before.
func (t *tracker) answer(id uint64, reached int, err error) {
	t.mu.Lock()
	w := t.waiting[id]
	delete(t.waiting, id)
	var stop func() bool
	if w != nil {
		stop = w.stop
	}
	t.mu.Unlock()
	if w == nil {
		return
	}
	if stop != nil {
		stop()
	}
	w.reply(reached, err)
}

// unsent answers for envelopes that were dropped before they were handed over.
func (t *tracker) unsent(ids []uint64) {
	for _, id := range ids {
		t.answer(id, 0, eventnode.ErrUnavailable)
	}
}

// handOver notes that these are about to be sent.
func (t *tracker) handOver(envelopes []trackedEnvelope) {
	if len(envelopes) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range envelopes {
		if w := t.waiting[e.receipt]; w != nil {
			w.sent = true
		}
	}
}

// lost answers for everything handed over: the link broke.
func (t *tracker) lost() {
	t.mu.Lock()
	var ids []uint64
	for id, w := range t.waiting {
		if w.sent {
			ids = append(ids, id)
		}
	}
	t.mu.Unlock()
	for _, id := range ids {
		t.answer(id, 0, eventnode.ErrOutcomeUnknown)
	}
}
