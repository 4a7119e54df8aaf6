package state

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
)

// model is the dumb machine: maps and slices, nothing stored, nothing counted
// that can be looked at.
type model struct {
	bounds bounds
	now    int64
	made   uint64
	names  map[Name]*modelStream
	ids    map[uint64]*modelStream
	uuid   string
	epoch  uint64
	locks  map[string]modelLock
	dead   []modelDead
	pools  map[string]string // what each says of its placement; "": nothing

	used   map[Name]eventnode.Position // the last one, of all streams that had the name
	reused error
}

type modelStream struct {
	id        uint64
	name      Name
	cfg       *storagev1.StreamConfig
	created   int64
	chunks    [][]modelEvent
	first     uint64
	last      uint64
	position  eventnode.Position
	known     []modelKnown
	producers map[string]modelProducer

	slots     map[uint64]uint16
	groups    map[string]*modelGroup
	lastGroup uint64
	deadOf    uint64
	freed     bool
	ackedTo   uint64
	frontDue  bool
	sweepMS   int64
	sweepFrom uint64
}

type modelEvent struct {
	number   uint64
	position eventnode.Position
	raw      string
}

type modelKnown struct {
	id    string
	stamp int64
}

type modelProducer struct {
	number uint64
	stamp  int64
	answer modelResult
}

// modelResult is a Result with the word for its error.
type modelResult struct {
	reason    string
	published eventnode.Published
	created   bool
	config    *storagev1.StreamConfig

	epoch   uint64
	settled Settled
	moved   uint64
	lock    Lock
}

func newModel(b bounds) *model {
	return &model{bounds: b, names: map[Name]*modelStream{}, ids: map[uint64]*modelStream{}, used: map[Name]eventnode.Position{}, locks: map[string]modelLock{}, pools: map[string]string{"default": ""}}
}

func refused(err error) modelResult { return modelResult{reason: apierr.Reason(err)} }

func (m *model) entry(stamp int64, ops []op) (results []modelResult) {
	m.now = max(m.now, stamp)
	for _, o := range ops {
		results = append(results, m.do(o, Result{}))
	}
	m.letGo()
	return results
}

// do does a command; got is what the machine answered, where that has a choice.
func (m *model) do(o op, got Result) modelResult {
	switch c := o.GetCommand().(type) {
	case *storagev1.Command_Publish:
		return m.publish(c.Publish, o.events)
	case *storagev1.Command_DeclareStream:
		return m.declare(c.DeclareStream)
	case *storagev1.Command_UpdateStream:
		return m.update(c.UpdateStream)
	case *storagev1.Command_DeleteStream:
		return m.remove(c.DeleteStream)
	case *storagev1.Command_Tick:
		for _, id := range c.Tick.GetStreams() {
			if s := m.ids[id]; s != nil {
				s.trim(m.now, m.bounds.chunks)
				s.forget(m.now, m.bounds.forget)
			}
		}
	case *storagev1.Command_SetPool:
		return m.setPool(c.SetPool)
	case *storagev1.Command_SetCluster:
		if m.uuid == "" {
			m.uuid = string(c.SetCluster.GetUuid())
		}
		if m.uuid != string(c.SetCluster.GetUuid()) {
			return refused(eventnode.ErrForeignCluster)
		}
	case *storagev1.Command_Compare, *storagev1.Command_RaiseLevel, *storagev1.Command_NoteReplica:
	default:
		return m.doGroup(o.Command, got)
	}
	return modelResult{}
}

