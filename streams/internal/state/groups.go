package state

import (
	"fmt"
	"slices"

	"github.com/eventnode/eventnode"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/ranges"
)

// A consumer group of a stream is a row: the number of the next event that is new to
// it, its floor, which is the lowest number that it has not acked, and counts. What
// lies between the two and is not acked is pending (pending.go), or was passed over
// for its key (keyed.go). Nothing of a group is in memory between two entries.
//
// Groups sort by floor in rows of their own, so that the lowest floor of a stream,
// up to which its events go, is one look-up with any number of groups.

// groupKey names a group of a stream.
type groupKey struct {
	stream uint64
	name   string
}

// group is one that this turn is concerned with.
type group struct {
	*stream
	name   string
	row    *storagev1.GroupRow
	dirty  bool
	moved  bool   // the floor is to be found anew
	stored uint64 // the floor that is in the rows; 0: none, numbers begin with 1
	low    uint64 // nothing is pending or passed over below

	consumers map[uint32]*consumer
}

// id is the number of the group's stream, and its own.
func (g *group) id() (stream, group uint64) { return g.stream.row.GetId(), g.row.GetId() }

// groupOf returns a group, or the error that it is not there.
func (t *turn) groupOf(id uint64, name string) (*group, error) {
	key := groupKey{id, name}
	if g := t.groups[key]; g != nil {
		return g, nil
	}
	s, err := t.stream(id)
	switch {
	case err != nil:
		return nil, err
	case s == nil:
		return nil, eventnode.StreamNotFound(fmt.Sprintf("number %d", id))
	}
	row := &storagev1.GroupRow{}
	found, err := load(t.batch, t.keys.group(id, name), row)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, eventnode.ConsumerGroupNotFound(s.name(), name)
	}
	g := &group{stream: s, name: name, row: row, stored: row.GetFloor(), low: row.GetFloor(), consumers: map[uint32]*consumer{}}
	t.groups[key] = g
	return g, nil
}

// numberedGroup returns a group by its number; nil if it is not there.
func (t *turn) numberedGroup(id, number uint64) (*group, error) {
	var name string
	found, err := t.batch.Get(t.keys.groupName(id, number), func(v []byte) error { name = string(v); return nil })
	if err != nil {
		return nil, &storeError{fmt.Errorf("read the name of group %d of stream %d: %w", number, id, err)}
	}
	if !found {
		return nil, nil
	}
	return t.groupOf(id, name)
}

// addGroup makes a group, or sees that it is there.
func (t *turn) addGroup(c *storagev1.AddGroup) (created bool, err error) {
	name := c.GetGroup().GetGroup()
	if err := checkWord("group name", name); err != nil {
		return false, err
	}
	cfg, err := CheckGroupConfig(c.GetConfig())
	if err != nil {
		return false, err
	}
	s, err := t.stream(c.GetGroup().GetStream())
	switch {
	case err != nil:
		return false, err
	case s == nil:
		return false, eventnode.StreamNotFound(fmt.Sprintf("number %d", c.GetGroup().GetStream()))
	}
	at, known := slices.BinarySearch(s.row.GetConfig().GetGroups(), name)
	if known {
		return false, t.seeGroup(s, name, cfg)
	}
	if n := len(s.row.GetConfig().GetGroups()); n >= MaxGroups {
		return false, &eventnode.LimitError{Limit: "max_groups_per_stream", Max: MaxGroups, Got: n + 1}
	}
	first, err := t.place(s, c.GetStart())
	if err != nil {
		return false, err
	}
	t.newGroup(s, name, cfg, first)
	return true, t.setGroups(s, slices.Insert(slices.Clone(s.row.GetConfig().GetGroups()), at, name))
}

