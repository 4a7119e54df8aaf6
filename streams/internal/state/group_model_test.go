package state

import (
	"maps"
	"slices"

	"github.com/eventnode/eventnode"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
)

// The dumb consumer groups: one record for each event that is pending, nothing
// counted. Where the machine may choose (which of several events that are to come
// again it hands out), the model looks whether what it chose was allowed, and goes on
// from there.
type modelGroup struct {
	id      uint64
	cfg     *storagev1.GroupConfig
	next    uint64
	pend    map[uint64]*modelPending
	skipped map[uint64]bool
	cons    map[uint32]*modelConsumer
}

type modelPending struct {
	state      storagev1.PendingState
	consumer   uint32
	epoch      uint64
	deliveries uint32
	due        int64
}

type modelConsumer struct {
	holder string
	epoch  uint64
}

type modelLock struct {
	holder string
	token  uint64
	until  int64
}

func (m *model) newGroup(s *modelStream, name string, cfg *storagev1.GroupConfig, next uint64) {
	cfg, _ = CheckGroupConfig(cfg)
	s.lastGroup++
	s.groups[name] = &modelGroup{id: s.lastGroup, cfg: cfg, next: next, pend: map[uint64]*modelPending{}, skipped: map[uint64]bool{}, cons: map[uint32]*modelConsumer{}}
}

func (g *modelGroup) floor() uint64 {
	floor := g.next
	for n := range g.pend {
		floor = min(floor, n)
	}
	for n := range g.skipped {
		floor = min(floor, n)
	}
	return floor
}

// has is what a consumer has in hand, and what of that is older than its lease.
func (g *modelGroup) has(number uint32) (all, old uint64) {
	for _, p := range g.pend {
		if p.state == held && p.consumer == number {
			all++
			if c := g.cons[number]; c == nil || p.epoch != c.epoch {
				old++
			}
		}
	}
	return all, old
}

// tidy forgets consumers that are not there any more.
func (g *modelGroup) tidy() {
	for number, c := range g.cons {
		if all, _ := g.has(number); all == 0 && c.holder == "" {
			delete(g.cons, number)
		}
	}
}

// there are the events of a stream from a number on.
func (s *modelStream) there(from uint64) (numbers []uint64) {
	for _, e := range s.events() {
		if e.number >= from {
			numbers = append(numbers, e.number)
		}
	}
	return numbers
}

func (m *model) group(id uint64, name string) (*modelStream, *modelGroup, string) {
	s := m.ids[id]
	switch {
	case s == nil:
		return nil, nil, "STREAM_NOT_FOUND"
	case s.groups[name] == nil:
		return s, nil, "CONSUMER_GROUP_NOT_FOUND"
	}
	return s, s.groups[name], ""
}

func (m *model) leased(id uint64, group string, number uint32, epoch uint64) (*modelStream, *modelGroup, string) {
	s, g, reason := m.group(id, group)
	if reason == "" && (g.cons[number] == nil || g.cons[number].holder == "" || g.cons[number].epoch != epoch) {
		reason = "FENCED"
	}
	return s, g, reason
}

func bad(reason string) modelResult { return modelResult{reason: reason} }

// doGroup does a command of groups or locks. got is what the machine answered.
func (m *model) doGroup(cmd *storagev1.Command, got Result) (r modelResult) {
	switch c := cmd.GetCommand().(type) {
	case *storagev1.Command_AddGroup:
		return m.addGroup(c.AddGroup)
	case *storagev1.Command_UpdateGroup:
		_, g, reason := m.group(c.UpdateGroup.GetGroup().GetStream(), c.UpdateGroup.GetGroup().GetGroup())
		if reason != "" {
			return bad(reason)
		}
		cfg, _ := CheckGroupConfig(c.UpdateGroup.GetConfig())
		if cfg.GetKeyed() != g.cfg.GetKeyed() && len(g.pend)+len(g.skipped) > 0 {
			return bad("INVALID_ARGUMENT")
		}
		g.cfg = cfg
	case *storagev1.Command_RemoveGroup:
		s, _, reason := m.group(c.RemoveGroup.GetGroup().GetStream(), c.RemoveGroup.GetGroup().GetGroup())
		if reason != "" {
			return bad(reason)
		}
		name := c.RemoveGroup.GetGroup().GetGroup()
		delete(s.groups, name)
		s.setGroups()
		s.freed, s.ackedTo = true, s.last
	case *storagev1.Command_GrantLease:
		return m.grant(c.GrantLease)
	case *storagev1.Command_EndLease:
		return m.endLease(c.EndLease)
	case *storagev1.Command_Fetch:
		return m.fetch(c.Fetch, got)
	case *storagev1.Command_Settle:
		return m.settle(c.Settle)
	case *storagev1.Command_Claim:
		return m.claim(c.Claim)
	case *storagev1.Command_Seek:
		return m.seek(c.Seek)
	case *storagev1.Command_DeleteConsumer:
		return m.deleteConsumer(c.DeleteConsumer)
	case *storagev1.Command_SettleDead:
		return m.settleDead(c.SettleDead)
	case *storagev1.Command_Expire:
		m.expire()
	default:
		return m.doLock(cmd)
	}
	return r
}

