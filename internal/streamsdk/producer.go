package streamsdk

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventnode/eventnode"
)

// producer sends what is in the outbox, over one pipe after the other. It is one
// goroutine (run), one more that receives while there is a pipe, and one that opens
// a pipe to the leader.
type producer struct {
	s   *Streams
	out *outbox
	wg  sync.WaitGroup

	// found gets the pipe to the leader, or why there is none. One may be sought at a
	// time: it never blocks.
	found   chan opened
	seeking bool
	// next is the pipe to go on with.
	next *opened
	// notBefore is when the leader at the address avoided may be sought again.
	notBefore time.Time
	avoided   string
	leader    hint
	at        string // the last pipe's address
	heard     moment // when the pipe answered last, or was asked something first
}

// moment is a point in time that goroutines share.
type moment struct{ at atomic.Pointer[time.Time] }

func (m *moment) note(t time.Time) { m.at.Store(&t) }

func (m *moment) load() time.Time { return *m.at.Load() }

// opened is a pipe, or why there is none.
type opened struct {
	Pipe
	address string // "": the own node's
	err     error
}

// hint is where the leader is, as the last answers said.
type hint struct {
	mu      sync.Mutex
	address string
}

func (h *hint) store(address string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.address = address
}

func (h *hint) load() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.address
}

// why a session ended well: the pipe was left, with nothing on it.
var (
	errIdle   = errors.New("nothing to do")
	errMove   = errors.New("another pipe is better")
	errRepeat = errors.New("no leader")
)

// run sends until there was nothing to do for a while, or ctx ends.
func (s *Streams) run(ctx context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	p := &producer{s: s, out: s.out, found: make(chan opened, 1)}
	for failures := 0; ; {
		answered, err := p.session(ctx)
		if answered {
			failures = 0
		}
		if errors.Is(err, errIdle) && s.out.rest() {
			break
		}
		if ctx.Err() != nil {
			s.out.close(context.Cause(ctx))
			break
		}
		if isAny(err, errIdle, errMove) {
			continue
		}
		p.failed(ctx, err)
		if s.out.rest() {
			break
		}
		p.pause(ctx, failures)
		failures++
	}
	cancel(nil)
	p.wg.Wait()
	p.discard()
}

// failed does what the end of a session means for what is in the outbox.
func (p *producer) failed(ctx context.Context, err error) {
	switch {
	case errors.Is(err, errRepeat):
		p.out.failed(nil, time.Now(), p.s.cfg.Patience)
	case permanent(err):
		p.out.broken(err)
		p.out.refuseAll(err)
	default:
		p.s.cfg.Logger.InfoContext(ctx, "publishing was interrupted", "error", err)
		p.out.broken(err)
		p.out.failed(err, time.Now(), p.s.cfg.Patience)
	}
}

// open opens the pipe to go on with.
func (p *producer) open(ctx context.Context) opened {
	select {
	case o := <-p.found:
		p.take(o)
	default:
	}
	if at := p.next; at != nil {
		p.next = nil
		return *at
	}
	pipe, err := p.s.cfg.Backend.Pipe(ctx, "")
	return opened{Pipe: pipe, err: err}
}

// session is one pipe, from its opening to its end.
func (p *producer) session(ctx context.Context) (answered bool, err error) {
	at := p.open(ctx)
	p.at = at.address
	p.leader.store(at.address)
	if at.err != nil {
		return false, at.err
	}
	p.out.resume()
	p.heard.note(time.Now())
	ended := make(chan struct{})
	var why error
	p.wg.Go(func() {
		defer close(ended)
		answered, why = p.receive(at)
	})
	err = p.send(ctx, at, ended)
	at.Close()
	<-ended
	if err == nil {
		err = why
	}
	if !isAny(err, errIdle, errMove, errRepeat) {
		p.avoid(at.address) // if it was the leader's
	}
	return answered, err
}

