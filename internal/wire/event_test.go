package wire

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// decodeSlowly is the reference for DecodeEvent.
func decodeSlowly(b []byte) (event.Event, error) {
	var m eventnodev1.Event
	if err := proto.Unmarshal(b, &m); err != nil {
		return event.Event{}, err
	}
	return FromProto(&m)
}

// same fails unless got is want, to the location of the time.
func same(t *testing.T, what string, got event.Event, err error, want event.Event) {
	t.Helper()
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%s: %v: got -, want +\n%s", what, err, cmp.Diff(got, want))
	}
}

// What AppendEvent writes is what protobuf reads, and the other way round; sizes
// are exact.
func TestEventAgainstProto(t *testing.T) {
	r := newRand(t)
	for range 2000 {
		e := randomEvent(r)
		encoded := AppendEvent([]byte("head"), &e)[4:]
		if len(encoded) != EventSize(&e) {
			t.Fatalf("%d bytes, EventSize says %d", len(encoded), EventSize(&e))
		}
		got, err := decodeSlowly(encoded)
		same(t, "protobuf reads", got, err, e)
		slow, err := proto.Marshal(ToProto(&e))
		if err != nil || len(encoded) > len(slow) { // it writes empty values in Meta
			t.Fatalf("protobuf writes %d bytes (%v), we %d", len(slow), err, len(encoded))
		}
		for _, b := range [][]byte{AppendEvent(nil, &e), slow} {
			got, err := DecodeEvent(b)
			same(t, "DecodeEvent", got, err, e)
		}
	}
}

// The first four fields of an event with the time of its ID cost what their
// bytes cost, and the time nothing.
func TestEventTimeOfIDIsFree(t *testing.T) {
	e := event.New("n", nil)
	if n := EventSize(&e); n != 18+3 {
		t.Fatalf("%d bytes", n)
	}
}

// CheckEvent says of a properly encoded event what Validate says of the event.
func TestCheckEventIsValidate(t *testing.T) {
	r := newRand(t)
	good, bad := 0, 0
	for range 3000 {
		e := randomEvent(r)
		breakEvent(r, &e)
		encoded := AppendEvent(nil, &e)
		want := e.Validate()
		got := CheckEvent(encoded)
		if (got == nil) != (want == nil) {
			t.Fatalf("CheckEvent: %v, Validate: %v", got, want)
		}
		if got == nil {
			good++
			continue
		}
		bad++
		if !errors.Is(got, eventnode.ErrInvalidEvent) || !errors.Is(got, event.ErrInvalid) {
			t.Fatalf("%v is not ErrInvalidEvent", got)
		}
		if _, err := decodeSlowly(encoded); err == nil {
			t.Fatalf("%v, but FromProto takes it", got)
		}
		if _, err := DecodeEvent(encoded); err == nil {
			t.Fatalf("%v, but DecodeEvent takes it", got)
		}
	}
	if good == 0 || bad == 0 {
		t.Fatalf("%d good, %d bad: the generator does not test", good, bad)
	}
}

func TestCheckEventEncodings(t *testing.T) {
	id := event.NewID()
	base := func() []byte { return AppendEvent(nil, &event.Event{ID: id, Name: "n"}) }
	with := func(tail ...byte) []byte { return append(base(), tail...) }
	entry := func(b ...byte) []byte { return with(append([]byte{0x32, byte(len(b))}, b...)...) }
	tests := []struct {
		name string
		b    []byte
		ok   bool
	}{
		{"plain", base(), true},
		{"empty", nil, false},
		{"no id", []byte{0x12, 1, 'n'}, false},
		{"no name", base()[:18], false},
		{"id of 15 bytes", append([]byte{0x0a, 15}, make([]byte, 15)...), false},
		{"truncated", base()[:20], false},
		{"unknown varint", with(0x48, 0xff, 0x01), true},
		{"unknown fixed32", with(0x4d, 1, 2, 3, 4), true},
		{"unknown bytes", with(0x4a, 1, 0xff), true},
		{"unknown group", with(0x4b, 0x4c), false},
		{"wire type 6", with(0x4e), false},
		{"field number 0", with(0x02, 0), false},
		{"field number too large", with(0xf8, 0xff, 0xff, 0xff, 0x7f, 1), false},
		{"name as a varint", with(0x10, 1), false},
		{"time as a varint", with(0x20, 1), false},
		{"time cut short", with(0x21, 1, 2, 3), false},
		{"data with a length beyond the end", with(0x3a, 2, 1), false},
		{"data with a huge length", with(0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f), false},
		{"length in two bytes", with(0x3a, 0x81, 0x00, 1), true},
		{"length in six bytes", with(0x3a, 0x81, 0x80, 0x80, 0x80, 0x80, 0x00, 1), false},
		{"tag in two bytes", with(0xba, 0x00, 1, 1), true},
		{"varint of eleven bytes", with(0x48, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01), false},
		{"entry", entry(0x0a, 1, 'k', 0x12, 1, 'v'), true},
		{"entry, value first", entry(0x12, 1, 'v', 0x0a, 1, 'k'), true},
		{"entry, unknown field", entry(0x0a, 1, 'k', 0x18, 1), true},
		{"entry without value", entry(0x0a, 1, 'k'), true},
		{"entry without key", entry(0x12, 1, 'v'), false},
		{"entry with a key that is taken back", entry(0x0a, 1, 'k', 0x0a, 0), false},
		{"entry cut short", entry(0x0a, 2, 'k'), false},
		{"entry with a varint key", entry(0x08, 1), false},
		{"entry that is not UTF-8", entry(0x0a, 1, 'k', 0x12, 1, 0xff), false},
	}
	for _, tt := range tests {
		err := CheckEvent(tt.b)
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err == nil {
			sameAsProto(t, tt.b)
		}
	}
}

