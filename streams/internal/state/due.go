package state

import (
	"encoding/binary"
	"math"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
)

// A stream in which something is to go, events or event IDs, has a row under the
// stamp at which the first of it is: so a leader that looks once a second what has
// come of age reads only that, of however many streams. The row is written with the
// stream's head, which says under which stamp it is.

// dueNow is the stamp of what is to go at once: it is beyond a limit of bytes or of
// count, of which one command takes only a part.
const dueNow = 1

// due is the key of a stream's row, whose value is empty.
func (k keys) due(stamp int64, id uint64) []byte {
	b := binary.BigEndian.AppendUint64(k.of(kindDue, 16), uint64(stamp))
	return binary.BigEndian.AppendUint64(b, id)
}

// Due lists streams in which something is to go at a stamp, at most so many, those
// that have waited longest first.
func (v View) Due(stamp int64, most int) (due []uint64, err error) {
	if stamp < 0 {
		return nil, nil
	}
	lower, upper := v.keys.all(kindDue)
	for e, err := range v.r.Scan(lower, upper, engine.Ascending) {
		if err != nil {
			return nil, err
		}
		at, id, err := decodeDue(e)
		if err != nil {
			return nil, err
		}
		if at > stamp || len(due) >= most {
			break
		}
		due = append(due, id)
	}
	return due, nil
}

func decodeDue(e engine.Entry) (at int64, id uint64, err error) {
	if len(e.Key) != keyPrefix+16 || len(e.Value) != 0 {
		return 0, 0, damaged("row %x: it should say when a stream is due", e.Key)
	}
	return int64(binary.BigEndian.Uint64(e.Key[keyPrefix:])), lastNumber(e.Key), nil
}

// schedule brings a stream's row up to date, before its head is written.
func (t *turn) schedule(s *stream) error {
	at, err := t.dueAt(s)
	if err != nil || at == s.head.GetDueMs() {
		return err
	}
	t.unschedule(s)
	if s.head.DueMs = at; at != 0 {
		t.batch.Set(t.keys.due(at, s.row.GetId()))
	}
	return nil
}

// unschedule removes a stream's row, if it has one.
func (t *turn) unschedule(s *stream) {
	if at := s.head.GetDueMs(); at != 0 {
		t.batch.Delete(t.keys.due(at, s.row.GetId()))
	}
}

// dueAt is when the first of a stream is to go; 0: never, as it is.
func (t *turn) dueAt(s *stream) (int64, error) {
	events, err := t.eventsDueAt(s)
	if err != nil || events == dueNow {
		return events, err
	}
	ids, err := t.idsDueAt(s)
	if events != 0 && (ids == 0 || events < ids) {
		ids = events
	}
	return ids, err
}

func (t *turn) eventsDueAt(s *stream) (int64, error) {
	cfg := s.row.GetConfig()
	if !mayExceed(cfg, s.head) {
		return 0, nil
	}
	front, err := t.frontOf(s)
	switch {
	case err != nil:
		return 0, &storeError{err}
	case front.first+excess(cfg, s.head, *front, math.MinInt64) > s.head.GetFirst():
		return dueNow, nil
	case cfg.GetMaxAgeMs() == 0:
		return 0, nil
	}
	return after(front.position.MS, cfg.GetMaxAgeMs()), nil
}

func (t *turn) idsDueAt(s *stream) (int64, error) {
	id, cfg := s.row.GetId(), s.row.GetConfig()
	switch n := knownCount(s.head); {
	case n == 0:
		return 0, nil
	case n > cfg.GetDedupeMax():
		return dueNow, nil
	}
	if s.oldest == nil {
		row := &storagev1.KnownRow{}
		found, err := load(t.batch, t.keys.order(id, s.head.GetKnownFirst()), row)
		if err == nil && !found {
			err = &storeError{damaged("stream %d: its first event ID is not there", id)}
		}
		if err != nil {
			return 0, err
		}
		s.oldest = &row.StampMs
	}
	return after(*s.oldest, cfg.GetDedupeWindowMs()), nil
}

// after is so many milliseconds later; 0, never, if no stamp is that large.
func after(then int64, ms uint64) int64 {
	if ms > math.MaxInt64 || then > math.MaxInt64-int64(ms) {
		return 0
	}
	return max(then+int64(ms), dueNow)
}

// due looks at the rows that say when streams are due: each is that of its stream.
// That a stream's is there is looked at with the stream.
func (c *verifier) due() {
	lower, upper := c.keys.all(kindDue)
	c.each(lower, upper, func(e engine.Entry) error {
		at, id, err := decodeDue(e)
		if err != nil {
			return err
		}
		head := &storagev1.StreamState{}
		if found, err := load(c.r, c.keys.head(id), head); err == nil && (!found || head.GetDueMs() != at) {
			return damaged("row %x: stream %d is due at %d, or not there", e.Key, id, head.GetDueMs())
		}
		return nil
	})
}

// isScheduled: a stream that says when it is due, and is sound otherwise, has the row
// that is looked at.
func (c *verifier) isScheduled(id uint64, head *storagev1.StreamState, before int) {
	at := head.GetDueMs()
	if at == 0 || c.told != before || c.stopped != nil {
		return
	}
	if found, err := c.r.Get(c.keys.due(at, id), func([]byte) error { return nil }); err != nil {
		c.found(err)
	} else if !found {
		c.found(damaged("stream %d is due at %d, and nobody would look", id, at))
	}
}
