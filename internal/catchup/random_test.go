package catchup

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// step is how far the clock goes at a time.
const step = 20 * time.Millisecond

// model is a cluster in virtual time: publishers, each with a lane of its own to the
// subscriber and to each recorder; lanes that are late, and lose events and tell so; a
// subscriber that loses its node; recorders that are killed, all but one.
type model struct {
	t      testing.TB
	random *rand.Rand
	s      *story

	sent    [3]int // by each publisher
	lanes   [3][]arrival
	lossy   [3]time.Time // the lane loses what is dispatched until then
	gapped  [3]bool      // and has to tell so
	deaf    [3]time.Time // the lane's node does not know of the interest until then
	away    time.Time    // the subscriber has no node until then
	wasAway bool

	recorders []*recorderModel
	recorded  map[event.ID]bool
	marks     []pendingMark
	lazy      bool // the owner does not receive now

	got  map[string]int
	last [3]int
	gaps int
}

// arrival is what arrives on a lane at a time.
type arrival struct {
	at time.Time
	ev event.Event // a gap if it has no name
}

type recorderModel struct {
	queue []arrival
	slow  time.Time // it records nothing until then
	down  time.Time
}

type pendingMark struct {
	at    time.Time
	place Place
}

func newModel(t testing.TB, seed uint64, recorders int) *model {
	cfg := Config{QueueEvents: 60, MarkEvery: 2 * time.Second, Delay: 8 * time.Second, Lag: 4 * time.Second, Settle: 3 * time.Second, Wait: 10 * time.Second}
	m := &model{
		t: t, random: rand.New(rand.NewPCG(seed, 1)), s: newStory(t, cfg),
		recorded: map[event.ID]bool{}, got: map[string]int{},
	}
	for range recorders {
		m.recorders = append(m.recorders, &recorderModel{})
	}
	return m
}

func (m *model) chance(percent float64) bool { return m.random.Float64() < percent/100 }

// between is a random time from now.
func (m *model) between(least, most time.Duration) time.Time {
	return m.s.now.Add(least + time.Duration(m.random.Int64N(int64(most-least))))
}

// dispatch has a publisher dispatch an event.
func (m *model) dispatch(p int) {
	m.sent[p]++
	ev := made(fmt.Sprintf("%d-%d", p, m.sent[p]))
	now := m.s.now
	for _, r := range m.recorders {
		if !now.Before(r.down) {
			r.queue = append(r.queue, arrival{at: m.between(0, 300*time.Millisecond), ev: ev})
		}
	}
	switch {
	case now.Before(m.away), now.Before(m.deaf[p]):
	case now.Before(m.lossy[p]):
		m.gapped[p] = true
	default:
		m.send(p, ev)
	}
}

// send puts something into a lane, behind what is in it.
func (m *model) send(p int, ev event.Event) {
	at := m.between(0, 200*time.Millisecond)
	if m.chance(0.1) {
		at = m.between(0, 3*time.Second) // it stalls
	}
	if n := len(m.lanes[p]); n > 0 && at.Before(m.lanes[p][n-1].at) {
		at = m.lanes[p][n-1].at
	}
	m.lanes[p] = append(m.lanes[p], arrival{at, ev})
}

// trouble breaks something.
func (m *model) trouble() {
	for p := range m.lanes {
		if m.chance(0.05) {
			m.lossy[p] = m.between(0, 2*time.Second)
		}
		if m.gapped[p] && !m.s.now.Before(m.lossy[p]) && !m.s.now.Before(m.away) {
			m.gapped[p] = false
			m.send(p, event.Event{})
		}
	}
	if m.chance(0.02) && !m.wasAway {
		m.away, m.wasAway = m.between(100*time.Millisecond, 30*time.Second), true
		m.lanes, m.gapped = [3][]arrival{}, [3]bool{}
	}
	if m.wasAway && !m.s.now.Before(m.away) {
		m.wasAway = false
		m.s.Arrive(m.s.now, eventnode.Delivery{Gap: &eventnode.Gap{Reason: eventnode.GapReconnected}})
		for p := range m.deaf {
			m.deaf[p] = m.between(0, time.Second)
		}
	}
	for i, r := range m.recorders {
		if m.chance(0.05) && m.s.now.Sub(r.slow) > 5*time.Second {
			r.slow = m.between(0, 2*time.Second)
		}
		if i > 0 && m.chance(0.03) {
			r.down, r.queue = m.between(0, 20*time.Second), nil
		}
	}
	if m.chance(0.2) {
		m.lazy = !m.lazy
	}
}

