package streamsdk

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/streamsdk/hands"
	"github.com/eventnode/eventnode/internal/wire"
)

// A consumer that consumes is four goroutines around what it has in hand (package
// hands, under mu):
//
//	the caller   takes batches and calls the handler, so that a panic is the caller's
//	keeper       opens one call after the other, and sends what there is to say
//	receiver     one a call: takes what comes
//	scout        looks now and then whether other streams have the group
//
// Nobody waits for an answer but who asked to: what is said of a batch goes out while
// the next one is handled. Whoever changes something in hand wakes the others.
//
// The handler's context is the lease's. When the lease is lost it ends, with
// eventnode.ErrFenced: told by the node, or, if no node can be asked, when the time is
// over for which a lease is kept. Then the consumer tries to come back, if it is not
// sure that somebody else is this consumer now; what it had in hand it has lost.

// endWait bounds how long a consumer that ends waits for what it has said last.
const endWait = 5 * time.Second

// run is a consumer that consumes.
type run struct {
	k   *consumer
	log *slog.Logger

	reopen chan struct{} // capacity 1: open another call, for other streams
	work   chan struct{} // capacity 1: there may be something to send
	wake   chan struct{} // capacity 1: there may be a batch, or the end

	mu        sync.Mutex
	hands     *hands.Hands
	number    uint32   // of the consumer; 0: any
	names     []string // of the last call
	connected bool     // that is open
	lease     *lease
	over      error         // why there will be no call any more; nil: there will
	ended     chan struct{} // closed when over is set
	told      chan struct{} // closed at the next answer, if anybody waits for one
	waiters   int

	decoder wire.Decoder // the caller's
	beaten  time.Time    // the caller's: when the heartbeat was called last
}

// lease is the time for which what is in hand is this consumer's.
type lease struct {
	ctx    context.Context //nolint:containedctx // the handlers', under this lease
	cancel context.CancelCauseFunc
}

func newRun(k *consumer, number uint32, count int) *run {
	return &run{
		k: k, number: number, log: k.c.cfg.Logger.With("group", k.group), beaten: time.Now(),
		reopen: make(chan struct{}, 1), work: make(chan struct{}, 1), wake: make(chan struct{}, 1),
		ended: make(chan struct{}), told: make(chan struct{}),
		hands: hands.New(hands.Config{Count: count, Each: k.o.EachStream, NoPrefetch: k.o.NoPrefetch, Manual: k.o.ManualAck, MaxBytes: k.o.MaxBytes}),
	}
}

// signal puts a token into a channel of capacity 1.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// live consumes until work returns, and ends the consumer. When work panics what it had
// in hand stays this consumer's.
func (r *run) live(ctx context.Context, work func(*run) error) error {
	life, stop := lifeOf(context.WithoutCancel(ctx), r.k.c.cfg)
	r.renew(ctx)
	k := &keeper{run: r, handlers: ctx}
	var parts sync.WaitGroup
	parts.Go(func() { r.finish(k.keep(life)) })
	parts.Go(func() { r.scout(life) })
	keep := true
	defer func() {
		r.end(keep)
		stop()
		parts.Wait()
	}()
	err := work(r)
	keep = false
	return err
}

// end has what was said sent and answered, and the call closed, or half-closed to keep
// what is in hand.
func (r *run) end(keep bool) {
	r.mu.Lock()
	r.hands.End(keep)
	nobody := !r.connected && r.hands.Quiet()
	r.mu.Unlock()
	if nobody {
		return // there is nothing to say, and nobody to hear it
	}
	signal(r.work)
	late := time.NewTimer(endWait)
	defer late.Stop()
	select {
	case <-r.ended:
	case <-late.C:
		r.log.Warn("what was said last was not answered: it may come again")
	case <-r.k.c.cfg.Context.Done():
	}
}

// finish says that there will be no call any more.
func (r *run) finish(why error) {
	r.mu.Lock()
	if r.over == nil {
		r.over = why
		close(r.ended)
	}
	l := r.fence()
	r.mu.Unlock()
	l.cancel(why)
	signal(r.wake)
}

