package state

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	"github.com/eventnode/eventnode/internal/wire"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
)

// sameResults compares what the machine answered with what the model did.
func sameResults(got []Result, want []modelResult) error {
	for i, g := range got {
		g, w := modelResult{apierr.Reason(g.Err), g.Published, g.Created, g.Config, g.Epoch, g.Settled, g.Moved, g.Lock}, want[i]
		if g.epoch != w.epoch || g.settled != w.settled && w.reason == "" || g.moved != w.moved || g.lock != w.lock || g.reason != w.reason || !reflect.DeepEqual(g.published, w.published) || g.created != w.created || !proto.Equal(g.config, w.config) {
			return fmt.Errorf("command %d: %+v, want %+v", i, g, w)
		}
	}
	return nil
}

// sameStream compares everything there is of a stream with the model's.
func sameStream(v View, s *modelStream, r *rand.Rand) error {
	got, err := v.Stream(s.name)
	if err != nil {
		return err
	}
	row := &storagev1.StreamRow{Id: s.id, Name: protoName(s.name), Config: s.cfg, CreatedMs: s.created, Partition: partition, DeadOf: s.deadOf}
	if !proto.Equal(row, got.Row) {
		return fmt.Errorf("row %v, want %v", got.Row, row)
	}
	st := got.State
	if got.Count() != uint64(len(s.events())) || st.GetLast() != s.last || st.GetFirst() != s.first || st.GetBytes() != uint64(s.bytes()) || position(st.GetLastPosition()) != s.position ||
		st.GetKnownLast()+1-st.GetKnownFirst() != uint64(len(s.known)) || st.GetProducers() != uint64(len(s.producers)) {
		return fmt.Errorf("stream %v: state %v with %d events, want %d events from %d to %d at %v with %d bytes, sweep %d", s.name, st, got.Count(), len(s.events()), s.first, s.last, s.position, s.bytes(), s.sweepMS)
	}
	events := s.events()
	if err := sameEvents(v, s.id, 0, NoLimit, events); err != nil {
		return err
	}
	for range 3 {
		from, most := r.Uint64N(s.last+3), r.Uint64N(12)
		if err := sameEvents(v, s.id, from, most, partOf(events, from, most)); err != nil {
			return err
		}
		if err := sameFind(v, got, events, nearby(r, events, s.position)); err != nil {
			return err
		}
	}
	return nil
}

func partOf(events []modelEvent, from, most uint64) []modelEvent {
	for len(events) > 0 && events[0].number < from {
		events = events[1:]
	}
	return events[:min(uint64(len(events)), most)]
}

// nearby is a position at, before or behind one of the events.
func nearby(r *rand.Rand, events []modelEvent, p eventnode.Position) eventnode.Position {
	if len(events) > 0 {
		p = events[r.IntN(len(events))].position
	}
	p.MS += r.Int64N(5) - 2
	p.Seq += r.Uint64N(4)
	p.Seq -= min(p.Seq, 2)
	return p
}

func sameFind(v View, s Stream, events []modelEvent, p eventnode.Position) error {
	want := s.State.GetLast() + 1
	if i := slices.IndexFunc(events, func(e modelEvent) bool { return e.position.Compare(p) >= 0 }); i >= 0 {
		want = events[i].number
		if at, err := v.PositionOf(s.Row.GetId(), want); err != nil || at != events[i].position {
			return fmt.Errorf("position of %d is %v (%w), want %v", want, at, err, events[i].position)
		}
	}
	if got, err := v.Find(s, p); err != nil || got != want {
		return fmt.Errorf("found %v at %d (%w), want %d", p, got, err, want)
	}
	return nil
}

func sameEvents(v View, id, from, most uint64, want []modelEvent) error {
	var got []modelEvent
	for s, err := range v.Read(id, from, most) {
		if err != nil {
			return fmt.Errorf("read from %d: %w", from, err)
		}
		records := s.Records
		for i := range s.Count {
			rest := wire.Skip(records, 1)
			at := eventnode.Position{MS: s.First.MS, Seq: s.First.Seq + uint64(i)}
			got = append(got, modelEvent{s.Number + uint64(i), at, string(records[:len(records)-len(rest)])})
			records = rest
		}
		if len(records) > 0 {
			return fmt.Errorf("a slice of %d events has %d bytes too many", s.Count, len(records))
		}
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("read from %d at most %d: %d events, want %d:\n%v\n%v", from, most, len(got), len(want), got, want)
	}
	return nil
}

