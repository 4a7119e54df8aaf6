package wire

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/eventnode/eventnode/event"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// What is written is what protobuf reads, and what is read again.
func TestTracked(t *testing.T) {
	r := newRand(t)
	for range 300 {
		var head []byte
		var want []*eventnodev1.TrackedEnvelope
		for range 1 + r.IntN(3) {
			e, topics := randomEvent(r), pick(r, []string{"topic:a"}, []string{"guild:1", text(r, 300)})
			timeout := pick(r, 0, time.Second, -time.Nanosecond, 90*time.Minute+time.Nanosecond)
			head = AppendTracked(head, topics, &e, timeout)
			w := &eventnodev1.TrackedEnvelope{Envelope: &eventnodev1.Envelope{Topics: topics, Event: ToProto(&e)}}
			if timeout != 0 {
				w.Timeout = durationpb.New(timeout)
			}
			want = append(want, w)
		}
		var m eventnodev1.DispatchStreamRequest
		if err := proto.Unmarshal(head, &m); err != nil || !proto.Equal(&m, &eventnodev1.DispatchStreamRequest{Tracked: want}) {
			t.Fatalf("protobuf reads %v, %v; want %v", &m, err, want)
		}
		if got := trackedAsProto(t, head); !proto.Equal(got, &m) {
			t.Fatalf("read again: %v, want %v", got, &m)
		}
	}
}

// trackedAsProto is what ParseTracked reads, as protobuf does; nil if it is malformed, or holds
// what protobuf refuses in an envelope.
func trackedAsProto(t *testing.T, head []byte) *eventnodev1.DispatchStreamRequest {
	list, err := ParseTracked(head)
	if err != nil {
		if !errors.Is(err, ErrMalformed) {
			t.Fatalf("%v is not ErrMalformed", err)
		}
		return nil
	}
	m := &eventnodev1.DispatchStreamRequest{}
	for _, tracked := range list {
		e := &eventnodev1.Envelope{}
		if proto.Unmarshal(tracked.Envelope, e) != nil {
			return nil
		}
		m.Tracked = append(m.Tracked, &eventnodev1.TrackedEnvelope{Envelope: e, Timeout: tracked.Timeout})
	}
	return m
}

// What protobuf would merge is merged, and nothing that was received changes by it.
func TestTrackedTwice(t *testing.T) {
	e := event.New("n", []byte("data"))
	once := AppendTracked(nil, []string{"topic:a"}, &e, time.Second)
	inner, _ := delimited(once[1:])
	head := appendLength([]byte{trackedTag}, 2*len(inner))
	head = append(append(head, inner...), inner...)
	before := bytes.Clone(head)
	var want eventnodev1.DispatchStreamRequest
	if err := proto.Unmarshal(head, &want); err != nil || len(want.GetTracked()[0].GetEnvelope().GetTopics()) != 2 {
		t.Fatalf("the test's message: %v, %v", &want, err)
	}
	if got := trackedAsProto(t, head); !sameTracked(got, &want) {
		t.Errorf("%v, want %v", got, &want)
	}
	if !bytes.Equal(head, before) {
		t.Error("the message has changed")
	}
}

// sameTracked compares but for absent envelopes, which are empty ones.
func sameTracked(a, b *eventnodev1.DispatchStreamRequest) bool {
	for _, m := range []*eventnodev1.DispatchStreamRequest{a, b} {
		for _, tracked := range m.GetTracked() {
			if tracked.Envelope == nil {
				tracked.Envelope = &eventnodev1.Envelope{}
			}
			tracked.ProtoReflect().SetUnknown(nil)
		}
		m.ProtoReflect().SetUnknown(nil)
	}
	return proto.Equal(a, b)
}

// Whatever is in a head: it is malformed, or read as protobuf reads it.
func FuzzTracked(f *testing.F) {
	e := event.New("n", []byte("d"), event.WithID(fixedID))
	f.Add(AppendTracked(nil, []string{"topic:a"}, &e, 0))
	f.Add(AppendTracked(AppendTracked(nil, nil, &e, time.Second), []string{"topic:b"}, &e, -1))
	f.Add([]byte{trackedTag, 2, 2<<3 | 2, 0})
	f.Fuzz(func(t *testing.T, message []byte) {
		head, envelopes, err := Split(message)
		if err != nil || len(envelopes) > 0 {
			return
		}
		got := trackedAsProto(t, head)
		if got == nil {
			return
		}
		var want eventnodev1.DispatchStreamRequest
		if err := proto.Unmarshal(head, &want); err != nil {
			t.Fatalf("protobuf does not take it: %v", err)
		}
		if !sameTracked(got, &want) {
			t.Fatalf("%v, want %v", got, &want)
		}
	})
}
