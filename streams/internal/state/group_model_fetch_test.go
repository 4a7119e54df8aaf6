package state

import (
	"fmt"
	"maps"
	"slices"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/ranges"
)

// isAgain reports whether a consumer may have a pending entry handed out now.
func (g *modelGroup) isAgain(number uint32, n uint64) bool {
	p := g.pend[n]
	return p != nil && (p.state == ready || p.state == held && p.consumer == number && p.epoch != g.cons[number].epoch)
}

// fetch looks whether what the machine handed out is what it should.
func (m *model) fetch(c *storagev1.Fetch, got Result) modelResult {
	if c.GetMaxEvents() == 0 || c.GetConsumer() == 0 || len(c.GetLeases()) == 0 {
		return bad("INVALID_ARGUMENT")
	}
	var all []*fetching
	for i, l := range c.GetLeases() {
		if slices.ContainsFunc(c.GetLeases()[:i], func(o *storagev1.StreamLease) bool { return o.GetStream() == l.GetStream() }) {
			return bad("INVALID_ARGUMENT")
		}
		s, g, reason := m.leased(l.GetStream(), c.GetGroup(), c.GetConsumer(), l.GetEpoch())
		if reason != "" {
			return bad(reason)
		}
		all = append(all, &fetching{want: g.most(s, c.GetConsumer(), c.GetMaxBytes()), out: Fetched{Stream: s.id}})
	}
	if !c.GetEach() {
		share(all, uint64(c.GetMaxEvents()))
	}
	for _, f := range all {
		s := m.ids[f.out.Stream]
		f.want = min(f.want, uint64(c.GetMaxEvents()), MaxFetch)
		i := slices.IndexFunc(got.Fetched, func(f Fetched) bool { return f.Stream == s.id })
		if i >= 0 {
			f.out = got.Fetched[i]
		}
		if err := m.fetched(s, s.groups[c.GetGroup()], c.GetConsumer(), f); err != nil {
			return bad(err.Error())
		}
	}
	return modelResult{}
}

func (g *modelGroup) most(s *modelStream, number uint32, bytes uint64) uint64 {
	_, there := g.has(number)
	for _, p := range g.pend {
		if p.state == ready {
			there++
		}
	}
	there += uint64(len(g.skipped)) + s.last + 1 - min(max(g.next, s.first), s.last+1)
	if n := len(s.events()); bytes > 0 && n > 0 {
		there = min(there, max(bytes/max(uint64(s.bytes()/n), 1), 1))
	}
	return there
}

// fetched checks and does what the machine handed out from one stream.
func (m *model) fetched(s *modelStream, g *modelGroup, number uint32, f *fetching) error {
	if err := m.lost(s, g, number, f.out.Lost); err != nil {
		return err
	}
	alive := func(n uint64) bool { return slices.Contains(s.there(n)[:min(1, len(s.there(n)))], n) }
	var want map[uint64]bool
	if g.cfg.GetKeyed() {
		want = m.greedy(s, g, number, f.want, alive)
	}
	total, last := uint64(0), uint64(0)
	var again uint64
	for n := range g.pend {
		if g.isAgain(number, n) && alive(n) {
			again++
		}
	}
	fresh := s.there(g.next)
	possible := min(f.want, again+uint64(len(fresh)))
	took := map[uint64]uint32{}
	for _, d := range f.out.Deliveries {
		for _, n := range d.Events.All() {
			p := g.pend[n]
			switch {
			case n <= last || !alive(n):
				return fmt.Errorf("%d after %d, or it is not there", n, last)
			case want != nil && !want[n]:
				return fmt.Errorf("%d is not one of %v", n, want)
			case p != nil && (!g.isAgain(number, n) || d.Deliveries != p.deliveries+1), p == nil && d.Deliveries != 1:
				return fmt.Errorf("%d is delivered for the %d. time, and was %+v", n, d.Deliveries, p)
			case p == nil && want == nil && (len(fresh) == 0 || fresh[0] != n):
				return fmt.Errorf("%d is new, %v were next", n, fresh)
			case p == nil && want == nil:
				fresh = fresh[1:]
				g.next = n + 1
			}
			total, last = total+1, n
			took[n] = d.Deliveries
		}
	}
	if want == nil && total != possible || want != nil && total != uint64(len(want)) {
		return fmt.Errorf("%d were handed out, %d could be, or %v", total, possible, want)
	}
	for n, deliveries := range took {
		delete(g.skipped, n)
		g.pend[n] = &modelPending{held, number, g.cons[number].epoch, deliveries, m.now + int64(g.cfg.GetAckWaitMs())}
	}
	return nil
}

