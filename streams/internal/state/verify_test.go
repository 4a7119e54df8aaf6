package state

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/ranges"
)

// verified is what Verify says of a store.
func verified(r engine.Reader) (v Verified, damage []error, err error) {
	v, err = NewView(r, partition).Verify(func(int) error { return nil }, func(err error) { damage = append(damage, err) })
	return v, damage, err
}

// aBitOfAll is a replica with a row of each kind, in two streams.
func aBitOfAll(t *testing.T) *replica {
	r := inMemory(t)
	p := publishOp(1, anEvent("b", 1), anEvent("c", 2))
	p.GetPublish().DedupeIds = append(numberedID('e', 1), numberedID('e', 2)...)
	p.GetPublish().Producer = &storagev1.ProducerBatch{Producer: numberedID('p', 1), Number: 1}
	r.play(entryOf(t, 5, declareOp(Name{"", "a"}, nil, true), declareOp(Name{"x", "a"}, nil, true),
		publishOp(1, anEvent("a", 1)), p, publishOp(1, anEvent("d", 1)), publishOp(2, anEvent("e", 1))))
	return r
}

// What is sound is counted. Each way in which rows do not fit together, or are not
// what was written, is found once, and said in words that name the stream.
func TestVerify(t *testing.T) {
	k := keys(partition)
	bad := []byte{0xff}
	all := aBitOfAll(t)
	v, damage, err := verified(all.store)
	if err != nil || len(damage) > 0 || v.Streams != 2 || v.Events != 5 || v.StampMS != 5 || v.Rows < 14 || v.Bytes < v.EventBytes || v.EventBytes == 0 {
		t.Fatalf("%+v, %v, %v", v, damage, err)
	}
	for name, c := range map[string]struct {
		key, value []byte
		want       string
	}{
		"partition gone":     {k.partition(), nil, "stream 2 is there"},
		"partition":          {k.partition(), bad, "row"},
		"another partition":  {k.partition(), []byte{0x08, 0x09}, "that of 9"},
		"replicas":           {k.replicas(), bad, "row"},
		"replica without ID": {k.replicas(), []byte{0x0a, 0x00}, "0 bytes"},
		"name gone":          {k.name(Name{"", "a"}), nil, "stream 1 has the name"},
		"name of nobody":     {k.name(Name{"", "b"}), k.stream(1)[keyPrefix:], `the name "\x00b"`},
		"name short":         {k.name(Name{"", "b"}), bad, "for a number"},
		"stream":             {k.stream(1), bad, "row"},
		"stream is another":  {k.stream(1), all.row(k.stream(2)), "that of stream 2"},
		"head gone":          {k.head(2), nil, "stream 2 has a row and no state"},
		"head":               {k.head(2), bad, "row"},
		"head of another":    {k.head(2), all.row(k.head(1)), "stream 2: "},
		"head of nobody":     {k.head(9), all.row(k.head(1)), "not there"},
		"first chunk gone":   {k.chunk(1, 1), nil, "events 2 to 3"},
		"chunk gone":         {k.chunk(1, 2), nil, "events 4 to 4"},
		"last chunk gone":    {k.chunk(1, 4), nil, "before event 4"},
		"only chunk gone":    {k.chunk(2, 1), nil, "0 chunks"},
		"chunk of another":   {k.chunk(1, 4), all.row(k.chunk(1, 1)), "seal"},
		"chunk of nobody":    {k.chunk(9, 1), all.row(k.chunk(1, 1)), "not there"},
		"one chunk too many": {k.chunk(1, 9), all.row(k.chunk(1, 1)), "seal"},
		"known gone":         {k.known(1, numberedID('e', 1)), nil, "number 1, and 0"},
		"known is another":   {k.known(1, numberedID('e', 1)), k.stream(2)[keyPrefix:], "number 1, and 2"},
		"known too many":     {k.known(1, numberedID('e', 3)), k.stream(3)[keyPrefix:], "3 event IDs"},
		"known short":        {k.known(1, []byte("x")), k.stream(1)[keyPrefix:], "no event ID"},
		"order gone":         {k.order(1, 2), nil, "1 in their order"},
		"order":              {k.order(1, 2), bad, "row"},
		"producer gone":      {k.producer(1, numberedID('p', 1)), nil, "0 producers"},
		"producer":           {k.producer(1, numberedID('p', 1)), bad, "row"},
		"producer of nobody": {k.producer(9, numberedID('p', 1)), bad, "not there"},
		"due gone":           {k.due(120_005, 1), nil, "nobody would look"},
		"due":                {k.due(7, 1), bad, "when a stream is due"},
		"due of another":     {k.due(7, 1), []byte{}, "stream 1 is due at"},
		"due of nobody":      {k.due(7, 9), []byte{}, "or not there"},
		"a kind of nobody":   {append([]byte{byte(kindLast) + 1}, k.partition()[1:]...), bad, "nobody knows"},
		"partition of none":  {keys(partition + 1).partition(), bad, "nobody knows"},
		"partition before":   {keys(partition - 1).name(Name{"", "a"}), bad, "nobody knows"},
	} {
		t.Run(name, func(t *testing.T) {
			r := aBitOfAll(t)
			r.put(c.key, c.value)
			_, damage, err := verified(r.store)
			text := fmt.Sprint(errors.Join(damage...))
			for _, d := range damage {
				if !errors.Is(d, engine.ErrDamaged) {
					t.Errorf("no damage: %v", d)
				}
			}
			if err != nil || len(damage) == 0 || len(damage) > 3 || !strings.Contains(text, c.want) {
				t.Errorf("%d damages, %v, want %s in\n%s", len(damage), err, c.want, text)
			}
		})
	}
}

