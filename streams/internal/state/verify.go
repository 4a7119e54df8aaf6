package state

import (
	"bytes"
	"errors"
	"math"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/wire"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
)

// Verify reads every row of a partition, checks what it carries to be checked by,
// and whether the rows fit together. It goes from stream to stream, and remembers
// nothing of the ones before, so a partition may have any number of them. A row that
// belongs to no stream, or to nothing that this version knows, is damage, too.

// Verified is what Verify has read.
type Verified struct {
	// Rows and Bytes are those of all rows.
	Rows, Bytes uint64
	// Streams and Events are how many there are, EventBytes what the events take.
	Streams, Events, EventBytes uint64
	// StampMS is the partition's time.
	StampMS int64
	// Level is the level of the commands that are used.
	Level uint32
}

// Verify calls step for each row, with its bytes: an error of step ends it. It calls
// found with what is wrong, and goes on with the next row, or, after an error of the
// store, with the next stream. The view is of a snapshot or a checkpoint.
func (v View) Verify(step func(bytes int) error, found func(error)) (Verified, error) {
	c := &verifier{View: v, step: step}
	c.found = func(err error) {
		c.told++
		found(err)
	}
	last := c.partition()
	c.replicas()
	c.pools()
	c.due()
	c.names()
	next := uint64(0) // the number behind the stream before
	lower, upper := v.keys.all(kindStream)
	c.each(lower, upper, func(e engine.Entry) error {
		id, err := c.stream(e, next)
		if id >= next && id < math.MaxUint64 {
			next = id + 1
		}
		return err
	})
	c.nobody(next, math.MaxUint64)
	if next > 0 && next-1 > last {
		c.found(damaged("stream %d is there, and %d is the last that was made", next-1, last))
	}
	c.wakes()
	c.locks()
	c.strangers()
	return c.out, c.stopped
}

// verifier is one Verify.
type verifier struct {
	View
	step    func(int) error
	found   func(error)
	told    int // calls of found
	out     Verified
	stopped error // of step
}

// each visits rows. An error of the visit is told, and of the store ends it.
func (c *verifier) each(lower, upper []byte, visit func(engine.Entry) error) {
	if c.stopped != nil {
		return
	}
	for e, err := range c.r.Scan(lower, upper, engine.Ascending) {
		if err != nil {
			c.found(err)
			return
		}
		c.out.Rows++
		c.out.Bytes += uint64(len(e.Key) + len(e.Value))
		if c.stopped == nil {
			c.stopped = c.step(len(e.Key) + len(e.Value))
		}
		if c.stopped != nil {
			return
		}
		if err := visit(e); err != nil {
			c.found(unwrap(err))
		}
	}
}

// partition looks at the partition's row, and returns the last stream's number.
func (c *verifier) partition() uint64 {
	row := &storagev1.PartitionRow{}
	c.each(c.keys.partition(), append(c.keys.partition(), 0), func(e engine.Entry) error {
		if err := decodeRow(e.Key, e.Value, row); err != nil {
			return err
		}
		if n := len(row.GetClusterUuid()); row.GetPartition() != uint32(c.keys) || n != 0 && n != 16 {
			return damaged("the row of partition %d is that of %d, with a UUID of %d bytes", uint32(c.keys), row.GetPartition(), n)
		}
		return nil
	})
	c.out.StampMS, c.out.Level = row.GetStampMs(), levelOf(row)
	return row.GetLastStream()
}

// replicas looks at the row of what is remembered of replicas, if there is one.
func (c *verifier) replicas() {
	c.each(c.keys.replicas(), append(c.keys.replicas(), 0), func(e engine.Entry) error {
		row := &storagev1.ReplicasRow{}
		if err := decodeRow(e.Key, e.Value, row); err != nil {
			return err
		}
		for _, n := range row.GetReplicas() {
			if len(n.GetReplica()) != idBytes {
				return damaged("row %x: a replica's UUID has %d bytes", e.Key, len(n.GetReplica()))
			}
		}
		return nil
	})
}

