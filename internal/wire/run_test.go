package wire

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// appendUnusual appends a record that means the same, written as no encoder
// does: unknown fields, the event first, overlong lengths, an event in two parts.
func appendUnusual(r *rand.Rand, dst []byte, topics []string, encoded []byte) []byte {
	event := protowire.AppendBytes([]byte{eventTag}, encoded)
	if r.IntN(2) == 0 { // protobuf merges the two
		event = protowire.AppendBytes([]byte{eventTag}, encoded[:18])
		event = protowire.AppendBytes(append(event, eventTag), encoded[18:])
	}
	unknown := []byte{0x48, 7}
	var list []byte
	for _, t := range topics {
		list = append(list, topicTag, byte(len(t)&0x7f|0x80), byte(len(t)>>7)|0x80, 0)
		list = append(list, t...)
	}
	var envelope []byte
	switch r.IntN(4) {
	case 0:
		envelope = slices.Concat(event, unknown, list)
	case 1:
		envelope = slices.Concat(list, event, unknown)
	case 2:
		envelope = slices.Concat(unknown, list, event)
	case 3:
		envelope = slices.Concat(list, protowire.AppendBytes([]byte{eventTag}, encoded))
	}
	return protowire.AppendBytes(append(dst, envelopeTag), envelope)
}

// randomRecords is records whose topics often repeat, with the runs that a dumb
// scanner finds in them.
func randomRecords(r *rand.Rand, n int) (data []byte, want []Run) {
	lists := [][]string{{"topic:a"}, {"topic:b"}, {"topic:a", "topic:b"}, {"topic:ab"}, nil, {"topic:größe"}}
	list := 0
	for range n {
		if r.IntN(3) == 0 {
			list = r.IntN(len(lists))
		}
		e := event.Event{ID: fixedID, Name: "n", Data: make([]byte, r.IntN(300))}
		bad := r.IntN(10) == 0
		if bad {
			e.Name = "\n"
		}
		before := len(data)
		if r.IntN(4) == 0 {
			data = appendUnusual(r, data, lists[list], AppendEvent(nil, &e))
		} else {
			data = AppendEnvelope(data, lists[list], &e)
		}
		topics := MakeTopics(lists[list]...)
		last := len(want) - 1
		if !bad && last >= 0 && want[last].Err == nil && bytes.Equal(want[last].Topics.Key(), topics.Key()) {
			want[last].Count++
			want[last].Data = data[before-len(want[last].Data):]
			continue
		}
		run := Run{Data: data[before:], Count: 1, Topics: topics}
		if bad {
			run.Err = eventnode.ErrInvalidEvent
		}
		want = append(want, run)
	}
	return data, want
}

func TestScannerAgainstDumbOne(t *testing.T) {
	r := newRand(t)
	for range 300 {
		data, want := randomRecords(r, r.IntN(60))
		s := NewScanner(data, Checks{Events: true})
		var all []byte
		for i, w := range want {
			run, ok := s.Next()
			if !ok || run.Count != w.Count || !bytes.Equal(run.Topics.Key(), w.Topics.Key()) {
				t.Fatalf("run %d: %d to %q (%v), want %d to %q", i, run.Count, run.Topics.Strings(nil), ok, w.Count, w.Topics.Strings(nil))
			}
			if !errors.Is(run.Err, w.Err) || (run.Err == nil) != (w.Err == nil) {
				t.Fatalf("run %d: %v, want %v", i, run.Err, w.Err)
			}
			if CountRecords(run.Data) != run.Count || ValidRecords(run.Data) != nil {
				t.Fatalf("run %d: %d records in it, want %d", i, CountRecords(run.Data), run.Count)
			}
			all = append(all, run.Data...)
		}
		if run, ok := s.Next(); ok {
			t.Fatalf("a run too many: %+v", run)
		}
		if !bytes.Equal(all, data) {
			t.Fatal("the runs are not the records")
		}
	}
}

func TestScannerRefusals(t *testing.T) {
	good := event.Event{ID: event.NewID(), Name: "n"}
	large := event.Event{ID: event.NewID(), Name: "n", Data: make([]byte, 100)}
	var data []byte
	data = AppendEnvelope(data, []string{"a"}, &good)
	data = AppendEnvelope(data, []string{"a"}, &large)
	data = AppendEnvelope(data, []string{"a\xff"}, &good)
	data = append(data, envelopeTag, 1, 0xff)
	data = append(data, envelopeTag, 2, 0x08, 1)
	data = append(data, envelopeTag, 2, 0x10, 1)
	data = append(data, envelopeTag, 0)
	data = append(data, "rest"...)
	want := []error{
		nil, eventnode.ErrLimit, eventnode.ErrBadTopic,
		eventnode.ErrInvalidEvent, eventnode.ErrInvalidEvent, eventnode.ErrInvalidEvent,
		nil, ErrMalformed,
	}
	s := NewScanner(data, Checks{MaxEventBytes: 50})
	for i, w := range want {
		run, ok := s.Next()
		if !ok || !errors.Is(run.Err, w) || (w == nil && run.Err != nil) {
			t.Fatalf("run %d: %v, want %v", i, run.Err, w)
		}
		if malformed := errors.Is(w, ErrMalformed); (run.Count == 0) != malformed || (string(run.Data) == "rest") != malformed {
			t.Fatalf("run %d: %d records in %q", i, run.Count, run.Data)
		}
	}
	if run, ok := s.Next(); ok {
		t.Fatalf("a run too many: %+v", run)
	}
}

