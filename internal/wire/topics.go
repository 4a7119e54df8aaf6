package wire

import (
	"iter"

	"google.golang.org/protobuf/encoding/protowire"
)

// MaxTopics bounds the topics of one envelope. Callers check it.
const MaxTopics = 256

// topicTag is the tag of Envelope.topics.
const topicTag = 1<<3 | byte(protowire.BytesType)

// Topics is a view of an envelope's topics, in order.
type Topics struct {
	// raw is a sequence of encoded topics fields, each minimally encoded and
	// UTF-8, so that equal lists have equal bytes.
	raw []byte
}

// MakeTopics encodes topics, which must be UTF-8.
func MakeTopics(topics ...string) Topics {
	return Topics{raw: appendTopics(make([]byte, 0, topicsSize(topics)), topics)}
}

// Key identifies the list: equal lists have equal keys, and string(t.Key()) is
// a key for a map. It must not be changed.
func (t Topics) Key() []byte { return t.raw }

// Len counts the topics.
func (t Topics) Len() int {
	n := 0
	for rest := t.raw; len(rest) > 0; n++ {
		_, size := delimited(rest[1:])
		rest = rest[1+size:]
	}
	return n
}

// First is the first topic, nil if there is none. It must not be changed.
func (t Topics) First() []byte {
	if len(t.raw) == 0 {
		return nil
	}
	topic, _ := delimited(t.raw[1:])
	return topic
}

// All ranges over the topics, which must not be changed.
func (t Topics) All() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for rest := t.raw; len(rest) > 0; {
			topic, size := delimited(rest[1:])
			if !yield(topic) {
				return
			}
			rest = rest[1+size:]
		}
	}
}

// Strings appends copies of the topics to dst.
func (t Topics) Strings(dst []string) []string {
	for topic := range t.All() {
		dst = append(dst, string(topic))
	}
	return dst
}

func topicsSize(topics []string) int {
	n := 0
	for _, t := range topics {
		n += sizeBytes(len(t))
	}
	return n
}

func appendTopics(dst []byte, topics []string) []byte {
	for _, t := range topics {
		dst = append(dst, topicTag)
		dst = appendLength(dst, len(t))
		dst = append(dst, t...)
	}
	return dst
}
