package streams

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/wire"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/streams/internal/replica"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// A request to publish is taken apart by hand, so that its events, which are most
// of it, are looked at and not decoded: what they take is one hash, one check, and
// the copy into the log.

// requestBatches is the number of PublishRequest.batches and of
// PublishStreamRequest.batches.
const requestBatches = 1

// batch is a batch on its way: to a proposal, or to an error.
type batch struct {
	name    state.Name
	publish *storagev1.Publish // without the stream's number
	records []byte             // a view of the request
	err     error              // why it is refused
}

// proposal is the batch for a stream.
func (b *batch) proposal(stream uint64) *replica.Proposal {
	b.publish.Stream = stream
	return &replica.Proposal{Publish: b.publish, Events: [][]byte{b.records}}
}

// parse takes a request apart. The error is the request's; a batch's is in it.
func (c *ServiceConfig) parse(msg []byte) ([]batch, error) {
	var batches []batch
	for len(msg) > 0 {
		num, typ, n := protowire.ConsumeTag(msg)
		if n < 0 {
			return nil, wire.ErrMalformed
		}
		size := protowire.ConsumeFieldValue(num, typ, msg[n:])
		if size < 0 {
			return nil, wire.ErrMalformed
		}
		if num == requestBatches && typ == protowire.BytesType {
			if len(batches) == c.MaxBatches {
				return nil, &eventnode.LimitError{Limit: "max_batches", Max: c.MaxBatches}
			}
			value, _ := protowire.ConsumeBytes(msg[n:])
			b, err := c.parseBatch(value)
			if err != nil {
				return nil, fmt.Errorf("batch %d: %w", len(batches), err)
			}
			batches = append(batches, b)
		}
		msg = msg[n+size:]
	}
	return batches, nil
}

// parseBatch reads a PublishBatch. The error is wire.ErrMalformed.
func (c *ServiceConfig) parseBatch(msg []byte) (b batch, err error) {
	head, records, err := wire.Split(msg)
	if err != nil {
		return b, err
	}
	var m eventnodev1.PublishBatch
	if err := proto.Unmarshal(head, &m); err != nil {
		return b, fmt.Errorf("%w: %w", wire.ErrMalformed, err)
	}
	b.name, b.records = nameOf(m.GetStream()), records
	if b.publish, b.err = c.check(&m, records); b.err != nil {
		b.records = nil
	}
	return b, nil
}

// check makes a command of a batch, or says why it is refused.
func (c *ServiceConfig) check(m *eventnodev1.PublishBatch, records []byte) (*storagev1.Publish, error) {
	count := wire.CountRecords(records)
	switch {
	case count == 0:
		return nil, fmt.Errorf("a batch without events: %w", eventnode.ErrInvalidArgument)
	case count > c.MaxBatchEvents:
		return nil, &eventnode.LimitError{Limit: "max_batch_events", Max: c.MaxBatchEvents, Got: count}
	case len(records) > c.MaxBatchBytes:
		return nil, &eventnode.LimitError{Limit: "max_batch_bytes", Max: c.MaxBatchBytes, Got: len(records)}
	case m.GetStream().GetName() == "":
		return nil, fmt.Errorf("a batch for no stream: %w", eventnode.ErrInvalidArgument)
	}
	p := &storagev1.Publish{Count: uint32(count), Checksum: state.Checksum(records)}
	if at := m.GetExpectLast(); at != nil {
		p.ExpectLast = &storagev1.Position{Ms: at.GetMs(), Seq: at.GetSeq()}
	}
	switch id, number := m.GetProducer(), m.GetNumber(); {
	case len(id) == 0 && number == 0:
	case len(id) != idBytes || number == 0:
		return nil, fmt.Errorf("a producer has an ID of %d bytes, not %d, and numbers from 1 on: %w", idBytes, len(id), eventnode.ErrInvalidArgument)
	default:
		p.Producer = &storagev1.ProducerBatch{Producer: id, Number: number}
	}
	if m.GetDedupe() {
		p.DedupeIds = make([]byte, 0, idBytes*count)
	}
	return p, c.checkEvents(p, records)
}

// checkEvents looks at each event, and notes what the command says of them.
func (c *ServiceConfig) checkEvents(p *storagev1.Publish, records []byte) error {
	for place := 0; len(records) > 0; place++ {
		encoded, rest, err := next(records)
		var ev inspected
		if err == nil {
			ev, err = inspect(encoded, c.MaxEventBytes)
		}
		if err != nil {
			return fmt.Errorf("event %d of the batch, from 0 on: %w", place, err)
		}
		if p.DedupeIds != nil {
			p.DedupeIds = append(p.DedupeIds, ev.id...)
		}
		p.KeySlots = putSlot(p.KeySlots, place, int(p.GetCount()), slotOf(ev.key))
		records = rest
	}
	return nil
}

// next is the first event of some records; most have no topics.
func next(records []byte) (encoded, rest []byte, err error) {
	if encoded, size := wire.NextSame(records, wire.Topics{}); size > 0 {
		return encoded, records[size:], nil
	}
	r, rest, err := wire.NextRecord(records)
	if n := r.Topics.Len(); err == nil && n > wire.MaxTopics {
		err = &eventnode.LimitError{Limit: "max_topics_per_event", Max: wire.MaxTopics, Got: n}
	}
	return r.Event, rest, err
}

var _ [16]byte = event.ID{} // as storage.v1 has it
