package wire

import "google.golang.org/protobuf/encoding/protowire"

// envelopeField is the number of the field that carries envelopes, in every
// message that does; envelopeTag is its tag.
const (
	envelopeField = 15
	envelopeTag   = envelopeField<<3 | byte(protowire.BytesType)
)

// Split divides an encoded message into the fields other than envelopes (which
// proto.Unmarshal accepts as that message) and the envelopes, as records. If
// the envelopes stand together behind the other fields, as every protobuf
// encoder writes them, nothing is copied. The error is ErrMalformed.
func Split(msg []byte) (head, envelopes []byte, err error) {
	i := headLen(msg)
	head, envelopes = msg[:i:i], msg[i:]
	if ValidRecords(envelopes) == nil {
		return head, envelopes, nil
	}
	return splitAnyOrder(msg)
}

// headLen is the length of the fields before the first record.
func headLen(msg []byte) int {
	i := 0
	for i < len(msg) && msg[i] != envelopeTag {
		f, ok := nextField(msg[i:])
		if !ok || isEnvelope(f) { // the latter with an overlong tag
			break
		}
		i += f.size
	}
	return i
}

// splitAnyOrder copies both parts, and writes each record's tag in the one way
// that the rest of this package expects.
func splitAnyOrder(msg []byte) (head, envelopes []byte, err error) {
	for len(msg) > 0 {
		f, ok := nextField(msg)
		if !ok {
			return nil, nil, ErrMalformed
		}
		if isEnvelope(f) {
			envelopes = append(envelopes, envelopeTag)
			envelopes = protowire.AppendBytes(envelopes, f.val)
		} else {
			head = append(head, msg[:f.size]...)
		}
		msg = msg[f.size:]
	}
	return head, envelopes, nil
}

func isEnvelope(f field) bool { return f.num == envelopeField && f.typ == protowire.BytesType }
