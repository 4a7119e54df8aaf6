package encoding

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// MaxPayload is how many bytes Decode takes. A gateway that takes less says so itself.
const MaxPayload = 1 << 20

// Payload is what a client or a gateway sent.
type Payload struct {
	// Op is the opcode.
	Op int
	// D is the data, in JSON whatever the format was; null if there is none. Ids are
	// strings or numbers, as the client had them.
	D json.RawMessage
	// Seq and Type are of events; clients send neither, as a rule.
	Seq  *uint64
	Type string
}

// Decode reads the payload of a client. It fails with a *DecodeError. It keeps
// nothing of the data that was given.
func Decode(f Format, data []byte) (Payload, error) {
	if len(data) > MaxPayload {
		reason := fmt.Sprintf("it has %d bytes, and may have %d", len(data), MaxPayload)
		return Payload{}, &DecodeError{Format: f, Offset: MaxPayload, Reason: reason}
	}
	p, _, err := decode(f, data, nil)
	return p, err
}

// decode is Decode without a limit. A term becomes JSON in scratch, which is returned.
func decode(f Format, data, scratch []byte) (p Payload, _ []byte, err error) {
	if f == JSON {
		p, err = readPayload(data)
		return p, scratch, err
	}
	r := termReader{data: data, dst: scratch}
	text, err := r.payload()
	if err != nil {
		return Payload{}, r.dst, err
	}
	p, err = readPayload(text)
	if wrong, ok := errors.AsType[*DecodeError](err); ok {
		err = r.fail("%s", wrong.Reason) // its offset is that of our text
	}
	return p, text, err
}

// payload reads one term, all there is.
func (r *termReader) payload() ([]byte, error) {
	if version, err := r.tag(); err != nil || version != etfVersion {
		return nil, r.fail("the first byte must be %d", etfVersion)
	}
	if err := r.term(); err != nil {
		return nil, err
	}
	if r.at < len(r.data) {
		return nil, r.fail("something stands behind the term")
	}
	return r.dst, nil
}

// readPayload reads a payload from JSON text, all there is.
func readPayload(text []byte) (Payload, error) {
	s := scanner{data: text}
	p := Payload{Op: -1, D: json.RawMessage("null")}
	err := s.fields(&p)
	if err == nil && p.Op < 0 {
		err = s.fail("op is missing")
	}
	if err == nil {
		err = s.end()
	}
	if err != nil {
		return Payload{}, err
	}
	return p, nil
}

func (s *scanner) fields(p *Payload) error {
	if err := s.enter('{'); err != nil {
		return err
	}
	var seen keys
	for n := 0; ; n++ {
		if more, err := s.more('}', n); !more {
			return err
		}
		key, err := s.name()
		if err != nil {
			return err
		}
		if seen.add(key) {
			return s.fail("the key %.64q is there twice", key)
		}
		if err := s.field(p, string(key)); err != nil {
			return err
		}
	}
}

// field reads what stands under a key. Keys that the protocol does not know are nothing.
func (s *scanner) field(p *Payload, key string) error {
	value, err := s.value()
	if err != nil {
		return err
	}
	null := string(value) == "null"
	switch {
	case key == "op":
		n, err := strconv.ParseUint(string(value), 10, 16)
		if err != nil {
			return s.fail("op must be an integer from 0 to 65535")
		}
		p.Op = int(n)
	case key == "d":
		p.D = bytes.Clone(repair(value))
	case key == "s" && !null:
		n, err := strconv.ParseUint(string(value), 10, 64)
		if err != nil {
			return s.fail("s must be null or an integer from 0 on")
		}
		p.Seq = &n
	case key == "t" && !null:
		if value[0] != '"' {
			return s.fail("t must be null or a string")
		}
		text, err := unquote(value)
		if err != nil {
			return s.fail("t is malformed: %v", err)
		}
		p.Type = string(text)
	}
	return nil
}
