package streamsdk

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// What becomes of batches: by an answer, by the loss of the pipe, for want of anybody
// who could do anything.

// answer notes the answer to the oldest request, and reports whether there was one
// in it. If a batch has to be sent again, nothing is handed over any more.
func (o *outbox) answer(results []*eventnodev1.PublishResult) (answered bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.sent) == 0 || len(results) != len(o.sent[0].batches) {
		return false, fmt.Errorf("%d results for another number of batches: %w", len(results), wire.ErrMalformed)
	}
	r := o.sent[0]
	o.sent = slices.Delete(o.sent, 0, 1)
	o.why = nil
	for i, b := range r.batches {
		if o.settle(b, results[i]) {
			o.paused = true
			continue
		}
		answered, o.trouble = true, time.Time{}
	}
	token(o.wake) // perhaps a request may go that had to wait
	return answered, nil
}

// settle does what an answer means. The caller holds mu.
func (o *outbox) settle(b *batch, r *eventnodev1.PublishResult) (again bool) {
	b.flying = false
	l := b.lane
	err := apierr.FromReason(r.GetErrorReason(), r.GetErrorMessage(), r.GetErrorDetails())
	var shares []eventnode.Published
	if err == nil {
		var fits bool
		if shares, fits = b.shares(r); !fits {
			err = fmt.Errorf("%d appended and %d known of %d events: %w", r.GetAppended(), len(r.GetKnown()), b.count, wire.ErrMalformed)
			b.unknown = true
		}
	}
	switch v := judge(err, b.unknown, b.mended); v {
	case done:
		for i, c := range b.calls {
			o.finish(c, shares[i], nil)
		}
		l.busy = nil
	case repeat, repeatUnknown:
		b.unknown = b.unknown || v == repeatUnknown
		o.why = err
		return o.repeat(b)
	case renumber:
		l.renumber()
	case refused, refusedUnseen:
		if v == refusedUnseen {
			l.number--
		}
		if len(b.calls) > 1 && divisible(err) {
			l.divide()
			o.forsake(l)
			break
		}
		o.end(b, err)
	case refusedLost:
		l.renew()
		o.end(b, err)
	case unclear:
		l.renew()
		o.end(b, perhaps(err))
	}
	o.queue(l)
	o.tidy(l)
	return false
}

// repeat has a batch sent again, unless nobody waits for it any more. The caller
// holds mu.
func (o *outbox) repeat(b *batch) bool {
	if b.deserted() {
		o.giveUp(b, o.why)
		return false
	}
	o.queue(b.lane)
	return true
}

// giveUp ends a batch whose fate is not known, or that might yet be appended. The
// caller holds mu.
func (o *outbox) giveUp(b *batch, err error) {
	if b.unknown {
		err = perhaps(err)
	}
	b.lane.renew()
	o.end(b, err)
	o.queue(b.lane)
	o.tidy(b.lane)
}

// end ends a batch. The caller holds mu.
func (o *outbox) end(b *batch, err error) {
	for _, c := range b.calls {
		o.finish(c, eventnode.Published{}, err)
	}
	b.lane.busy = nil
}

// forsake drops calls that wait in a lane and that nobody waits for. The caller
// holds mu.
func (o *outbox) forsake(l *lane) {
	l.waiting = slices.DeleteFunc(l.waiting, func(c *call) bool {
		if c.left {
			o.finish(c, eventnode.Published{}, eventnode.ErrClosed)
		}
		return c.left
	})
}

// finish tells a call's caller. The caller holds mu.
func (o *outbox) finish(c *call, got eventnode.Published, err error) {
	c.got, c.err, c.over = got, err, true
	o.held -= c.size()
	close(c.done)
	if o.room != nil && o.held < o.window {
		close(o.room)
		o.room = nil
	}
}

// tidy forgets a lane without work if there are too many. The caller holds mu.
func (o *outbox) tidy(l *lane) {
	if len(o.lanes) > maxLanes && l.empty() && !l.queued {
		delete(o.lanes, l.stream)
	}
}

// broken says that the pipe broke: what had no answer has an unknown fate, and will
// be sent again.
func (o *outbox) broken(cause error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.why = cause
	lost := o.sent
	o.sent = nil
	for _, r := range lost {
		for _, b := range r.batches {
			b.flying, b.unknown = false, true
			o.repeat(b)
		}
	}
}

// failed says that there was nobody who could do anything now, because of cause;
// nil: because of what is known already. Calls that have been there for so long, and
// for so long in vain, are not to wait any longer, but for those whose fate is not
// known.
func (o *outbox) failed(cause error, now time.Time, patience time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.why = cmp.Or(cause, o.why); o.why == nil {
		o.why = eventnode.ErrUnavailable
	}
	if o.trouble.IsZero() {
		o.trouble = now
	}
	before := now.Add(-patience)
	if o.trouble.After(before) && patience > 0 {
		return
	}
	for _, l := range o.lanes {
		if b := l.busy; b != nil && !b.flying && !b.unknown && !b.calls[0].since.After(before) {
			o.giveUp(b, o.why)
		}
		o.refuseWaiting(l, o.why, before)
	}
}

// refuseWaiting ends calls that wait since before then. The caller holds mu.
func (o *outbox) refuseWaiting(l *lane, cause error, before time.Time) {
	l.waiting = slices.DeleteFunc(l.waiting, func(c *call) bool {
		old := !c.since.After(before)
		if old {
			o.finish(c, eventnode.Published{}, cause)
		}
		return old
	})
}

// refuseAll ends everything: it is of no use to try again.
func (o *outbox) refuseAll(cause error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, l := range o.lanes {
		if l.busy != nil {
			l.busy.flying = false
			o.giveUp(l.busy, cause)
		}
		for _, c := range l.waiting {
			o.finish(c, eventnode.Published{}, cause)
		}
		l.waiting = nil
	}
}