func TestRecords(t *testing.T) {
	r := newRand(t)
	for range 200 {
		data, _ := randomRecords(r, r.IntN(20))
		var m eventnodev1.SubscribeResponse
		if err := proto.Unmarshal(data, &m); err != nil {
			t.Fatal(err)
		}
		if n := CountRecords(data); n != len(m.GetEnvelopes()) {
			t.Fatalf("%d records, want %d", n, len(m.GetEnvelopes()))
		}
		rest := data
		for i, env := range m.GetEnvelopes() {
			if !bytes.Equal(Skip(data, i), rest) {
				t.Fatalf("Skip(%d)", i)
			}
			var rec Record
			var err error
			if rec, rest, err = NextRecord(rest); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(rec.Topics.Strings(nil), env.GetTopics()) || rec.Topics.Len() != len(env.GetTopics()) {
				t.Fatalf("topics %q, want %q", rec.Topics.Strings(nil), env.GetTopics())
			}
			if len(env.GetTopics()) > 0 && string(rec.Topics.First()) != env.GetTopics()[0] {
				t.Fatalf("first topic %q, want %q", rec.Topics.First(), env.GetTopics()[0])
			}
			var got eventnodev1.Event
			if err := proto.Unmarshal(rec.Event, &got); err != nil || !proto.Equal(&got, env.GetEvent()) {
				t.Fatalf("event %v (%v), want %v", &got, err, env.GetEvent())
			}
		}
		if len(rest) > 0 || len(Skip(data, len(m.GetEnvelopes()))) > 0 || len(Skip(data, 1000)) > 0 {
			t.Fatal("something is left")
		}
		cutAll(t, data, r.IntN(2000))
	}
}

// cutAll cuts data into parts and puts them together again.
func cutAll(t *testing.T, data []byte, limit int) {
	t.Helper()
	var all []byte
	for rest := data; len(rest) > 0; {
		var first []byte
		var n int
		first, rest, n = Cut(rest, limit)
		if n == 0 || n != CountRecords(first) || (n > 1 && len(first) > limit) {
			t.Fatalf("cut %d bytes, %d records, at a limit of %d", len(first), n, limit)
		}
		if next, _, _ := Cut(rest, 0); len(rest) > 0 && len(first)+len(next) <= limit {
			t.Fatalf("cut %d bytes; the next %d would fit into %d", len(first), len(next), limit)
		}
		all = append(all, first...)
	}
	if !bytes.Equal(all, data) {
		t.Fatal("the parts are not the whole")
	}
}

func TestRecordsMalformed(t *testing.T) {
	for _, data := range [][]byte{{0x7a}, {0x7a, 1}, {0x7a, 0x80}, {0x0a, 0}, {0x7a, 0xff, 0xff, 0xff, 0xff, 0x7f}} {
		if err := ValidRecords(data); !errors.Is(err, ErrMalformed) {
			t.Errorf("% x: ValidRecords: %v", data, err)
		}
		if _, _, err := NextRecord(data); !errors.Is(err, ErrMalformed) {
			t.Errorf("% x: NextRecord: %v", data, err)
		}
		if _, rest, n := Cut(data, 100); n != 0 || len(rest) != len(data) {
			t.Errorf("% x: Cut: %d", data, n)
		}
		if n, rest := CountRecords(data), Skip(data, 1); n != 0 || rest != nil {
			t.Errorf("% x: CountRecords: %d, Skip: % x", data, n, rest)
		}
	}
}

