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

// subscribers of one topic, about in the order they came: so is most of what belongs to
// their sessions in memory, and the kernel's part of their connections. In the random
// order of a map one event to ten thousand sessions takes half as much time again.
type subscribers struct {
	topic string
	list  []subscriber
	at    map[*sessions.Session]int32 // where in the list
	kept  bool                        // wanted although nobody subscribes
}

type subscriber struct {
	session *sessions.Session
	flags   Flags
}

// set adds a session, or changes its flags. It reports whether the session is new.
func (in *subscribers) set(s *sessions.Session, f Flags) bool {
	i, ok := in.at[s]
	if ok {
		in.list[i].flags = f
		return false
	}
	in.at[s] = int32(len(in.list))
	in.list = append(in.list, subscriber{s, f})
	return true
}

// delete takes a session out; the last one takes its place.
func (in *subscribers) delete(s *sessions.Session) {
	i, last := in.at[s], len(in.list)-1
	delete(in.at, s)
	if moved := in.list[last]; moved.session != s {
		in.list[i] = moved
		in.at[moved.session] = i
	}
	in.list[last] = subscriber{}
	in.list = in.list[:last]
}

// flags are those of a session, if it is here.
func (in *subscribers) flags(s *sessions.Session) (f Flags, ok bool) {
	i, ok := in.at[s]
	if ok {
		f = in.list[i].flags
	}
	return f, ok
}

func newTable() *table {
	return &table{topics: map[string]*subscribers{}, of: map[*sessions.Session][]*subscribers{}, moved: map[string]bool{}}
}

// add subscribes. To subscribe again changes the flags.
func (t *table) add(s *sessions.Session, topic string, f Flags) {
	in := t.topics[topic]
	if in == nil {
		in = &subscribers{topic: topic, at: map[*sessions.Session]int32{}}
		t.topics[topic] = in
		t.moved[topic] = true
	}
	if in.set(s, f) {
		t.of[s] = append(t.of[s], in)
	}
	t.note(s)
}

func (t *table) note(s *sessions.Session) {
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
	if _, ok := in.at[s]; !ok {
		return false
	}
	t.forget(s, in)
	t.leave(s, in)
	return true
}

// forget takes a topic from what a session subscribes to.
func (t *table) forget(s *sessions.Session, in *subscribers) {
	t.note(s)
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
	in.delete(s)
	t.prune(in)
}

func (t *table) prune(in *subscribers) {
	if len(in.list) == 0 && !in.kept {
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
	ended := len(in.list)
	for _, o := range in.list {
		t.forget(o.session, in)
	}
	clear(in.at)
	in.list = nil
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
	return in.flags(s)
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

// change has topics taken again by wants, for they could not be said.
func (t *table) change(topics []string) {
	for _, topic := range topics {
		t.moved[topic] = true
	}
}