// names looks at all names: each must be that of the stream that it stands for.
func (c *verifier) names() {
	lower, upper := c.keys.all(kindName)
	c.each(lower, upper, func(e engine.Entry) error {
		if len(e.Value) != 8 {
			return damaged("row %x: %d bytes for a number", e.Key, len(e.Value))
		}
		row := &storagev1.StreamRow{}
		found, err := load(c.r, c.keys.stream(lastNumber(e.Value)), row)
		if err != nil {
			return nil //nolint:nilerr // it is told where the stream is looked at
		}
		if !found || !bytes.Equal(c.keys.name(nameOf(row.GetName())), e.Key) {
			return damaged("the name %q stands for stream %d, which has another, or is not there", e.Key[keyPrefix:], lastNumber(e.Value))
		}
		return nil
	})
}

// stream looks at one stream and all its rows, and that nobody's are between it and
// the one before.
func (c *verifier) stream(e engine.Entry, next uint64) (id uint64, err error) {
	if len(e.Key) != keyPrefix+8 {
		return 0, damaged("row %x: no key of a stream", e.Key)
	}
	id = lastNumber(e.Key)
	c.nobody(next, id)
	c.out.Streams++
	row, head := &storagev1.StreamRow{}, &storagev1.StreamState{}
	err = decodeRow(e.Key, e.Value, row)
	if err == nil {
		err = c.namedBack(id, row)
	}
	var there int
	c.each(c.keys.head(id), append(c.keys.head(id), 0), func(e engine.Entry) error {
		there++
		return decodeRow(e.Key, e.Value, head)
	})
	if there == 0 && c.stopped == nil {
		return id, errors.Join(err, damaged("stream %d has a row and no state", id))
	}
	before := c.told
	c.chunks(id, head)
	c.ids(id, head)
	c.producers(id, head)
	c.groups(id, row, head)
	c.isScheduled(id, head, before)
	return id, err
}

// namedBack: the stream's name leads to it.
func (c *verifier) namedBack(id uint64, row *storagev1.StreamRow) error {
	if row.GetId() != id || row.GetPartition() != uint32(c.keys) {
		return damaged("the row of stream %d is that of stream %d of partition %d", id, row.GetId(), row.GetPartition())
	}
	n := nameOf(row.GetName())
	if number, found, err := numberOf(c.r, c.keys.name(n)); err == nil && (!found || number != id) {
		return damaged("stream %d has the name %v, which stands for %d", id, n, number)
	}
	return nil
}

// rows visits those of a stream, and returns how many there are.
func (c *verifier) rows(kd kind, id uint64, visit func(engine.Entry) error) (n uint64) {
	c.each(c.keys.number(kd, id), c.keys.number(kd, id+1), func(e engine.Entry) error {
		n++
		return visit(e)
	})
	return n
}

