package sdktest

import (
	"cmp"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// The limits of a node.
const (
	maxEventBytes  = 1 << 20
	maxBatchEvents = 8192
	maxBatchBytes  = 4 << 20
)

// stream is all that there is of one.
type stream struct {
	name      name
	config    *eventnodev1.StreamConfig
	created   int64
	events    []stored
	published uint64
	last      eventnode.Position
	producers map[string]producer
	known     map[string]bool
	handed    map[string]map[uint64]*handed // by group
}

type stored struct {
	number   uint64
	position eventnode.Position
	envelope *eventnodev1.Envelope
}

type producer struct {
	number uint64
	result *eventnodev1.PublishResult
}

func (s *stream) bytes() (n uint64) {
	for _, e := range s.events {
		n += uint64(proto.Size(e.envelope))
	}
	return n
}

// from is the events from a number on.
func (s *stream) from(number uint64) []stored {
	i, _ := slices.BinarySearchFunc(s.events, number, func(e stored, n uint64) int { return cmp.Compare(e.number, n) })
	return s.events[i:]
}

// publish appends a batch, or answers it as before. The caller holds mu.
func (c *Cluster) publish(b *eventnodev1.PublishBatch) *eventnodev1.PublishResult {
	s := c.streams[nameOf(b.GetStream())]
	if s == nil {
		return refusal(eventnode.StreamNotFound(nameOf(b.GetStream()).String()))
	}
	if err := checkBatch(b); err != nil {
		return refusal(err)
	}
	id := string(b.GetProducer())
	if id == "" {
		return s.append(b, c.now())
	}
	p, known := s.producers[id]
	switch {
	case known && p.number == b.GetNumber():
		return p.result
	case known && p.number+1 != b.GetNumber():
		return refusal(&eventnode.StreamError{Stream: s.name.String(), Err: eventnode.ErrBadSequence,
			Reason: fmt.Sprintf("batch %d is not the one after %d", b.GetNumber(), p.number)})
	}
	r := s.append(b, c.now())
	s.producers[id] = producer{b.GetNumber(), r}
	return r
}

func refusal(err error) *eventnodev1.PublishResult {
	return &eventnodev1.PublishResult{ErrorReason: apierr.Reason(err), ErrorMessage: err.Error(), ErrorDetails: apierr.Details(err)}
}

func checkBatch(b *eventnodev1.PublishBatch) error {
	if n := len(b.GetEnvelopes()); n > maxBatchEvents {
		return &eventnode.LimitError{Limit: "max_batch_events", Max: maxBatchEvents, Got: n}
	}
	bytes := 0
	for _, e := range b.GetEnvelopes() {
		n := proto.Size(e.GetEvent())
		if n > maxEventBytes {
			return &eventnode.LimitError{Limit: "max_event_bytes", Max: maxEventBytes, Got: n}
		}
		bytes += n
	}
	if bytes > maxBatchBytes {
		return &eventnode.LimitError{Limit: "max_batch_bytes", Max: maxBatchBytes, Got: bytes}
	}
	return nil
}

// append appends a batch, or says why not.
func (s *stream) append(b *eventnodev1.PublishBatch, now int64) *eventnodev1.PublishResult {
	if want := b.GetExpectLast(); want != nil && position(want) != s.last {
		return refusal(&eventnode.StreamError{Stream: s.name.String(), Err: eventnode.ErrWrongLast,
			Reason: fmt.Sprintf("the last position is %v, not %v", s.last, position(want))})
	}
	r := &eventnodev1.PublishResult{}
	envelopes := b.GetEnvelopes()
	if b.GetDedupe() {
		envelopes = s.unknown(envelopes, r)
	}
	size := uint64(0)
	for _, e := range envelopes {
		size += uint64(proto.Size(e))
	}
	acked := s.config.GetRetain() != eventnodev1.Retain_RETAIN_LIMITS
	if acked && s.config.GetMaxBytes() > 0 && s.bytes()+size > s.config.GetMaxBytes() {
		return refusal(&eventnode.StreamError{Stream: s.name.String(), Reason: "the stream is full", Err: eventnode.ErrStreamFull})
	}
	at := s.next(now)
	for i, e := range envelopes {
		if i == 0 {
			r.First = positionOf(at)
		}
		s.published++
		s.events = append(s.events, stored{s.published, at, e})
		s.last = at
		at.Seq++
		if b.GetDedupe() {
			s.known[string(e.GetEvent().GetId())] = true
		}
	}
	r.Appended = uint32(len(envelopes))
	s.trim(now)
	return r
}

// unknown is the events whose ID is not known; r gets the places of the others.
func (s *stream) unknown(envelopes []*eventnodev1.Envelope, r *eventnodev1.PublishResult) []*eventnodev1.Envelope {
	var left []*eventnodev1.Envelope
	seen := make(map[string]bool)
	for i, e := range envelopes {
		id := string(e.GetEvent().GetId())
		if s.known[id] || seen[id] {
			r.Known = append(r.Known, uint32(i))
			continue
		}
		seen[id] = true
		left = append(left, e)
	}
	return left
}

func (s *stream) next(now int64) eventnode.Position {
	if now = max(now, s.created+1, s.last.MS); now == s.last.MS {
		return eventnode.Position{MS: now, Seq: s.last.Seq + 1}
	}
	return eventnode.Position{MS: now}
}

// trim drops what is beyond a limit.
func (s *stream) trim(now int64) {
	if s.config.GetRetain() != eventnodev1.Retain_RETAIN_LIMITS {
		return
	}
	beyond := func() bool {
		age := s.config.GetMaxAge()
		return len(s.events) > 0 && (s.config.GetMaxCount() > 0 && uint64(len(s.events)) > s.config.GetMaxCount() ||
			s.config.GetMaxBytes() > 0 && len(s.events) > 1 && s.bytes() > s.config.GetMaxBytes() ||
			age != nil && now-s.events[0].position.MS >= age.AsDuration().Milliseconds())
	}
	for beyond() {
		s.events = slices.Delete(s.events, 0, 1)
	}
}

func position(p *eventnodev1.Position) eventnode.Position {
	return eventnode.Position{MS: p.GetMs(), Seq: p.GetSeq()}
}

func positionOf(p eventnode.Position) *eventnodev1.Position {
	return &eventnodev1.Position{Ms: p.MS, Seq: p.Seq}
}
