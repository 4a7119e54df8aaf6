package chat

import (
	"iter"
	"slices"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/sessions"
)

// Backend is a kind of topic: what its keys are, and which sessions of a node an event of
// a key is for. It has no state of its own that must be the same on all nodes. Register
// it with Config.Kinds, on every node.
//
// Its methods are called by several goroutines, and under the hub's lock: they must not
// wait, and must not call the hub.
type Backend interface {
	// Kind is the word before the colon.
	Kind() string
	// Check says what is wrong with a key; nil: it is one.
	Check(key string) error
	// Users are those whose sessions get events of a key, wherever they are. False: the
	// sessions that have subscribed to the topic get them.
	Users(key string) (users []sessions.Snowflake, ok bool)
	// Dispatch sends an event to those sessions of this node that the key stands for.
	Dispatch(d *Delivery, key string)
}

// Subscribable is a Backend whose topics are subscribed to.
type Subscribable interface {
	Backend
	// Admit says why a session may not subscribe to a key; nil: it may.
	Admit(look Directory, s *sessions.Session, key string) error
	// With are topics that a session which subscribes to a key with flags subscribes to as
	// well, with which flags; and which it unsubscribes from with it.
	With(look Directory, s *sessions.Session, key string, f Flags) (topics []string, flags Flags)
}

// Stateless is the base of a backend that keeps no subscribers. K is the type of its
// keys. Embed it, and write Users and Dispatch.
type Stateless[K any] struct {
	// Name is the kind.
	Name string
	// Parse parses a key; its error is what the caller is told.
	Parse func(key string) (K, error)
}

// Kind implements Backend.
func (b Stateless[K]) Kind() string { return b.Name }

// Check implements Backend.
func (b Stateless[K]) Check(key string) error {
	_, err := b.Parse(key)
	return err
}

// Key is a key that was checked.
func (b Stateless[K]) Key(key string) K {
	k, _ := b.Parse(key) // Check has been asked
	return k
}

// Stateful is the base of a backend whose topics are subscribed to: by itself it is a
// kind where each subscriber gets each event, and anybody may subscribe.
type Stateful[K any] struct{ Stateless[K] }

var _ Subscribable = Stateful[string]{}

// Users implements Backend: those who have subscribed.
func (Stateful[K]) Users(string) ([]sessions.Snowflake, bool) { return nil, false }

// Admit implements Subscribable: anybody.
func (Stateful[K]) Admit(Directory, *sessions.Session, string) error { return nil }

// With implements Subscribable: nothing else.
func (Stateful[K]) With(Directory, *sessions.Session, string, Flags) ([]string, Flags) {
	return nil, 0
}

// Dispatch implements Backend: to each subscriber that wants events of this type.
func (Stateful[K]) Dispatch(d *Delivery, _ string) {
	for s := range d.Subscribers() {
		d.Send(s)
	}
}

// Delivery is one event on its way to the sessions of this node.
type Delivery struct {
	hub   *Hub
	event *sessions.Event
	topic string
	facts facts

	only, except *filter
	many         bool                       // several topics, or not one of the six kinds: a session may match again
	done         map[*sessions.Session]bool // who has it, if many
	views        map[sessions.Snowflake]*sessions.Event
	stripped     *sessions.Event
	reached      []sessions.ID
	after        map[*sessions.Session]bool // not nil: it looks for those who have moved
	alone        *sessions.Session          // not nil: it is for nobody else, and not sent yet
	kept         *sessions.Event            // what that one is to be sent
}

// Type is the event's type.
func (d *Delivery) Type() string { return d.event.Type }

// Directory is who is where.
func (d *Delivery) Directory() Directory { return d.hub.cfg.Directory }

// Subscribers are the sessions that subscribe to the topic and want events of this type.
func (d *Delivery) Subscribers() iter.Seq[*sessions.Session] {
	return func(yield func(*sessions.Session) bool) {
		in := d.table().topics[d.topic]
		if in == nil {
			return
		}
		if d.alone != nil {
			if f, ok := in.flags(d.alone); ok && f.wanted(d.event.Type) {
				yield(d.alone)
			}
			return
		}
		for _, o := range in.list {
			if o.flags.wanted(d.event.Type) && !yield(o.session) {
				return
			}
		}
	}
}

// table is who subscribes to what, or did before they moved.
func (d *Delivery) table() *table {
	if d.after != nil {
		return d.hub.departed.table
	}
	return d.hub.table
}

// OfUser are all sessions of a user on this node. Do not change the slice.
func (d *Delivery) OfUser(user sessions.Snowflake) []*sessions.Session {
	if d.after != nil {
		return d.hub.departed.byUser[user]
	}
	return d.aloneOf(d.hub.manager.OfUser(user))
}

// OfGuild are those whose shard has a guild. Do not change the slice.
func (d *Delivery) OfGuild(user, guild sessions.Snowflake) []*sessions.Session {
	of := d.OfUser(user)
	other := func(s *sessions.Session) bool { return !s.Shard.Owns(guild) }
	if slices.ContainsFunc(of, other) {
		return slices.DeleteFunc(slices.Clone(of), other)
	}
	return of
}

// Send sends the event to a session: once, if the caller's filters let it, and if the
// session's intents want it. It reports whether the session was reached; one that has
// ended is not, and nobody else minds.
func (d *Delivery) Send(s *sessions.Session) bool { return d.send(s, d.event) }

// SendAs sends what a user is to see instead of the event: view makes its payload from
// the event's, once for all sessions of the user.
func (d *Delivery) SendAs(s *sessions.Session, view func(data []byte) []byte) bool {
	e := d.views[s.User]
	if e == nil {
		e = d.variant(view(d.event.Data))
		if d.views == nil {
			d.views = map[sessions.Snowflake]*sessions.Event{}
		}
		d.views[s.User] = e
	}
	return d.send(s, e)
}

func (d *Delivery) send(s *sessions.Session, e *sessions.Event) bool {
	if d.done[s] || !d.wanted(s) {
		return false
	}
	if d.after != nil {
		d.after[s] = true
		return false
	}
	if d.hides(s) {
		e = d.withoutContent(e)
	}
	if !d.put(s, e) {
		return false
	}
	if d.many {
		d.done[s] = true
	}
	d.reached = append(d.reached, s.ID())
	return true
}

// wanted reports whether the filters and the session's intents let the event through.
func (d *Delivery) wanted(s *sessions.Session) bool {
	if d.only != nil && !d.only.has(s) || d.except != nil && d.except.has(s) {
		return false
	}
	n, ok := needs[d.event.Type]
	if !ok || s.Intents == AllIntents {
		return true
	}
	bits := n.guild
	if d.facts.direct() {
		bits = n.direct
	}
	return s.Intents&bits == bits
}

// variant is the event with another payload.
func (d *Delivery) variant(data []byte) *sessions.Event {
	return &sessions.Event{Type: d.event.Type, Data: data, Origin: d.event.Origin, View: true}
}

// filter chooses sessions.
type filter struct {
	sessions map[sessions.ID]bool
	users    map[sessions.Snowflake]bool
}

func (f *filter) has(s *sessions.Session) bool { return f.sessions[s.ID()] || f.users[s.User] }

// topicError says what is wrong with a topic.
func topicError(topic string, err error) error {
	return &eventnode.TopicError{Topic: topic, Reason: err.Error()}
}