// sameAsProto fails unless b, which CheckEvent took, is read alike by all.
func sameAsProto(t *testing.T, b []byte) {
	t.Helper()
	want, err := decodeSlowly(b)
	if err != nil {
		t.Fatalf("% x: CheckEvent takes what protobuf does not: %v", b, err)
	}
	got, err := DecodeEvent(b)
	same(t, "DecodeEvent", got, err, want)
	back, err := DecodeEvent(AppendEvent(nil, &got))
	same(t, "encoded again", back, err, got)
}

// Random damage: whatever still passes is read alike by all.
func TestCheckEventDamaged(t *testing.T) {
	r := newRand(t)
	passed := 0
	for range 5000 {
		e := randomEvent(r)
		e.Data = e.Data[:min(len(e.Data), 20)]
		b := AppendEvent(nil, &e)
		for range 1 + r.IntN(3) {
			b[r.IntN(len(b))] = byte(r.Uint32())
		}
		b = b[:len(b)-pick(r, 0, 0, r.IntN(len(b)))]
		if CheckEvent(b) == nil {
			passed++
			sameAsProto(t, b)
		}
	}
	if passed == 0 {
		t.Fatal("nothing passed: the generator does not test")
	}
}

func FuzzEvent(f *testing.F) {
	e := event.New("n", []byte("data"), event.WithKey("k"), event.WithMeta(map[string]string{"a": "b"}), event.WithID(fixedID))
	f.Add(AppendEvent(nil, &e))
	f.Add(protowire.AppendTag(AppendEvent(nil, &e), 100, protowire.StartGroupType))
	f.Fuzz(func(t *testing.T, b []byte) {
		if CheckEvent(b) == nil {
			sameAsProto(t, b)
		} else if _, err := DecodeEvent(b); err == nil {
			t.Fatal("DecodeEvent takes what CheckEvent does not")
		}
	})
}

// The data of a decoded event is the bytes that came; a reader that appends to
// it does not write into them.
func TestDecodeEventAliases(t *testing.T) {
	e := event.Event{ID: event.NewID(), Name: "n", Data: []byte("data"), DataType: "x"}
	b := AppendEvent(nil, &e)
	before := slices.Clone(b)
	got, err := DecodeEvent(b)
	if err != nil {
		t.Fatal(err)
	}
	if i := bytes.Index(b, []byte("data")); &got.Data[0] != &b[i] {
		t.Error("data was copied")
	}
	_ = append(got.Data, "more"...)
	if !bytes.Equal(b, before) {
		t.Error("appending to the data changed the bytes that came")
	}
}

func TestAppendEnvelope(t *testing.T) {
	r := newRand(t)
	for range 500 {
		e := randomEvent(r)
		topics := pick(r, nil, []string{"topic:a"}, []string{"guild:1", "", text(r, 300)})
		record := AppendEnvelope(nil, topics, &e)
		var m eventnodev1.DispatchStreamRequest
		if err := proto.Unmarshal(record, &m); err != nil || len(m.Envelopes) != 1 {
			t.Fatalf("%v: %v", &m, err)
		}
		got, err := FromProto(m.Envelopes[0].GetEvent())
		same(t, "protobuf reads", got, err, e)
		if !slices.Equal(m.Envelopes[0].GetTopics(), topics) {
			t.Fatalf("topics %q, want %q", m.Envelopes[0].GetTopics(), topics)
		}
		if same := AppendRecord(nil, topics, AppendEvent(nil, &e)); len(e.Meta) < 2 && !bytes.Equal(same, record) {
			t.Fatalf("AppendRecord: % x\nAppendEnvelope: % x", same, record)
		}
	}
}

func TestFromProtoRefuses(t *testing.T) {
	for _, m := range []*eventnodev1.Event{
		nil, {}, {Id: make([]byte, 16), Name: "n"}, {Id: make([]byte, 15), Name: "n"}, {Id: []byte("0123456789abcdef")},
	} {
		if e, err := FromProto(m); !errors.Is(err, eventnode.ErrInvalidEvent) {
			t.Errorf("%v: %+v, %v", m, e, err)
		}
	}
}
