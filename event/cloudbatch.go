package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
)

const whatCloudBatch = "CloudEvents JSON batch"

// ParseCloudEvents ranges over the events of a batch in CloudEvents' JSON form, which is
// an array, in their order and each as ParseCloudEvent reads it. An error is the last
// pair, a *ParseError whose Field begins with the place in the array, from 0 on:
// "[2].type". It may come after some events: who wants all or none looks at none before
// the end.
func ParseCloudEvents(b []byte) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		c, err := arrayOf(b)
		if err != nil {
			yield(Event{}, err)
			return
		}
		for i, more := 0, c.enter(); more; i, more = i+1, c.more() {
			e, err := ParseCloudEvent(c.skip())
			if err != nil {
				yield(Event{}, inBatch(i, err))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// arrayOf stands at an array that is well formed.
func arrayOf(b []byte) (*cursor, error) {
	malformed := &ParseError{What: whatCloudBatch}
	if i := firstInvalid(b); i >= 0 {
		malformed.Offset, malformed.Err = int64(i)+1, errNotUTF8
		return nil, malformed
	}
	var raw json.RawMessage // what is unmarshalled into it is only checked
	if err := json.Unmarshal(b, &raw); err != nil {
		malformed.Offset, malformed.Err = offsetOf(err), err
		return nil, malformed
	}
	c := &cursor{b: b}
	if c.space(); b[c.i] != '[' {
		malformed.Offset, malformed.Err = int64(c.i)+1, errNoArray
		return nil, malformed
	}
	return c, nil
}

var errNoArray = errors.New("not an array")

// inBatch says of which event of a batch an error is.
func inBatch(place int, err error) error {
	at := fmt.Sprintf("[%d]", place)
	p := &ParseError{What: whatCloudBatch, Field: at, Offset: -1, Err: &InvalidError{Field: at, Reason: "is no JSON object", Err: err}}
	if inv, ok := errors.AsType[*InvalidError](err); ok {
		p.Field += "." + inv.Field
		p.Err = &InvalidError{Field: p.Field, Reason: inv.Reason, Err: inv.Err}
	}
	return p
}
