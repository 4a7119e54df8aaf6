package discord

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/eventnode/eventnode/internal/jsonscan"
)

// Normalise brings data into one form, whatever encoding it came in: ids are strings,
// wherever they stand, and there is no white space. All else stays as it is, in its
// order: what no type of this package knows, too. Data that has the form already is
// returned itself; else the result is new, and at most twice as long.
//
// An id is what the protocol names so: the members id, ids, …_id, …_ids, nonce, and the
// lists of roles, tags and channels that hold ids. Those numbers that the protocol names
// so too, though they are none, stay: the ids of components, and of the answers of a poll.
//
// Data that is no JSON, or nests deeper than 128, is an error that wraps ErrMalformed.
func Normalise(data json.RawMessage) (json.RawMessage, error) {
	n := normaliser{in: data}
	end, err := n.value(n.space(0), plain, 0)
	if err == nil && n.space(end) < len(data) {
		err = &jsonscan.Error{At: end, Want: "nothing behind the end"}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if n.out == nil {
		return data, nil
	}
	return append(n.out, data[n.done:]...), nil
}

// role is what a value is for.
type role uint8

const (
	plain    role = iota
	id            // it is an id, or a list of them
	numbered      // it is an object, or a list of them, whose own id is a number
)

// normaliser copies only from where something is otherwise.
type normaliser struct {
	in, out []byte
	done    int // what of in is in out, or left out
}

// cut leaves a part of the input out, and puts something in its place.
func (n *normaliser) cut(from, to int, instead ...byte) {
	if n.out == nil {
		n.out = make([]byte, 0, len(n.in)+len(n.in)/16+16)
	}
	n.out = append(append(n.out, n.in[n.done:from]...), instead...)
	n.done = to
}

// space is the next byte that is no white space, which is left out.
func (n *normaliser) space(at int) int {
	end := jsonscan.Space(n.in, at)
	if end > at {
		n.cut(at, end)
	}
	return end
}

func (n *normaliser) value(at int, is role, depth int) (end int, err error) {
	switch {
	case at >= len(n.in):
		return at, &jsonscan.Error{At: at, Want: "a value"}
	case n.in[at] == '{' || n.in[at] == '[':
		return n.nested(at, is, depth+1)
	case n.in[at] == '"':
		return jsonscan.String(n.in, at)
	}
	if end, err = jsonscan.Scalar(n.in, at); err == nil && is == id {
		n.quote(at, end)
	}
	return end, err
}

// quote makes a string of a number that may be an id.
func (n *normaliser) quote(at, end int) {
	var b [22]byte
	if number, err := strconv.ParseUint(string(n.in[at:end]), 10, 64); err == nil {
		n.cut(at, end, append(strconv.AppendUint(append(b[:0], '"'), number, 10), '"')...)
	}
}

// nested is an object or a list.
func (n *normaliser) nested(at int, is role, depth int) (end int, err error) {
	if depth > jsonscan.MaxDepth {
		return at, &jsonscan.Error{At: at, Want: fmt.Sprintf("values that nest at most %d deep", jsonscan.MaxDepth)}
	}
	object := n.in[at] == '{'
	closing := n.in[at] + 2 // ASCII: { } and [ ] are two apart
	if at = n.space(at + 1); at < len(n.in) && n.in[at] == closing {
		return at + 1, nil
	}
	for {
		of := is
		if object {
			if of, at, err = n.key(at, is); err != nil {
				return at, err
			}
		}
		if at, err = n.value(at, of, depth); err != nil {
			return at, err
		}
		at = n.space(at)
		switch {
		case at < len(n.in) && n.in[at] == ',':
			at = n.space(at + 1)
		case at < len(n.in) && n.in[at] == closing:
			return at + 1, nil
		default:
			return at, &jsonscan.Error{At: at, Want: "a comma or the end"}
		}
	}
}

// key reads a member's name and the colon: what its value is for, and where that begins.
func (n *normaliser) key(at int, in role) (is role, next int, err error) {
	if at >= len(n.in) || n.in[at] != '"' {
		return plain, at, &jsonscan.Error{At: at, Want: "a member's name"}
	}
	end, err := jsonscan.String(n.in, at)
	if err != nil {
		return plain, end, err
	}
	if next = n.space(end); next >= len(n.in) || n.in[next] != ':' {
		return plain, next, &jsonscan.Error{At: next, Want: "a colon"}
	}
	return roleOf(n.in[at+1:end-1], in), n.space(next + 1), nil
}

// roleOf is what the member of a name is for, in a value that is for something.
func roleOf(name []byte, in role) role {
	switch string(name) {
	case "id":
		if in == numbered {
			return plain
		}
		return id
	case "ids", "nonce", "roles", "mention_roles", "applied_tags", "not_found", "exempt_roles", "exempt_channels":
		return id
	case "components", "component", "accessory", "answer_counts":
		return numbered
	case "answer_id", "animation_id":
		return plain
	}
	if bytes.HasSuffix(name, []byte("_id")) || bytes.HasSuffix(name, []byte("_ids")) {
		return id
	}
	return plain
}
