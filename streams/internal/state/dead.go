package state

import (
	"bytes"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/eventnode/eventnode"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/ranges"
)

// An event that a group gave up is appended to the dead letters of its stream, and
// with that acked by the group, in one batch. They are an ordinary stream, named as
// the first one with DeadSuffix, made when it is needed. Each is a chunk of its own,
// so that any of them can be dropped. There are no dead letters of dead letters: a
// group of such a stream tries for ever.

const (
	// DeadSuffix ends the name of a stream of dead letters. It has no name with a
	// dot and "dead" of its own.
	DeadSuffix = ".dead"
	// MaxDead bounds the dead letters of one SettleDead.
	MaxDead = 256
	// buryBytes bounds the bytes of events that one entry makes dead letters, but for
	// the last one.
	buryBytes = 1 << 20
)

// bury makes dead letters of a row, as many as are left to this entry. The others
// are due now.
func (t *turn) bury(g *group, p pending) error {
	if err := t.take(g, p); err != nil {
		return err
	}
	lost, set := p.set.Split(ranges.Of(0, g.head.GetFirst()-1))
	g.freed, g.ackedTo = true, max(g.ackedTo, lost.Last())
	dead, err := t.deadOf(g.stream)
	if err != nil {
		return err
	}
	for len(set) > 0 && t.buried < t.bounds.bury && t.bytes < buryBytes {
		number := set.First()
		if err := t.buryOne(g, dead, number, p); err != nil {
			return err
		}
		g.ackedTo = max(g.ackedTo, number)
		_, set = set.Split(ranges.Of(number, number))
	}
	rest := p.part(set)
	rest.DueMs = max(t.now, 1)
	return t.put(g, rest)
}

// deadOf is the stream of a stream's dead letters.
func (t *turn) deadOf(s *stream) (*stream, error) {
	name := deadName(nameOf(s.row.GetName()))
	dead, err := t.named(name)
	if err != nil {
		return nil, err
	}
	if dead == nil {
		cfg, err := CheckConfig(&storagev1.StreamConfig{Pool: s.row.GetConfig().GetPool()})
		if err == nil {
			err = t.create(name, cfg)
		}
		if err != nil {
			return nil, storeFault(err)
		}
		dead = t.streams[t.part.GetLastStream()]
	}
	if dead.row.GetDeadOf() != s.row.GetId() {
		dead.change()
		dead.row.DeadOf = s.row.GetId()
		return dead, t.store(t.keys.stream(dead.row.GetId()), dead.row)
	}
	return dead, nil
}

// deadName is the name of a stream's dead letters. A name that would become too long
// loses its end.
func deadName(n Name) Name {
	name := n.Name[:min(len(n.Name), MaxName-len(DeadSuffix))]
	for !utf8.ValidString(name) {
		name = name[:len(name)-1]
	}
	return Name{n.Namespace, name + DeadSuffix}
}

// Dead is the name of the stream of a stream's dead letters.
func (n Name) Dead() Name { return deadName(n) }

// buryOne appends one event to the dead letters, if it is still there.
func (t *turn) buryOne(g *group, dead *stream, number uint64, p pending) error {
	raw, c, at, err := t.eventAt(g.stream, number)
	if err != nil || raw == nil {
		return err
	}
	record := withDeadMeta(raw, []deadMeta{
		{DeadReason, p.GetReason()},
		{DeadGroup, g.name},
		{DeadStream, g.stream.row.GetName().GetName()},
		{DeadPosition, at.String()},
		{DeadDeliveries, fmt.Sprint(p.GetDeliveries())},
	})
	t.buried++
	t.bytes += len(record)
	if _, err := t.write(dead, publish{&storagev1.Publish{Count: 1, Checksum: Checksum(record), KeySlots: c.slot(number)}, record}); err != nil {
		return err
	}
	return t.trim(dead)
}

// eventAt is an event as it is stored, the chunk it is in, and its position; nil if it
// is gone.
func (t *turn) eventAt(s *stream, number uint64) (record []byte, c chunkHead, at eventnode.Position, err error) {
	id := s.row.GetId()
	if _, gone, err := t.view().holeAt(id, number); err != nil || gone {
		return nil, c, at, storeFault(err)
	}
	for e, err := range t.batch.Scan(t.keys.chunk(id, 0), t.keys.chunk(id, number+1), engine.Descending) {
		var whole chunk
		if err == nil {
			whole, err = decodeChunk(e)
		}
		if err == nil {
			err = whole.verify()
		}
		var one Slice
		if err == nil && number <= whole.last() {
			one, err = whole.from(number, 1)
		}
		if err != nil {
			return nil, c, at, storeFault(err)
		}
		if one.Count == 1 {
			return bytes.Clone(one.Records), whole.chunkHead, one.First, nil
		}
		break
	}
	return nil, c, at, &storeError{damaged("event %d of stream %d is not there", number, id)}
}

// settleDead drops dead letters, and appends them to the stream that they came from,
// as they were, if they are to be replayed: all of them or none.
func (t *turn) settleDead(c *storagev1.SettleDead) (n uint64, err error) {
	set, err := decodeNumbers(c.GetRanges(), MaxDead)
	if err != nil {
		return 0, err
	}
	dead, err := t.stream(c.GetStream())
	switch {
	case err != nil:
		return 0, err
	case dead == nil:
		return 0, eventnode.StreamNotFound(fmt.Sprintf("number %d", c.GetStream()))
	case dead.row.GetDeadOf() == 0:
		return 0, invalid("stream %q has no dead letters: they are in the stream whose name ends with %q", dead.name(), DeadSuffix)
	}
	letters, again, err := t.letters(dead, set)
	if err == nil && c.GetReplay() && again.GetCount() > 0 {
		err = t.replay(dead, again)
	}
	if err != nil {
		return 0, err
	}
	for _, l := range letters {
		if err := t.dropChunk(dead, l); err != nil {
			return n, err
		}
		n += uint64(l.count)
	}
	return n, nil
}

// letters are the chunks of dead letters, and what they were before.
func (t *turn) letters(dead *stream, set ranges.Set) (all []chunkHead, again publish, err error) {
	again.Publish = &storagev1.Publish{}
	_, set = set.Split(ranges.Of(dead.head.GetLast()+1, math.MaxUint64))
	for _, number := range set.All() {
		if number < dead.head.GetFirst() {
			continue
		}
		record, c, _, err := t.eventAt(dead, number)
		if err != nil {
			return nil, again, err
		}
		if record == nil {
			continue
		}
		if c.count > 1 { // it was published, not buried
			return nil, again, invalid("event %d of stream %q was published to it: it is no dead letter", number, dead.name())
		}
		all = append(all, c)
		again.Count++
		again.records = append(again.records, withoutDeadMeta(record)...)
		slot := c.slot(number)
		if slot == nil {
			slot = make([]byte, slotBytes)
		}
		again.KeySlots = append(again.KeySlots, slot...)
	}
	again.Checksum = Checksum(again.records)
	return all, again, nil
}

// replay appends dead letters to the stream that they came from.
func (t *turn) replay(dead *stream, p publish) error {
	s, err := t.stream(dead.row.GetDeadOf())
	switch {
	case err != nil:
		return err
	case s == nil:
		return eventnode.StreamNotFound(fmt.Sprintf("of the dead letters in %s", dead.name()))
	}
	if err := s.hasRoom(len(p.records)); err != nil {
		return err
	}
	if _, err := t.write(s, p); err != nil {
		return err
	}
	return t.trim(s)
}