// One bit anywhere in any row is found, but in what nothing speaks for: a stream's
// configuration, stamps, and what a producer was answered. Those are under the
// engine's checksums alone.
func TestVerifyFlipped(t *testing.T) {
	k := keys(partition)
	for _, key := range [][]byte{k.chunk(1, 1), k.chunk(1, 2), k.chunk(1, 4), k.chunk(2, 1)} {
		r := aBitOfAll(t)
		good := r.row(key)
		for bit := range 8 * len(good) {
			b := bytes.Clone(good)
			b[bit/8] ^= 1 << (bit % 8)
			r.put(key, b)
			if _, damage, _ := verified(r.store); len(damage) == 0 {
				t.Fatalf("bit %d of row %x", bit, key)
			}
		}
	}
}

// An error of step is the end.
func TestVerifyStops(t *testing.T) {
	r := aBitOfAll(t)
	enough := errors.New("enough")
	for least := range 14 {
		n := 0
		_, err := r.view().Verify(func(int) error {
			if n++; n > least {
				return enough
			}
			return nil
		}, func(err error) { t.Errorf("after %d rows: %v", least, err) })
		if !errors.Is(err, enough) || n != least+1 {
			t.Errorf("after %d rows of %d: %v", n, least, err)
		}
	}
}

// The state of another cluster is that of the old one, but for its UUID.
func TestRekey(t *testing.T) {
	r := aBitOfAll(t)
	old, err := r.view().Partition()
	if err != nil {
		t.Fatal(err)
	}
	id := uuid.New()
	note := &storagev1.NoteReplica{Replica: numberedID('r', 1), Node: "n1"}
	r.play(entryOf(t, 5, op{Command: &storagev1.Command{Command: &storagev1.Command_NoteReplica{NoteReplica: note}}}))
	b := r.store.NewBatch()
	defer b.Close()
	if err := Rekey(b, partition, id); err != nil {
		t.Fatal(err)
	}
	if err := b.Commit(engine.Applied{Index: 3, Term: 1}); err != nil {
		t.Fatal(err)
	}
	if known, err := r.view().Replicas(); err != nil || len(known) > 0 {
		t.Errorf("replicas of the old cluster: %v, %v", known, err)
	}
	now, err := r.view().Partition()
	if err != nil || !bytes.Equal(now.GetClusterUuid(), id[:]) || now.GetStampMs() != old.GetStampMs() || now.GetLastStream() != 2 {
		t.Errorf("%v, was %v: %v", now, old, err)
	}
	if _, damage, err := verified(r.store); len(damage) > 0 || err != nil {
		t.Errorf("%v, %v", damage, err)
	}
	r.put(keys(partition).partition(), []byte{0x08, 0x09})
	other := r.store.NewBatch()
	defer other.Close()
	if err := Rekey(other, partition, id); !errors.Is(err, engine.ErrDamaged) {
		t.Errorf("another partition's: %v", err)
	}
}