// sameLists compares what goes over all streams.
func sameLists(v View, m *model, stamp int64) error {
	var want, got []Name
	for n := range m.names {
		want = append(want, n)
	}
	slices.SortFunc(want, func(a, b Name) int { return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name)) })
	for s, err := range v.List("", true, nil) {
		if err != nil {
			return err
		}
		got = append(got, s.Name())
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("list %v, want %v", got, want)
	}
	due, err := v.Due(stamp, 1000)
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(m.ids)) {
		if is := slices.Contains(due, id); is != m.ids[id].due(stamp) {
			return fmt.Errorf("stream %d due at %d: %v, want %v", id, stamp, is, !is)
		}
	}
	p, err := v.Partition()
	if err == nil && (p.GetStampMs() != m.now || p.GetLastStream() != m.made || p.GetPartition() != partition || string(p.GetClusterUuid()) != m.uuid) {
		err = fmt.Errorf("partition %v, want %+v", p, m)
	}
	return err
}

// rows are all the rows of a partition, by kind, and by stream where they have
// one.
type rows struct {
	streams map[uint64]*storagev1.StreamRow
	heads   map[uint64]*storagev1.StreamState
	names   map[uint64]string
	of      map[kind]map[uint64][]engine.Entry
}

// checkRows checks what must always hold between rows.
func checkRows(r engine.Reader) error {
	all, err := readRows(r)
	if err != nil {
		return err
	}
	if len(all.streams) != len(all.heads) || len(all.streams) != len(all.names) {
		return fmt.Errorf("%d streams, %d heads, %d names", len(all.streams), len(all.heads), len(all.names))
	}
	for kd, of := range all.of {
		for id := range of {
			if all.heads[id] == nil {
				return fmt.Errorf("rows of kind %d of stream %d, which is not there", kd, id)
			}
		}
	}
	for id, head := range all.heads {
		row := all.streams[id]
		if row == nil || row.GetId() != id || all.names[id] != row.GetName().GetNamespace()+"\x00"+row.GetName().GetName() {
			return fmt.Errorf("stream %d has the row %v and the name %q", id, row, all.names[id])
		}
		err := errors.Join(checkChunks(head, all.of[kindChunk][id], all.of[kindGone][id]), checkKnown(head, all.of[kindKnown][id], all.of[kindOrder][id]))
		if n := len(all.of[kindProducer][id]); uint64(n) != head.GetProducers() {
			err = errors.Join(err, fmt.Errorf("%d producers, %d rows", head.GetProducers(), n))
		}
		if err != nil {
			return fmt.Errorf("stream %d: %w", id, err)
		}
	}
	_, damage, err := verified(r)
	return errors.Join(append(damage, err)...) // Verify finds nothing either
}

