package state

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode/internal/wire"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/ranges"
)

// goodSums reports whether all events of an entry have the checksum that it says, as
// the builder sees to: Apply relies on it.
func goodSums(data []byte) bool {
	e, err := decodeEntry(data)
	for _, data := range e.commands {
		c, records, cerr := decodeCommand(data)
		if cerr == nil && c.GetPublish() != nil && Checksum(records) != c.GetPublish().GetChecksum() {
			return false
		}
	}
	return err == nil
}

// FuzzEntry: any bytes are an entry that is applied, after which the rows agree
// with each other, or ErrEntry; without a commit nothing has changed.
func FuzzEntry(f *testing.F) {
	for _, data := range aLog(f, 1, 40) {
		f.Add(data)
	}
	for _, data := range aGroupLog(f, 1, 40) {
		f.Add(data)
	}
	f.Add(rawEntry(f, &storagev1.Entry{Format: 1}, unknownField()...))
	begin := [][]byte{entryOf(f, 50, declareOp(Name{"", "a"}, nil, true), publishOp(1, anEvent("a", 1))), aLog(f, 2, 1)[0]}
	begin = append(begin, entryOf(f, 60, opOf(&storagev1.AddGroup{Group: &storagev1.GroupRef{Stream: 1, Group: "g1"}}), opOf(&storagev1.AddGroup{Group: &storagev1.GroupRef{Stream: 1, Group: "k1"}, Config: &storagev1.GroupConfig{Keyed: true}}),
		opOf(&storagev1.GrantLease{Group: "g1", Consumer: 1, Streams: []uint64{1}, Holder: numberedID('h', 1)})))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := inMemory(t).small()
		r.play(begin...)
		before := r.chain()
		results, err := r.try(data)
		if err != nil && (!errors.Is(err, ErrEntry) || r.chain() != before || results != nil) {
			t.Fatalf("%v, %v", results, err)
		}
		if err := checkRows(r.store); err != nil && (goodSums(data) || !strings.Contains(err.Error(), "checksum")) {
			t.Fatal(err)
		}
	})
}

// FuzzBuilder: what the builder takes, a replica applies and reads back, and any
// protobuf decoder reads.
func FuzzBuilder(f *testing.F) {
	f.Add([]byte(anEvent("a", 1)), []byte(anEvent("b", 200)), uint32(2), []byte(nil), []byte{1, 2, 3, 4})
	f.Add([]byte(anEvent("a", 1)), []byte(nil), uint32(1), numberedID('e', 1), []byte(nil))
	f.Add([]byte{envelopeTag, 0x80, 0}, []byte{envelopeTag, 0}, uint32(2), []byte(nil), []byte(nil))
	f.Fuzz(func(t *testing.T, a, b []byte, count uint32, ids, slots []byte) {
		all := append(bytes.Clone(a), b...)
		p := &storagev1.Publish{Stream: 1, Count: count, Checksum: Checksum(all), DedupeIds: ids, KeySlots: slots}
		var e EntryBuilder
		if e.Publish(p, a, b) != nil {
			return
		}
		data := e.Finish(5)
		if err := proto.Unmarshal(data, &storagev1.Entry{}); err != nil {
			t.Fatal(err)
		}
		r := inMemory(t)
		r.play(entryOf(t, 1, declareOp(Name{"", "a"}, nil, true)))
		res := r.play(data)[0]
		n, err := r.readAll(1)
		if err != nil || n != res.Published.Appended || (res.Err == nil) != (n+len(res.Published.Known) == int(count) && count > 0) {
			t.Errorf("%+v, read %d, %v", res, n, err)
		}
	})
}

