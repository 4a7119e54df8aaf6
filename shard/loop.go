package shard

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// loop is the goroutine that has the state machine: it tells it what happens, and does what
// it says.
type loop struct {
	*Shard
	m *machine

	socket  *socket // nil: there is none
	gateway string  // where it is, as far as known
	timer   *time.Timer
	wake    time.Time

	dialled   chan dialled
	permits   chan error
	notWaited context.CancelFunc // of the permit
	others    sync.WaitGroup
	failure   error
}

func newLoop(s *Shard) *loop {
	return &loop{
		Shard: s, m: s.cfg.machine(), gateway: s.first().Gateway, timer: time.NewTimer(0),
		dialled: make(chan dialled, 1), permits: make(chan error, 1), notWaited: func() {},
	}
}

// run goes on until the machine is over. If delivering ended first, it says how.
func (l *loop) run(ctx context.Context, delivered <-chan error) (failure error, deliveryOver bool) {
	defer l.timer.Stop()
	for l.m.tick(time.Now(), rand.Float64()); l.m.state != over; {
		l.perform(ctx)
		l.arm()
		select {
		case <-l.stopping:
			l.m.stop()
		case err := <-delivered:
			l.failure, deliveryOver = err, true
			l.m.stop()
		case <-l.timer.C:
			l.wake = time.Time{}
			l.m.tick(time.Now(), rand.Float64())
		case f := <-l.frames():
			l.frame(f)
		case <-l.delivery.window.room:
			if !l.delivery.window.shut.Load() {
				l.m.flows(time.Now())
			}
		case d := <-l.dialled:
			l.connected(d)
		case err := <-l.permits:
			l.permitted(err)
		case r := <-l.asked:
			r.answer <- r.do(l.m, time.Now())
		}
	}
	l.perform(ctx)
	return l.failure, deliveryOver
}

// frames is where frames come from, if they are to be read now.
func (l *loop) frames() <-chan frame {
	if l.socket == nil || !l.m.reading() {
		return nil
	}
	return l.socket.frames
}

// arm has the timer be that of the machine.
func (l *loop) arm() {
	next := l.m.next(time.Now())
	if next.Equal(l.wake) {
		return
	}
	if l.wake = next; next.IsZero() {
		l.timer.Stop()
		return
	}
	l.timer.Reset(time.Until(next))
}

// frame is what came.
func (l *loop) frame(f frame) {
	now, rnd := time.Now(), rand.Float64()
	switch f.kind {
	case framePayload:
		l.metrics.received.Inc()
		l.m.received(now, rnd, f.payload)
	case framePing:
		l.wrote(l.socket.pong(f.ping))
	case frameUnread:
		l.metrics.failed(noteDecode, f.err)
		l.m.unread()
	case frameBroken:
		l.metrics.failed(noteDecode, f.err)
		l.m.broken(now, rnd)
	case frameEnd:
		l.lost(f.code, f.reason)
	}
}

// lost: the connection is not there any more.
func (l *loop) lost(code int, reason string) {
	l.metrics.lost(endReason(code), reason)
	l.socket.end()
	l.socket = nil
	l.m.ended(time.Now(), rand.Float64(), code, reason)
}

// wrote is what became of a write: a connection on which nothing can be written is lost.
func (l *loop) wrote(err error) {
	if err != nil && l.socket != nil {
		l.lost(0, err.Error())
	}
}

// perform does what the machine says, also what it says because of that.
func (l *loop) perform(ctx context.Context) {
	for list := l.m.take(); len(list) > 0; list = l.m.take() {
		for _, a := range list {
			l.act(ctx, a)
		}
	}
	l.metrics.waiting(l.m.asked.waiting(), l.delivery.window)
}

func (l *loop) act(ctx context.Context, a action) {
	switch a.verb {
	case doDial:
		gateway := l.gateway
		l.others.Go(func() { l.dialled <- l.dial(ctx, a.url, gateway) })
	case doHangUp:
		l.hangUp(a.what)
	case doSend:
		if l.socket != nil {
			l.wrote(l.socket.send(a.op, a.data))
		}
	case doDeliver:
		l.put(item{event: a.event})
	case doTell:
		gap := a.gap // else each action is on the heap
		l.metrics.gap(gap)
		l.put(item{gap: &gap})
	case doPermit:
		l.permit(ctx)
	case doUnpermit:
		l.notWaited()
	case doNote:
		l.metrics.note(a, l.m.session.id)
	case doFail:
		l.failure = a.err
	}
}

// put hands an item over. Without room no more events are read.
func (l *loop) put(i item) {
	full, ok := l.delivery.window.put(i)
	if full {
		l.m.paused()
	}
	if !ok {
		l.metrics.failed(noteWindow, errNoRoom)
	}
}

// errNoRoom cannot be: in a state in which there is no credit, little is delivered.
var errNoRoom = errors.New("a payload did not fit into the window, and is lost")

// permit asks for the permit.
func (l *loop) permit(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	l.notWaited()
	l.notWaited = cancel
	permits := make(chan error, 1) // one that is not wanted any more is not seen
	l.permits = permits
	l.others.Go(func() { permits <- l.cfg.Identify.Permit(ctx, l.cfg.Shard) })
}

func (l *loop) permitted(err error) {
	l.notWaited()
	if err == nil {
		l.m.permitted(time.Now())
		return
	}
	l.metrics.failed(notePermit, err)
	l.m.notPermitted(time.Now(), rand.Float64())
}

// hangUp ends a connection from here.
func (l *loop) hangUp(why string) {
	if l.socket != nil {
		l.metrics.lost(why, "")
		l.socket.hangUp()
		l.socket = nil
	}
}

// wait waits for what was started.
func (l *loop) wait() {
	l.notWaited()
	if l.socket != nil {
		l.socket.end()
	}
	l.others.Wait()
	select {
	case d := <-l.dialled:
		if d.socket != nil {
			d.socket.end()
		}
	default:
	}
}
