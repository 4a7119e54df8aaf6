package groups

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/eventnode/eventnode"
)

// turn is the right to change things: whoever has it is the writer. It is held
// for work that never waits for anybody. A call that finds it free works at
// once, in its own goroutine; what it would cost to wake another one and to be
// woken again is several times the work. A call that does not find it free puts
// its work into the inbox, and Run, or whoever has the turn next, does it.
type turn struct {
	sync.Mutex
	begun   bool // Run was called
	running bool // and has not ended
}

// begin starts the work; it reports false if it was started before.
func (t *turn) begin() bool {
	t.Lock()
	defer t.Unlock()
	if t.begun {
		return false
	}
	t.begun, t.running = true, true
	return true
}

// before calls fn if the work has not begun, and reports whether it did.
func (t *turn) before(fn func()) bool {
	t.Lock()
	defer t.Unlock()
	if !t.begun {
		fn()
	}
	return !t.begun
}

// finish ends the work: nobody is the writer afterwards.
func (t *turn) finish(done chan struct{}) {
	t.Lock()
	defer t.Unlock()
	t.running = false
	close(done)
}

// work does what waits in the inbox, then op, and hands out what came of it. The
// caller has the turn. Since it is only here that work leaves the inbox, what one
// goroutine brought is done in the order in which it brought it.
func (g *Groups) work(op func()) {
	g.catchUp()
	if op != nil {
		op()
	}
	g.handOut()
}

// catchUp does what waits in the inbox.
func (g *Groups) catchUp() {
	for range len(g.inbox) {
		(<-g.inbox)() // there is one: only who has the turn takes them
	}
}

// handOut tells and sends what came of the work.
func (g *Groups) handOut() {
	g.x.Flush()
	g.publish()
	g.checkWaiters()
	if len(g.inbox) > 0 || len(g.backlogs) > 0 && !g.retrying {
		g.alert()
	}
}

// alert wakes Run. Sending to a channel with room does not block.
func (g *Groups) alert() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// The states of an operation that a caller waits for.
const (
	opQueued = iota
	opStarted
	opAbandoned
)

// do has the writer call fn and waits for it. If it returns an error, fn was
// not called and will not be.
func (g *Groups) do(ctx context.Context, fn func()) error {
	if !g.enter(ctx) {
		return g.queue(ctx, fn)
	}
	fn()
	g.leaveTurn()
	return nil
}

// enter takes the turn if it is free, and ctx has not ended; what waits is done
// then. It is for work that ends with leaveTurn.
func (g *Groups) enter(ctx context.Context) bool {
	if ctx.Err() != nil || !g.turn.TryLock() {
		return false
	}
	if !g.turn.running {
		g.turn.Unlock()
		return false
	}
	g.catchUp()
	return true
}

// leaveTurn hands out what came of the work, and lets others work.
func (g *Groups) leaveTurn() {
	g.handOut()
	g.turn.Unlock()
}

// queue is do by way of the inbox.
func (g *Groups) queue(ctx context.Context, fn func()) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var state atomic.Int32
	finished := make(chan struct{})
	op := func() {
		if state.CompareAndSwap(opQueued, opStarted) {
			fn()
			close(finished)
		}
	}
	select {
	case g.inbox <- op:
		g.alert()
	case <-ctx.Done():
		return ctx.Err()
	case <-g.done:
		return eventnode.ErrClosed
	}
	var err error
	select {
	case <-finished:
		return nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-g.done:
		err = eventnode.ErrClosed
	}
	if state.CompareAndSwap(opQueued, opAbandoned) {
		return err
	}
	<-finished
	return nil
}

// tell has the writer call fn, some time later, in the order of the calls.
func (g *Groups) tell(fn func()) {
	select {
	case g.inbox <- fn:
		g.alert()
	case <-g.done:
	}
}
