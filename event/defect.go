package event

import (
	"errors"
	"strconv"
)

// defect is what is wrong in the JSON of a type.
type defect struct {
	path   string // "items[2].id"; empty: the whole
	offset int    // bytes up to the one that is wrong, included
	reason string
	cause  error
}

// in puts the name of what the defect is in before its path.
func (d *defect) in(name string) *defect {
	if d.path != "" && d.path[0] != '[' {
		name += "."
	}
	d.path = name + d.path
	return d
}

// at is in for the element of an array.
func (d *defect) at(i int) *defect { return d.in("[" + strconv.Itoa(i) + "]") }

// error makes an error of a defect.
func (d *defect) error(e *Event, what string) error {
	p := &ParseError{What: what, Name: e.Name, Field: d.path, Offset: int64(d.offset)}
	if d.path == "" {
		p.Err = errors.New("it " + d.reason)
		return p
	}
	p.Err = &InvalidError{Field: d.path, Reason: d.reason, Err: d.cause}
	return p
}
