package state

import (
	"fmt"
	"slices"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
)

// again has an event delivered again, or buried.
func (m *model) again(s *modelStream, g *modelGroup, n, delay uint64) {
	p := g.pend[n]
	if g.cfg.GetMaxDeliver() != NoMaxDeliver && p.deliveries >= g.cfg.GetMaxDeliver() && s.deadOf == 0 {
		m.kill(s, g, n, MaxDeliverReason)
		return
	}
	m.later(p, delay)
}

func (m *model) later(p *modelPending, delay uint64) {
	p.state, p.due = ready, 0
	if delay > 0 {
		p.state, p.due = waiting, m.now+int64(delay)
	}
}

// kill takes an event away, and remembers what the dead letter must be.
func (m *model) kill(s *modelStream, g *modelGroup, n uint64, reason string) {
	p := g.pend[n]
	delete(g.pend, n)
	s.freed, s.ackedTo = true, max(s.ackedTo, n)
	if s.deadOf > 0 {
		return
	}
	name := deadName(s.name)
	dead := m.names[name]
	if dead == nil {
		m.declare(&storagev1.DeclareStream{Name: protoName(name), Config: &storagev1.StreamConfig{Pool: s.cfg.GetPool()}})
		dead = m.names[name]
	}
	dead.deadOf = s.id
	for _, e := range s.events() {
		if e.number == n {
			group := ""
			for k, v := range s.groups {
				if v == g {
					group = k
				}
			}
			m.dead = append(m.dead, modelDead{dead, string(withDeadMeta([]byte(e.raw), []deadMeta{
				{DeadReason, reason}, {DeadGroup, group}, {DeadStream, s.name.Name}, {DeadPosition, e.position.String()}, {DeadDeliveries, fmt.Sprint(p.deliveries)},
			})), s.slots[n]})
		}
	}
}

// modelDead is a dead letter that is to be in a stream.
type modelDead struct {
	in   *modelStream
	raw  string
	slot uint16
}

// adopt gives dead letters the order that the machine gave them.
func (m *model) adopt(v View) error {
	for len(m.dead) > 0 {
		in := m.dead[0].in
		var raw string
		for s, err := range v.Read(in.id, in.last+1, 1) {
			if err != nil {
				return err
			}
			raw = string(s.Records)
		}
		i := slices.IndexFunc(m.dead, func(d modelDead) bool { return d.in == in && d.raw == raw })
		if i < 0 {
			return fmt.Errorf("no dead letter: %q, want one of %v", raw, m.dead)
		}
		p := &storagev1.Publish{}
		if m.dead[i].slot > 0 {
			p.KeySlots = []byte{byte(m.dead[i].slot >> 8), byte(m.dead[i].slot)}
		}
		m.append(in, p, []string{raw})
		m.dead = slices.Delete(m.dead, i, i+1)
	}
	return nil
}