// live delivers what has come to the end of its lane.
func (m *model) live() {
	for p := range m.lanes {
		for len(m.lanes[p]) > 0 && !m.lanes[p][0].at.After(m.s.now) {
			a := m.lanes[p][0]
			m.lanes[p] = m.lanes[p][1:]
			if a.ev.Name == "" {
				m.s.arriveGap()
				continue
			}
			m.s.arrive(a.ev)
		}
	}
}

// record has the recorders append what they have.
func (m *model) record() {
	for _, r := range m.recorders {
		for len(r.queue) > 0 && !m.s.now.Before(r.slow) && !r.queue[0].at.After(m.s.now) {
			ev := r.queue[0].ev
			r.queue = r.queue[1:]
			if !m.recorded[ev.ID] {
				m.recorded[ev.ID] = true
				m.s.record(topic, ev)
				if m.chance(10) {
					m.s.record("topic:other", made("noise"))
				}
			}
		}
	}
}

// mark takes marks, whose answers are late.
func (m *model) mark() {
	if len(m.marks) > 0 && !m.marks[0].at.After(m.s.now) {
		if !m.s.now.Before(m.away) {
			m.s.Mark(m.s.now, m.marks[0].place)
		}
		m.marks = nil
	}
	if m.s.now.Before(m.away) {
		m.s.Stall(m.s.now)
		m.marks = nil
	} else if len(m.marks) == 0 && m.s.WantsMark(m.s.now) {
		m.marks = []pendingMark{{m.between(0, 100*time.Millisecond), m.s.end()}}
	}
}

// receive is the owner.
func (m *model) receive(most int) {
	for range most {
		d, ok := m.s.Take()
		if !ok {
			return
		}
		if d.Gap != nil {
			m.gaps++
			m.t.Errorf("a gap: %v", d.Gap)
			continue
		}
		var p, n int
		if _, err := fmt.Sscanf(d.Event.Name, "%d-%d", &p, &n); err != nil {
			m.t.Fatal(err)
		}
		if m.got[d.Event.Name]++; m.got[d.Event.Name] > 1 {
			m.t.Errorf("%s came twice", d.Event.Name)
		}
		if len(m.recorders) == 1 && n <= m.last[p] {
			m.t.Errorf("%s came after %d", d.Event.Name, m.last[p])
		}
		m.last[p] = n
	}
}

// tick is one step of everything.
func (m *model) tick() {
	m.s.wait(step)
	m.live()
	m.record()
	if !m.s.now.Before(m.away) {
		m.s.show()
	}
	m.s.Tick(m.s.now)
	m.mark()
	if !m.lazy {
		m.receive(5)
	}
}

// Whatever happens, the union of what comes live and of the stream has no hole and no
// duplicate; with one recorder it is in the order of each publisher.
func TestRandom(t *testing.T) {
	first := rand.Uint64()
	for i := range uint64(20) {
		seed := first + i
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			m := newModel(t, seed, 1+int(i%2))
			for range 6000 { // two minutes
				m.trouble()
				for p := range m.sent {
					if m.chance(20) {
						m.dispatch(p)
					}
				}
				if m.tick(); t.Failed() {
					t.FailNow()
				}
			}
			m.lazy = false
			for range 3000 { // a minute of peace
				for p := range m.lanes {
					m.lossy[p] = time.Time{}
					if m.gapped[p] && !m.s.now.Before(m.away) {
						m.gapped[p] = false
						m.send(p, event.Event{})
					}
				}
				if m.wasAway && !m.s.now.Before(m.away) {
					m.wasAway = false
					m.s.Arrive(m.s.now, eventnode.Delivery{Gap: &eventnode.Gap{Reason: eventnode.GapReconnected}})
				}
				m.tick()
			}
			m.check()
		})
	}
}

// check counts.
func (m *model) check() {
	m.t.Helper()
	holes := 0
	for p, sent := range m.sent {
		for n := 1; n <= sent; n++ {
			if m.got[fmt.Sprintf("%d-%d", p, n)] == 0 {
				if holes++; holes < 10 {
					m.t.Errorf("%d-%d did not come", p, n)
				}
			}
		}
	}
	m.s.isLive(true)
	m.t.Logf("%d events, %d rounds of catching up, %d holes", len(m.got), m.s.round, holes)
}
