package cache

import (
	"encoding/json"

	"github.com/eventnode/eventnode/discord"
	"github.com/eventnode/eventnode/source"
)

// Change is what was, and what is. Old is nil if it was not known.
type Change[T any] = discord.Change[T]

// change is what a payload has changed, as its events; none: nobody is told.
type change struct {
	events []event
	few    [2]event // room for most
	out    [2]source.Event
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
}

func changed(events ...event) *change {
	c := &change{}
	c.events = append(c.few[:0], events...)
	return c
}

func (c *change) add(e event) { c.events = append(c.events, e) }

// Derive implements source.Change.
func (c *change) Derive(p source.Payload) ([]source.Event, error) {
	out := c.out[:0]
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
	out := make(json.RawMessage, 0, len(e.guild)+len(e.old)+len(e.new)+len(`{"guild_id":,"old":null,"new":}`))
	if e.guild != nil {
		out = appendMember(out, []byte("guild_id"), e.guild)
	}
	old := e.old
	if old == nil {
		old = json.RawMessage("null")
	}
	out = appendMember(out, []byte("old"), old)
	if e.form == pair {
		out = appendMember(out, []byte("new"), e.new)
	}
	return closed(out)
}
