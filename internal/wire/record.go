package wire

import "errors"

// ErrMalformed is the error for bytes that should be a message and are none.
// Whoever sent them does not speak the protocol: end the stream.
var ErrMalformed = errors.New("malformed message")

// Record is one envelope in a run: its field in the message that carries it.
// All its parts are views; they must not be changed.
type Record struct {
	// Raw is the whole field: tag, length, envelope.
	Raw []byte
	// Envelope is the encoded Envelope.
	Envelope []byte
	// Topics is where it goes; perhaps none.
	Topics Topics
	// Event is the encoded Event, not checked; perhaps empty.
	Event []byte
}

// NextRecord reads the first record of data and returns the rest. If there is
// none it fails with ErrMalformed. If only the envelope is bad it fails with
// ErrInvalidEvent or a *TopicError: Raw, Envelope and rest are then good.
func NextRecord(data []byte) (rec Record, rest []byte, err error) {
	envelope, size := recordAt(data)
	if size == 0 {
		return Record{}, nil, ErrMalformed
	}
	rec, err = ParseEnvelope(envelope)
	rec.Raw = data[:size:size]
	return rec, data[size:], err
}

// NextSame reads the first record of data if it has exactly these topics and is
// written in the usual way: topics, then one event, and nothing else. size is
// the record's; 0 if NextRecord has to take a closer look.
func NextSame(data []byte, topics Topics) (event []byte, size int) {
	start, size := lengthAt(data, envelopeTag)
	if start == 0 || size < start+len(topics.raw) || string(data[start:start+len(topics.raw)]) != string(topics.raw) {
		return nil, 0
	}
	rest := data[start+len(topics.raw) : size]
	from, end := lengthAt(rest, eventTag)
	if from == 0 || end != len(rest) {
		return nil, 0
	}
	return rest[from:end:end], size
}

// lengthAt reads a tag of one byte and a length of at most two, which is nearly
// always so, at the start of b: the field's value is b[from:end]. from is 0 if
// there is something else.
func lengthAt(b []byte, tag byte) (from, end int) {
	if len(b) < 3 || b[0] != tag {
		return 0, 0
	}
	from, end = 2, int(b[1])
	if end >= 0x80 {
		from, end = 3, end&0x7f|int(b[2])<<7
	}
	if end += from; end > len(b) || b[from-1] >= 0x80 {
		return 0, 0
	}
	return from, end
}

// ValidRecords returns ErrMalformed unless data is a sequence of whole records.
// It does not look inside them.
func ValidRecords(data []byte) error {
	for len(data) > 0 {
		_, size := recordAt(data)
		if size == 0 {
			return ErrMalformed
		}
		data = data[size:]
	}
	return nil
}

// CountRecords counts the records in data.
func CountRecords(data []byte) int {
	n := 0
	for len(data) > 0 {
		_, size := recordAt(data)
		if size == 0 {
			break
		}
		data = data[size:]
		n++
	}
	return n
}

// Skip returns data without its first k records: nothing if it has fewer.
func Skip(data []byte, k int) []byte {
	for ; k > 0 && len(data) > 0; k-- {
		_, size := recordAt(data)
		if size == 0 {
			return nil
		}
		data = data[size:]
	}
	return data
}

// Cut divides data after as many whole records as fit into limit bytes, but at
// least one, and counts the records of the first part.
func Cut(data []byte, limit int) (first, rest []byte, count int) {
	end := 0
	for end < len(data) {
		_, size := recordAt(data[end:])
		if size == 0 || (count > 0 && end+size > limit) {
			break
		}
		end += size
		count++
	}
	return data[:end:end], data[end:], count
}

// recordAt returns the envelope of the record at the start of data, and the
// record's size; 0 if there is none.
func recordAt(data []byte) (envelope []byte, size int) {
	if len(data) == 0 || data[0] != envelopeTag {
		return nil, 0
	}
	envelope, n := delimited(data[1:])
	if n == 0 {
		return nil, 0
	}
	return envelope, 1 + n
}