func readRows(r engine.Reader) (*rows, error) {
	all := &rows{map[uint64]*storagev1.StreamRow{}, map[uint64]*storagev1.StreamState{}, map[uint64]string{}, map[kind]map[uint64][]engine.Entry{}}
	for e, err := range r.Scan(nil, nil, engine.Ascending) {
		if err != nil {
			return nil, err
		}
		e = engine.Entry{Key: bytes.Clone(e.Key), Value: bytes.Clone(e.Value)}
		rest := e.Key[keyPrefix:]
		switch kd := kind(e.Key[0]); kd {
		case kindPartition, kindReplicas, kindPools, kindDue, kindWake, kindLock: // Verify's
		case kindName:
			all.names[binary.BigEndian.Uint64(e.Value)] = string(rest)
		case kindStream:
			row := &storagev1.StreamRow{}
			all.streams[binary.BigEndian.Uint64(rest)] = row
			err = proto.Unmarshal(e.Value, row)
		case kindHead:
			head := &storagev1.StreamState{}
			all.heads[binary.BigEndian.Uint64(rest)] = head
			err = proto.Unmarshal(e.Value, head)
		default:
			if all.of[kd] == nil {
				all.of[kd] = map[uint64][]engine.Entry{}
			}
			id := binary.BigEndian.Uint64(rest)
			all.of[kd][id] = append(all.of[kd][id], e)
		}
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// checkChunks: numbers without holes from the first chunk, which holds the first
// event, to the last; positions that grow; bytes that add up.
func checkChunks(head *storagev1.StreamState, chunks, gone []engine.Entry) error {
	holes := map[uint64]uint64{} // from which number to the one behind
	for _, e := range gone {
		h, err := decodeHole(e)
		if err != nil {
			return err
		}
		holes[h.From] = h.To + 1
	}
	if len(chunks) == 0 && (head.GetFirst() != head.GetLast()+1 || head.GetBytes() != 0) {
		return fmt.Errorf("no chunks, and %v", head)
	}
	var size, next, behind uint64
	var last eventnode.Position
	for i, e := range chunks {
		c, err := decodeChunk(e) // the events are the reader's to check
		if err != nil {
			return err
		}
		if i == 0 && (head.GetFirst() < c.first || head.GetFirst() > c.last()) || i > 0 && c.first != next {
			return fmt.Errorf("chunk %d begins at %d, with %v", i, c.first, head)
		}
		if i > 0 && c.position.Compare(last) <= 0 {
			return fmt.Errorf("chunk %d is at %v, after %v", i, c.position, last)
		}
		next, size = c.last()+1, size+uint64(len(c.records))
		behind, next = next, max(next, holes[next])
		last = eventnode.Position{MS: c.position.MS, Seq: c.position.Seq + uint64(c.count) - 1}
	}
	if len(chunks) > 0 && (next != head.GetLast()+1 || size != head.GetBytes() || behind == next && last != position(head.GetLastPosition())) {
		return fmt.Errorf("chunks end before %d at %v with %d bytes, and %v", next, last, size, head)
	}
	return nil
}

// checkKnown: each ID has its two rows, and they are those that the head says.
func checkKnown(head *storagev1.StreamState, known, order []engine.Entry) error {
	if n := head.GetKnownLast() + 1 - head.GetKnownFirst(); uint64(len(known)) != n || uint64(len(order)) != n {
		return fmt.Errorf("%d IDs, %d in order, and %v", len(known), len(order), head)
	}
	byID := map[string]uint64{}
	for _, e := range known {
		byID[string(e.Key[keyPrefix+8:])] = binary.BigEndian.Uint64(e.Value)
	}
	for i, e := range order {
		row := &storagev1.KnownRow{}
		if err := proto.Unmarshal(e.Value, row); err != nil {
			return err
		}
		if n := lastNumber(e.Key); n != head.GetKnownFirst()+uint64(i) || byID[string(row.GetId())] != n {
			return fmt.Errorf("ID %x is number %d and %d, and %v", row.GetId(), n, byID[string(row.GetId())], head)
		}
	}
	return nil
}

// A check that finds nothing must be able to: each of these breaks one rule.
func TestCheckRows(t *testing.T) {
	k := keys(partition)
	for name, breakIt := range map[string]func(b engine.Batch){
		"name gone":     func(b engine.Batch) { b.Delete(k.name(Name{"", "a"})) },
		"stream gone":   func(b engine.Batch) { b.Delete(k.stream(1)) },
		"head gone":     func(b engine.Batch) { b.Delete(k.head(1)) },
		"chunk gone":    func(b engine.Batch) { b.Delete(k.chunk(1, 2)) },
		"orphan":        func(b engine.Batch) { b.Set(k.producer(9, numberedID('p', 1)), nil) },
		"known gone":    func(b engine.Batch) { b.Delete(k.known(1, numberedID('e', 1))) },
		"order gone":    func(b engine.Batch) { b.Delete(k.order(1, 1)) },
		"producer gone": func(b engine.Batch) { b.Delete(k.producer(1, numberedID('p', 1))) },
	} {
		t.Run(name, func(t *testing.T) {
			r := inMemory(t)
			p := publishOp(1, anEvent("b", 1))
			p.GetPublish().DedupeIds = numberedID('e', 1)
			p.GetPublish().Producer = &storagev1.ProducerBatch{Producer: numberedID('p', 1), Number: 1}
			r.play(entryOf(t, 5, declareOp(Name{"", "a"}, nil, true), publishOp(1, anEvent("a", 1)), p))
			if err := checkRows(r.store); err != nil {
				t.Fatal(err)
			}
			b := r.store.NewBatch()
			breakIt(b)
			if err := b.Commit(engine.Applied{Index: 2, Term: 1}); err != nil {
				t.Fatal(err)
			}
			if checkRows(r.store) == nil {
				t.Error("not found")
			}
		})
	}
}
