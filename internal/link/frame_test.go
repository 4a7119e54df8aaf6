package link

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/wire"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// encode puts a frame together as the writer hands it to gRPC.
func encode(t testing.TB, number uint64, d *drops, runs [][]byte, tracked ...trackedEnvelope) []byte {
	head, err := appendHead(nil, number, d)
	if err != nil {
		t.Fatal(err)
	}
	b := head
	for _, r := range runs {
		b = append(b, r...)
	}
	for _, e := range tracked {
		b = append(append(b, trackedPrefix(e)...), e.envelope...)
	}
	return b
}

// What the writer puts together any protobuf decoder reads as a LaneRequest.
func TestFrameIsLaneRequest(t *testing.T) {
	d := new(drops)
	d.add("topic:a", 3, 1)
	d.add("topic:b", 4, 0)
	var m clusterv1.LaneRequest
	if err := proto.Unmarshal(encode(t, 7, d, [][]byte{record("topic:x", "a"), record("topic:y", "b")}), &m); err == nil {
		t.Fatal("the payloads are no events: this should not decode")
	}
	payload, err := proto.Marshal(&eventnodev1.Event{Id: make([]byte, 16), Name: "n"})
	if err != nil {
		t.Fatal(err)
	}
	run := record("topic:x", string(payload))
	if err := proto.Unmarshal(encode(t, 7, d, [][]byte{run, run}), &m); err != nil {
		t.Fatal(err)
	}
	if m.GetNumber() != 7 || len(m.GetEnvelopes()) != 2 || m.GetEnvelopes()[1].GetTopics()[0] != "topic:x" ||
		m.GetDropped().GetOthers() != 4 || m.GetDropped().GetTopics()[0].GetCount() != 3 {
		t.Fatal(&m)
	}
	if err := proto.Unmarshal(encode(t, 8, nil, nil, trackedEnvelope{9, envelope("topic:x", string(payload)), nil}), &m); err != nil {
		t.Fatal(err)
	}
	if m.GetTracked()[0].GetReceipt() != 9 || m.GetTracked()[0].GetEnvelope().GetEvent().GetName() != "n" {
		t.Fatal(&m)
	}
	if err := proto.Unmarshal(openHead(3), &m); err != nil || m.OpenLane == nil || m.GetOpenLane() != 3 {
		t.Fatal(&m, err)
	}
}

// A frame is read back as it was written, whatever unknown fields a later
// version adds, and fields of the wrong type count as unknown (P16).
func TestDecodeFrame(t *testing.T) {
	d := new(drops)
	d.add("topic:a", 3, 1)
	msg := encode(t, 7, d, nil, trackedEnvelope{1, []byte("one"), nil}, trackedEnvelope{2, nil, nil})
	msg = protowire.AppendString(protowire.AppendTag(msg, 1000, protowire.BytesType), "later")
	msg = protowire.AppendString(protowire.AppendTag(msg, fieldNumber, protowire.BytesType), "not a number")
	msg = protowire.AppendFixed64(protowire.AppendTag(msg, 1001, protowire.Fixed64Type), 1)
	run := record("topic:x", "payload")
	f, err := decodeFrame(append(msg, run...))
	if err != nil {
		t.Fatal(err)
	}
	if f.number != 7 || f.opens || len(f.tracked) != 2 || string(f.tracked[0].envelope) != "one" || f.tracked[1].receipt != 2 ||
		f.dropped.GetTopics()[0].GetTopic() != "topic:a" || !bytes.Equal(f.envelopes, run) {
		t.Fatalf("%+v", f)
	}
	f, err = decodeFrame(openHead(0))
	if err != nil || !f.opens || f.lane != 0 {
		t.Fatalf("%+v %v", f, err)
	}
	for _, bad := range [][]byte{{0x08}, {0x22, 0x01}, {0x22, 0x01, 0xff}, {0x1a, 0x01, 0x08}, {0xff}} {
		if _, err := decodeFrame(bad); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%x: %v", bad, err)
		}
	}
}