// chunks: numbers without holes from the first chunk, which holds the first event, to
// the last; positions that grow; bytes that add up; and every event as it came.
func (c *verifier) chunks(id uint64, head *storagev1.StreamState) {
	next, last := uint64(0), position(head.GetLastPosition())
	at, size, before := last, uint64(0), c.told
	holes := c.holes(id, head)
	n := c.rows(kindChunk, id, func(e engine.Entry) error {
		k, err := decodeChunk(e)
		if err == nil {
			err = k.verify()
		}
		if err == nil && wire.CountRecords(k.records) != int(k.count) {
			err = damaged("events %d to %d of stream %d: there are not as many", k.first, k.last(), id)
		}
		if err != nil {
			next = 0
			return err
		}
		if next == 0 && head.GetFrontLast() != 0 && head.GetFrontLast() != k.last() && c.told == before {
			err = damaged("stream %d: its first chunk ends with event %d, not %d", id, k.last(), head.GetFrontLast())
		}
		next = holes.past(next)
		if err == nil && next == 0 && c.told == before && (head.GetFirst() < k.first || head.GetFirst() > k.last()) || next != 0 && (k.first != next || k.position.Compare(at) <= 0) {
			err = damaged("stream %d: events %d to %d at %v, after those before %d at %v; the first is %d", id, k.first, k.last(), k.position, next, at, head.GetFirst())
		}
		next, size = k.last()+1, size+uint64(k.size)
		at = eventnode.Position{MS: k.position.MS, Seq: k.position.Seq + uint64(k.count) - 1}
		return err
	})
	count, behind := countOf(head), next
	if next = holes.past(next); next != behind { // what was at the last position is gone
		at = last
	}
	c.out.Events += count
	c.out.EventBytes += head.GetBytes()
	switch {
	case c.told != before || c.stopped != nil: // what is wrong was told
	case holes.used < len(holes.set):
		c.found(damaged("stream %d: hole %v is not between events, or before the first", id, holes.set[holes.used]))
	case n == 0 && (count != 0 || head.GetBytes() != 0), n > 0 && (next != head.GetLast()+1 || at != last || size != head.GetBytes()):
		c.found(damaged("stream %d: %d chunks with %d bytes end before event %d, at %v; there should be events %d to %d, at %v, with %d bytes",
			id, n, size, next, at, head.GetFirst(), head.GetLast(), last, head.GetBytes()))
	}
}

// ids: each event ID that is remembered has its two rows.
func (c *verifier) ids(id uint64, head *storagev1.StreamState) {
	want, before := head.GetKnownFirst(), c.told
	ordered := c.rows(kindOrder, id, func(e engine.Entry) error {
		row := &storagev1.KnownRow{}
		if err := decodeRow(e.Key, e.Value, row); err != nil {
			return err
		}
		number, _, err := numberOf(c.r, c.keys.known(id, row.GetId()))
		if at := lastNumber(e.Key); err == nil && (at != want || number != at) {
			err = damaged("stream %d: event ID %x is number %d, and %d by its ID; %d comes next", id, row.GetId(), at, number, want)
		}
		want++
		return err
	})
	known := c.rows(kindKnown, id, func(e engine.Entry) error {
		if len(e.Key) != keyPrefix+8+idBytes || len(e.Value) != 8 {
			return damaged("row %x: no event ID", e.Key)
		}
		return nil
	})
	if n := knownCount(head); c.told == before && c.stopped == nil && (ordered != n || known != n) {
		c.found(damaged("stream %d: %d event IDs, %d in their order; there should be %d", id, known, ordered, n))
	}
}

// producers: as many as the stream says.
func (c *verifier) producers(id uint64, head *storagev1.StreamState) {
	before := c.told
	n := c.rows(kindProducer, id, func(e engine.Entry) error { return decodeRow(e.Key, e.Value, &storagev1.ProducerRow{}) })
	if c.told == before && c.stopped == nil && n != head.GetProducers() {
		c.found(damaged("stream %d: %d producers, there should be %d", id, n, head.GetProducers()))
	}
}

// nobody: there is no stream from a number to another, and so none of its rows.
func (c *verifier) nobody(from, to uint64) {
	if from >= to {
		return
	}
	for _, kd := range append(ofStream(), kindHead) {
		c.each(c.keys.number(kd, from), c.keys.number(kd, to), func(e engine.Entry) error {
			return damaged("row %x belongs to a stream that is not there", e.Key)
		})
	}
}

// strangers: there are no rows of another partition, or of a kind that nobody knows.
func (c *verifier) strangers() {
	after := (c.keys + 1).partition()[1:] // the partition behind this one
	var lower []byte
	for kd := kindPartition; kd <= kindLast; kd++ {
		c.each(lower, c.keys.of(kd, 0), c.stranger)
		lower = append([]byte{byte(kd)}, after...)
	}
	c.each(lower, nil, c.stranger)
}

func (c *verifier) stranger(e engine.Entry) error { return damaged("nobody knows row %x", e.Key) }
