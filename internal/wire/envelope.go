package wire

import (
	"fmt"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/eventnode/eventnode"
)

// eventTag is the tag of Envelope.event.
const eventTag = 2<<3 | byte(protowire.BytesType)

// ParseEnvelope reads an Envelope as it stands inside other messages, such as
// TrackedEnvelope. Raw of the result is empty. It fails with ErrInvalidEvent or
// a *TopicError. It allocates only if the envelope is not written as
// AppendEnvelope writes it: topics, then one event, and nothing else.
func ParseEnvelope(envelope []byte) (Record, error) {
	rec := Record{Envelope: envelope}
	raw, ok := leadingTopics(envelope)
	if ok {
		rec.Topics.raw = raw
		rec.Event, ok = onlyEvent(envelope[len(raw):])
	}
	if ok {
		return rec, nil
	}
	return parseAnyOrder(envelope)
}

// leadingTopics is the topics at the start of an envelope; false if one of them
// is malformed or not minimally encoded.
func leadingTopics(envelope []byte) ([]byte, bool) {
	end := 0
	for end < len(envelope) && envelope[end] == topicTag {
		topic, n := delimited(envelope[end+1:])
		if n == 0 || n != protowire.SizeBytes(len(topic)) || !utf8.Valid(topic) {
			return nil, false
		}
		end += 1 + n
	}
	return envelope[:end:end], true
}

// onlyEvent is the event if rest is one event field or nothing.
func onlyEvent(rest []byte) ([]byte, bool) {
	if len(rest) == 0 {
		return nil, true
	}
	if rest[0] != eventTag {
		return nil, false
	}
	event, n := delimited(rest[1:])
	return event, n > 0 && n == len(rest)-1
}

// parseAnyOrder copies the topics. Of several event fields protobuf makes one
// by merging, which is what decoding them end to end does.
func parseAnyOrder(envelope []byte) (Record, error) {
	rec := Record{Envelope: envelope}
	for rest := envelope; len(rest) > 0; {
		f, ok := nextField(rest)
		if !ok {
			return Record{Envelope: envelope}, fmt.Errorf("%w: malformed envelope", eventnode.ErrInvalidEvent)
		}
		rest = rest[f.size:]
		if err := rec.add(f); err != nil {
			return Record{Envelope: envelope}, err
		}
	}
	return rec, nil
}

func (r *Record) add(f field) error {
	switch f.num {
	case 1:
		if f.typ != protowire.BytesType {
			return fmt.Errorf("%w: malformed topics", eventnode.ErrInvalidEvent)
		}
		if !utf8.Valid(f.val) {
			return &eventnode.TopicError{Topic: string(f.val), Reason: "not UTF-8"}
		}
		r.Topics.raw = append(r.Topics.raw, topicTag)
		r.Topics.raw = protowire.AppendBytes(r.Topics.raw, f.val)
	case 2:
		if f.typ != protowire.BytesType {
			return fmt.Errorf("%w: malformed event", eventnode.ErrInvalidEvent)
		}
		r.Event = append(r.Event, f.val...)
	}
	return nil
}