// A run with an audience, and a tracked envelope with one, are read back as they were written,
// and any protobuf decoder reads the same.
func TestQueuedFrame(t *testing.T) {
	payload, err := proto.Marshal(&eventnodev1.Event{Id: make([]byte, 16), Name: "n"})
	if err != nil {
		t.Fatal(err)
	}
	run := record("topic:x", string(payload))
	to := wire.Audience{Groups: []string{"g", "h"}, Plain: true, Tried: []string{"n1"}}
	q := queuedRun{to.Append(nil), wire.Piece{Data: append(bytes.Clone(run), run...)}}
	msg := encode(t, 7, nil, nil, trackedEnvelope{3, envelope("topic:x", string(payload)), q.audience})
	msg = append(append(msg, queuedPrefix(q)...), q.run.Data...)
	msg = append(msg, run...)
	f, err := decodeFrame(msg)
	if err != nil || len(f.queued) != 1 || !bytes.Equal(f.queued[0].run.Data, q.run.Data) || !bytes.Equal(f.envelopes, run) {
		t.Fatalf("%+v, %v", f, err)
	}
	for _, encoded := range [][]byte{f.queued[0].audience, f.tracked[0].audience} {
		if got, err := audience(encoded); err != nil || !reflect.DeepEqual(got, to) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	var m clusterv1.LaneRequest
	if err := proto.Unmarshal(msg, &m); err != nil {
		t.Fatal(err)
	}
	a := m.GetQueued()[0].GetAudience()
	if len(m.GetQueued()[0].GetEnvelopes()) != 2 || !slices.Equal(a.GetGroups(), to.Groups) || !a.GetPlain() || !slices.Equal(a.GetTried(), to.Tried) ||
		!proto.Equal(m.GetTracked()[0].GetAudience(), a) || len(m.GetEnvelopes()) != 1 {
		t.Fatal(&m)
	}
	if _, err := decodeFrame([]byte{5<<3 | 2, 2, 15<<3 | 2, 9}); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("a queued run that is cut: %v", err)
	}
}

// Whatever bytes arrive, decoding a frame neither fails otherwise than with
// ErrMalformed nor reads more than a protobuf decoder would.
func FuzzDecodeFrame(f *testing.F) {
	d := new(drops)
	d.add("topic:a", 3, 1)
	f.Add(encode(f, 1, d, [][]byte{record("topic:x", "")}))
	f.Add(encode(f, 2, nil, nil, trackedEnvelope{1, envelope("topic:x", ""), wire.Audience{Groups: []string{"g"}}.Append(nil)}))
	f.Add(openHead(2))
	q := queuedRun{wire.Audience{Groups: []string{"g"}, Tried: []string{"n"}}.Append(nil), wire.Piece{Data: record("topic:x", "")}}
	f.Add(append(queuedPrefix(q), q.run.Data...))
	f.Add([]byte{0x22, 0x02, 0x0a, 0x00})
	f.Fuzz(func(t *testing.T, msg []byte) {
		got, err := decodeFrame(msg)
		if err != nil {
			if !errors.Is(err, wire.ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		var want clusterv1.LaneRequest
		if proto.Unmarshal(msg, &want) != nil {
			return // only events are not decoded here, so only they may be wrong
		}
		if got.number != want.GetNumber() || got.opens != (want.OpenLane != nil) || uint32(got.lane) != want.GetOpenLane() ||
			len(got.tracked) != len(want.GetTracked()) || !proto.Equal(got.dropped, want.GetDropped()) ||
			wire.CountRecords(got.envelopes) != len(want.GetEnvelopes()) {
			t.Fatalf("%+v\n%v", got, &want)
		}
		for i, e := range got.tracked {
			if e.receipt != want.GetTracked()[i].GetReceipt() {
				t.Fatal(e.receipt)
			}
		}
		if len(got.queued) != len(want.GetQueued()) {
			t.Fatal(len(got.queued))
		}
		for i, q := range got.queued {
			if wire.CountRecords(q.run.Data) != len(want.GetQueued()[i].GetEnvelopes()) {
				t.Fatal(q)
			}
		}
	})
}

// No hello makes the called node fail, and none for another cluster, node or
// life is taken.
func FuzzHello(f *testing.F) {
	for _, h := range []*clusterv1.Hello{goodHello(), {}} {
		b, err := proto.Marshal(h)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	id := identity{self: eventnode.NodeRef{ID: "n2", Epoch: 2}, cluster: "test", uuid: []byte("0123456789abcdef"), versions: versions{1, 2}}
	f.Fuzz(func(t *testing.T, b []byte) {
		var h clusterv1.Hello
		if proto.Unmarshal(b, &h) != nil {
			return
		}
		v, err := id.check(&h)
		if err != nil {
			return
		}
		if h.GetCluster() != id.cluster || targetOf(&h) != id.self || diallerOf(&h).ID == id.self.ID || v < h.GetVersionMin() ||
			v > h.GetVersionMax() || v < 1 || v > 2 || len(h.GetNonce()) < nonceBytes {
			t.Fatal("taken: ", &h)
		}
		reconcile(h.GetLastSent(), []uint64{1})
	})
}