// seeGroup fails if a group is served in another way.
func (t *turn) seeGroup(s *stream, name string, cfg *storagev1.GroupConfig) error {
	g, err := t.groupOf(s.row.GetId(), name)
	if err != nil {
		return err
	}
	if d := groupDifference(g.row.GetConfig(), cfg); d != "" {
		return &eventnode.StreamError{Stream: s.name(), Err: eventnode.ErrConsumerGroupDiffers,
			Reason: fmt.Sprintf("consumer group %q of stream %q is there with another %s: update it, or declare it as it is", name, s.name(), d)}
	}
	return nil
}

// newGroups makes groups that begin with the oldest event.
func (t *turn) newGroups(s *stream, names []string) error {
	for _, name := range names {
		cfg, err := CheckGroupConfig(nil)
		if err != nil {
			return err
		}
		t.newGroup(s, name, cfg, s.head.GetFirst())
	}
	return nil
}

// newGroup makes a group that begins with a number.
func (t *turn) newGroup(s *stream, name string, cfg *storagev1.GroupConfig, first uint64) {
	s.head.LastGroup++
	s.dirty = true
	g := &group{stream: s, name: name, dirty: true, low: first, consumers: map[uint32]*consumer{}, row: &storagev1.GroupRow{
		Id: s.head.GetLastGroup(), Config: cfg, CreatedMs: t.now, Next: first, Floor: first}}
	id, number := g.id()
	t.groups[groupKey{id, name}] = g
	t.batch.Set(t.keys.groupName(id, number), []byte(name))
}

// updateGroup replaces how a group is served. What is under way goes on as it is.
func (t *turn) updateGroup(c *storagev1.UpdateGroup) error {
	cfg, err := CheckGroupConfig(c.GetConfig())
	if err != nil {
		return err
	}
	g, err := t.groupOf(c.GetGroup().GetStream(), c.GetGroup().GetGroup())
	if err != nil {
		return err
	}
	if cfg.GetKeyed() != g.row.GetConfig().GetKeyed() && g.row.GetPending()+g.row.GetSkipped() > 0 {
		return invalid("consumer group %q has %d pending entries: keyed is changed when there are none", g.name, g.row.GetPending()+g.row.GetSkipped())
	}
	g.row.Config, g.dirty = cfg, true
	return nil
}

// removeGroup removes a group with all its rows, but those that are due: they are
// found to be nobody's when their time has come.
func (t *turn) removeGroup(c *storagev1.RemoveGroup) error {
	g, err := t.groupOf(c.GetGroup().GetStream(), c.GetGroup().GetGroup())
	if err != nil {
		return err
	}
	id, number := g.id()
	delete(t.groups, groupKey{id, g.name})
	t.forgetPending(g)
	t.batch.DeleteRange(t.keys.pair(kindConsumer, id, number), t.keys.pair(kindConsumer, id, number+1))
	t.batch.Delete(t.keys.group(id, g.name))
	t.batch.Delete(t.keys.groupName(id, number))
	if g.stored > 0 {
		t.batch.Delete(t.keys.floor(id, g.stored, number))
	}
	s := g.stream
	s.freed = true
	s.ackedTo = s.head.GetLast()
	groups := slices.Clone(s.row.GetConfig().GetGroups())
	return t.setGroups(s, slices.DeleteFunc(groups, func(n string) bool { return n == g.name }))
}

// setGroups writes the names of a stream's groups. The configuration that it had may
// be part of a result: that one stays.
func (t *turn) setGroups(s *stream, names []string) error {
	s.change()
	s.row.Config.Groups = names
	return t.store(t.keys.stream(s.row.GetId()), s.row)
}

// forgetPending drops the rows of all that is pending, or was passed over.
func (t *turn) forgetPending(g *group) {
	id, number := g.id()
	for _, kd := range []kind{kindPending, kindTurn, kindSkipped} {
		t.batch.DeleteRange(t.keys.pair(kd, id, number), t.keys.pair(kd, id, number+1))
	}
}

