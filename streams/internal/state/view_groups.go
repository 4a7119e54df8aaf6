package state

import (
	"fmt"
	"iter"

	"github.com/eventnode/eventnode"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/ranges"
)

// Group is a consumer group of a stream.
type Group struct {
	Name string
	Row  *storagev1.GroupRow
	// Lag is how many events it was not handed yet; of one that has not begun, all
	// that it is to have.
	Lag uint64
}

// Group returns a consumer group, or ErrConsumerGroupNotFound.
func (v View) Group(s Stream, name string) (Group, error) {
	row, err := v.groupRow(s, name)
	g := Group{Name: name, Row: row}
	if err == nil {
		g.Lag, err = v.lag(s, row)
	}
	return g, err
}

func (v View) groupRow(s Stream, name string) (*storagev1.GroupRow, error) {
	row := &storagev1.GroupRow{}
	found, err := load(v.r, v.keys.group(s.Row.GetId(), name), row)
	if err == nil && !found {
		err = eventnode.ConsumerGroupNotFound(s.Name().String(), name)
	}
	return row, unwrap(err)
}

// consumerRow is an empty one of a consumer that is not there.
func (v View) consumerRow(s Stream, g *storagev1.GroupRow, consumer uint32) (*storagev1.ConsumerRow, error) {
	row := &storagev1.ConsumerRow{}
	_, err := load(v.r, v.keys.consumer(s.Row.GetId(), g.GetId(), consumer), row)
	return row, unwrap(err)
}

// Groups ranges over the consumer groups of a stream whose names are after a name,
// sorted.
func (v View) Groups(s Stream, after string) iter.Seq2[Group, error] {
	id := s.Row.GetId()
	return func(yield func(Group, error) bool) {
		for e, err := range v.r.Scan(v.keys.group(id, after), v.keys.number(kindGroup, id+1), engine.Ascending) {
			g := Group{Row: &storagev1.GroupRow{}}
			if err == nil {
				g.Name = string(e.Key[keyPrefix+8:])
				err = decodeRow(e.Key, e.Value, g.Row)
			}
			if err == nil && g.Name == after {
				continue
			}
			if err == nil {
				g.Lag, err = v.lag(s, g.Row)
			}
			if !yield(g, err) || err != nil {
				return
			}
		}
	}
}

// lag counts the events of a stream that a group was not handed.
func (v View) lag(s Stream, g *storagev1.GroupRow) (uint64, error) {
	next, end := max(g.GetNext(), s.State.GetFirst()), s.State.GetLast()+1
	if next >= end {
		return g.GetSkipped(), nil
	}
	n := end - next + g.GetSkipped()
	if s.State.GetGone() == 0 {
		return n, nil
	}
	holes, err := v.holes(s.Row.GetId(), next, end-1)
	return n - holes.Count(), err
}

// Consumer is a consumer of a group that is leased, or has something in hand.
type Consumer struct {
	Number uint32
	Row    *storagev1.ConsumerRow
}

// Consumers ranges over the consumers of a group whose numbers are after a number.
func (v View) Consumers(s Stream, g Group, after uint32) iter.Seq2[Consumer, error] {
	id, number := s.Row.GetId(), g.Row.GetId()
	return func(yield func(Consumer, error) bool) {
		for e, err := range v.r.Scan(append(v.keys.consumer(id, number, after), 0), v.keys.pair(kindConsumer, id, number+1), engine.Ascending) {
			c := Consumer{Row: &storagev1.ConsumerRow{}}
			if err == nil {
				c.Number = consumerNumber(e.Key)
				err = decodeRow(e.Key, e.Value, c.Row)
			}
			if !yield(c, err) || err != nil {
				return
			}
		}
	}
}

// Pending is pending entries that share a fate.
type Pending struct {
	Events ranges.Set
	Row    *storagev1.PendingRow
}

// Pending ranges over a group's pending entries, by the first number of each row, from
// a number on. The first row is the oldest one, with its time in DeliveredMs.
func (v View) Pending(s Stream, g Group, from uint64) iter.Seq2[Pending, error] {
	id, number := s.Row.GetId(), g.Row.GetId()
	return func(yield func(Pending, error) bool) {
		for e, err := range v.r.Scan(v.keys.pending(id, number, from), v.keys.pair(kindPending, id, number+1), engine.Ascending) {
			var p pending
			if err == nil {
				p, err = decodePending(e)
			}
			if !yield(Pending{p.set, p.PendingRow}, unwrap(err)) || err != nil {
				return
			}
		}
	}
}

// Fit is how many events from a number on are within so many bytes, at most so many.
// It counts in chunks, of which the first one fits in any case, and of whose events each
// is taken to be as large as the others. It does not look at the events.
func (v View) Fit(id, number, most uint64, bytes int) (n uint64, err error) {
	first, number, err := v.from(id, number)
	if err != nil {
		return 0, fmt.Errorf("measure events of stream %d: %w", id, err)
	}
	for e, err := range v.r.Scan(v.keys.chunk(id, first), v.keys.number(kindChunk, id+1), engine.Ascending) {
		var c chunk
		if err == nil {
			c, err = decodeChunk(e)
		}
		if err != nil {
			return n, fmt.Errorf("measure events of stream %d: %w", id, err)
		}
		rest := c.last() + 1 - max(number, c.first)
		if bytes -= int(uint64(c.size) * rest / uint64(c.count)); bytes < 0 && n > 0 {
			break
		}
		if n += rest; n >= most || bytes <= 0 {
			break
		}
	}
	return min(n, most), nil
}

// Lease is a consumer that somebody holds.
type Lease struct {
	Stream   uint64
	Group    string
	Consumer uint32
	Epoch    uint64
	Holder   []byte
}

// Leases ranges over all leases of the partition. Who begins to lead gives each of
// them the time to show that its holder lives.
func (v View) Leases() iter.Seq2[Lease, error] {
	return func(yield func(Lease, error) bool) {
		lower, upper := v.keys.all(kindConsumer)
		for e, err := range v.r.Scan(lower, upper, engine.Ascending) {
			l, held, err := v.lease(e, err)
			if (held || err != nil) && !yield(l, err) || err != nil {
				return
			}
		}
	}
}

// lease reads a consumer's row; false if nobody holds it.
func (v View) lease(e engine.Entry, err error) (l Lease, held bool, _ error) {
	row := &storagev1.ConsumerRow{}
	if err == nil {
		err = decodeRow(e.Key, e.Value, row)
	}
	if err != nil || len(row.GetHolder()) == 0 {
		return l, false, err
	}
	number := e.Key[:len(e.Key)-4]
	l = Lease{Stream: lastNumber(number[:len(number)-8]), Consumer: consumerNumber(e.Key), Epoch: row.GetEpoch(), Holder: row.GetHolder()}
	found, err := v.r.Get(v.keys.groupName(l.Stream, lastNumber(number)), func(name []byte) error { l.Group = string(name); return nil })
	if err == nil && !found {
		err = damaged("consumer %d of stream %d is of a group that is not there", l.Consumer, l.Stream)
	}
	return l, err == nil, err
}
