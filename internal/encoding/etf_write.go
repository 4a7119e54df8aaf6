package encoding

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/big"
	"slices"
	"strconv"
)

// appendAtom appends an atom of ASCII characters.
func appendAtom(dst []byte, name string) []byte {
	dst = append(dst, tagAtom, byte(len(name)>>8), byte(len(name)))
	return append(dst, name...)
}

func appendBinary(dst, text []byte) []byte {
	dst = binary.BigEndian.AppendUint32(append(dst, tagBinary), uint32(len(text)))
	return append(dst, text...)
}

func appendUint(dst []byte, n uint64) []byte {
	switch {
	case n <= math.MaxUint8:
		return append(dst, tagSmallInteger, byte(n))
	case n <= math.MaxInt32:
		return binary.BigEndian.AppendUint32(append(dst, tagInteger), uint32(n))
	default:
		return appendBig(dst, n, 0)
	}
}

func appendInt(dst []byte, n int64) []byte {
	switch {
	case n >= 0:
		return appendUint(dst, uint64(n))
	case n >= math.MinInt32:
		return binary.BigEndian.AppendUint32(append(dst, tagInteger), uint32(n))
	default:
		return appendBig(dst, -uint64(n), 1)
	}
}

// appendBig appends an integer of 64 bits, in as few bytes as it needs.
func appendBig(dst []byte, n uint64, sign byte) []byte {
	dst = append(dst, tagSmallBig, 0, sign)
	begin := len(dst)
	for ; n > 0; n >>= 8 {
		dst = append(dst, byte(n))
	}
	dst[begin-2] = byte(len(dst) - begin)
	return dst
}

// termWriter turns JSON text into a term, in one pass.
type termWriter struct {
	scanner
	dst []byte
}

// appendTerm appends the term that stands for a JSON text.
func appendTerm(dst, text []byte) ([]byte, error) {
	w := termWriter{scanner{data: text}, dst}
	if err := w.term(false); err != nil {
		return dst, err
	}
	if err := w.end(); err != nil {
		return dst, err
	}
	return w.dst, nil
}

// term reads a value and writes it. ids: strings in it may be ids.
func (w *termWriter) term(ids bool) error {
	switch first := w.peek(); {
	case first == '{':
		return w.object()
	case first == '[':
		return w.list(ids)
	case first == '"':
		return w.string(ids)
	case first == '-' || first >= '0' && first <= '9':
		return w.numeral()
	default:
		word, err := w.word()
		if word == "null" {
			word = "nil"
		}
		w.dst = appendAtom(w.dst, word)
		return err
	}
}

// object writes a map. It refuses a key that is there twice, for Erlang refuses such a map.
func (w *termWriter) object() error {
	if err := w.enter('{'); err != nil {
		return err
	}
	var seen keys
	count := w.count(tagMap)
	for n := 0; ; n++ {
		if more, err := w.more('}', n); !more {
			binary.BigEndian.PutUint32(w.dst[count:], uint32(n))
			return err
		}
		key, err := w.name()
		if err != nil {
			return err
		}
		if seen.add(key) {
			return w.fail("the key %.64q is there twice", key)
		}
		if isName(key) {
			w.dst = appendAtom(w.dst, string(key))
		} else {
			w.dst = appendBinary(w.dst, key)
		}
		if err := w.term(isID(key)); err != nil {
			return err
		}
	}
}

func (w *termWriter) list(ids bool) error {
	if err := w.enter('['); err != nil {
		return err
	}
	count := w.count(tagList)
	for n := 0; ; n++ {
		if more, err := w.more(']', n); !more {
			if binary.BigEndian.PutUint32(w.dst[count:], uint32(n)); n == 0 {
				w.dst = w.dst[:count-1]
			}
			w.dst = append(w.dst, tagNil)
			return err
		}
		if err := w.term(ids); err != nil {
			return err
		}
	}
}

// count writes a tag and has place for how many follow, which is not known yet.
func (w *termWriter) count(tag byte) (place int) {
	w.dst = append(w.dst, tag, 0, 0, 0, 0)
	return len(w.dst) - 4
}

func (w *termWriter) string(ids bool) error {
	quoted, err := w.text()
	if err != nil {
		return err
	}
	text, err := unquote(quoted)
	if err != nil {
		return w.fail("a string is malformed: %v", err)
	}
	if n, ok := idOf(text); ids && ok {
		w.dst = appendUint(w.dst, n)
	} else {
		w.dst = appendBinary(w.dst, text)
	}
	return nil
}

func (w *termWriter) numeral() error {
	text, integer, err := w.number()
	switch {
	case err != nil:
		return err
	case !integer:
		return w.float(text)
	case len(text) > maxDigits:
		return w.fail("an integer has more than %d digits", maxDigits)
	}
	if n, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		w.dst = appendInt(w.dst, n)
		return nil
	}
	n, _ := new(big.Int).SetString(string(text), 10)
	bytes := n.Bytes()
	slices.Reverse(bytes)
	sign := byte(0)
	if n.Sign() < 0 {
		sign = 1
	}
	w.dst = append(append(w.dst, tagSmallBig, byte(len(bytes)), sign), bytes...)
	return nil
}

func (w *termWriter) float(text []byte) error {
	x, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return w.fail("a number does not fit 64 bits of floating point")
	}
	w.dst = binary.BigEndian.AppendUint64(append(w.dst, tagNewFloat), math.Float64bits(x))
	return nil
}

// isName reports whether a key is an atom. Decoders take some atoms for other things.
func isName(key []byte) bool {
	if len(key) == 0 || len(key) > 64 || key[0] >= '0' && key[0] <= '9' {
		return false
	}
	for _, c := range key {
		if c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	switch string(key) {
	case "nil", "null", "true", "false":
		return false
	}
	return true
}

// isID reports whether strings under a key are ids.
func isID(key []byte) bool {
	switch string(key) {
	case "id", "ids", "roles", "mention_roles", "exempt_roles", "exempt_channels", "applied_tags", "not_found":
		return true
	case "session_id", "custom_id", "sync_id":
		return false
	}
	return bytes.HasSuffix(key, []byte("_id")) || bytes.HasSuffix(key, []byte("_ids"))
}

// idOf reads an id, as it would be written.
func idOf(text []byte) (uint64, bool) {
	if len(text) == 0 || len(text) > 20 || text[0] < '0' || text[0] > '9' || text[0] == '0' && len(text) > 1 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(text), 10, 64)
	return n, err == nil
}