// place is the number of the event at which a group begins.
func (t *turn) place(s *stream, p *storagev1.Place) (uint64, error) {
	end := s.head.GetLast() + 1
	var at eventnode.Position
	switch p := p.GetPlace().(type) {
	case nil:
		return s.head.GetFirst(), nil
	case *storagev1.Place_Newest:
		return end, nil
	case *storagev1.Place_Position:
		if at = position(p.Position); at.Compare(position(s.head.GetLastPosition())) > 0 {
			return 0, invalid("position %v is past the end of stream %q, which is %v: use newest", at, s.name(), position(s.head.GetLastPosition()))
		}
	case *storagev1.Place_TimeMs:
		if at = (eventnode.Position{MS: p.TimeMs}); p.TimeMs > t.now {
			return 0, invalid("the time %d is past that of the partition, which is %d: use newest", p.TimeMs, t.now)
		}
	}
	n, err := View{t.batch, t.keys}.Find(Stream{s.row, s.head}, at)
	if err != nil {
		return 0, &storeError{err}
	}
	return n, nil
}

// seek has a group begin anew. What was pending is forgotten; who has something in
// hand is told that it is not pending.
func (t *turn) seek(c *storagev1.Seek) error {
	g, err := t.groupOf(c.GetGroup().GetStream(), c.GetGroup().GetGroup())
	if err != nil {
		return err
	}
	next, err := t.place(g.stream, c.GetTo())
	if err != nil {
		return err
	}
	if err := t.emptyHands(g); err != nil {
		return err
	}
	t.forgetPending(g)
	g.low = min(g.low, next)
	g.row.Next, g.row.Pending, g.row.Ready, g.row.Waiting, g.row.Skipped = next, 0, 0, 0, 0
	g.dirty, g.moved, g.freed, g.ackedTo = true, true, true, g.head.GetLast()
	t.woke(g.stream.row.GetId(), g.name)
	return nil
}

// endGroups writes what has changed of groups, and lets go what all have acked.
func (t *turn) endGroups() error {
	for _, key := range t.sortedGroups() {
		if err := t.endGroup(t.groups[key]); err != nil {
			return err
		}
	}
	for _, id := range t.sortedStreams() {
		if s := t.streams[id]; s != nil && s.freed {
			if err := t.letGo(s); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *turn) endGroup(g *group) error {
	if err := t.endConsumers(g); err != nil {
		return err
	}
	if g.moved {
		floor, err := t.floorOf(g)
		if err != nil {
			return err
		}
		g.row.Floor = floor
	}
	id, number := g.id()
	if floor := g.row.GetFloor(); floor != g.stored {
		if g.stored > 0 {
			t.batch.Delete(t.keys.floor(id, g.stored, number))
		}
		t.batch.Set(t.keys.floor(id, floor, number))
		g.stored = floor
		if floor < g.head.GetFloor() {
			g.head.Floor, g.stream.dirty = floor, true
		}
	}
	if !g.dirty {
		return nil
	}
	return t.store(t.keys.group(id, g.name), g.row)
}

// floorOf is the lowest number that a group has not acked.
func (t *turn) floorOf(g *group) (uint64, error) {
	id, number := g.id()
	floor := max(g.row.GetNext(), 1)
	if g.row.GetPending() > 0 {
		// Deleted rows cost time: do not begin before all of them.
		for e, err := range t.batch.Scan(t.keys.pending(id, number, g.low), t.keys.pair(kindPending, id, number+1), engine.Ascending) {
			if err != nil {
				return 0, &storeError{fmt.Errorf("read what is pending in group %q: %w", g.name, err)}
			}
			floor = min(floor, lastNumber(e.Key))
			break
		}
	}
	if g.row.GetSkipped() > 0 {
		row, _, err := t.skippedRow(g)
		if err != nil {
			return 0, err
		}
		floor = min(floor, ranges.First(row.GetRanges()))
	}
	return floor, nil
}

// decodeRanges reads ranges of a row.
func decodeRanges(key, b []byte) (ranges.Set, error) {
	set, err := ranges.Decode(b)
	if err == nil && len(set) == 0 {
		err = ranges.ErrMalformed
	}
	if err != nil {
		return nil, &storeError{damaged("row %x: %w", key, err)}
	}
	return set, nil
}
