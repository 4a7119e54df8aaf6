package chat

import (
	"encoding/json"

	"github.com/eventnode/eventnode/sessions"
)

// supplementalVersion is the version of the protocol whose clients for people wait for
// READY_SUPPLEMENTAL behind READY, and are not ready before. Applications do not get it.
const supplementalVersion = 9

// readySupplemental is its payload: who is there, in lists by guild in the order of READY's,
// and of friends. Members and private channels are in READY, all of them.
type readySupplemental struct {
	Guilds          []supplementalGuild `json:"guilds"`
	MergedMembers   [][]struct{}        `json:"merged_members"`
	MergedPresences mergedPresences     `json:"merged_presences"`
	PrivateChannels []struct{}          `json:"lazy_private_channels"`
}

type supplementalGuild struct {
	ID          sessions.Snowflake `json:"id"`
	VoiceStates []struct{}         `json:"voice_states"`
	Activities  []struct{}         `json:"embedded_activities"`
}

type mergedPresences struct {
	Guilds  [][]mergedPresence `json:"guilds"`
	Friends []mergedPresence   `json:"friends"`
}

// mergedPresence is a presence that names its user by an id alone.
type mergedPresence struct {
	UserID       sessions.Snowflake `json:"user_id"`
	Status       sessions.Status    `json:"status"`
	Activities   json.RawMessage    `json:"activities"`
	ClientStatus map[string]string  `json:"client_status"`
}

// supplemental is made of READY for a person.
func supplemental(r *ready) readySupplemental {
	out := readySupplemental{
		Guilds: []supplementalGuild{}, MergedMembers: [][]struct{}{}, PrivateChannels: []struct{}{},
		MergedPresences: mergedPresences{Guilds: [][]mergedPresence{}, Friends: merge(r.Presences)},
	}
	for _, g := range r.Guilds {
		guild, ok := g.(guildCreate)
		if !ok {
			continue // an application's
		}
		out.Guilds = append(out.Guilds, supplementalGuild{guild.ID, []struct{}{}, []struct{}{}})
		out.MergedMembers = append(out.MergedMembers, []struct{}{})
		out.MergedPresences.Guilds = append(out.MergedPresences.Guilds, merge(guild.Presences))
	}
	return out
}

func merge(presences []presenceObject) []mergedPresence {
	out := make([]mergedPresence, 0, len(presences))
	for _, p := range presences {
		out = append(out, mergedPresence{p.User.ID, p.Status, p.Activities, p.ClientStatus})
	}
	return out
}
