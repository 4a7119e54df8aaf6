package state

import (
	"fmt"
	"slices"

	"github.com/eventnode/eventnode/internal/wire"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
)

// De-duplication by event ID: a stream remembers the IDs that were published
// with it, within a window of time and of count. Two rows an ID, one to find it,
// one in the order in which they came, to forget it.
//
// An ID is remembered for the window, or a little longer: one command forgets
// only so many. It is remembered for less where more than dedupe_max come within
// the window. They are exceeded by one batch, until the next; then an eighth of
// them goes, so that not each batch has to look for what is to go.

// known returns the places, in a batch with these IDs, of events whose ID the
// stream remembers, or which stand in the batch before.
func (t *turn) known(s *stream, ids []byte) ([]int, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	if err := t.forget(s); err != nil {
		return nil, err
	}
	var places []int
	seen := make(map[[idBytes]byte]struct{}, len(ids)/idBytes)
	for i := range len(ids) / idBytes {
		id := [idBytes]byte(ids[i*idBytes:])
		_, twice := seen[id]
		seen[id] = struct{}{}
		if !twice {
			var err error
			if _, twice, err = numberOf(t.batch, t.keys.known(s.row.GetId(), id[:])); err != nil {
				return nil, err
			}
		}
		if twice {
			places = append(places, i)
		}
	}
	return places, nil
}

// note remembers IDs.
func (t *turn) note(s *stream, ids []byte) error {
	row := &storagev1.KnownRow{StampMs: t.now}
	for id := range slices.Chunk(ids, idBytes) {
		s.head.KnownLast++
		s.dirty = true
		row.Id = id
		t.batch.Set(t.keys.known(s.row.GetId(), id), t.keys.stream(s.head.GetKnownLast())[keyPrefix:])
		if err := t.store(t.keys.order(s.row.GetId(), s.head.GetKnownLast()), row); err != nil {
			return err
		}
	}
	return nil
}

// forget drops IDs that are out of the window, of time or of count.
func (t *turn) forget(s *stream) error {
	id, head, cfg := s.row.GetId(), s.head, s.row.GetConfig()
	most := cfg.GetDedupeMax()
	switch n := knownCount(head); {
	case n > most:
		most -= most / 8
	case n == 0 || s.oldest != nil && !passed(*s.oldest, cfg.GetDedupeWindowMs(), t.now):
		return nil
	}
	s.oldest = nil
	left := t.bounds.forget
	for e, err := range t.batch.Scan(t.keys.order(id, head.GetKnownFirst()), t.keys.order(id, head.GetKnownLast()+1), engine.Ascending) {
		var row storagev1.KnownRow
		if err == nil {
			err = decodeRow(e.Key, e.Value, &row)
		}
		if err != nil {
			return &storeError{fmt.Errorf("read event IDs: %w", err)}
		}
		if left == 0 || knownCount(head) <= most && !passed(row.GetStampMs(), cfg.GetDedupeWindowMs(), t.now) {
			s.oldest = &row.StampMs
			return nil
		}
		left--
		t.batch.Delete(t.keys.known(id, row.GetId()))
		t.batch.Delete(t.keys.order(id, head.GetKnownFirst()))
		head.KnownFirst++
		s.dirty = true
	}
	return nil
}

// knownCount is how many IDs are remembered.
func knownCount(head *storagev1.StreamState) uint64 {
	return head.GetKnownLast() + 1 - head.GetKnownFirst()
}

// without is the batch less the events at some places, which are sorted.
func (p publish) without(places []int) publish {
	if len(places) == 0 {
		return p
	}
	head := &storagev1.Publish{}
	var kept []byte
	rest := p.records
	for i := range int(p.GetCount()) {
		next := wire.Skip(rest, 1)
		record := rest[:len(rest)-len(next)]
		rest = next
		if len(places) > 0 && places[0] == i {
			places = places[1:]
			continue
		}
		kept = append(kept, record...)
		head.Count++
		head.DedupeIds = append(head.DedupeIds, p.GetDedupeIds()[i*idBytes:(i+1)*idBytes]...)
		if slots := p.GetKeySlots(); len(slots) > 0 {
			head.KeySlots = append(head.KeySlots, slots[slotBytes*i:slotBytes*(i+1)]...)
		}
	}
	head.Checksum = Checksum(kept)
	return publish{head, kept}
}
