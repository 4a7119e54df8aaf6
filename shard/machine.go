package shard

import (
	"encoding/json"
	"time"

	"github.com/eventnode/eventnode/internal/backoff"
	"github.com/eventnode/eventnode/internal/encoding"
)

// machine is a session of the Gateway protocol from the client's end: what to say when. It
// is told what happened and when, with a random number in [0, 1) where it needs one, and
// answers with actions. It has no goroutine, clock, socket or random source.
//
//	                                 permit    IDENTIFY     READY
//	        dial       HELLO  ┌────────────► queueing ──► identifying ─┐
//	resting ──► dialling ──► greeted                   ▲               ├─► live
//	   ▲                      └── RESUME ──► resuming ─┤ RESUMED ──────┘    │
//	   │                            INVALID_SESSION ───┘                    │
//	   └── lost, closed, dead, RECONNECT, no answer ─────────────────────── ┘
//
// From every state with a connection it goes back to resting when that is lost; from there
// on with the session if it has one. The session is lost only if the gateway says so, by
// INVALID_SESSION or a close code, or if resuming it ends again and again in a stream that
// cannot be read. Then a gap is told.
//
// An event is delivered if its number is above that of the one before, so what the gateway
// sends again is left out. A number that is skipped is a gap, but not in a replay: gateways
// sum up presences there. Left out if it was not yet identified: the gateway's fault.
type machine struct {
	rules
	state   state
	session session
	beats   beats
	asked   commands
	// presence is the newest; nil: none was set.
	presence json.RawMessage

	wake       time.Time // resting: dial; queueing: ask for the permit, if it is not zero
	due        time.Time // greeted, identifying, resuming: the answer
	since      time.Time // live
	attempts   int       // connections since the last one that lasted
	dials      int       // that failed, since one that did not
	invalid    int       // INVALID_SESSION since the last READY or RESUMED
	fruitless  int       // streams that broke since the last event
	unreadable bool      // a payload could not be read, which may have been an event
	out, last  []action
}

// rules is what does not change.
type rules struct {
	identity identifyData
	members  bool   // are asked for by the rule
	gateway  string // where it connected first
	back     backoff.Backoff
	// answer is how long the gateway may take for HELLO, READY and RESUMED.
	answer time.Duration
	// settled is how long a connection must last for the next to be the first attempt.
	settled time.Duration
}

// session is what is known of the gateway's. Its number is that of the newest event.
type session struct {
	id, url string
	seq     uint64
}

type state uint8

const (
	resting state = iota
	dialling
	greeted
	queueing
	identifying
	resuming
	live
	over
)

var stateNames = [...]string{"resting", "dialling", "greeted", "queueing", "identifying", "resuming", "live", "over"}

func (s state) String() string { return stateNames[s] }

func (m *machine) do(a action)      { m.out = append(m.out, a) }
func (m *machine) note(what string) { m.do(action{verb: doNote, what: what}) }

// take is what is to be done now, in order. It is valid until the next call.
func (m *machine) take() []action {
	m.out, m.last = m.last[:0], m.out
	return m.last
}

// next is when tick is to be called; zero: not before something happens.
func (m *machine) next(now time.Time) (at time.Time) {
	earliest := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	switch m.state {
	case resting, queueing:
		earliest(m.wake)
	case greeted, identifying, resuming:
		if m.reading() {
			earliest(m.due)
		}
	case live:
		earliest(m.asked.due(now, m.spare()))
	case dialling, over:
	}
	earliest(m.beats.due)
	return at
}

// tick does what is due.
func (m *machine) tick(now time.Time, rnd float64) {
	switch m.state {
	case resting:
		m.dial(now)
	case greeted, identifying, resuming:
		if m.reading() && !now.Before(m.due) {
			m.drop(now, rnd, "no_answer")
		}
	case queueing:
		if !m.wake.IsZero() && !now.Before(m.wake) {
			m.queue()
		}
	case dialling, live, over:
	}
	if !m.beats.due.IsZero() && !now.Before(m.beats.due) {
		m.pulse(now, rnd)
	}
	m.flush(now)
}

