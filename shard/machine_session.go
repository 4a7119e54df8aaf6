package shard

import (
	"encoding/json"
	"time"

	"github.com/eventnode/eventnode/internal/encoding"
)

// What is noted, for logs and metrics.
const (
	noteReady     = "ready"     // a new session
	noteResumed   = "resumed"   // the session goes on
	noteACK       = "ack"       // with its latency
	noteOdd       = "odd"       // a payload that the protocol does not have here
	noteDuplicate = "duplicate" // an event that came again
	noteRefused   = "refused"   // a request for members for which there is no room
)

// After INVALID_SESSION one waits for 1 to 5 seconds.
const (
	minInvalidWait = time.Second
	maxInvalidWait = 5 * time.Second
)

// maxFruitless is how many streams may break, one after the other and without an event,
// before the session is given up: it is something in the session, and will come again.
const maxFruitless = 4

// greet is HELLO.
func (m *machine) greet(now time.Time, rnd float64, d json.RawMessage) {
	if m.state != greeted {
		m.note(noteOdd)
		return
	}
	interval, ok := parseHello(d)
	if !ok {
		m.drop(now, rnd, "bad_hello")
		return
	}
	m.beats.begin(now, interval, rnd)
	if m.session.id == "" {
		m.queue()
		return
	}
	m.state, m.due = resuming, now.Add(m.answer)
	m.unreadable = false // it comes again
	m.send(now, opResume, resumeData{m.identity.Token, m.session.id, m.session.seq})
}

// queue asks for the permit to IDENTIFY.
func (m *machine) queue() {
	m.state, m.wake = queueing, time.Time{}
	m.do(action{verb: doPermit})
}

// permitted is the permit.
func (m *machine) permitted(now time.Time) {
	if m.state != queueing || !m.wake.IsZero() {
		return
	}
	m.asked.renew()
	m.state, m.due = identifying, now.Add(m.answer)
	hello := m.identity
	hello.Presence = m.presence
	m.send(now, opIdentify, hello)
}

// notPermitted: who gives permits has failed.
func (m *machine) notPermitted(now time.Time, rnd float64) { m.drop(now, rnd, "no_permit") }

// dispatch is an event.
func (m *machine) dispatch(now time.Time, p encoding.Payload) {
	switch m.state {
	case identifying:
		if p.Type != readyName {
			m.note(noteOdd)
			return
		}
		m.session = session{}
		m.session.id, m.session.url = parseReady(p.D, m.gateway)
		m.begun(now, noteReady)
		m.event(p, false)
	case resuming:
		m.due = now.Add(m.answer)
		again := p.Type == resumedName && p.Seq != nil && *p.Seq <= m.session.seq
		if !again { // gateways of ours give RESUMED the number of the event before it
			m.event(p, true)
		}
		if p.Type == resumedName {
			m.begun(now, noteResumed)
		}
	case live:
		m.event(p, false)
	default:
		m.note(noteOdd)
	}
	m.flush(now)
}

// begun: there is a session.
func (m *machine) begun(now time.Time, how string) {
	m.state, m.since, m.invalid = live, now, 0
	m.note(how)
}

// event delivers an event that has not been yet, and tells if some before it is missing.
func (m *machine) event(p encoding.Payload, replayed bool) {
	at := m.session
	at.seq = 0 // some gateways number not everything
	if p.Seq != nil && *p.Seq > 0 {
		last := m.session.seq
		if *p.Seq <= last {
			m.note(noteDuplicate)
			return
		}
		if *p.Seq > last+1 {
			m.skipped(last+1, *p.Seq-1, replayed)
		}
		m.session.seq, at.seq = *p.Seq, *p.Seq
		m.unreadable, m.fruitless = false, 0
	}
	m.do(action{verb: doDeliver, event: event{at, p.Type, p.D}})
	if m.members && p.Type == guildCreateName {
		m.askMembers(p.D)
	}
}

// skipped tells of numbers that were left out.
func (m *machine) skipped(first, last uint64, replayed bool) {
	why := GapSkipped
	switch {
	case m.unreadable:
		why = GapUnreadable
	case replayed:
		return
	}
	m.do(action{verb: doTell, gap: Gap{Session: m.session.id, First: first, Last: last, Why: why}})
}

// askMembers asks for the members of a guild, if the rule says so.
func (m *machine) askMembers(d json.RawMessage) {
	var g guildData
	if json.Unmarshal(d, &g) != nil || g.ID == 0 || g.Unavailable || !wantsMembers(m.identity.Intents, g.Members) {
		return
	}
	data, err := json.Marshal(membersData{Guild: g.ID, Query: new(string)})
	if err != nil || m.asked.add(command{op: opMembers, data: data, auto: true}) != nil {
		m.note(noteRefused)
	}
}

// invalidated is INVALID_SESSION. With a session that may be resumed one comes again. One
// that had none yet goes on with this connection; one that had, with a new one.
func (m *machine) invalidated(now time.Time, rnd float64, resumable bool) {
	switch {
	case m.state != identifying && m.state != resuming && m.state != live:
		m.note(noteOdd)
	case resumable && m.session.id != "" && m.state != identifying:
		m.drop(now, rnd, "invalid_resumable")
	case m.state == live:
		m.forget(GapInvalidSession)
		m.drop(now, rnd, "invalid_session")
	default:
		m.forget(GapInvalidSession)
		wait := minInvalidWait + time.Duration(rnd*float64(maxInvalidWait-minInvalidWait))
		m.wake = now.Add(max(wait, m.back.Next(m.invalid, rnd)))
		m.invalid++
		m.state = queueing
	}
}

// forget loses the session, and tells so.
func (m *machine) forget(why GapReason) {
	if m.session.id != "" || m.session.seq > 0 {
		m.do(action{verb: doTell, gap: Gap{Session: m.session.id, First: m.session.seq + 1, Why: why}})
	}
	m.session, m.unreadable, m.fruitless = session{}, false, 0
}

// ended: the connection was closed from the other side, with a code; 0: it broke.
func (m *machine) ended(now time.Time, rnd float64, code int, reason string) {
	switch closeAction(code) {
	case thenFail:
		m.stop()
		m.do(action{verb: doFail, err: &ClosedError{Code: code, Reason: reason}})
		return
	case thenIdentify:
		m.forget(GapInvalidSession)
	case thenResume:
		if m.session.id == "" { // READY named none
			m.forget(GapInvalidSession)
		}
	}
	m.rest(now, rnd)
}

// broken: nothing more can be read of the connection.
func (m *machine) broken(now time.Time, rnd float64) {
	if m.state == resuming || m.state == live {
		m.fruitless++
	}
	if m.fruitless >= maxFruitless {
		m.forget(GapUnreadable)
	}
	m.drop(now, rnd, "unreadable")
}

// ask has commands be sent when there is a session.
func (m *machine) ask(now time.Time, list ...command) error {
	err := m.asked.add(list...)
	m.flush(now)
	return err
}

// present has a presence be sent, the newest only.
func (m *machine) present(now time.Time, data json.RawMessage) {
	m.presence, m.asked.presence = data, data
	m.flush(now)
}

// flush sends the commands for which there is room.
func (m *machine) flush(now time.Time) {
	for m.state == live {
		c, ok := m.asked.next(now, m.spare())
		if !ok {
			return
		}
		m.send(now, c.op, c.data)
	}
}

// spare is how much of what may be sent commands leave: the heartbeats of sendsPeriod, and
// some.
func (m *machine) spare() int {
	if m.beats.interval == 0 {
		return spareSends
	}
	return spareSends + int((sendsPeriod+m.beats.interval-1)/m.beats.interval)
}
