package chat

import (
	"slices"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/sessions"
)

// place is a session somewhere in the cluster. A session that moves is in two places for
// a moment.
type place struct {
	node eventnode.NodeID
	id   sessions.ID
}

// entry is what every node knows of a session.
type entry struct {
	user     sessions.Snowflake
	shard    sessions.Shard
	presence sessions.Presence
}

// roster is all sessions of the cluster, as far as this node knows. It has no lock.
type roster struct {
	at map[place]entry
	of map[sessions.Snowflake][]place // by user, in the order they came
}

func newRoster() *roster {
	return &roster{at: map[place]entry{}, of: map[sessions.Snowflake][]place{}}
}

// set puts a session into its place, or changes what is known of it.
func (r *roster) set(p place, e entry) {
	if was, ok := r.at[p]; ok && was.user != e.user {
		r.remove(p)
	}
	if _, ok := r.at[p]; !ok {
		r.of[e.user] = append(r.of[e.user], p)
	}
	r.at[p] = e
}

// remove takes a session from its place.
func (r *roster) remove(p place) {
	e, ok := r.at[p]
	if !ok {
		return
	}
	delete(r.at, p)
	rest := slices.DeleteFunc(r.of[e.user], func(o place) bool { return o == p })
	if r.of[e.user] = rest; len(rest) == 0 {
		delete(r.of, e.user)
	}
}

// toFriends is how a user's friends see him: by the sessions that speak for all of him,
// which are the first shard's and those without shards.
func (r *roster) toFriends(user sessions.Snowflake) sessions.Presence {
	return r.merged(user, func(s sessions.Shard) bool { return s.Index == 0 })
}

// toGuild is how those in a guild see a user: by his sessions there.
func (r *roster) toGuild(user, guild sessions.Snowflake) sessions.Presence {
	return r.merged(user, func(s sessions.Shard) bool { return s.Owns(guild) })
}

func (r *roster) merged(user sessions.Snowflake, counts func(sessions.Shard) bool) sessions.Presence {
	var all []sessions.Presence
	for _, p := range r.of[user] {
		if e := r.at[p]; counts(e.shard) {
			all = append(all, e.presence)
		}
	}
	return mergePresences(all)
}
