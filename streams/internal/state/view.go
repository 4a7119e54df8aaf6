package state

import (
	"bytes"
	"fmt"
	"iter"

	"github.com/eventnode/eventnode"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
)

// View reads a partition's state, of one moment: that of a snapshot or a batch. A
// store to which is written meanwhile has no such moment, and may look damaged.
type View struct {
	r    engine.Reader
	keys keys
}

// NewView reads through r.
func NewView(r engine.Reader, partition uint32) View { return View{r: r, keys: keys(partition)} }

// Stream is what there is to know of a stream without looking at its events.
type Stream struct {
	Row   *storagev1.StreamRow
	State *storagev1.StreamState
}

// Name is the stream's name.
func (s Stream) Name() Name { return nameOf(s.Row.GetName()) }

// Count is how many events there are.
func (s Stream) Count() uint64 { return countOf(s.State) }

// Partition is what the partition says of itself.
func (v View) Partition() (*storagev1.PartitionRow, error) {
	row := &storagev1.PartitionRow{}
	_, err := load(v.r, v.keys.partition(), row)
	return row, unwrap(err)
}

// Stream returns a stream, or ErrStreamNotFound.
func (v View) Stream(n Name) (Stream, error) {
	id, found, err := numberOf(v.r, v.keys.name(n))
	switch {
	case err != nil:
		return Stream{}, unwrap(err)
	case !found:
		return Stream{}, eventnode.StreamNotFound(n.String())
	}
	return v.behind(n.String(), id)
}

// behind is the stream that a name stands for.
func (v View) behind(name string, id uint64) (Stream, error) {
	s, found, err := v.ByNumber(id)
	if err == nil && !found {
		err = damaged("stream %s has a name and nothing else", name)
	}
	return s, err
}

// ByNumber returns the stream with a number.
func (v View) ByNumber(id uint64) (Stream, bool, error) {
	s := Stream{Row: &storagev1.StreamRow{}, State: &storagev1.StreamState{}}
	found, err := loadStream(v.r, v.keys, id, s.Row, s.State)
	return s, found, unwrap(err)
}

// Head is what changes of the stream with a number and a name, without how it is kept:
// its row is not read. It is for who looks often.
func (v View) Head(id uint64, n Name) (Stream, bool, error) {
	s := Stream{Row: &storagev1.StreamRow{Id: id, Name: &storagev1.StreamName{Namespace: n.Namespace, Name: n.Name}}, State: &storagev1.StreamState{}}
	found, err := load(v.r, v.keys.head(id), s.State)
	return s, found, unwrap(err)
}

// List ranges over the streams of a namespace whose names are after a name,
// sorted; over those of all namespaces if all is set, sorted by namespace and
// name.
func (v View) List(namespace string, all bool, after *Name) iter.Seq2[Stream, error] {
	lower, upper := v.keys.namespace(namespace)
	if all {
		lower, upper = v.keys.all(kindName)
	}
	if after != nil {
		if next := append(v.keys.name(*after), 0); bytes.Compare(next, lower) > 0 {
			lower = next
		}
	}
	return func(yield func(Stream, error) bool) {
		for e, err := range v.r.Scan(lower, upper, engine.Ascending) {
			var s Stream
			if err == nil && len(e.Value) != 8 {
				err = damaged("row %x: %d bytes for a number", e.Key, len(e.Value))
			}
			if err == nil {
				s, err = v.behind(fmt.Sprintf("%q", e.Key[keyPrefix:]), lastNumber(e.Value))
			}
			if !yield(s, err) || err != nil {
				return
			}
		}
	}
}
