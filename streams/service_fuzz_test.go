package streams

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode/event"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/streams/internal/ranges"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// Whatever bytes come, they are taken apart without harm; what is accepted is what
// every protobuf decoder sees in them, is taken into the log, and keeps the rules
// for events.
func FuzzParse(f *testing.F) {
	keyed := with(func(e *eventnodev1.Event) { e.Key, e.Meta = "k", map[string]string{"a": "b"} }, "1", "2")
	keyed[0].Topics = []string{"topic:a"}
	for _, m := range []*eventnodev1.PublishRequest{
		{},
		{Batches: request("a", "1", "2").Batches},
		{Batches: []*eventnodev1.PublishBatch{{}, {Stream: streamName("a"), Dedupe: true, Producer: make([]byte, 16), Number: 3,
			ExpectLast: &eventnodev1.Position{Ms: 1, Seq: 2}, Envelopes: keyed}}},
		{Batches: []*eventnodev1.PublishBatch{{Stream: streamName("a"), Envelopes: with(func(e *eventnodev1.Event) {
			e.Meta = map[string]string{"eventnode.a": "b"}
		}, "1")}}},
	} {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	cfg := ServiceConfig{MaxEventBytes: 1 << 10, MaxBatchEvents: 100, MaxBatchBytes: 8 << 10, MaxBatches: 10}
	f.Fuzz(func(t *testing.T, msg []byte) {
		batches, err := cfg.parse(msg)
		if err != nil {
			return
		}
		good := 0
		for _, b := range batches {
			if b.err == nil {
				good++
			}
		}
		var m eventnodev1.PublishRequest
		if err := proto.Unmarshal(msg, &m); err != nil {
			if good == len(batches) {
				t.Fatalf("accepted, and no message: %v", err)
			}
			return
		}
		if len(m.GetBatches()) != len(batches) {
			t.Fatalf("%d batches, want %d", len(batches), len(m.GetBatches()))
		}
		for i, b := range batches {
			if b.err == nil {
				checkParsed(t, b, m.GetBatches()[i])
			}
		}
	})
}

func checkParsed(t *testing.T, b batch, want *eventnodev1.PublishBatch) {
	if b.name != nameOf(want.GetStream()) || int(b.publish.GetCount()) != len(want.GetEnvelopes()) ||
		(b.publish.GetExpectLast() == nil) != (want.GetExpectLast() == nil) || b.publish.GetProducer().GetNumber() != want.GetNumber() {
		t.Errorf("%v, want %v", b.publish, want)
	}
	for i, e := range want.GetEnvelopes() {
		ev := e.GetEvent()
		if len(ev.GetId()) != len(event.ID{}) || ev.GetName() == "" {
			t.Errorf("event %v", ev)
		}
		if want.GetDedupe() && string(b.publish.GetDedupeIds()[idBytes*i:idBytes*(i+1)]) != string(ev.GetId()) {
			t.Errorf("event %d has the ID %x", i, ev.GetId())
		}
		if slots := b.publish.GetKeySlots(); (slots == nil && ev.GetKey() != "") ||
			(slots != nil && uint16(slots[2*i])<<8|uint16(slots[2*i+1]) != slotOf([]byte(ev.GetKey()))) {
			t.Errorf("event %d has the key %q, slots %v", i, ev.GetKey(), slots)
		}
		for key := range ev.GetMeta() {
			if key == "" || (len(key) >= len(reservedMeta) && key[:len(reservedMeta)] == reservedMeta) {
				t.Errorf("event %d has the meta key %q", i, key)
			}
		}
	}
	var builder state.EntryBuilder
	if err := builder.Publish(b.proposal(1).Publish, b.records); err != nil {
		t.Errorf("not for the log: %v", err)
	}
}

// Numbers as a client names them are refused, or are a set that means the same and that
// the state reads.
func FuzzNumbers(f *testing.F) {
	f.Add(uint64(1), uint64(1), uint64(3), uint64(9))
	f.Add(uint64(1), uint64(2), uint64(3), uint64(3))
	f.Add(uint64(0), uint64(2), uint64(1), uint64(0))
	f.Add(uint64(5), uint64(1<<64-2), uint64(7), uint64(1<<64-1))
	f.Fuzz(func(t *testing.T, a, b, c, d uint64) {
		numbers := []*eventnodev1.NumberRange{{From: a, To: b}, {From: c, To: d}}
		set, err := rangesIn(numbers)
		good := a > 0 && a <= b && b < 1<<64-2 && b+1 < c && c <= d && d < 1<<64-1
		if (err == nil) != good {
			t.Fatalf("%v: %v", numbers, err)
		}
		if err != nil {
			return
		}
		read, err := ranges.Decode(set.Encode())
		if err != nil || !slices.Equal(read, set) || !slices.EqualFunc(rangesOut(read), numbers, func(x, y *eventnodev1.NumberRange) bool { return proto.Equal(x, y) }) {
			t.Fatalf("%v: read %v, %v", numbers, read, err)
		}
	})
}
