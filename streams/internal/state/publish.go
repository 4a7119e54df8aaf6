package state

import (
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/eventnode/eventnode"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
)

// publish appends events to a stream.
func (t *turn) publish(p publish) (eventnode.Published, error) {
	s, err := t.stream(p.GetStream())
	switch {
	case err != nil:
		return eventnode.Published{}, err
	case s == nil:
		return eventnode.Published{}, eventnode.StreamNotFound(fmt.Sprintf("number %d", p.GetStream()))
	}
	if err := p.check(); err != nil {
		return eventnode.Published{}, err
	}
	if p.GetProducer() != nil {
		return t.numbered(s, p)
	}
	return t.append(s, p)
}

// append appends what is to be appended of a batch, or says why nothing is.
func (t *turn) append(s *stream, p publish) (eventnode.Published, error) {
	if want := p.GetExpectLast(); want != nil && position(want) != position(s.head.GetLastPosition()) {
		return eventnode.Published{}, &eventnode.StreamError{Stream: s.name(), Err: eventnode.ErrWrongLast,
			Reason: fmt.Sprintf("the last position is %v, not %v", position(s.head.GetLastPosition()), position(want))}
	}
	known, err := t.known(s, p.GetDedupeIds())
	if err != nil {
		return eventnode.Published{}, err
	}
	p = p.without(known)
	if p.GetCount() == 0 {
		return eventnode.Published{Known: known}, nil
	}
	if err := s.hasRoom(len(p.records)); err != nil {
		return eventnode.Published{}, err
	}
	first, err := t.write(s, p)
	if err != nil {
		return eventnode.Published{}, err
	}
	if err := t.note(s, p.GetDedupeIds()); err != nil {
		return eventnode.Published{}, err
	}
	return eventnode.Published{First: first, Appended: int(p.GetCount()), Known: known}, t.trim(s)
}

// hasRoom refuses what a stream that drops nothing cannot take.
func (s *stream) hasRoom(size int) error {
	limit := s.row.GetConfig().GetMaxBytes()
	if s.row.GetConfig().GetRetain() != storagev1.Retain_RETAIN_ACKED || !beyond(s.head.GetBytes()+uint64(size), limit) {
		return nil
	}
	return &eventnode.StreamError{Stream: s.name(), Err: eventnode.ErrStreamFull, Reason: fmt.Sprintf(
		"stream %q holds %d of max_bytes %d that not all of its groups have acked: %d more do not fit", s.name(), s.head.GetBytes(), limit, size)}
}

// write stores a chunk and returns the position of its first event.
func (t *turn) write(s *stream, p publish) (eventnode.Position, error) {
	at := t.next(s)
	key := t.keys.chunk(s.row.GetId(), s.head.GetLast()+1)
	head, err := encodeHead(key, &storagev1.Chunk{
		Position: &storagev1.Position{Ms: at.MS, Seq: at.Seq},
		Count:    p.GetCount(), Checksum: p.GetChecksum(), KeySlots: p.GetKeySlots(),
	})
	if err != nil {
		return at, &storeError{fmt.Errorf("encode chunk: %w", err)}
	}
	t.batch.Set(key, head, p.records)
	s.head.Last += uint64(p.GetCount())
	s.head.Bytes += uint64(len(p.records))
	s.head.LastPosition = &storagev1.Position{Ms: at.MS, Seq: at.Seq + uint64(p.GetCount()) - 1}
	s.dirty = true
	t.woke(s.row.GetId(), "")
	return at, nil
}

// next is the position of the next event: its millisecond is later than that in
// which the stream was made, and so than those of one deleted before it.
func (t *turn) next(s *stream) eventnode.Position {
	last := position(s.head.GetLastPosition())
	ms := max(t.now, s.row.GetCreatedMs()+1, last.MS)
	if ms == last.MS {
		return eventnode.Position{MS: ms, Seq: last.Seq + 1}
	}
	return eventnode.Position{MS: ms}
}

func position(p *storagev1.Position) eventnode.Position {
	return eventnode.Position{MS: p.GetMs(), Seq: p.GetSeq()}
}

// Checksum is that of a batch's events, as they stand in it.
func Checksum(records []byte) uint64 { return xxhash.Sum64(records) }