// dial connects. Where a session is to be resumed may be gone with its node, so every third
// dial that follows one which failed goes to where everybody goes.
func (m *machine) dial(now time.Time) {
	if now.Before(m.wake) {
		return
	}
	m.state, m.wake = dialling, time.Time{}
	address := m.session.url
	if m.dials%3 == 2 {
		address = ""
	}
	m.do(action{verb: doDial, url: address})
}

// opened: there is a connection.
func (m *machine) opened(now time.Time) {
	m.state, m.due, m.dials = greeted, now.Add(m.answer), 0
	m.asked.begin()
}

// notOpened: there is none.
func (m *machine) notOpened(now time.Time, rnd float64) {
	m.dials++
	m.rest(now, rnd)
}

// refused: the API does not take the token.
func (m *machine) refused(err error) {
	m.stop()
	m.do(action{verb: doFail, err: err})
}

// pulse sends the heartbeat that is due, or finds that the connection is dead.
func (m *machine) pulse(now time.Time, rnd float64) {
	if m.beats.dead(now) {
		m.drop(now, rnd, "no_ack")
		return
	}
	m.beat(now)
	m.beats.next(now)
}

func (m *machine) beat(now time.Time) {
	m.beats.beat(now)
	var seen any
	if m.session.seq > 0 {
		seen = m.session.seq
	}
	m.send(now, opHeartbeat, seen)
}

func (m *machine) send(now time.Time, op int, data any) {
	if op != opHeartbeat { // those are allowed for
		m.asked.sends.note(now)
	}
	m.do(action{verb: doSend, op: op, data: data})
}

// drop ends a connection from here.
func (m *machine) drop(now time.Time, rnd float64, why string) {
	m.do(action{verb: doHangUp, what: why})
	m.rest(now, rnd)
}

// rest waits until the next attempt.
func (m *machine) rest(now time.Time, rnd float64) {
	if m.state == queueing {
		m.do(action{verb: doUnpermit})
	}
	if m.state == live && now.Sub(m.since) >= m.settled {
		m.attempts = 0
	}
	m.wake = now.Add(m.back.Next(m.attempts, rnd))
	m.attempts++
	m.state = resting
	m.beats.end()
}

// stop ends everything, and leaves the session at the gateway.
func (m *machine) stop() {
	switch m.state {
	case queueing:
		m.do(action{verb: doUnpermit})
		fallthrough
	case greeted, identifying, resuming, live:
		m.do(action{verb: doHangUp, what: "stopped"})
	case resting, dialling, over:
	}
	m.state = over
	m.beats.end()
}

// reading reports whether what comes is read at once. Without credit, events are not read;
// before there can be any, everything is.
func (m *machine) reading() bool {
	return !m.beats.stopped || m.state != resuming && m.state != live
}

// paused and flows say that there is no credit for events, and that it is again.
func (m *machine) paused() { m.beats.stop() }

func (m *machine) flows(now time.Time) {
	m.beats.flow(now)
	m.due = now.Add(m.answer)
}

// unread is a payload that could not be read, and is left out.
func (m *machine) unread() { m.unreadable = true }

// received is a payload.
func (m *machine) received(now time.Time, rnd float64, p encoding.Payload) {
	switch p.Op {
	case opDispatch:
		m.dispatch(now, p)
	case opHeartbeat:
		if !m.beats.due.IsZero() && !m.asked.sends.free(now, m.spare()-1).After(now) {
			m.asked.sends.note(now)
			m.beat(now)
		}
	case opReconnect:
		m.drop(now, rnd, "reconnect")
	case opInvalidSession:
		m.invalidated(now, rnd, string(p.D) == "true")
	case opHello:
		m.greet(now, rnd, p.D)
	case opACK:
		if took, ok := m.beats.ack(now); ok {
			m.do(action{verb: doNote, what: noteACK, took: took})
		}
	default:
		m.note(noteOdd)
	}
}
