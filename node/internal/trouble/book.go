package trouble

import (
	"cmp"
	"slices"
	"time"

	"github.com/eventnode/eventnode"
)

const (
	// bookMax bounds the things that a Book knows; others are not told.
	bookMax = 256
	// again is how long after it was told what lasts is told again, and is forgotten
	// what is over.
	again = time.Hour
	// flap is how long what was told is not told anew, if it comes and goes.
	flap = time.Minute
)

// Book remembers what was told. Its zero value is empty.
type Book struct{ known map[subject]*entry }

// subject is what makes two findings the same.
type subject struct {
	cause   Cause
	node    eventnode.NodeID
	address string
}

// entry is what is known of one.
type entry struct {
	told time.Time
	open bool // found the last time
	said bool // told since it opened
}

// Update takes in all that is wrong now, and returns what is to be told: what is news,
// and what is over.
func (b *Book) Update(found []Finding, now time.Time) (news, over []Finding) {
	if b.known == nil {
		b.known = map[subject]*entry{}
	}
	present := map[subject]bool{}
	for _, f := range found {
		s := subjectOf(f)
		present[s] = true
		if b.open(s, now) {
			news = append(news, f)
		}
	}
	for s, e := range b.known {
		switch {
		case present[s]:
		case e.open:
			e.open = false
			if e.said {
				over = append(over, Finding{Cause: s.cause, Node: s.node, Address: s.address})
			}
			e.said = false
		case now.Sub(e.told) >= again:
			delete(b.known, s)
		}
	}
	slices.SortFunc(over, func(a, b Finding) int { return subjectOf(a).compare(subjectOf(b)) })
	return news, over
}

// open notes that s is there, and reports whether to tell.
func (b *Book) open(s subject, now time.Time) bool {
	e := b.known[s]
	if e == nil {
		if len(b.known) >= bookMax && !b.forget() {
			return false
		}
		e = &entry{told: now.Add(-again)}
		b.known[s] = e
	}
	quiet := again
	if !e.said {
		quiet = flap
	}
	e.open = true
	if now.Sub(e.told) < quiet {
		return false
	}
	e.told, e.said = now, true
	return true
}

// forget makes room: it forgets what is over, told longest ago.
func (b *Book) forget() bool {
	var oldest subject
	for s, e := range b.known {
		if o := b.known[oldest]; !e.open && (o == nil || cmp.Or(e.told.Compare(o.told), s.compare(oldest)) < 0) {
			oldest = s
		}
	}
	if b.known[oldest] == nil {
		return false
	}
	delete(b.known, oldest)
	return true
}

func (s subject) compare(o subject) int {
	return cmp.Or(cmp.Compare(s.cause, o.cause), cmp.Compare(s.node, o.node), cmp.Compare(s.address, o.address))
}

func subjectOf(f Finding) subject { return subject{f.Cause, f.Node, f.Address} }
