package state

import (
	"bytes"
	"errors"
	"testing"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
)

// threeChunks is a replica with a stream of three chunks, of 2, 3 and 1 events.
func threeChunks(t *testing.T) *replica {
	r := inMemory(t)
	p := publishOp(1, anEvent("c", 1), anEvent("d", 2), anEvent("e", 3))
	p.GetPublish().KeySlots = []byte{0, 1, 0, 2, 0, 0}
	r.play(entryOf(t, 100, declareOp(Name{"", "a"}, nil, true), publishOp(1, anEvent("a", 1), anEvent("b", 2)), p, publishOp(1, anEvent("f", 1))))
	return r
}

// put overwrites a row, as a disk would: nobody knows. nil takes it away.
func (r *replica) put(key, value []byte) {
	r.Helper()
	b := r.store.NewBatch()
	defer b.Close()
	b.Delete(key)
	if value != nil {
		b.Set(key, value)
	}
	last, _ := r.store.Applied()
	if err := b.Commit(engine.Applied{Index: last.Index + 1, Term: 1}); err != nil {
		r.Fatal(err)
	}
}

func (r *replica) row(key []byte) (value []byte) {
	r.Helper()
	found, err := r.store.Get(key, func(v []byte) error { value = bytes.Clone(v); return nil })
	if err != nil || !found {
		r.Fatalf("row %x: %v, %v", key, found, err)
	}
	return value
}

// readAll reads a stream and returns how many events came before the error.
func (r *replica) readAll(from uint64) (n int, err error) {
	for s, err := range r.view().Read(1, from, NoLimit) {
		if err != nil {
			return n, err
		}
		n += s.Count
	}
	return n, nil
}

// One bit anywhere in a chunk is found, before an event of it is handed out.
func TestChunkFlipped(t *testing.T) {
	r := threeChunks(t)
	key := keys(partition).chunk(1, 3)
	good := r.row(key)
	for bit := range 8 * len(good) {
		bad := bytes.Clone(good)
		bad[bit/8] ^= 1 << (bit % 8)
		r.put(key, bad)
		if n, err := r.readAll(1); n != 2 || !errors.Is(err, engine.ErrDamaged) {
			t.Fatalf("bit %d of %x flipped: %d events, %v", bit, good, n, err)
		}
		if n, err := r.readAll(4); n != 0 || !errors.Is(err, engine.ErrDamaged) {
			t.Fatalf("bit %d of %x flipped: %d events from the middle, %v", bit, good, n, err)
		}
	}
	for size := range good {
		r.put(key, good[:size])
		if n, err := r.readAll(1); n != 2 || !errors.Is(err, engine.ErrDamaged) {
			t.Fatalf("cut to %d bytes: %d events, %v", size, n, err)
		}
	}
	r.put(key, good)
	if n, err := r.readAll(1); n != 6 || err != nil {
		t.Errorf("%d events, %v", n, err)
	}
}

// A chunk that is missing, or stands where another one belongs, is not read over.
func TestChunkMissing(t *testing.T) {
	k := keys(partition)
	for name, c := range map[string]struct {
		change func(r *replica)
		before int
	}{
		"first":     {func(r *replica) { r.put(k.chunk(1, 1), nil) }, 0},
		"middle":    {func(r *replica) { r.put(k.chunk(1, 3), nil) }, 2},
		"last":      {func(r *replica) { r.put(k.chunk(1, 6), nil) }, 5},
		"exchanged": {func(r *replica) { r.put(k.chunk(1, 6), r.row(k.chunk(1, 1))) }, 5},
		"moved":     {func(r *replica) { r.put(k.chunk(1, 4), r.row(k.chunk(1, 3))); r.put(k.chunk(1, 3), nil) }, 2},
		"head":      {func(r *replica) { r.put(k.head(1), nil) }, 0},
		"bad head":  {func(r *replica) { r.put(k.head(1), []byte{0xff}) }, 0},
		"bad row":   {func(r *replica) { r.put(k.stream(1), []byte{0xff}) }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := threeChunks(t)
			c.change(r)
			n, err := r.readAll(1)
			if _, ok := errors.AsType[*engine.DamagedError](err); n != c.before || !ok {
				t.Errorf("%d events, %v", n, err)
			}
		})
	}
}

