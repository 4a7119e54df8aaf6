package state

import (
	"fmt"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
)

// Retention moves a stream's first event forward. Inside a chunk that is only a
// number; the chunk, and its bytes, go when its last event has gone.

// tick lets go what has come of age.
func (t *turn) tick(c *storagev1.Tick) error {
	for _, id := range c.GetStreams() {
		s, err := t.stream(id)
		if err == nil && s != nil {
			err = t.trim(s)
		}
		if err == nil && s != nil {
			err = t.forget(s)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// trim lets events go that are beyond a limit, of a bounded number of chunks.
func (t *turn) trim(s *stream) error {
	for range t.bounds.chunks {
		if !mayExceed(s.row.GetConfig(), s.head) {
			return nil
		}
		c, err := t.frontOf(s)
		if err != nil {
			return &storeError{err}
		}
		n := excess(s.row.GetConfig(), s.head, *c, t.now)
		if first := c.first + n; first > s.head.GetFirst() {
			s.head.First, s.dirty = first, true
		}
		if n < uint64(c.count) {
			return nil
		}
		if err := t.dropChunk(s, *c); err != nil {
			return err
		}
	}
	return nil
}

// frontOf is the chunk that the first event is in.
func (t *turn) frontOf(s *stream) (*chunkHead, error) {
	if s.front == nil {
		c, err := chunkAt(t.batch, t.keys, s.row.GetId(), s.head.GetFirst())
		if err != nil {
			return nil, err
		}
		s.front = &c
	}
	return s.front, nil
}

// mayExceed reports whether a stream is perhaps beyond a limit, as far as can be
// said without its events.
func mayExceed(cfg *storagev1.StreamConfig, head *storagev1.StreamState) bool {
	count := countOf(head)
	switch {
	case cfg.GetRetain() != storagev1.Retain_RETAIN_LIMITS || count == 0:
		return false
	case cfg.GetMaxAgeMs() > 0:
		return true
	}
	return beyond(head.GetBytes(), cfg.GetMaxBytes()) || beyond(count, cfg.GetMaxCount())
}

// excess is how many of the first events of a stream's first chunk are beyond a
// limit. Of age and bytes that is all or none: the chunk has one millisecond, and
// is stored as a whole. The newest chunk stays, also if it alone is larger than
// max_bytes.
func excess(cfg *storagev1.StreamConfig, head *storagev1.StreamState, c chunkHead, now int64) uint64 {
	if cfg.GetRetain() != storagev1.Retain_RETAIN_LIMITS {
		return 0
	}
	all := uint64(c.count)
	if age := cfg.GetMaxAgeMs(); age > 0 && passed(c.position.MS, age, now) {
		return all
	}
	if beyond(head.GetBytes(), cfg.GetMaxBytes()) && c.last() < head.GetLast() {
		return all
	}
	if count := head.GetLast() + 1 - c.first - head.GetGone(); beyond(count, cfg.GetMaxCount()) {
		return min(count-cfg.GetMaxCount(), all)
	}
	return 0
}

// beyond reports whether n is more than a limit; 0 is none.
func beyond(n, limit uint64) bool { return limit > 0 && n > limit }

// passed reports whether so many milliseconds have passed since then.
func passed(then int64, ms uint64, now int64) bool { return now >= then && uint64(now-then) >= ms }

// chunkAt reads the head of the chunk that an event is in.
func chunkAt(r engine.Reader, k keys, id, number uint64) (chunkHead, error) {
	for e, err := range r.Scan(k.chunk(id, 0), k.chunk(id, number+1), engine.Descending) {
		if err != nil {
			return chunkHead{}, fmt.Errorf("find event %d of stream %d: %w", number, id, err)
		}
		c, err := decodeChunk(e)
		if err == nil && number > c.last() {
			break
		}
		return c.chunkHead, err
	}
	return chunkHead{}, damaged("event %d of stream %d is not there", number, id)
}
