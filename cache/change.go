package cache

import (
	"encoding/json"
	"slices"

	"github.com/eventnode/eventnode/discord"
	"github.com/eventnode/eventnode/source"
)

// Change is what was, and what is. Old is nil if it was not known.
type Change[T any] = discord.Change[T]

// change is what a payload has changed, as its events; none: nobody is told.
type change struct {
	events []event
	few    [1]event // room for most
	out    [1]source.Event
}

var _ source.Change = (*change)(nil)

// form is how an event's data is made.
type form uint8

const (
	itself  form = iota // of what the source says: nothing is added
	given               // it is what was given as new
	pair                // old and new, with the guild if there is one
	gone                // old alone
	besides             // what the source says, and old under a name
)

// event is one of a change.
type event struct {
	name     string
	form     form
	as       string // the name of old, where it stands besides others
	guild    json.RawMessage
	old, new json.RawMessage
	// users are put into old and new, where those are members.
	oldUser, newUser json.RawMessage
}

func changed(events ...event) *change {
	c := &change{}
	c.events = append(c.few[:0], events...)
	return c
}

func (c *change) add(e event) { c.events = append(c.events, e) }

// Derive implements source.Change.
func (c *change) Derive(p source.Payload) ([]source.Event, error) {
	out := slices.Grow(c.out[:0], len(c.events))
	for i := range c.events {
		e := &c.events[i]
		out = append(out, source.Event{Name: e.name, Data: e.data(p.Data), Origin: p.Origin})
	}
	return out, nil
}

func (e *event) data(payload json.RawMessage) json.RawMessage {
	switch e.form {
	case given:
		return e.new
	case pair, gone:
		return e.pair()
	case besides:
		return with(payload, e.as, e.old)
	default:
		return payload
	}
}

// pair is {"guild_id":…,"old":…,"new":…}, without what is not there.
func (e *event) pair() json.RawMessage {
	const names = `{"guild_id":,"old":null,"user":,"new":,"user":}`
	out := make(json.RawMessage, 0, len(names)+len(e.guild)+len(e.old)+len(e.oldUser)+len(e.new)+len(e.newUser))
	if e.guild != nil {
		out = appendMember(out, []byte("guild_id"), e.guild)
	}
	out = appendMember(out, []byte("old"), nil)
	if e.old == nil {
		out = append(out, "null"...)
	}
	out = appendWithUser(out, e.old, e.oldUser)
	if e.form == pair {
		out = appendMember(out, []byte("new"), nil)
		out = appendWithUser(out, e.new, e.newUser)
	}
	return closed(out)
}

// appendWithUser adds an object, with a user in it if there is one.
func appendWithUser(out, object, user json.RawMessage) json.RawMessage {
	if user == nil {
		return append(out, object...)
	}
	if object = open(object); len(object) == 0 {
		out = append(out, `{"user":`...)
	} else {
		out = append(append(out, object...), `,"user":`...)
	}
	return append(append(out, user...), '}')
}
