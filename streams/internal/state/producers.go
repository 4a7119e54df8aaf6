package state

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
)

// A producer numbers its batches to a stream, and the stream remembers the last
// one with its answer: one row a producer, whatever it publishes. A batch that
// is malformed, or has the wrong number, is not remembered.

// MaxProducers bounds the producers that a stream remembers. When there is one
// more, those that were silent longest are forgotten, a tenth of all; what such a
// one sends again after that is appended again.
const MaxProducers = 10_000

// numbered appends a producer's batch, if it is the next one.
func (t *turn) numbered(s *stream, p publish) (eventnode.Published, error) {
	key := t.keys.producer(s.row.GetId(), p.GetProducer().GetProducer())
	row := &storagev1.ProducerRow{}
	known, err := load(t.batch, key, row)
	if err != nil {
		return eventnode.Published{}, err
	}
	switch number := p.GetProducer().GetNumber(); {
	case known && number == row.GetNumber():
		return recall(s, row.GetResult())
	case known && number != row.GetNumber()+1:
		return eventnode.Published{}, &eventnode.StreamError{Stream: s.name(), Err: eventnode.ErrBadSequence,
			Reason: fmt.Sprintf("batch %d of producer %x is not the one after %d", number, p.GetProducer().GetProducer(), row.GetNumber())}
	}
	done, why := t.append(s, p)
	if fault(why) != nil {
		return done, why
	}
	if !known {
		if err := t.admit(s); err != nil {
			return done, err
		}
	}
	row = &storagev1.ProducerRow{Number: p.GetProducer().GetNumber(), StampMs: t.now, Result: answer(done, why)}
	if err := t.store(key, row); err != nil {
		return done, err
	}
	return done, why
}

// answer is what is remembered of a result, and recall its inverse.
func answer(done eventnode.Published, why error) *storagev1.PublishResult {
	if why != nil {
		return &storagev1.PublishResult{Reason: apierr.Reason(why)}
	}
	r := &storagev1.PublishResult{Appended: uint32(done.Appended)}
	if done.Appended > 0 {
		r.First = &storagev1.Position{Ms: done.First.MS, Seq: done.First.Seq}
	}
	for _, place := range done.Known {
		r.Known = append(r.Known, uint32(place))
	}
	return r
}

func recall(s *stream, r *storagev1.PublishResult) (eventnode.Published, error) {
	if reason := r.GetReason(); reason != "" {
		about := apierr.Details(&eventnode.StreamError{Stream: s.name()})
		return eventnode.Published{}, apierr.FromReason(reason, "refused as "+reason+" when it was sent first", about)
	}
	done := eventnode.Published{First: position(r.GetFirst()), Appended: int(r.GetAppended())}
	for _, place := range r.GetKnown() {
		done.Known = append(done.Known, int(place))
	}
	return done, nil
}

// admit counts a producer that is new, and makes room for it.
func (t *turn) admit(s *stream) error {
	s.head.Producers++
	s.dirty = true
	if s.head.GetProducers() <= uint64(t.bounds.producers) {
		return nil
	}
	return t.forgetProducers(s, max(t.bounds.producers/10, 1))
}

// forgetProducers drops the n that were silent longest.
func (t *turn) forgetProducers(s *stream, n int) error {
	type producer struct {
		key   string
		stamp int64
	}
	var all []producer
	id := s.row.GetId()
	for e, err := range t.batch.Scan(t.keys.number(kindProducer, id), t.keys.number(kindProducer, id+1), engine.Ascending) {
		var row storagev1.ProducerRow
		if err == nil {
			err = decodeRow(e.Key, e.Value, &row)
		}
		if err != nil {
			return &storeError{fmt.Errorf("read producers: %w", err)}
		}
		all = append(all, producer{string(e.Key), row.GetStampMs()})
	}
	slices.SortFunc(all, func(a, b producer) int { return cmp.Or(cmp.Compare(a.stamp, b.stamp), cmp.Compare(a.key, b.key)) })
	for _, p := range all[:min(n, len(all))] {
		t.batch.Delete([]byte(p.key))
		s.head.Producers--
	}
	return nil
}
