package event

import "strings"

// missing finds the first field that must be there and is not. The JSON is that of a
// value that encoding/json has taken.
func (p *plan) missing(c *cursor) *defect {
	switch ch := c.b[c.i]; {
	case ch == '{' && p.fields != nil:
		return p.missingField(c)
	case p.elem == nil || p.elem.leaf || ch != '{' && ch != '[':
		c.skip()
		return nil
	}
	object := c.b[c.i] == '{'
	for i, more := 0, c.enter(); more; i, more = i+1, c.more() {
		var key []byte
		if object {
			key = c.key()
		}
		if d := p.elem.missing(c); d != nil {
			if object {
				return d.in(string(key))
			}
			return d.at(i)
		}
	}
	return nil
}

// missingField does it for a struct.
func (p *plan) missingField(c *cursor) *defect {
	var few [2]uint64
	seen := few[:]
	if len(p.fields) > 64*len(few) {
		seen = make([]uint64, (len(p.fields)+63)/64)
	}
	next := 0 // they mostly come in order
	for more := c.enter(); more; more = c.more() {
		key := c.key()
		i := p.find(key, next)
		if i < 0 {
			c.skip()
			continue
		}
		f := &p.fields[i]
		next = i + 1
		if c.b[c.i] == 'n' { // null
			if !f.nullable {
				return &defect{path: f.name, offset: c.i + 1, reason: "is null"}
			}
			c.skip()
		} else if d := f.plan.missing(c); d != nil {
			return d.in(f.name)
		}
		seen[i/64] |= 1 << (i % 64)
	}
	for i := range p.fields {
		if p.fields[i].required && seen[i/64]&(1<<(i%64)) == 0 {
			return &defect{path: p.fields[i].name, offset: c.i, reason: "is missing"}
		}
	}
	return nil
}

// find finds a field as encoding/json does: by its name, or in another case. It is
// looked for at the guess first. -1: there is none.
func (p *plan) find(key []byte, guess int) int {
	if guess < len(p.fields) && p.fields[guess].name == string(key) {
		return guess
	}
	for i := range p.fields {
		if p.fields[i].name == string(key) {
			return i
		}
	}
	for i := range p.fields {
		if strings.EqualFold(p.fields[i].name, string(key)) {
			return i
		}
	}
	return -1
}
