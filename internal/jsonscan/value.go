package jsonscan

import "fmt"

// MaxDepth is how deep values may nest. What the protocols here say nests by ten.
const MaxDepth = 128

// Error is text that is no JSON.
type Error struct {
	// At is the index of the byte where it is wrong.
	At int
	// Want is what should be there.
	Want string
}

func (e *Error) Error() string { return fmt.Sprintf("byte %d: want %s", e.At, e.Want) }

func wrong(at int, want string) error { return &Error{At: at, Want: want} }

// Space is the index of the next byte that is no white space.
func Space(data []byte, at int) int {
	if at < len(data) && data[at] > ' ' {
		return at
	}
	for at < len(data) && (data[at] == ' ' || data[at] == '\n' || data[at] == '\t' || data[at] == '\r') {
		at++
	}
	return at
}

// Value is the index behind the value which begins at an index, without white space before it.
func Value(data []byte, at int) (end int, err error) { return value(data, at, 0) }

func value(data []byte, at, depth int) (int, error) {
	if at >= len(data) {
		return at, wrong(at, "a value")
	}
	switch data[at] {
	case '"':
		return String(data, at)
	case '{', '[':
		return nested(data, at, depth+1)
	default:
		return Scalar(data, at)
	}
}

// nested is the index behind an object or a list.
func nested(data []byte, at, depth int) (end int, err error) {
	if depth > MaxDepth {
		return at, wrong(at, fmt.Sprintf("values that nest at most %d deep", MaxDepth))
	}
	object := data[at] == '{'
	closing := data[at] + 2 // ASCII: { } and [ ] are two apart
	if at = Space(data, at+1); at < len(data) && data[at] == closing {
		return at + 1, nil
	}
	for {
		if object {
			if _, at, err = key(data, at); err != nil {
				return at, err
			}
		}
		if at, err = value(data, at, depth); err != nil {
			return at, err
		}
		at = Space(data, at)
		switch {
		case at < len(data) && data[at] == ',':
			at = Space(data, at+1)
		case at < len(data) && data[at] == closing:
			return at + 1, nil
		default:
			return at, wrong(at, "a comma or the end")
		}
	}
}

// key reads a member's name and the colon: its index behind the name, and where the value
// begins.
func key(data []byte, at int) (name, next int, err error) {
	if at >= len(data) || data[at] != '"' {
		return at, at, wrong(at, "a member's name")
	}
	if name, err = String(data, at); err != nil {
		return name, name, err
	}
	next = Space(data, name)
	if next >= len(data) || data[next] != ':' {
		return name, next, wrong(next, "a colon")
	}
	return name, Space(data, next+1), nil
}

// Scalar is the index behind a number, true, false or null.
func Scalar(data []byte, at int) (end int, err error) {
	if at >= len(data) {
		return at, wrong(at, "a value")
	}
	switch data[at] {
	case 't':
		return literal(data, at, "true")
	case 'f':
		return literal(data, at, "false")
	case 'n':
		return literal(data, at, "null")
	}
	return number(data, at)
}

func literal(data []byte, at int, word string) (int, error) {
	if end := at + len(word); end <= len(data) && string(data[at:end]) == word {
		return end, nil
	}
	return at, wrong(at, word)
}
