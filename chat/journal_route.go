package chat

import (
	"strings"

	"github.com/eventnode/eventnode/chat/internal/journal"
	"github.com/eventnode/eventnode/sessions"
)

// audience is whom a topic is addressed to, as Backend.Users.
func (h *Hub) audience(topic string) ([]sessions.Snowflake, bool) {
	b, key, err := h.backend(topic)
	if err != nil {
		return nil, false
	}
	return b.Users(key)
}

// routed is what a session is to be sent of an event that was dispatched before it was
// here; nil: nothing. Member lists are none of it: they are sent anew.
func (h *Hub) routed(s *sessions.Session, from journal.Dispatched) *sessions.Event {
	d := h.delivery(from.Event, true)
	d.alone, d.only, d.except = s, newFilter(from.Only), newFilter(from.Except)
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, topic := range from.Topics {
		b, key, err := h.backend(topic)
		if err != nil || strings.HasPrefix(topic, KindLazyGuild+":") {
			continue
		}
		d.topic = topic
		b.Dispatch(d, key)
	}
	return d.kept
}

// put puts an event into a session's log, or keeps it if the session is to be sent it
// later. It reports whether the session is there.
func (d *Delivery) put(s *sessions.Session, e *sessions.Event) bool {
	switch {
	case d.alone == nil:
		_, err := s.Send(e)
		return err == nil
	case s == d.alone:
		d.kept = e
		return true
	default:
		return false
	}
}

// aloneOf is those of some sessions that the delivery is for.
func (d *Delivery) aloneOf(all []*sessions.Session) []*sessions.Session {
	if d.alone == nil {
		return all
	}
	for _, s := range all {
		if s == d.alone {
			return []*sessions.Session{s}
		}
	}
	return nil
}
