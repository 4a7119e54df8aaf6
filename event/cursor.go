package event

import (
	"encoding/json"
	"slices"
)

// cursor walks over JSON that is known to be well formed.
type cursor struct {
	b []byte
	i int
}

func (c *cursor) space() {
	for c.i < len(c.b) {
		switch c.b[c.i] {
		case ' ', '\t', '\n', '\r':
			c.i++
		default:
			return
		}
	}
}

// enter steps into the object or array at which it stands; false: it was empty, and it
// stands behind it.
func (c *cursor) enter() bool {
	c.i++
	c.space()
	if c.b[c.i] == '}' || c.b[c.i] == ']' {
		c.i++
		return false
	}
	return true
}

// more steps from behind a value to the next one; false: there is none, and it stands
// behind the object or array.
func (c *cursor) more() bool {
	c.space()
	c.i++
	if c.b[c.i-1] != ',' {
		return false
	}
	c.space()
	return true
}

// key reads a name and steps to its value.
func (c *cursor) key() []byte {
	name := unquote(c.str())
	c.space()
	c.i++ // the colon
	c.space()
	return name
}

// str steps over a string and returns it with its quotes.
func (c *cursor) str() []byte {
	from := c.i
	for c.i++; c.b[c.i] != '"'; c.i++ {
		if c.b[c.i] == '\\' {
			c.i++
		}
	}
	c.i++
	return c.b[from:c.i]
}

// unquote is what a string says.
func unquote(quoted []byte) []byte {
	inner := quoted[1 : len(quoted)-1]
	if !slices.Contains(inner, '\\') {
		return inner
	}
	var s string
	_ = json.Unmarshal(quoted, &s) // it is well formed
	return []byte(s)
}

// skip steps over a value and returns it.
func (c *cursor) skip() []byte {
	from := c.i
	for depth := 0; ; {
		switch c.b[c.i] {
		case '"':
			c.str()
		case '{', '[':
			depth++
			c.i++
		case '}', ']':
			depth--
			c.i++
		case ',', ':', ' ', '\t', '\n', '\r':
			c.i++
		default:
			c.word()
		}
		if depth == 0 {
			return c.b[from:c.i]
		}
	}
}

// word steps over a number, true, false or null.
func (c *cursor) word() {
	for ; c.i < len(c.b); c.i++ {
		switch c.b[c.i] {
		case ',', ':', '}', ']', ' ', '\t', '\n', '\r':
			return
		}
	}
}