// renew begins another lease, for as long as ctx lasts.
func (r *run) renew(ctx context.Context) {
	l := &lease{}
	l.ctx, l.cancel = context.WithCancelCause(ctx)
	r.mu.Lock()
	r.lease = l
	r.mu.Unlock()
}

// fence has nothing that is in hand be this consumer's any more. The caller holds mu, and
// cancels what is returned.
func (r *run) fence() *lease {
	r.hands.Fence()
	r.answered()
	return r.lease
}

// answered wakes those who wait for answers. The caller holds mu.
func (r *run) answered() {
	if r.waiters > 0 {
		close(r.told)
		r.told, r.waiters = make(chan struct{}), 0
	}
}

// drain says whether to end when there is nothing more.
func (r *run) drain(on bool) {
	r.mu.Lock()
	r.hands.Drain(on)
	r.mu.Unlock()
	signal(r.work)
	signal(r.wake)
}

// next waits for a batch; nil: it is the end, as the consumer wanted it. Its context is
// the lease's.
func (r *run) next(ctx context.Context) (*hands.Batch, context.Context, error) {
	for {
		b, lease, tell, err := r.try(ctx)
		if tell != nil {
			tell()
			continue
		}
		if b != nil || err != nil || ctx.Err() != nil {
			return b, lease, err
		}
		if done, err := r.await(ctx); done || err != nil {
			return nil, nil, err
		}
	}
}

// try takes a batch if there is one.
func (r *run) try(ctx context.Context) (b *hands.Batch, lease context.Context, tell func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if tell = r.tellLost(ctx, r.hands); tell != nil {
		return nil, nil, tell, nil
	}
	switch {
	case r.over != nil:
		return nil, nil, nil, r.over
	case ctx.Err() != nil || !r.hands.Ready():
		return nil, nil, nil, nil
	}
	return r.hands.Take(), r.lease.ctx, nil, nil
}

// await waits until something has changed; done: there is nothing more to deliver, or
// ctx has ended.
func (r *run) await(ctx context.Context) (done bool, err error) {
	r.mu.Lock()
	done = r.hands.Drained()
	r.mu.Unlock()
	if done {
		return true, nil
	}
	var beat <-chan time.Time
	if at, ok := r.k.beat(r.beaten); ok {
		t := time.NewTimer(time.Until(at))
		defer t.Stop()
		beat = t.C
	}
	select {
	case <-r.wake:
	case <-beat:
		r.pulse()
	case <-ctx.Done():
		return true, nil
	case <-r.k.c.cfg.Context.Done():
		return false, context.Cause(r.k.c.cfg.Context)
	}
	return false, nil
}

// pulse calls the heartbeat if it is due.
func (r *run) pulse() {
	if at, ok := r.k.beat(r.beaten); ok && !time.Now().Before(at) {
		r.k.o.Heartbeat()
		r.beaten = time.Now()
	}
}

// done says how working on a batch ended. After the last one no more is asked for: it
// would come, be nobody's, and count as delivered if the node is lost.
func (r *run) done(b *hands.Batch, how hands.Outcome, last bool) {
	r.mu.Lock()
	if last {
		r.hands.Enough()
	}
	r.hands.Finish(b, how)
	r.mu.Unlock()
	signal(r.work)
	r.pulse()
}

// settler is whom the events of a batch are told about.
type settler struct {
	r *run
	b *hands.Batch
}

var _ eventnode.Settler = (*settler)(nil)

// Settle implements eventnode.Settler.
func (s *settler) Settle(d *eventnode.StreamDelivery, what eventnode.Settlement) error {
	if err := checkSettlement(what); err != nil {
		return err
	}
	s.r.mu.Lock()
	err := s.r.hands.Settle(s.b, d, what, time.Now())
	s.r.mu.Unlock()
	if err == nil {
		signal(s.r.work)
	}
	return settleError(d, err)
}

// Wait implements eventnode.Settler.
func (s *settler) Wait(ctx context.Context) error {
	s.r.mu.Lock()
	pending := s.r.hands.Pending()
	s.r.mu.Unlock()
	for {
		s.r.mu.Lock()
		done, refused := s.r.hands.Settled(s.b, pending)
		told := s.r.told
		s.r.waiters++
		s.r.mu.Unlock()
		if done {
			return refused
		}
		select {
		case <-told:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