// aGroupOfAll is a replica with a row of each kind that consumer groups and locks
// have: stream 1 with a hole, a plain group with pending entries in each state, and a
// keyed one that has passed something over.
func aGroupOfAll(t *testing.T) *replica {
	d := newDesk(t, &storagev1.GroupConfig{AckWaitMs: 100}, 60)
	d.lease(1, 1)
	d.fetch(1, 25)
	d.ack(1, 11, 20)
	d.pass(sweepAfterMS) // chunk 11 to 20 goes; the others of the 25 are ready
	d.lease(2, 1)
	d.fetch(2, 7)
	d.do(d.say(2, storagev1.Verb_VERB_NACK, 500, ranges.Of(1, 2)))
	p := publishOp(1, anEvent("k", 1), anEvent("l", 1), anEvent("m", 1))
	p.GetPublish().KeySlots = []byte{0, 2, 0, 2, 0, 1}
	d.do(p, opOf(&storagev1.AddGroup{Group: &storagev1.GroupRef{Stream: 1, Group: "k"}, Config: &storagev1.GroupConfig{Keyed: true}, Start: &storagev1.Place{Place: &storagev1.Place_Newest{Newest: true}}}))
	d.do(p, opOf(&storagev1.GrantLease{Group: "k", Consumer: 1, Streams: []uint64{1}, Holder: numberedID('h', 1)}),
		opOf(&storagev1.GrantLease{Group: "k", Consumer: 2, Streams: []uint64{1}, Holder: numberedID('h', 2)}))
	for c := range uint32(2) {
		d.do(opOf(&storagev1.Fetch{Group: "k", Consumer: c + 1, Leases: leaseOf(1, uint64(c)+3), MaxEvents: c + 1}))
	}
	d.do(opOf(&storagev1.ObtainLock{Lock: &storagev1.LockName{Name: "l"}, Holder: numberedID('h', 1), TtlMs: 5}))
	return d.replica
}

// Each row of consumer groups and locks that is missing, cannot be read, or does not
// fit the others, is found and said in words.
func TestVerifyGroups(t *testing.T) {
	all := aGroupOfAll(t)
	kinds := map[kind]int{}
	type row struct{ key, value []byte }
	var rows []row
	for e, err := range all.store.Scan(nil, nil, engine.Ascending) {
		if err != nil {
			t.Fatal(err)
		}
		kinds[kind(e.Key[0])]++
		rows = append(rows, row{bytes.Clone(e.Key), bytes.Clone(e.Value)})
	}
	damagedBy := func(key, value []byte) string {
		before := append([]byte{}, all.row(key)...) // nil would take it away
		all.put(key, value)
		defer all.put(key, before)
		_, damage, err := verified(all.store)
		for _, d := range damage {
			if !errors.Is(d, engine.ErrDamaged) || err != nil {
				t.Errorf("%x: no damage: %v, %v", key, d, err)
			}
		}
		return fmt.Sprint(errors.Join(damage...))
	}
	for kd := kindGone; kd <= kindLast; kd++ {
		if kinds[kd] == 0 {
			t.Fatalf("no row of kind %d", kd)
		}
	}
	for _, r := range rows {
		kd := kind(r.key[0])
		stale := kd == kindWake && what(r.key[keyPrefix+8]) != wakePending && what(r.key[keyPrefix+8]) != wakeLock
		if kd < kindGone || stale {
			continue
		}
		if kd != kindLock && damagedBy(r.key, nil) == "<nil>" {
			t.Errorf("row %x of kind %d is gone, and nobody has seen it", r.key, kd)
		}
		if len(r.value) > 0 && damagedBy(r.key, []byte{0xff}) == "<nil>" {
			t.Errorf("row %x of kind %d cannot be read, and nobody has seen it", r.key, kd)
		}
		if again := append(bytes.Clone(r.key), 1); kd != kindLock && kd != kindWake {
			all.put(again, append([]byte{}, r.value...))
			if _, damage, _ := verified(all.store); len(damage) == 0 {
				t.Errorf("row %x of kind %d is nobody's, and nobody has seen it", again, kd)
			}
			all.put(again, nil)
		}
	}
	if _, damage, err := verified(all.store); len(damage) > 0 || err != nil {
		t.Errorf("in the end: %v, %v", damage, err)
	}
}
