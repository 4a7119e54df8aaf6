package gateway

import (
	"encoding/json"
	"math"
	"slices"

	"github.com/eventnode/eventnode/sessions"
)

// The types of events that a replay is about.
const (
	presenceUpdate   = "PRESENCE_UPDATE"
	presencesReplace = "PRESENCES_REPLACE"
	resumed          = "RESUMED"
)

// summary is a replay with its presences summed up: of each user and guild the newest.
// Presences that were summed up before are taken in again.
type summary struct {
	rest   []sessions.Sent
	newest map[whose]presence
	taken  int // presences so far
}

// whose is a user's presence in a guild.
type whose struct{ user, guild sessions.Snowflake }

type presence struct {
	at   int // the how manyth it was
	data json.RawMessage
}

// add takes in events, in their order. Presences that do not say whose they are stay as
// they are.
func (s *summary) add(events []sessions.Sent) {
	for _, sent := range events {
		var list []json.RawMessage
		switch sent.Event.Type {
		case presenceUpdate:
			list = []json.RawMessage{sent.Event.Data}
		case presencesReplace:
			if json.Unmarshal(sent.Event.Data, &list) != nil {
				list = nil
			}
		}
		if !s.take(list) {
			s.rest = append(s.rest, sent)
		}
	}
}

// take takes in presences, all or none.
func (s *summary) take(list []json.RawMessage) bool {
	keys := make([]whose, len(list))
	for i, data := range list {
		var ok bool
		if keys[i], ok = whosePresence(data); !ok {
			return false
		}
	}
	if s.newest == nil && len(list) > 0 {
		s.newest = map[whose]presence{}
	}
	for i, data := range list {
		s.taken++
		s.newest[keys[i]] = presence{s.taken, data}
	}
	return len(list) > 0
}

func whosePresence(data json.RawMessage) (w whose, ok bool) {
	var p struct {
		User struct {
			ID sessions.Snowflake `json:"id"`
		} `json:"user"`
		Guild *sessions.Snowflake `json:"guild_id"`
	}
	if json.Unmarshal(data, &p) != nil || p.User.ID == 0 {
		return w, false
	}
	if p.Guild != nil {
		w.guild = *p.Guild
	}
	w.user = p.User.ID
	return w, true
}

// event is the presences in one, the newest last; nil if there are none.
func (s *summary) event() *sessions.Event {
	if len(s.newest) == 0 {
		return nil
	}
	all := make([]presence, 0, len(s.newest))
	for _, p := range s.newest {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b presence) int { return a.at - b.at })
	list := []byte{'['}
	for i, p := range all {
		if i > 0 {
			list = append(list, ',')
		}
		list = append(list, p.data...)
	}
	return &sessions.Event{Type: presencesReplace, Data: append(list, ']')}
}

// sumUpTries is how often catchUp begins anew because something was sent meanwhile.
const sumUpTries = 16

// catchUp takes what a socket replays. The presences in it are summed up in one event that
// is sent to the session, behind all that it sums up: so it has a number, is in the log like
// any other, and a client that is cut off before it came gets it by the next RESUME.
//
// A session that is sent something all the time is not summed up: it gets the events as
// they are.
func catchUp(k *sessions.Socket) ([]sessions.Sent, error) {
	var (
		all []sessions.Sent
		sum summary
	)
	for range sumUpTries {
		before, err := len(all), error(nil)
		if all, err = k.Take(all, math.MaxInt); err != nil {
			return nil, err
		}
		sum.add(all[before:])
		e := sum.event()
		if e == nil {
			return all, nil
		}
		if _, ok := k.Session().SendBehind(all[len(all)-1].Seq, e); ok {
			return k.Take(sum.rest, 1)
		}
	}
	return all, nil
}
