package dispatch

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Interest of this node in a topic: announced with the first subscription,
// withdrawn when there was none for a while. Calls for one topic must not
// overtake each other: whoever finds one under way waits for its end.

// announce makes sure that the node's interest in topic is announced.
func (d *Dispatcher) announce(ctx context.Context, topic string) error {
	for {
		done, mine := d.table.claimAnnounce(topic)
		switch {
		case mine:
			err := d.cfg.Interest.Announce(ctx, topic)
			if now := time.Now(); d.table.settle(topic, err == nil, now) {
				d.lingers.add(topic, now.Add(d.lingerOf(topic)))
			}
			close(done)
			return err
		case done == nil:
			return nil
		}
		select {
		case <-done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// claimAnnounce decides who announces a topic that has a seat. The channel is
// nil if that was done; otherwise it ends with what is under way, which is the
// caller's if mine.
func (t *table) claimAnnounce(topic string) (done chan struct{}, mine bool) {
	s := t.home(topic)
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.route(topic, classUnknown) // it stands, unless who wanted it has left already
	switch {
	case r.busy != nil:
		return r.busy, false
	case r.announced:
		return nil, false
	}
	r.busy = make(chan struct{})
	return r.busy, true
}

// settle ends what was under way. It reports whether the topic was announced
// for nobody: the last seat left meanwhile, and the interest has to linger.
func (t *table) settle(topic string, announced bool, now time.Time) (linger bool) {
	s := t.home(topic)
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.routes[topic] // stays as long as it is busy
	r.busy, r.announced = nil, announced
	if announced && len(r.seats) == 0 && !r.lingering {
		r.emptied, r.lingering = now, true
		return true
	}
	s.drop(r)
	return false
}

// busyRetry is when to look again at interest that does not linger and is being announced or
// withdrawn, at the earliest.
const busyRetry = 10 * time.Millisecond

// claimWithdraw decides whether the interest in topic ends now. If there was a
// seat since, it returns when to look again; zero if never.
func (t *table) claimWithdraw(topic string, now time.Time, linger time.Duration) (done chan struct{}, again time.Time) {
	s := t.home(topic)
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.routes[topic] // stays as long as it lingers
	due := r.emptied.Add(linger)
	if len(r.seats) == 0 && r.busy == nil && r.announced {
		if due.After(now) {
			return nil, due
		}
		r.busy = make(chan struct{})
		r.lingering = false
		return r.busy, time.Time{}
	}
	if r.busy != nil {
		return nil, now.Add(max(linger, busyRetry))
	}
	r.lingering = false
	s.drop(r)
	return nil, time.Time{}
}

// linger is a topic whose interest may end.
type linger struct {
	topic string
	due   time.Time
}

// lingers is the list of them, what is due first in front: behind it stands nearly
// always what comes last. A topic is in it once at most.
type lingers struct {
	mu   sync.Mutex
	list []linger
	more chan struct{} // capacity 1: something else is in front
}

// add puts a topic on the list.
func (l *lingers) add(topic string, due time.Time) {
	l.mu.Lock()
	at := len(l.list)
	for at > 0 && l.list[at-1].due.After(due) {
		at--
	}
	l.list = slices.Insert(l.list, at, linger{topic, due})
	l.mu.Unlock()
	if at == 0 {
		select {
		case l.more <- struct{}{}:
		default:
		}
	}
}

// next takes what is due off the list, and says how long to wait for more; 0 if
// there is nothing.
func (l *lingers) next(now time.Time) (due []linger, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for n < len(l.list) && !l.list[n].due.After(now) {
		n++
	}
	due, l.list = l.list[:n:n], l.list[n:]
	if len(l.list) == 0 {
		l.list = nil
		return due, 0
	}
	return due, l.list[0].due.Sub(now)
}

// withdrawDue ends interest that nobody has any more and returns how long to
// wait for more of it; 0 if there is none.
func (d *Dispatcher) withdrawDue() time.Duration {
	due, wait := d.lingers.next(time.Now())
	for _, e := range due {
		done, again := d.table.claimWithdraw(e.topic, time.Now(), d.lingerOf(e.topic))
		if done != nil {
			d.cfg.Interest.Withdraw(e.topic)
			d.table.settle(e.topic, false, time.Now())
			close(done)
		}
		if !again.IsZero() {
			d.lingers.add(e.topic, again)
		}
	}
	return wait
}

// linger withdraws interest until ctx ends.
func (d *Dispatcher) linger(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-d.lingers.more:
		case <-ctx.Done():
			return
		}
		if wait := d.withdrawDue(); wait > 0 {
			timer.Reset(wait)
		}
	}
}
