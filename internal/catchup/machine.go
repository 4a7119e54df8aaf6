package catchup

import (
	"bytes"
	"slices"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/pattern"
)

// Machine is the algorithm. See the package.
type Machine struct {
	cfg      Config
	topics   map[string]bool
	patterns pattern.Tree
	out      queue
	memory   memory
	marks    marks
	marked   uint64 // memory.added at the newest mark

	// The rest is of the catching up under way, or of the last one.
	catching bool
	round    uint64 // how many there were
	gap      eventnode.Gap
	end      time.Time // the gap ended before
	from     mark
	seen     eventnode.Position // up to where the stream was shown
	number   uint64             // of the last event that was
	progress time.Time
	park     park
}

// NewMachine makes one that is live. At is where the stream ended before the live
// subscription was opened.
func NewMachine(cfg Config, at Place, now time.Time) *Machine {
	cfg = cfg.withDefaults()
	b := bounds{cfg.QueueEvents, cfg.QueueBytes}
	m := &Machine{cfg: cfg, topics: make(map[string]bool), memory: newMemory(cfg.MaxIDs), out: queue{bounds: b}, park: newPark(b)}
	for _, t := range cfg.Topics {
		if m.topics[t] = true; pattern.Is(t) {
			m.patterns.Add(t)
		}
	}
	m.marks = marks{{at, now}}
	return m
}

// Take returns what the owner receives next, if there is something.
func (m *Machine) Take() (eventnode.Delivery, bool) { return m.out.pop() }

// Len is how much there is to take.
func (m *Machine) Len() int { return m.out.len() }

// Arrive takes what comes live.
func (m *Machine) Arrive(now time.Time, d eventnode.Delivery) {
	switch {
	case d.Gap != nil && !m.catching:
		m.begin(now, *d.Gap)
	case d.Gap != nil:
		m.extend(now, *d.Gap)
	case m.memory.has(d.Event.ID) || m.catching && m.park.has(d.Event.ID):
		// It was delivered, or will be.
	case m.catching:
		m.arrivePark(now, d)
	case m.out.fits(1, cost(&d)):
		m.deliver(now, d)
	default:
		full := eventnode.Gap{Count: 1, Known: true, Reason: eventnode.GapQueueFull}
		if m.begin(now, full); m.catching {
			m.arrivePark(now, d)
		}
	}
}

// arrivePark parks an event. One that does not fit is for the stream to show.
func (m *Machine) arrivePark(now time.Time, d eventnode.Delivery) {
	if !m.park.add(d, now) {
		m.end = now.Add(m.cfg.Settle)
	}
}

func (m *Machine) deliver(now time.Time, d eventnode.Delivery) {
	m.memory.add(d.Event.ID, now)
	m.out.push(d)
}

// Begin has it catch up although nothing has told a gap: some nodes may not have known
// of the interest yet.
func (m *Machine) Begin(now time.Time) { m.begin(now, eventnode.Gap{}) }

// begin begins to catch up. If it cannot, the gap is told.
func (m *Machine) begin(now time.Time, g eventnode.Gap) {
	from, ok := m.marks.begin(m.memory.forgot, m.cfg.Delay, m.cfg.Lag)
	if !ok {
		m.out.pushGap(g)
		return
	}
	m.catching, m.from, m.seen, m.number = true, from, from.Position, from.Number
	m.round++
	m.gap = eventnode.Gap{Node: g.Node, Reason: g.Reason}
	m.end, m.progress = now.Add(m.cfg.Settle), now
}

// extend adds a gap to the one that is being filled.
func (m *Machine) extend(now time.Time, g eventnode.Gap) {
	m.gap = merge(m.gap, g)
	m.end = now.Add(m.cfg.Settle)
}

// Trouble says that the stream did not answer, or late: those who record may have had
// to wait as well.
func (m *Machine) Trouble(now time.Time) {
	if m.catching {
		m.end = now.Add(m.cfg.Settle)
	}
}

