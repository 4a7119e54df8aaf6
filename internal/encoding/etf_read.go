package encoding

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// termReader turns a term into JSON text, in one pass. Whatever says how much comes next
// is compared with what is there before anything is made of it.
type termReader struct {
	data  []byte
	at    int
	depth int
	dst   []byte
}

func (r *termReader) fail(format string, args ...any) error {
	return &DecodeError{Format: ETF, Offset: r.at, Reason: fmt.Sprintf(format, args...)}
}

// take steps over so many bytes, which are there.
func (r *termReader) take(n int) ([]byte, error) {
	if n < 0 || n > len(r.data)-r.at {
		return nil, r.fail("it ends within a term")
	}
	r.at += n
	return r.data[r.at-n : r.at], nil
}

// count reads an integer of so many bytes: how many bytes, or terms of one byte or more,
// come next.
func (r *termReader) count(size int) (int, error) {
	field, err := r.take(size)
	if err != nil {
		return 0, err
	}
	n := uint64(0)
	for _, b := range field {
		n = n<<8 | uint64(b)
	}
	if n > uint64(len(r.data)-r.at) {
		return 0, r.fail("%d bytes or terms should follow, and %d bytes are left", n, len(r.data)-r.at)
	}
	return int(n), nil
}

// counted takes as many bytes as a count of so many bytes says.
func (r *termReader) counted(size int) ([]byte, error) {
	n, err := r.count(size)
	if err != nil {
		return nil, err
	}
	return r.take(n)
}

func (r *termReader) tag() (byte, error) {
	b, err := r.take(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

// term reads a term.
func (r *termReader) term() error {
	tag, err := r.tag()
	if err != nil {
		return err
	}
	switch tag {
	case tagSmallInteger, tagInteger, tagSmallBig, tagLargeBig:
		return r.integer(tag)
	case tagNewFloat, tagFloat:
		return r.float(tag)
	case tagAtom, tagSmallAtom, tagAtomUTF8, tagSmallAtomUTF8:
		return r.atom(tag)
	case tagBinary:
		text, err := r.counted(4)
		r.string(text)
		return err
	case tagString:
		return r.bytes()
	default:
		return r.nested(tag)
	}
}

// nested reads a term that has others in it.
func (r *termReader) nested(tag byte) (err error) {
	if r.depth++; r.depth > maxDepth {
		return r.fail("nested deeper than %d", maxDepth)
	}
	defer func() { r.depth-- }()
	n := 0
	switch tag {
	case tagNil:
	case tagSmallTuple:
		n, err = r.count(1)
	case tagLargeTuple, tagList, tagMap:
		n, err = r.count(4)
	case tagCompressed:
		return r.fail("compressed terms are not taken: send it as it is")
	default:
		return r.fail("terms with tag %d are not taken: send numbers, binaries, atoms, lists and maps", tag)
	}
	switch {
	case err != nil:
		return err
	case tag == tagMap:
		return r.object(n)
	default:
		return r.list(n, tag == tagList)
	}
}

func (r *termReader) list(n int, tail bool) error {
	r.dst = append(r.dst, '[')
	for i := range n {
		if i > 0 {
			r.dst = append(r.dst, ',')
		}
		if err := r.term(); err != nil {
			return err
		}
	}
	r.dst = append(r.dst, ']')
	if !tail {
		return nil
	}
	if end, err := r.tag(); err != nil || end != tagNil {
		return r.fail("a list does not end with the empty list")
	}
	return nil
}

func (r *termReader) object(n int) error {
	var seen keys
	r.dst = append(r.dst, '{')
	for i := range n {
		if i > 0 {
			r.dst = append(r.dst, ',')
		}
		key, err := r.key()
		if err != nil {
			return err
		}
		if seen.add(key) {
			return r.fail("the key %.64q is there twice", key)
		}
		r.string(key)
		r.dst = append(r.dst, ':')
		if err := r.term(); err != nil {
			return err
		}
	}
	r.dst = append(r.dst, '}')
	return nil
}

// key reads the key of a map: a binary, an atom or an integer.
func (r *termReader) key() ([]byte, error) {
	tag, err := r.tag()
	if err != nil {
		return nil, err
	}
	switch tag {
	case tagBinary:
		return r.counted(4)
	case tagAtom, tagSmallAtom, tagAtomUTF8, tagSmallAtomUTF8:
		return r.name(tag)
	case tagSmallInteger, tagInteger, tagSmallBig:
		begin := len(r.dst)
		err := r.integer(tag)
		key := bytes.Clone(r.dst[begin:])
		r.dst = r.dst[:begin]
		return key, err
	default:
		return nil, r.fail("a key has tag %d: it must be a binary", tag)
	}
}

// string writes text as JSON.
func (r *termReader) string(text []byte) { r.dst = appendQuoted(r.dst, text) }

// bytes reads a list of small integers, which Erlang writes so to be short.
func (r *termReader) bytes() error {
	list, err := r.counted(2)
	r.dst = append(r.dst, '[')
	for i, b := range list {
		if i > 0 {
			r.dst = append(r.dst, ',')
		}
		r.dst = strconv.AppendUint(r.dst, uint64(b), 10)
	}
	r.dst = append(r.dst, ']')
	return err
}

// name reads the name of an atom, in UTF-8.
func (r *termReader) name(tag byte) ([]byte, error) {
	size := 2
	if tag == tagSmallAtom || tag == tagSmallAtomUTF8 {
		size = 1
	}
	name, err := r.counted(size)
	if tag == tagAtomUTF8 || tag == tagSmallAtomUTF8 || isASCII(name) {
		return name, err
	}
	latin := make([]byte, 0, len(name))
	for _, b := range name {
		latin = append(latin, string(rune(b))...)
	}
	return latin, err
}

func isASCII(text []byte) bool {
	for _, b := range text {
		if b >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func (r *termReader) atom(tag byte) error {
	name, err := r.name(tag)
	switch string(name) {
	case "nil", "null", "undefined":
		r.dst = append(r.dst, "null"...)
	case "true", "false":
		r.dst = append(r.dst, name...)
	default:
		r.string(name)
	}
	return err
}