// send sends requests until the pipe is to be left, or has ended: the reason is
// then with who receives, and send returns nil.
func (p *producer) send(ctx context.Context, at opened, ended <-chan struct{}) error {
	idle := time.NewTimer(idleTime)
	defer idle.Stop()
	listen := time.NewTicker(silence / 4)
	defer listen.Stop()
	for {
		p.gather()
		leaving := p.leaving()
		for leaving == nil {
			waits := p.out.flying() > 0
			r := p.out.take()
			if r == nil {
				break
			}
			if !waits {
				p.heard.note(time.Now())
			}
			if at.Send(r.encode(p.out.namespace)) != nil {
				<-ended
				return nil
			}
			idle.Reset(idleTime)
			leaving = p.leaving()
		}
		if leaving != nil && p.out.flying() == 0 {
			return leaving
		}
		p.seek(ctx)
		select {
		case <-p.out.wake:
		case <-ended:
			return nil
		case o := <-p.found:
			p.take(o)
		case <-idle.C:
			if p.out.idle() {
				return errIdle
			}
			idle.Reset(idleTime)
		case <-listen.C:
			if p.isSilent(at) {
				return fmt.Errorf("the leader at %s has not answered for %v: %w", at.address, silence, eventnode.ErrUnavailable)
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// isSilent reports whether a leader elsewhere does not answer. It may be paused, or cut
// off, and the connection notices far later than the others elect a new leader; the own
// node knows that one. What is sent again there is appended once.
func (p *producer) isSilent(at opened) bool {
	return at.address != "" && p.out.flying() > 0 && time.Since(p.heard.load()) >= silence
}

// gatherTurns bounds how often gather lets others go first.
const gatherTurns = 16

// gather lets others go first for as long as that brings more calls. When a batch
// is answered all its callers come back at once; without this the first of them
// would go out alone, and the others wait for its answer.
func (p *producer) gather() {
	added := p.out.calls.Load()
	for range gatherTurns {
		runtime.Gosched()
		now := p.out.calls.Load()
		if now == added {
			return
		}
		added = now
	}
}

// leaving says why nothing more is to be sent on a pipe; nil if there is no reason.
func (p *producer) leaving() error {
	switch {
	case p.out.isPaused():
		return errRepeat
	case p.next != nil:
		return errMove
	}
	return nil
}

// receive reads answers until the pipe ends.
func (p *producer) receive(at opened) (answered bool, err error) {
	for {
		r, err := at.Recv()
		if err != nil {
			return answered, err
		}
		p.heard.note(time.Now())
		if leader := r.GetLeaderAddress(); leader != "" {
			p.leader.store(leader)
		}
		some, err := p.out.answer(r.GetResults())
		if err != nil {
			return answered, err
		}
		answered = answered || some
	}
}

// seek opens a pipe to the leader in the background, if it is elsewhere.
func (p *producer) seek(ctx context.Context) {
	leader := p.leader.load()
	if leader == "" || leader == p.at || p.seeking || p.next != nil || leader == p.avoided && time.Now().Before(p.notBefore) {
		return
	}
	p.seeking = true
	p.wg.Go(func() {
		pipe, err := p.s.cfg.Backend.Pipe(ctx, leader)
		p.found <- opened{Pipe: pipe, address: leader, err: err}
	})
}

// take takes what seek has found.
func (p *producer) take(o opened) {
	p.seeking = false
	if o.err != nil {
		p.avoid(o.address)
		p.s.cfg.Logger.Debug("no way to the leader but through another node", "address", o.address, "error", o.err)
		return
	}
	p.next = &o
}

// avoid leaves the leader at an address alone for a while.
func (p *producer) avoid(address string) {
	p.avoided, p.notBefore = address, time.Now().Add(leaderPause)
}

// pause waits before the next session. The first time it ends as soon as there is a
// pipe to the leader that the last answers named: who lost the lead says who has it.
func (p *producer) pause(ctx context.Context, failures int) {
	var found <-chan opened
	if failures == 0 {
		if p.seek(ctx); p.next != nil { // the session that has ended had found it
			return
		}
		found = p.found
	}
	t := time.NewTimer(retryAfter(failures))
	defer t.Stop()
	for {
		select {
		case o := <-found:
			if p.take(o); p.next != nil {
				return
			}
		case <-t.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// discard closes a pipe that nobody uses.
func (p *producer) discard() {
	if p.next != nil {
		p.next.Close()
	}
	if p.seeking {
		if o := <-p.found; o.err == nil {
			o.Close()
		}
	}
}