// lost checks what the machine says is lost, and forgets it.
func (m *model) lost(s *modelStream, g *modelGroup, number uint32, lost ranges.Set) error {
	for _, n := range lost.All() {
		if slices.Contains(s.there(n), n) || n < g.next && !g.isAgain(number, n) && !g.skipped[n] {
			return fmt.Errorf("%d is said to be lost", n)
		}
		delete(g.pend, n)
		delete(g.skipped, n)
	}
	if g.next < s.first && lost.Last() < s.first-1 {
		return fmt.Errorf("lost %v, the next was %d and the first is %d", lost, g.next, s.first)
	}
	g.next = max(g.next, s.first)
	for n := range g.skipped {
		if g.cfg.GetKeyed() && !slices.Contains(s.there(n), n) {
			return fmt.Errorf("%d is lost and not said to be", n)
		}
	}
	return nil
}

// greedy is what is to be handed out of a keyed group: in order, whatever nothing
// speaks against; of what is new only that whose key slot is dealt to the consumer, and
// all if that is nothing.
func (m *model) greedy(s *modelStream, g *modelGroup, number uint32, want uint64, alive func(uint64) bool) map[uint64]bool {
	took, passed := map[uint64]bool{}, map[uint64]bool{}
	free := func(e uint64) bool {
		slot := s.slots[e]
		for n, p := range g.pend {
			if n == e || s.slots[n] != slot || slot == 0 || took[n] {
				continue
			}
			mine := p.state == held && p.consumer == number
			if p.state == held && !mine || n < e && (!mine || p.epoch != g.cons[number].epoch) && (alive(n) || !g.isAgain(number, n)) {
				return false
			}
		}
		for n := range passed {
			if slot != 0 && s.slots[n] == slot && n < e {
				return false
			}
		}
		return true
	}
	for _, n := range slices.Sorted(maps.Keys(g.pend)) {
		if g.isAgain(number, n) && alive(n) && uint64(len(took)) < want && free(n) {
			took[n] = true
		}
	}
	visit := func(n uint64, own bool) {
		if uint64(len(took)) < want && own && free(n) {
			took[n] = true
			return
		}
		passed[n] = true
	}
	for _, n := range slices.Sorted(maps.Keys(g.skipped)) {
		visit(n, g.isDealt(number, s.slots[n]))
	}
	for _, n := range s.there(g.next) {
		if uint64(len(took)) >= want || len(passed) >= m.bounds.ahead {
			break
		}
		visit(n, g.isDealt(number, s.slots[n]))
		g.next = n + 1
	}
	if len(took) == 0 {
		all := passed
		passed = map[uint64]bool{}
		for _, n := range slices.Sorted(maps.Keys(all)) {
			visit(n, true)
		}
	}
	g.skipped = passed
	return took
}

// isDealt reports whether a key slot is a consumer's: every k-th one, of k consumers that
// have a lease.
func (g *modelGroup) isDealt(number uint32, slot uint16) bool {
	var leased []uint32
	for n, c := range g.cons {
		if len(c.holder) > 0 {
			leased = append(leased, n)
		}
	}
	slices.Sort(leased)
	return slot == 0 || leased[int(slot)%len(leased)] == number
}

