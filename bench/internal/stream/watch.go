package stream

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// watch sees all callers' acks and says for how long there was none.
type watch struct {
	mu    sync.Mutex
	acks  []int64 // when; of a few seconds, since the last order
	begun []int64 // by caller: when it published what was acked last
	tries uint64  // failed since the last order
	all   uint64  // failed ever
	first error   // since the last order
}

func newWatch(callers int) *watch {
	return &watch{begun: make([]int64, callers)}
}

// acked notes an ack for what a caller published at began.
func (w *watch) acked(caller int, began time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.acks = append(w.acks, time.Now().UnixNano())
	w.begun[caller] = began.UnixNano()
}

// failed notes a try that failed.
func (w *watch) failed(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tries++
	w.all++
	if w.first == nil {
		w.first = err
	}
}

func (w *watch) failures() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all
}

// backWait bounds how long callers may be without an ack.
const backWait = time.Minute

// since waits until every caller has an ack for what it published after until, and
// says what the longest pause was that ended after at. It forgets all then.
func (w *watch) since(ctx context.Context, at, until int64) (Pause, error) {
	deadline := time.Now().Add(backWait)
	for !w.back(until) {
		if time.Now().After(deadline) {
			return Pause{}, fmt.Errorf("no acks for all callers within %v", backWait)
		}
		select {
		case <-time.After(2 * time.Millisecond):
		case <-ctx.Done():
			return Pause{}, context.Cause(ctx)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	p := longest(w.acks, at)
	p.Failed, p.Why = w.tries, text(w.first)
	w.acks, w.tries, w.first = nil, 0, nil
	return p, nil
}

// back reports whether each caller has an ack for what it published after a time.
func (w *watch) back(at int64) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Min(w.begun) > at
}

// longest is the longest pause between two acks that ended after a time. The start
// of acks, which are in order, is an ack's time too.
func longest(acks []int64, at int64) Pause {
	var p Pause
	for i, to := range acks {
		if from := acks[max(0, i-1)]; to > at && (p.To == 0 || to-from > p.To-p.From) {
			p = Pause{From: from, To: to}
		}
	}
	return p
}
