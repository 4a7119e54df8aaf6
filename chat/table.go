package chat

import (
	"slices"

	"github.com/eventnode/eventnode/sessions"
)

// Flags is what a subscription leaves out.
type Flags uint8

// The flags. The zero value is everything.
const (
	NoPresence Flags = 1 << iota // events whose type begins with PRESENCE_
	NoTyping                     // events whose type begins with TYPING_
)

// Has reports whether all of some flags are set.
func (f Flags) Has(some Flags) bool { return f&some == some }

// table is who subscribes to what on this node: a set for each topic. It has no lock.
type table struct {
	topics map[string]*subscribers
	of     map[*sessions.Session][]*subscribers
	// moved are topics whose being wanted may have changed since it was last taken.
	moved map[string]bool
	// changed are sessions whose subscriptions have changed since it was last emptied; nil:
	// nobody wants to know.
	changed map[*sessions.Session]bool
}

// subscribers of one topic.
type subscribers struct {
	topic string
	flags map[*sessions.Session]Flags
	kept  bool // wanted although nobody subscribes
}

func newTable() *table {
	return &table{topics: map[string]*subscribers{}, of: map[*sessions.Session][]*subscribers{}, moved: map[string]bool{}}
}

// add subscribes. To subscribe again changes the flags.
func (t *table) add(s *sessions.Session, topic string, f Flags) {
	in := t.topics[topic]
	if in == nil {
		in = &subscribers{topic: topic, flags: map[*sessions.Session]Flags{}}
		t.topics[topic] = in
		t.moved[topic] = true
	}
	if _, ok := in.flags[s]; !ok {
		t.of[s] = append(t.of[s], in)
	}
	in.flags[s] = f
	t.change(s)
}

func (t *table) change(s *sessions.Session) {
	if t.changed != nil {
		t.changed[s] = true
	}
}

// remove unsubscribes, and reports whether there was something.
func (t *table) remove(s *sessions.Session, topic string) bool {
	in := t.topics[topic]
	if in == nil {
		return false
	}
	if _, ok := in.flags[s]; !ok {
		return false
	}
	t.forget(s, in)
	t.leave(s, in)
	return true
}

// forget takes a topic from what a session subscribes to.
func (t *table) forget(s *sessions.Session, in *subscribers) {
	t.change(s)
	rest := t.of[s]
	i := slices.Index(rest, in)
	rest[i] = rest[len(rest)-1]
	rest[len(rest)-1] = nil
	if t.of[s] = rest[:len(rest)-1]; len(rest) == 1 {
		delete(t.of, s)
	}
}

// leave takes a session from those of a topic.
func (t *table) leave(s *sessions.Session, in *subscribers) {
	delete(in.flags, s)
	t.prune(in)
}

func (t *table) prune(in *subscribers) {
	if len(in.flags) == 0 && !in.kept {
		delete(t.topics, in.topic)
		t.moved[in.topic] = true
	}
}

// drop ends all subscriptions of a session.
func (t *table) drop(s *sessions.Session) {
	for _, in := range t.of[s] {
		t.leave(s, in)
	}
	delete(t.of, s)
	delete(t.changed, s)
}

// clear ends all subscriptions to a topic and says how many there were. With keep the
// topic stays wanted.
func (t *table) clear(topic string, keep bool) int {
	in := t.topics[topic]
	if in == nil {
		return 0
	}
	ended := len(in.flags)
	for s := range in.flags {
		t.forget(s, in)
	}
	clear(in.flags)
	in.kept = keep
	t.prune(in)
	return ended
}

// subscribed reports whether a session subscribes to a topic, and how.
func (t *table) subscribed(s *sessions.Session, topic string) (Flags, bool) {
	in := t.topics[topic]
	if in == nil {
		return 0, false
	}
	f, ok := in.flags[s]
	return f, ok
}

// wants takes the topics that are newly wanted and those that are not any more.
func (t *table) wants() (more, less []string) {
	for topic := range t.moved {
		if t.topics[topic] != nil {
			more = append(more, topic)
		} else {
			less = append(less, topic)
		}
	}
	clear(t.moved)
	return more, less
}