func (m *model) settle(c *storagev1.Settle) (r modelResult) {
	if c.GetVerb() == 0 || c.GetConsumer() == 0 || len(c.GetSettlements()) == 0 || c.GetVerb() == storagev1.Verb_VERB_EXTEND && c.DelayMs != nil && c.GetDelayMs() == 0 {
		return bad("INVALID_ARGUMENT")
	}
	for _, l := range c.GetSettlements() {
		if set, err := ranges.Decode(l.GetRanges()); err != nil || len(set) == 0 {
			return bad("INVALID_ARGUMENT")
		}
		if _, _, reason := m.leased(l.GetStream(), c.GetGroup(), c.GetConsumer(), l.GetEpoch()); reason != "" {
			return bad(reason)
		}
	}
	for _, l := range c.GetSettlements() {
		s, g, _ := m.group(l.GetStream(), c.GetGroup())
		set, _ := ranges.Decode(l.GetRanges())
		for _, n := range set.All() {
			p := g.pend[n]
			switch {
			case p != nil && p.consumer == c.GetConsumer() && p.epoch == l.GetEpoch() && (p.state == held || p.state == ready):
				r.settled.Settled++
				m.say(s, g, n, c)
			case p != nil || n >= g.next || g.skipped[n]:
				r.settled.Missed++
			default:
				r.settled.Already++
			}
		}
		g.tidy()
	}
	if r.settled.Settled+r.settled.Already == 0 {
		r.reason = "NOT_PENDING"
	}
	return r
}

func (m *model) say(s *modelStream, g *modelGroup, n uint64, c *storagev1.Settle) {
	p := g.pend[n]
	switch c.GetVerb() {
	case storagev1.Verb_VERB_ACK:
		delete(g.pend, n)
		s.freed, s.ackedTo = true, max(s.ackedTo, n)
	case storagev1.Verb_VERB_NACK:
		delay := c.GetDelayMs()
		if c.DelayMs == nil {
			delay = g.cfg.GetBackoffMs() // both ends of it are 1 here
		}
		m.again(s, g, n, delay)
	case storagev1.Verb_VERB_NACK_SILENT:
		p.deliveries -= min(p.deliveries, 1)
		m.later(p, c.GetDelayMs())
	case storagev1.Verb_VERB_TERMINATE:
		m.kill(s, g, n, c.GetReason())
	default:
		wait := g.cfg.GetAckWaitMs()
		if c.DelayMs != nil {
			wait = c.GetDelayMs()
		}
		p.state, p.due = held, m.now+int64(wait)
	}
}

func (m *model) claim(c *storagev1.Claim) (r modelResult) {
	if c.GetFrom() == 0 || c.GetTo() == 0 || c.GetFrom() == c.GetTo() {
		return bad("INVALID_ARGUMENT")
	}
	_, g, reason := m.group(c.GetGroup().GetStream(), c.GetGroup().GetGroup())
	if reason != "" {
		return bad(reason)
	}
	for _, p := range g.pend {
		if p.state == held && p.consumer == c.GetFrom() {
			r.moved++
			p.consumer, p.epoch, p.due = c.GetTo(), 0, m.now+int64(g.cfg.GetAckWaitMs())
			if g.cons[c.GetTo()] == nil {
				g.cons[c.GetTo()] = &modelConsumer{}
			}
		}
	}
	g.tidy()
	return r
}

func (m *model) seek(c *storagev1.Seek) modelResult {
	s, g, reason := m.group(c.GetGroup().GetStream(), c.GetGroup().GetGroup())
	if reason != "" {
		return bad(reason)
	}
	next, ok := m.place(s, c.GetTo())
	if !ok {
		return bad("INVALID_ARGUMENT")
	}
	g.next, g.pend, g.skipped = next, map[uint64]*modelPending{}, map[uint64]bool{}
	g.tidy()
	s.freed, s.ackedTo = true, s.last
	return modelResult{}
}
