package wire

import (
	"bytes"
	"encoding/binary"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// DecodeEvent checks and decodes an encoded eventnode.v1.Event. Data of the
// result is a part of b: b must never change again, and lives as long as Data
// does. The strings are copies. It fails with ErrInvalidEvent.
func DecodeEvent(b []byte) (event.Event, error) {
	var d Decoder
	var e event.Event
	err := d.Decode(&e, b)
	return e, err
}

// Decoder decodes one event after the other. Those in a row that say the same
// share the memory for it, so that most cost no allocation. The zero value is
// ready; it belongs to one goroutine.
type Decoder struct {
	name, source, dataType string

	// The topics of the last record, encoded, and decoded if topics is not nil.
	key    Topics
	topics []string

	chunk  []byte // where short data is copied to
	shared bool   // see Shared
}

// Next decodes the first record of data, of which it returns the rest, into d,
// of which nothing is left as it was. Event.Data is a copy if it is short, so that
// who keeps such an event keeps no frame, and the frame's memory can be used again;
// otherwise it is a part of data, and Shared reports true. Topics is shared with
// other deliveries and must not be changed. An event that cannot be decoded is a
// gap of one: nothing is missing silently.
func (d *Decoder) Next(to *eventnode.Delivery, data []byte) (rest []byte) {
	encoded, size := NextSame(data, d.key)
	if size == 0 || d.topics == nil {
		return d.nextOther(to, data)
	}
	to.Topics, to.Gap = d.topics, nil
	if d.Decode(&to.Event, encoded) != nil {
		undecodable(to)
	}
	to.Event.Data = d.copyOf(to.Event.Data)
	return data[size:]
}

// Data of up to shortData bytes is copied, into chunks of chunkBytes. Both are
// where copying and collecting cost the least together.
const (
	shortData  = 256
	chunkBytes = 16 << 10
)

// Shared reports whether an event decoded since the last call has data that is a
// part of what Next got.
func (d *Decoder) Shared() bool {
	was := d.shared
	d.shared = false
	return was
}

// copyOf copies an event's data if it is short.
func (d *Decoder) copyOf(data []byte) []byte {
	n := len(data)
	if n == 0 {
		return nil
	}
	if n > shortData {
		d.shared = true
		return data
	}
	if cap(d.chunk)-len(d.chunk) < n {
		d.chunk = make([]byte, 0, chunkBytes)
	}
	from := len(d.chunk)
	d.chunk = append(d.chunk, data...)
	return d.chunk[from:len(d.chunk):len(d.chunk)]
}

// nextOther is Next for a record with other topics than the last one's.
func (d *Decoder) nextOther(to *eventnode.Delivery, data []byte) (rest []byte) {
	rec, rest, err := NextRecord(data)
	if err == nil {
		err = d.Decode(&to.Event, rec.Event)
	}
	if err != nil {
		undecodable(to)
		return rest
	}
	if d.topics == nil || !bytes.Equal(d.key.raw, rec.Topics.raw) {
		// A copy: one event must not keep the memory of a whole frame.
		d.key.raw = append(d.key.raw[:0], rec.Topics.raw...)
		d.topics = d.key.Strings(make([]string, 0, d.key.Len()))
	}
	to.Topics, to.Gap = d.topics, nil
	to.Event.Data = d.copyOf(to.Event.Data)
	return rest
}

func undecodable(to *eventnode.Delivery) {
	*to = eventnode.Delivery{Gap: &eventnode.Gap{Count: 1, Known: true}}
}

// Decode is DecodeEvent into e, of which nothing is left as it was. If it fails,
// e is of no use.
func (d *Decoder) Decode(e *event.Event, b []byte) error {
	*e = event.Event{}
	var ns int64
	n := usualStart(b)
	hasID, hasName := n > 0, n > 0
	if n > 0 {
		e.ID = event.ID(b[2:idEnd])
		e.Name = again(&d.name, b[idEnd+2:n])
		b = b[n:]
		if len(b) > 0 && b[0] == dataTag { // and mostly nothing else
			if data, size := delimited(b[1:]); size > 0 && size == len(b)-1 {
				e.Data, b = data[:len(data):len(data)], nil
			}
		}
	}
	for len(b) > 0 {
		f, ok := nextField(b)
		if !ok {
			return invalidEvent("event", "is malformed")
		}
		b = b[f.size:]
		if f.num == fieldData && f.typ == protowire.BytesType {
			e.Data = f.val[:len(f.val):len(f.val)]
			continue
		}
		if name, reason := checkField(f); reason != "" {
			return invalidEvent(name, reason)
		}
		switch f.num {
		case fieldID:
			e.ID, hasID = event.ID(f.val), true
		case fieldName:
			e.Name, hasName = again(&d.name, f.val), true
		case fieldKey:
			e.Key = string(f.val)
		case fieldTime:
			ns = int64(binary.LittleEndian.Uint64(f.val))
		case fieldSource:
			e.Source = again(&d.source, f.val)
		case fieldMeta:
			addMeta(e, f.val)
		case fieldDataType:
			e.DataType = again(&d.dataType, f.val)
		}
	}
	if len(e.Data) == 0 {
		e.Data = nil
	}
	e.Time = timeOf(ns, e.ID)
	return missing(hasID, hasName)
}

// again is b as a string: the last one, if it was the same.
func again(last *string, b []byte) string {
	if *last != string(b) { // compares without a copy
		*last = string(b)
	}
	return *last
}

func addMeta(e *event.Event, entry []byte) {
	var key, value []byte
	for len(entry) > 0 {
		f, _ := nextField(entry)
		entry = entry[f.size:]
		switch f.num {
		case 1:
			key = f.val
		case 2:
			value = f.val
		}
	}
	if e.Meta == nil {
		e.Meta = make(map[string]string)
	}
	e.Meta[string(key)] = string(value)
}

// timeOf undoes unixNano.
func timeOf(ns int64, id event.ID) time.Time {
	if ns == 0 {
		return event.TimeOf(id)
	}
	return time.Unix(0, ns).UTC()
}