func (m *model) declare(c *storagev1.DeclareStream) modelResult {
	cfg, err := CheckConfig(c.GetConfig())
	if err != nil {
		return refused(err)
	}
	s := m.names[nameOf(c.GetName())]
	if _, there := m.pools[cfg.GetPool()]; s == nil && !there {
		return refused(eventnode.ErrPoolNotFound)
	}
	if s == nil {
		m.made++
		s = &modelStream{id: m.made, name: nameOf(c.GetName()), cfg: cfg, created: m.now, first: 1, producers: map[string]modelProducer{},
			slots: map[uint64]uint16{}, groups: map[string]*modelGroup{}}
		for _, name := range cfg.GetGroups() {
			m.newGroup(s, name, nil, 1)
		}
		m.names[s.name], m.ids[s.id] = s, s
		return modelResult{created: true, config: cfg}
	}
	if c.GetFresh() {
		return refused(eventnode.ErrStreamExists)
	}
	have := proto.CloneOf(s.cfg)
	have.Groups = cfg.GetGroups()
	if !proto.Equal(have, cfg) {
		return refused(eventnode.ErrStreamDiffers)
	}
	m.configure(s, cfg)
	return modelResult{config: s.cfg}
}

func (m *model) configure(s *modelStream, cfg *storagev1.StreamConfig) {
	before := s.cfg
	s.cfg = proto.CloneOf(cfg)
	for _, name := range cfg.GetGroups() {
		if s.groups[name] == nil {
			m.newGroup(s, name, nil, s.first)
		}
	}
	s.setGroups()
	s.freed = s.freed || !proto.Equal(before, s.cfg)
}

func (m *model) update(c *storagev1.UpdateStream) modelResult {
	cfg, err := CheckConfig(c.GetConfig())
	s := m.names[nameOf(c.GetName())]
	switch {
	case err != nil:
		return refused(err)
	case s == nil:
		return refused(eventnode.ErrStreamNotFound)
	case s.cfg.GetPool() != cfg.GetPool():
		return refused(eventnode.ErrInvalidArgument)
	}
	m.configure(s, cfg)
	s.trim(m.now, m.bounds.chunks)
	return modelResult{config: s.cfg}
}

func (m *model) remove(c *storagev1.DeleteStream) modelResult {
	s := m.names[nameOf(c.GetName())]
	if s == nil {
		return refused(eventnode.ErrStreamNotFound)
	}
	m.now = max(m.now, s.position.MS)
	delete(m.names, s.name)
	delete(m.ids, s.id)
	return modelResult{}
}

func (m *model) publish(p *storagev1.Publish, events []string) modelResult {
	s := m.ids[p.GetStream()]
	n := len(events)
	switch {
	case s == nil:
		return refused(eventnode.ErrStreamNotFound)
	case n == 0, len(p.GetDedupeIds())%(16*n) != 0, len(p.GetKeySlots())%(2*n) != 0, len(p.GetDedupeIds()) > 16*n, len(p.GetKeySlots()) > 2*n:
		return refused(eventnode.ErrInvalidArgument)
	case p.GetProducer() == nil:
		return m.append(s, p, events)
	}
	id, number := string(p.GetProducer().GetProducer()), p.GetProducer().GetNumber()
	was, known := s.producers[id]
	switch {
	case len(id) != 16 || number == 0:
		return refused(eventnode.ErrInvalidArgument)
	case known && number == was.number:
		return was.answer
	case known && number != was.number+1:
		return refused(eventnode.ErrBadSequence)
	}
	r := m.append(s, p, events)
	if !known && len(s.producers) == m.bounds.producers {
		silent := slices.SortedFunc(maps.Keys(s.producers), func(a, b string) int {
			return cmp.Or(cmp.Compare(s.producers[a].stamp, s.producers[b].stamp), cmp.Compare(a, b))
		})
		for _, id := range silent[:max(m.bounds.producers/10, 1)] {
			delete(s.producers, id)
		}
	}
	s.producers[id] = modelProducer{number, m.now, r}
	return r
}