func (s *modelStream) setGroups() { s.cfg.Groups = slices.Sorted(maps.Keys(s.groups)) }

func (m *model) addGroup(c *storagev1.AddGroup) modelResult {
	s := m.ids[c.GetGroup().GetStream()]
	if s == nil {
		return bad("STREAM_NOT_FOUND")
	}
	name := c.GetGroup().GetGroup()
	cfg, _ := CheckGroupConfig(c.GetConfig())
	if g := s.groups[name]; g != nil {
		if g.cfg.String() != cfg.String() {
			return bad("CONSUMER_GROUP_DIFFERS")
		}
		return modelResult{}
	}
	next, ok := m.place(s, c.GetStart())
	if !ok {
		return bad("INVALID_ARGUMENT")
	}
	m.newGroup(s, name, c.GetConfig(), next)
	s.setGroups()
	return modelResult{created: true}
}

func (m *model) place(s *modelStream, p *storagev1.Place) (uint64, bool) {
	var at eventnode.Position
	switch p := p.GetPlace().(type) {
	case nil:
		return s.first, true
	case *storagev1.Place_Newest:
		return s.last + 1, true
	case *storagev1.Place_Position:
		if at = position(p.Position); at.Compare(s.position) > 0 {
			return 0, false
		}
	case *storagev1.Place_TimeMs:
		if at.MS = p.TimeMs; p.TimeMs > m.now {
			return 0, false
		}
	}
	for _, e := range s.events() {
		if e.position.Compare(at) >= 0 {
			return e.number, true
		}
	}
	return s.last + 1, true
}

func (m *model) grant(c *storagev1.GrantLease) modelResult {
	if c.GetConsumer() == 0 || len(c.GetHolder()) != 16 || len(c.GetStreams()) == 0 {
		return bad("INVALID_ARGUMENT")
	}
	for _, id := range c.GetStreams() {
		_, g, reason := m.group(id, c.GetGroup())
		if reason != "" {
			return bad(reason)
		}
		if co := g.cons[c.GetConsumer()]; co != nil && co.holder != "" && co.holder != string(c.GetHolder()) {
			return bad("LEASE_TAKEN")
		}
	}
	m.epoch++
	for _, id := range c.GetStreams() {
		m.ids[id].groups[c.GetGroup()].cons[c.GetConsumer()] = &modelConsumer{string(c.GetHolder()), m.epoch}
	}
	return modelResult{epoch: m.epoch}
}

func (m *model) endLease(c *storagev1.EndLease) (r modelResult) {
	for _, l := range c.GetLeases() {
		s, g, reason := m.leased(l.GetStream(), c.GetGroup(), c.GetConsumer(), l.GetEpoch())
		if reason != "" {
			continue
		}
		g.cons[c.GetConsumer()].holder = ""
		if c.GetGone() {
			r.moved += m.empty(s, g, c.GetConsumer())
		}
		g.tidy()
	}
	return r
}

func (m *model) empty(s *modelStream, g *modelGroup, number uint32) (moved uint64) {
	for _, n := range slices.Sorted(maps.Keys(g.pend)) {
		if p := g.pend[n]; p.state == held && p.consumer == number {
			moved++
			m.again(s, g, n, 0)
		}
	}
	return moved
}

func (m *model) deleteConsumer(c *storagev1.DeleteConsumer) (r modelResult) {
	s, g, reason := m.group(c.GetGroup().GetStream(), c.GetGroup().GetGroup())
	if reason != "" {
		return bad(reason)
	}
	if co := g.cons[c.GetConsumer()]; co != nil {
		co.holder = ""
		r.moved = m.empty(s, g, c.GetConsumer())
		g.tidy()
	}
	return r
}