// Mark says that the stream ended there at a moment before now, while the live
// subscription stood.
func (m *Machine) Mark(now time.Time, at Place) {
	if at.Position.Compare(m.marks.newest().Position) < 0 {
		return // by who was overtaken, or of another stream of that name
	}
	m.marks = m.marks.add(mark{at, now}, m.cfg.Delay)
	m.marked = m.memory.added
	for len(m.marks) > 1 && !m.marks[1].at.After(m.memory.forgot) { // of no use
		m.marks = m.marks[1:]
	}
	if !m.catching || m.shown(m.marks[0]) { // else the stream may still show what was delivered before it
		m.memory.forget(m.marks[0].at.Add(-m.cfg.Lag))
	}
	if m.catching && m.shown(m.marks.newest()) {
		m.progress = now
	}
	m.Tick(now)
}

// catchingMark is how often a mark is wanted while something waits for one.
const catchingMark = time.Second

// WantsMark reports whether it is time for a mark.
func (m *Machine) WantsMark(now time.Time) bool {
	newest := m.marks.newest().at
	every := m.cfg.MarkEvery
	if m.catching && !now.Before(m.end) {
		if newest.Before(m.end) {
			return true
		}
		every = min(every, catchingMark)
	}
	return now.Sub(newest) >= every || m.memory.added-m.marked >= uint64(max(m.cfg.MaxIDs/8, 1))
}

// Reading says from which position on, and in which round, the stream is to be read
// and shown; false: it is not. A reader of another round has to end.
func (m *Machine) Reading() (after eventnode.Position, round uint64, ok bool) {
	return m.from.Position, m.round, m.catching
}

// Room reports whether an event may be shown.
func (m *Machine) Room() bool { return m.out.room() }

// Show takes the next event of the stream, if there is room.
func (m *Machine) Show(now time.Time, ev eventnode.StreamEvent) {
	if !m.catching || ev.Position.Compare(m.seen) <= 0 {
		return
	}
	if ev.Number > m.number+1 {
		m.tell()
	}
	m.seen, m.number, m.progress = ev.Position, ev.Number, now
	id := ev.Event.ID
	if m.memory.has(id) || !slices.ContainsFunc(ev.Topics, m.wants) || !m.cfg.Filter.Match(ev.Event) {
		return
	}
	m.park.remove(id)
	ev.Event.Data = bytes.Clone(ev.Event.Data) // else it keeps a page of events of others
	m.deliver(now, eventnode.Delivery{Topics: ev.Topics, Event: ev.Event})
}

// wants reports whether the subscription is to a topic, or to a pattern of it.
func (m *Machine) wants(topic string) bool {
	var buf [1]string
	return m.topics[topic] || len(m.patterns.Append(buf[:0], topic)) > 0
}

// shown reports whether the stream was shown up to a mark.
func (m *Machine) shown(k mark) bool { return m.seen.Compare(k.Position) >= 0 }

// tell tells the gap after all.
func (m *Machine) tell() { m.out.pushGap(m.gap) }

// Tick looks whether it is live again, or has waited long enough.
func (m *Machine) Tick(now time.Time) {
	if !m.catching {
		return
	}
	if !m.Room() { // the owner is slow, not the stream
		m.progress = now
	}
	newest := m.marks.newest()
	oldest, waits := m.park.oldest()
	switch all := m.shown(newest); {
	case now.Sub(m.progress) >= m.cfg.Wait,
		waits && all && !newest.at.Before(oldest.Add(m.cfg.Wait)):
		m.giveUp(now)
	case all && !newest.at.Before(m.end) && (!waits || !oldest.Before(m.end)) && m.park.dropped == 0 &&
		m.out.fits(m.park.len(), m.park.bytes):
		m.live(now)
	}
}

// Stall says that the stream cannot be expected to show anything now, because there is
// no connection.
func (m *Machine) Stall(now time.Time) { m.progress = now }

// Fail says that the stream cannot be read, for good.
func (m *Machine) Fail(now time.Time) {
	if m.catching {
		m.giveUp(now)
	}
}

// giveUp tells the gap, and goes on with what is parked.
func (m *Machine) giveUp(now time.Time) {
	m.tell()
	dropped := m.park.dropped
	m.live(now)
	if dropped > 0 {
		m.out.pushGap(eventnode.Gap{Count: dropped, Known: true, Reason: eventnode.GapQueueFull})
	}
}

// live delivers what is parked, and is live again.
func (m *Machine) live(now time.Time) {
	for d := range m.park.all {
		m.deliver(now, d)
	}
	m.park = newPark(m.park.bounds)
	m.catching = false
}
