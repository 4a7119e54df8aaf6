package state

import (
	"cmp"
	"maps"
	"slices"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/ranges"
)

func (m *model) settleDead(c *storagev1.SettleDead) (r modelResult) {
	set, err := ranges.Decode(c.GetRanges())
	s := m.ids[c.GetStream()]
	switch {
	case err != nil || len(set) == 0:
		return bad("INVALID_ARGUMENT")
	case s == nil:
		return bad("STREAM_NOT_FOUND")
	case s.deadOf == 0:
		return bad("INVALID_ARGUMENT")
	}
	p := &storagev1.Publish{}
	var raws []string
	drop := map[uint64]bool{}
	for _, chunk := range s.chunks {
		for _, e := range chunk {
			if e.number < s.first || !set.Has(e.number) {
				continue
			}
			if len(chunk) > 1 {
				return bad("INVALID_ARGUMENT")
			}
			drop[e.number] = true
			raws = append(raws, string(withoutDeadMeta([]byte(e.raw))))
			p.KeySlots = append(p.KeySlots, byte(s.slots[e.number]>>8), byte(s.slots[e.number]))
		}
	}
	if c.GetReplay() && len(raws) > 0 {
		if m.ids[s.deadOf] == nil {
			return bad("STREAM_NOT_FOUND")
		}
		if r := m.append(m.ids[s.deadOf], p, raws); r.reason != "" {
			return r
		}
	}
	s.drop(func(c []modelEvent) bool { return drop[c[0].number] })
	return modelResult{moved: uint64(len(drop))}
}

// drop removes chunks, anywhere.
func (s *modelStream) drop(which func([]modelEvent) bool) {
	front := len(s.chunks) > 0 && which(s.chunks[0])
	s.chunks = slices.DeleteFunc(s.chunks, which)
	if front {
		s.toFront()
	}
}

// toFront has the stream begin with its first chunk.
func (s *modelStream) toFront() {
	s.first = s.last + 1
	if len(s.chunks) > 0 {
		s.first = s.chunks[0][0].number
	}
}

// letGo is what happens at the end of an entry to streams whose groups have moved.
func (m *model) letGo() {
	for _, s := range m.ids {
		freed, to := s.freed, s.ackedTo
		due := s.frontDue // it stays in the rows, whatever comes first
		s.freed, s.ackedTo = false, 0
		if !freed || s.cfg.GetRetain() != storagev1.Retain_RETAIN_ACKED || len(s.groups) == 0 {
			continue
		}
		floor := s.floor()
		s.frontDue = false
		for n := 0; s.first <= s.last && s.first < floor; n++ {
			if c := s.chunks[0]; floor <= c[len(c)-1].number {
				s.first = floor
				break
			}
			if s.frontDue = n == m.bounds.acked; s.frontDue {
				break
			}
			s.chunks = s.chunks[1:]
			s.toFront()
		}
		cut := s.frontDue
		if s.frontDue = cut || due; cut {
			continue
		}
		if to > floor && s.sweepMS == 0 {
			s.sweepMS, s.sweepFrom = m.now+sweepAfterMS, floor
		}
	}
}

func (s *modelStream) floor() uint64 {
	floor := s.last + 1
	for _, g := range s.groups {
		floor = min(floor, g.floor())
	}
	return floor
}

func (m *model) expire() {
	type item struct {
		due           int64
		sweep         int
		stream, group uint64
		n             uint64
		s             *modelStream
		g             *modelGroup
	}
	var due []item
	for _, s := range m.ids {
		if s.sweepMS > 0 && s.sweepMS <= m.now {
			due = append(due, item{s.sweepMS, 1, s.id, 0, 0, s, nil})
		}
		for _, g := range s.groups {
			for n, p := range g.pend {
				if p.due > 0 && p.due <= m.now {
					due = append(due, item{p.due, 0, s.id, g.id, n, s, g})
				}
			}
		}
	}
	slices.SortFunc(due, func(a, b item) int {
		return cmp.Or(cmp.Compare(a.due, b.due), cmp.Compare(a.sweep, b.sweep), cmp.Compare(a.stream, b.stream), cmp.Compare(a.group, b.group), cmp.Compare(a.n, b.n))
	})
	for _, i := range due {
		if i.sweep > 0 {
			m.sweep(i.s)
			continue
		}
		if p := i.g.pend[i.n]; p.state == waiting {
			m.later(p, 0)
		} else {
			m.again(i.s, i.g, i.n, 0)
		}
		i.g.tidy()
	}
	for _, s := range m.ids {
		s.freed = s.freed || s.frontDue
		s.frontDue = false
	}
	maps.DeleteFunc(m.locks, func(_ string, l modelLock) bool { return l.until <= m.now })
}