// Both parts of a split message are what protobuf sees, whatever the order.
func TestSplit(t *testing.T) {
	e := event.Event{ID: event.NewID(), Name: "n"}
	records := AppendEnvelope(AppendEnvelope(nil, []string{"a"}, &e), []string{"b"}, &e)
	one := AppendEnvelope(nil, []string{"a"}, &e)
	overlong := append([]byte{0xfa, 0x00}, one[1:]...)
	number, lane := []byte{0x08, 7}, []byte{0x10, 1}
	tests := []struct {
		name      string
		msg       []byte
		head, env []byte
		copied    bool
	}{
		{"empty", nil, nil, nil, false},
		{"head only", number, number, nil, false},
		{"envelopes only", records, nil, records, false},
		{"usual", slices.Concat(number, lane, records), slices.Concat(number, lane), records, false},
		{"envelopes first", slices.Concat(records, number), number, records, true},
		{"envelopes between", slices.Concat(number, records, lane), slices.Concat(number, lane), records, true},
		{"scattered", slices.Concat(one, number, one, lane), slices.Concat(number, lane), slices.Concat(one, one), true},
		{"overlong tag", slices.Concat(number, overlong), number, one, true},
		{"field 15 as a varint", slices.Concat([]byte{0x78, 1}, one), []byte{0x78, 1}, one, false},
	}
	for _, tt := range tests {
		head, env, err := Split(tt.msg)
		if err != nil || !bytes.Equal(head, tt.head) || !bytes.Equal(env, tt.env) {
			t.Errorf("%s: % x and % x (%v)", tt.name, head, env, err)
		}
		if len(env) > 0 && (&env[len(env)-1] != &tt.msg[len(tt.msg)-1]) != tt.copied {
			t.Errorf("%s: copied: %v", tt.name, !tt.copied)
		}
		sameSplit(t, tt.msg)
	}
	for _, msg := range [][]byte{{0x7a}, {0x08}, {0x08, 1, 0x7a, 5}, {0x7a, 0, 0xff}, {0x0b, 0x0c}} {
		if head, env, err := Split(msg); !errors.Is(err, ErrMalformed) {
			t.Errorf("% x: % x and % x (%v)", msg, head, env, err)
		}
	}
}

// sameSplit fails unless protobuf sees the same in both parts as in the whole.
func sameSplit(t *testing.T, msg []byte) {
	t.Helper()
	head, env, err := Split(msg)
	var whole, parts clusterv1.LaneRequest
	if err != nil || proto.Unmarshal(msg, &whole) != nil {
		return
	}
	if err := proto.Unmarshal(slices.Concat(head, env), &parts); err != nil || !proto.Equal(&whole, &parts) {
		t.Fatalf("% x: %v (%v), want %v", msg, &parts, err, &whole)
	}
	var rest clusterv1.LaneRequest
	if err := proto.Unmarshal(head, &rest); err != nil || len(rest.GetEnvelopes()) > 0 {
		t.Fatalf("% x: head is %v (%v)", msg, &rest, err)
	}
}

func FuzzSplit(f *testing.F) {
	// Small seeds: the fuzzer spends its time on making large ones smaller.
	e := event.Event{ID: fixedID, Name: "n"}
	data := AppendEnvelope(AppendEnvelope(nil, []string{"a"}, &e), []string{"a"}, &e)
	f.Add(append([]byte{0x08, 7}, data...))
	f.Add(appendUnusual(rand.New(rand.NewPCG(1, 1)), data, []string{"b"}, AppendEvent(nil, &e)))
	f.Fuzz(func(t *testing.T, msg []byte) {
		sameSplit(t, msg)
		_, env, err := Split(msg)
		if err != nil {
			return
		}
		if err := ValidRecords(env); err != nil {
			t.Fatal("Split returned malformed records")
		}
		cutAll(t, env, 50)
		scanAll(t, env)
	})
}

// scanAll fails unless the scanner's runs are what single records say, and what
// passes is what protobuf reads.
func scanAll(t *testing.T, env []byte) {
	t.Helper()
	s := NewScanner(env, Checks{Events: true})
	rest := env
	var last Run
	for {
		run, ok := s.Next()
		if !ok {
			break
		}
		if run.Count == 0 || !bytes.Equal(run.Data, rest[:len(run.Data)]) {
			t.Fatalf("run of %d: % x, rest % x", run.Count, run.Data, rest)
		}
		if run.Err == nil && last.Count > 0 && last.Err == nil && bytes.Equal(last.Topics.Key(), run.Topics.Key()) {
			t.Fatal("two runs where one would do")
		}
		for range run.Count {
			rest = sameRecord(t, rest, run)
		}
		last = run
	}
	if len(rest) > 0 {
		t.Fatalf("left: % x", rest)
	}
}

func sameRecord(t *testing.T, data []byte, run Run) (rest []byte) {
	t.Helper()
	rec, rest, err := NextRecord(data)
	if run.Err != nil {
		if err == nil && CheckEvent(rec.Event) == nil {
			t.Fatalf("refused a good record: %v", run.Err)
		}
		return rest
	}
	var m eventnodev1.Envelope
	if err := proto.Unmarshal(rec.Envelope, &m); err != nil {
		t.Fatalf("passed what protobuf does not: %v", err)
	}
	if got := run.Topics.Strings(nil); !slices.Equal(got, m.GetTopics()) {
		t.Fatalf("topics %q, want %q", got, m.GetTopics())
	}
	want, err := FromProto(m.GetEvent())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := DecodeEvent(rec.Event); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("event %v (%v), want %v", got, err, want)
	}
	return rest
}