func (m *model) append(s *modelStream, p *storagev1.Publish, events []string) modelResult {
	if p.ExpectLast != nil && position(p.GetExpectLast()) != s.position {
		return refused(eventnode.ErrWrongLast)
	}
	var known []int
	var kept, ids []string
	var slots []uint16
	if dedupe := p.GetDedupeIds(); len(dedupe) > 0 {
		s.forget(m.now, m.bounds.forget)
		for i := range events {
			id := string(dedupe[16*i : 16*i+16])
			if slices.Contains(ids, id) || slices.ContainsFunc(s.known, func(k modelKnown) bool { return k.id == id }) {
				known = append(known, i)
				continue
			}
			kept, ids = append(kept, events[i]), append(ids, id)
			slots = append(slots, slotAt(p.GetKeySlots(), i))
		}
	} else {
		kept = events
		for i := range events {
			slots = append(slots, slotAt(p.GetKeySlots(), i))
		}
	}
	if len(kept) == 0 {
		return modelResult{published: eventnode.Published{Known: known}}
	}
	size := 0
	for _, e := range kept {
		size += len(e)
	}
	if s.cfg.GetRetain() == storagev1.Retain_RETAIN_ACKED && s.cfg.GetMaxBytes() > 0 && s.bytes()+size > int(s.cfg.GetMaxBytes()) {
		return refused(eventnode.ErrStreamFull)
	}
	at := eventnode.Position{MS: max(m.now, s.created+1)}
	if at.MS <= s.position.MS {
		at = eventnode.Position{MS: s.position.MS, Seq: s.position.Seq + 1}
	}
	r := modelResult{published: eventnode.Published{First: at, Appended: len(kept), Known: known}}
	var c []modelEvent
	for i, e := range kept {
		s.last++
		if len(slots) > 0 {
			s.slots[s.last] = slots[i]
		}
		s.position = eventnode.Position{MS: at.MS, Seq: at.Seq + uint64(i)}
		c = append(c, modelEvent{s.last, s.position, e})
	}
	if at.Compare(m.used[s.name]) <= 0 {
		m.reused = fmt.Errorf("%v: %v is used after %v", s.name, at, m.used[s.name])
	}
	m.used[s.name] = s.position
	s.chunks = append(s.chunks, c)
	for _, id := range ids {
		s.known = append(s.known, modelKnown{id, m.now})
	}
	s.trim(m.now, m.bounds.chunks)
	return r
}

// bytes counts chunks whole.
func (s *modelStream) bytes() (n int) {
	for _, c := range s.chunks {
		for _, e := range c {
			n += len(e.raw)
		}
	}
	return n
}

// events are those that are there.
func (s *modelStream) events() (all []modelEvent) {
	for _, e := range slices.Concat(s.chunks...) {
		if e.number >= s.first {
			all = append(all, e)
		}
	}
	return all
}

func (s *modelStream) trim(now int64, atOnce int) {
	for ; atOnce > 0 && len(s.chunks) > 0 && s.cfg.GetRetain() == storagev1.Retain_RETAIN_LIMITS; atOnce-- {
		c, total := s.chunks[0], uint64(len(slices.Concat(s.chunks...)))
		age, bytes, count := s.cfg.GetMaxAgeMs(), s.cfg.GetMaxBytes(), s.cfg.GetMaxCount()
		goes := age > 0 && now-c[0].position.MS >= int64(age) || bytes > 0 && s.bytes() > int(bytes) && len(s.chunks) > 1
		if count > 0 && total > count && c[0].number+total-count > s.first {
			s.first = min(c[0].number+total-count, c[len(c)-1].number+1)
		}
		if !goes && s.first <= c[len(c)-1].number {
			return
		}
		s.chunks = s.chunks[1:]
		s.toFront()
	}
}

func (s *modelStream) forget(now int64, atOnce int) {
	most := int(s.cfg.GetDedupeMax())
	if len(s.known) > most {
		most -= most / 8
	}
	for ; atOnce > 0 && len(s.known) > 0; atOnce-- {
		if len(s.known) <= most && now-s.known[0].stamp < int64(s.cfg.GetDedupeWindowMs()) {
			return
		}
		s.known = s.known[1:]
	}
}

// due says that time would change something.
func (s *modelStream) due(now int64) bool {
	c := *s
	c.trim(now, 1)
	c.forget(now, 1)
	return c.first != s.first || len(c.known) != len(s.known)
}