// soonest is when the next thing is due; false if nothing is.
func (m *model) soonest() (ms int64, is bool) {
	see := func(due int64) {
		if due > 0 && (!is || due < ms) {
			ms, is = due, true
		}
	}
	for _, s := range m.ids {
		see(s.sweepMS)
		for _, g := range s.groups {
			for _, p := range g.pend {
				see(p.due)
			}
		}
	}
	for _, l := range m.locks {
		see(l.until)
	}
	return ms, is
}

// sweep drops chunks in the middle of which no group has anything left.
func (m *model) sweep(s *modelStream) {
	from, end := max(s.sweepFrom, s.first), s.last+1
	s.sweepMS, s.sweepFrom = 0, 0
	if s.cfg.GetRetain() != storagev1.Retain_RETAIN_ACKED || len(s.groups) == 0 {
		return
	}
	for _, g := range s.groups {
		end = min(end, g.next)
	}
	if from >= end {
		return
	}
	seen, next := 0, uint64(0)
	drop := map[uint64]bool{}
	for _, c := range s.chunks[1:] {
		first, last := c[0].number, c[len(c)-1].number
		if first < from || first >= end {
			continue
		}
		if seen == m.bounds.chunks {
			next = first
			break
		}
		if last >= end {
			break
		}
		seen++
		left := slices.ContainsFunc(c, func(e modelEvent) bool {
			for _, g := range s.groups {
				if g.pend[e.number] != nil || g.skipped[e.number] {
					return true
				}
			}
			return false
		})
		drop[first] = !left
	}
	s.drop(func(c []modelEvent) bool { return drop[c[0].number] })
	if next > 0 {
		s.sweepMS, s.sweepFrom = m.now+1, next
	}
}

func (m *model) doLock(cmd *storagev1.Command) modelResult {
	switch c := cmd.GetCommand().(type) {
	case *storagev1.Command_ObtainLock:
		l, taken := m.locks[c.ObtainLock.GetLock().GetName()]
		taken = taken && l.until > m.now
		switch {
		case taken && l.holder != string(c.ObtainLock.GetHolder()):
			return bad("LOCK_TAKEN")
		case c.ObtainLock.GetTtlMs() == 0:
			return bad("INVALID_ARGUMENT")
		case !taken:
			m.epoch++
			l = modelLock{holder: string(c.ObtainLock.GetHolder()), token: m.epoch}
		}
		l.until = m.now + int64(c.ObtainLock.GetTtlMs())
		m.locks[c.ObtainLock.GetLock().GetName()] = l
		return modelResult{lock: Lock{l.token, l.until, l.until - m.now}}
	case *storagev1.Command_RefreshLock:
		l := m.locks[c.RefreshLock.GetLock().GetName()]
		switch {
		case c.RefreshLock.GetTtlMs() == 0:
			return bad("INVALID_ARGUMENT")
		case l.until <= m.now || l.token != c.RefreshLock.GetToken():
			return bad("LOCK_LOST")
		}
		l.until = m.now + int64(c.RefreshLock.GetTtlMs())
		m.locks[c.RefreshLock.GetLock().GetName()] = l
		return modelResult{lock: Lock{l.token, l.until, l.until - m.now}}
	case *storagev1.Command_ReleaseLock:
		if l := m.locks[c.ReleaseLock.GetLock().GetName()]; l.token == c.ReleaseLock.GetToken() {
			delete(m.locks, c.ReleaseLock.GetLock().GetName())
		}
	}
	return modelResult{}
}