// An entry that needs a damaged row is not applied: the replica stops.
func TestApplyDamaged(t *testing.T) {
	k := keys(partition)
	limits := &storagev1.StreamConfig{Retain: storagev1.Retain_RETAIN_LIMITS, MaxCount: 1, DedupeMax: 1}
	dedupe := func(n int) op {
		p := publishOp(1, anEvent("a", 1))
		p.GetPublish().DedupeIds = numberedID('e', n)
		p.GetPublish().Producer = &storagev1.ProducerBatch{Producer: numberedID('p', n), Number: 1}
		return p
	}
	again := dedupe(3) // by another producer
	again.GetPublish().Producer = nil
	bad := []byte{0xff}
	for name, c := range map[string]struct {
		key, value []byte
		op         op
	}{
		"partition":   {k.partition(), bad, tickOp()},
		"name":        {k.name(Name{"", "a"}), bad, deleteOp(Name{"", "a"})},
		"stream":      {k.stream(1), bad, publishOp(1, anEvent("a", 1))},
		"stream gone": {k.stream(1), nil, declareOp(Name{"", "a"}, limits, false)},
		"head":        {k.head(1), bad, tickOp(1)},
		"head gone":   {k.head(1), nil, publishOp(1, anEvent("a", 1))},
		"chunk":       {k.chunk(1, 3), bad, dedupe(4)},
		"chunk gone":  {k.chunk(1, 3), nil, dedupe(4)},
		"known":       {k.known(1, numberedID('e', 3)), bad, again},
		"order":       {k.order(1, 3), bad, dedupe(4)},
		"producer":    {k.producer(1, numberedID('p', 2)), bad, dedupe(2)},
		"producers":   {k.producer(1, numberedID('p', 2)), bad, dedupe(4)},
	} {
		t.Run(name, func(t *testing.T) {
			r := inMemory(t)
			r.bounds.producers = 3
			r.play(entryOf(t, 1, declareOp(Name{"", "a"}, limits, true), dedupe(1), dedupe(2), dedupe(3)))
			r.put(c.key, c.value)
			if res, err := r.try(entryOf(t, 2, c.op)); !errors.Is(err, engine.ErrDamaged) || res != nil {
				t.Errorf("%+v, %v", res, err)
			}
		})
	}
}

// What lists and looks up reports damage too.
func TestViewDamaged(t *testing.T) {
	k, name := keys(partition), Name{"", "a"}
	list := func(v View) error {
		for _, err := range v.List("", false, nil) {
			if err != nil {
				return err
			}
		}
		return nil
	}
	find := func(v View) error {
		s, err := v.Stream(name)
		if err == nil {
			_, err = v.Find(s, position(s.State.GetLastPosition()))
		}
		return err
	}
	stream := func(v View) error { _, err := v.Stream(name); return err }
	due := func(v View) error { _, err := v.Due(10_000, 9); return err }
	for what, c := range map[string]struct {
		key, value []byte
		look       func(v View) error
	}{
		"partition":  {k.partition(), []byte{0xff}, func(v View) error { _, err := v.Partition(); return err }},
		"name":       {k.name(name), []byte{0xff}, stream},
		"name, list": {k.name(name), []byte{0xff}, list},
		"row gone":   {k.stream(1), nil, stream},
		"list":       {k.stream(1), nil, list},
		"due":        {k.due(7, 1), []byte{0xff}, due},
		"due, short": {k.due(7, 1)[:12], []byte{}, due},
		"find":       {k.chunk(1, 1), []byte{0xff}, find},
		"position":   {k.chunk(1, 1), nil, func(v View) error { _, err := v.PositionOf(1, 1); return err }},
	} {
		t.Run(what, func(t *testing.T) {
			r := inMemory(t)
			p := publishOp(1, anEvent("a", 1))
			p.GetPublish().DedupeIds = numberedID('e', 1)
			cfg := &storagev1.StreamConfig{Retain: storagev1.Retain_RETAIN_LIMITS, MaxAgeMs: 20_000}
			r.play(entryOf(t, 1, declareOp(name, cfg, true), p))
			r.put(c.key, c.value)
			if err := c.look(r.view()); !errors.Is(err, engine.ErrDamaged) {
				t.Errorf("%v", err)
			}
		})
	}
}
