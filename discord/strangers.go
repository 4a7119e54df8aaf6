package discord

import (
	"encoding/json"
	"maps"
	"reflect"
	"strings"
	"sync"

	"github.com/eventnode/eventnode/internal/jsonscan"
)

// MaxStrangers is how many names Strangers knows at most, and maxStranger how long each may
// be, in bytes: what is longer is told, and kept, by its beginning.
const (
	MaxStrangers = 1_024
	maxStranger  = 100
)

// Stranger is something that the source says and no type here has: an event, or a member of
// an event's data, which is passed on and kept all the same.
type Stranger struct {
	Event string
	// Member is empty if nothing of the event is known.
	Member string
}

// Strangers tells of events and of members of their data that have no type here: once for
// each name, however often it comes, and of the first MaxStrangers alone. So neither a log
// nor memory grows by what a source makes up. Members of members are not looked at: each
// type has those that it does not know in its Unknown.
//
// It may be used by several goroutines.
type Strangers struct {
	tell func(s Stranger, last bool)

	mu   sync.RWMutex
	seen map[Stranger]struct{}
}

// NewStrangers makes Strangers. Tell is called once for each, by whoever calls Look, and must
// not wait; last: no more are told of from now on.
func NewStrangers(tell func(s Stranger, last bool)) *Strangers {
	return &Strangers{tell: tell, seen: map[Stranger]struct{}{}}
}

// Look looks at an event's name and data, as they came from the source, and counts what has
// no type here. Data that is no object has no members.
func (s *Strangers) Look(name string, data json.RawMessage) (events, members int) {
	known := said[name]
	if known == nil {
		s.note(Stranger{Event: cut(name)})
		return 1, 0
	}
	for m := jsonscan.Object(data); m.Next(); {
		if known[string(m.Key)] {
			continue
		}
		if member := nameOf(m.Key); !known[member] {
			members++
			s.note(Stranger{name, cut(member)})
		}
	}
	return 0, members
}

// Len is how many names were told of.
func (s *Strangers) Len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.seen)
}

// note tells of somebody who was not seen before.
func (s *Strangers) note(who Stranger) {
	s.mu.RLock()
	_, seen := s.seen[who]
	full := len(s.seen) >= MaxStrangers
	s.mu.RUnlock()
	if seen || full {
		return
	}
	s.mu.Lock()
	_, seen = s.seen[who]
	full = len(s.seen) >= MaxStrangers
	if !seen && !full {
		s.seen[who] = struct{}{}
	}
	last := len(s.seen) >= MaxStrangers
	s.mu.Unlock()
	if !seen && !full {
		s.tell(who, last)
	}
}

// cut is the beginning of a long name, as a copy: it must not keep the whole payload.
func cut(name string) string { return strings.Clone(name[:min(len(name), maxStranger)]) }

// said are the members of each event's data that a type here has, as the source says them:
// of a change, those of what has changed.
var said = func() map[string]map[string]bool {
	all := map[string]map[string]bool{}
	for name, make := range events {
		all[name] = map[string]bool{}
		collect(all[name], reflect.TypeOf(make()).Elem())
	}
	return all
}()

// collect adds what a type has. A change's members stand in the payload itself, or, of roles
// and lists, under a name of their own.
func collect(into map[string]bool, t reflect.Type) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return
	}
	for _, f := range reflect.VisibleFields(t) {
		switch name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name {
		case "", "-":
		case "old", "new":
			maps.Copy(into, map[string]bool{"role": true, "emojis": true, "stickers": true})
			collect(into, f.Type)
		default:
			into[name] = true
		}
	}
}