// FuzzChunk: any bytes are a chunk of which each part can be cut out, or
// ErrDamaged. With sealed set the head is under a seal that is right.
func FuzzChunk(f *testing.F) {
	key := keys(partition).chunk(1, 5)
	events := anEvent("a", 1) + anEvent("b", 200) + anEvent("c", 0)
	head, err := encodeHead(key, &storagev1.Chunk{Position: &storagev1.Position{Ms: 5}, Count: 3, Checksum: Checksum([]byte(events)), KeySlots: make([]byte, 6)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(head, events...), false)
	f.Add([]byte(events), true)
	f.Add(append(head[sealSize:], events...), true)
	f.Add(append(head[sealSize:], events[:20]...), true)
	f.Fuzz(func(t *testing.T, value []byte, sealed bool) {
		if sealed {
			value = append(make([]byte, sealSize), value...)
			value[0] = sealTag
			if end := headEnd(value); end > 0 {
				putSeal(value, key, value[sealSize:end])
			}
		}
		c, err := decodeChunk(engine.Entry{Key: key, Value: value})
		if err != nil {
			if !errors.Is(err, engine.ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		for number := c.first; number <= min(c.last(), c.first+5); number++ {
			for most := range uint64(5) {
				s, err := c.from(number, most)
				if err != nil && !errors.Is(err, engine.ErrDamaged) {
					t.Fatal(err)
				}
				whole := s.Count == int(c.count) // is under the checksum, not counted again
				if err == nil && (s.Number != number || s.Count > int(most) || !whole && wire.CountRecords(s.Records) != s.Count) {
					t.Fatalf("from %d at most %d: %+v", number, most, s)
				}
			}
		}
	})
}

// FuzzPending: any bytes are a row of pending entries whose parts have the key slots
// that they had in it, or ErrDamaged.
func FuzzPending(f *testing.F) {
	key := keys(partition).pending(1, 1, 5)
	for _, row := range []*storagev1.PendingRow{
		{Ranges: ranges.From(5, 6, 9).Encode(), State: held, Consumer: 1, Epoch: 2, DueMs: 5, KeySlots: []byte{0, 1, 0, 2, 0, 3}},
		{Ranges: ranges.Of(5, 5+maxSpan-1).Encode(), State: dying, Reason: "r"}, {Ranges: ranges.Of(5, 5+maxSpan).Encode(), State: ready},
	} {
		value, err := proto.Marshal(row)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		p, err := decodePending(engine.Entry{Key: key, Value: value})
		if err != nil {
			if !errors.Is(err, engine.ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		n := p.set.Count()
		head, rest := p.set.Take(n / 2)
		a, b := p.part(head), p.part(rest)
		if p.set.First() != 5 || uint64(len(a.GetKeySlots()))*n != head.Count()*uint64(len(p.GetKeySlots())) || !bytes.Equal(append(a.GetKeySlots(), b.GetKeySlots()...), p.GetKeySlots()) {
			t.Fatalf("%v: %v and %v", p, a, b)
		}
	})
}

// FuzzWake: any key is of something that is due, or ErrDamaged.
func FuzzWake(f *testing.F) {
	k := keys(partition)
	for _, key := range [][]byte{k.wakePending(5, 1, 2, 3), k.wakeHands(5, 1, 2, 3, 4), numbers(k.wake(5, wakeFront), 1), numbers(k.wake(5, wakeSweep), 1), k.wakeLock(5, Name{"n", "l"})} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key []byte) {
		d, err := decodeWake(key)
		if err != nil {
			if !errors.Is(err, engine.ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		again := append(k.wake(d.ms, d.what), d.lock...)
		if again = numbers(again, d.n...); d.ms >= 0 && !bytes.Equal(again[keyPrefix:], key[keyPrefix:]) {
			t.Fatalf("%x is %+v, which is %x", key, d, again)
		}
	})
}

// FuzzDeadMeta: any record becomes a dead letter of which taking the meta away makes an
// event that is read as before.
func FuzzDeadMeta(f *testing.F) {
	f.Add([]byte(anEvent("a", 5)))
	f.Add([]byte{envelopeTag, 4, 0x12, 2, 0x32, 0})
	f.Fuzz(func(t *testing.T, record []byte) {
		if wire.CountRecords(record) != 1 || len(wire.Skip(record, 1)) > 0 {
			return
		}
		dead := withDeadMeta(record, []deadMeta{{DeadReason, "why"}, {DeadGroup, "g"}})
		back := withoutDeadMeta(dead)
		if wire.CountRecords(dead) != 1 || wire.CountRecords(back) != 1 {
			t.Fatalf("%x, %x", dead, back)
		}
		a, _, err := wire.NextRecord(record)
		if err != nil {
			return
		}
		b, _, err := wire.NextRecord(back)
		ev, everr := wire.DecodeEvent(a.Event)
		again, againerr := wire.DecodeEvent(b.Event)
		if err != nil || everr == nil && againerr != nil {
			t.Fatalf("%v, %v, %v", err, everr, againerr)
		}
		for k := range ev.Meta {
			if strings.HasPrefix(k, DeadPrefix) {
				return
			}
		}
		if everr == nil && !reflect.DeepEqual(ev, again) {
			t.Fatalf("%+v, was %+v", again, ev)
		}
	})
}
