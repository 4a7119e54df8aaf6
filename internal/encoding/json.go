package encoding

import (
	"bytes"
	"fmt"

	"github.com/eventnode/eventnode/internal/jsonscan"
)

// maxDepth is how deep lists and objects may stand in each other, in both formats and
// both directions.
const maxDepth = 100

// scanner reads JSON text from the front to the back, once, and holds none of it. It
// fails with a *DecodeError.
type scanner struct {
	data  []byte
	at    int
	depth int
}

func (s *scanner) fail(format string, args ...any) error {
	return &DecodeError{Format: JSON, Offset: s.at, Reason: fmt.Sprintf(format, args...)}
}

// peek is the first byte of what comes next, behind white space; 0: nothing does.
func (s *scanner) peek() byte {
	for ; s.at < len(s.data); s.at++ {
		switch c := s.data[s.at]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// want steps over a byte that has to come next.
func (s *scanner) want(c byte) error {
	if s.peek() != c || s.at == len(s.data) {
		return s.fail("%q is missing", c)
	}
	s.at++
	return nil
}

// end checks that nothing comes next.
func (s *scanner) end() error {
	if s.peek(); s.at < len(s.data) {
		return s.fail("something stands behind the value")
	}
	return nil
}

// enter steps into a list or an object.
func (s *scanner) enter(begin byte) error {
	if err := s.want(begin); err != nil {
		return err
	}
	if s.depth++; s.depth > maxDepth {
		return s.fail("nested deeper than %d", maxDepth)
	}
	return nil
}

// more reports whether another element comes behind so many, and steps to it; out of the
// list or the object otherwise.
func (s *scanner) more(end byte, n int) (bool, error) {
	switch c := s.peek(); {
	case c == end && s.at < len(s.data):
		s.at++
		s.depth--
		return false, nil
	case n == 0:
		return true, nil
	case c == ',':
		s.at++
		return true, nil
	default:
		return false, s.want(end)
	}
}

// key reads the key of a member, to where its value begins. It is in quotes.
func (s *scanner) key() ([]byte, error) {
	key, err := s.text()
	if err != nil {
		return nil, err
	}
	return key, s.want(':')
}

// name is a key as text.
func (s *scanner) name() ([]byte, error) {
	quoted, err := s.key()
	if err != nil {
		return nil, err
	}
	name, err := unquote(quoted)
	if err != nil {
		return nil, s.fail("a key is malformed: %v", err)
	}
	return name, nil
}

// text reads a string, in quotes, as it stands there.
func (s *scanner) text() ([]byte, error) {
	if err := s.want('"'); err != nil {
		return nil, err
	}
	for begin := s.at - 1; ; s.at++ {
		if s.at = jsonscan.Ordinary(s.data, s.at); s.at == len(s.data) {
			return nil, s.fail("a string does not end")
		}
		switch c := s.data[s.at]; {
		case c == '"':
			s.at++
			return s.data[begin:s.at], nil
		case c < ' ':
			return nil, s.fail("a control character stands in a string")
		case c == '\\':
			if err := s.escape(); err != nil {
				return nil, err
			}
		}
	}
}

// escape steps to the last byte of what a backslash begins.
func (s *scanner) escape() error {
	rest := s.data[s.at+1:]
	switch {
	case len(rest) > 0 && bytes.IndexByte([]byte(`"\/bfnrt`), rest[0]) >= 0:
		s.at++
		return nil
	case len(rest) > 4 && rest[0] == 'u' && isHex(rest[1:5]):
		s.at += 5
		return nil
	default:
		return s.fail("an escape in a string is unknown")
	}
}

func isHex(b []byte) bool {
	for _, c := range b {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return true
}

// number reads a number, and whether it is written as an integer.
func (s *scanner) number() (text []byte, integer bool, err error) {
	begin := s.at
	s.skip('-')
	if !s.skip('0') && !s.digits() {
		return nil, false, s.fail("a number is malformed")
	}
	integer = true
	if s.skip('.') {
		if integer = false; !s.digits() {
			return nil, false, s.fail("a number is malformed")
		}
	}
	if s.skip('e') || s.skip('E') {
		_ = s.skip('+') || s.skip('-')
		if integer = false; !s.digits() {
			return nil, false, s.fail("a number is malformed")
		}
	}
	return s.data[begin:s.at], integer, nil
}

func (s *scanner) skip(c byte) bool {
	if s.at < len(s.data) && s.data[s.at] == c {
		s.at++
		return true
	}
	return false
}

func (s *scanner) digits() bool {
	begin := s.at
	for s.at < len(s.data) && s.data[s.at] >= '0' && s.data[s.at] <= '9' {
		s.at++
	}
	return s.at > begin
}

// word reads null, true or false.
func (s *scanner) word() (string, error) {
	for _, w := range []string{"null", "true", "false"} {
		if bytes.HasPrefix(s.data[s.at:], []byte(w)) {
			s.at += len(w)
			return w, nil
		}
	}
	if s.at == len(s.data) {
		return "", s.fail("a value is missing")
	}
	return "", s.fail("this is no JSON value")
}

// value steps over any value, which it returns as it stands there.
func (s *scanner) value() ([]byte, error) {
	var err error
	first := s.peek()
	begin := s.at
	switch {
	case first == '{':
		err = s.nested('{', '}')
	case first == '[':
		err = s.nested('[', ']')
	case first == '"':
		_, err = s.text()
	case first == '-' || first >= '0' && first <= '9':
		_, _, err = s.number()
	default:
		_, err = s.word()
	}
	return s.data[begin:s.at], err
}

// nested steps over a list or an object.
func (s *scanner) nested(begin, end byte) error {
	if err := s.enter(begin); err != nil {
		return err
	}
	for n := 0; ; n++ {
		if more, err := s.more(end, n); !more {
			return err
		}
		if begin == '{' {
			if _, err := s.key(); err != nil {
				return err
			}
		}
		if _, err := s.value(); err != nil {
			return err
		}
	}
}
