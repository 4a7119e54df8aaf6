package shard

import (
	"context"
	"encoding/json"
	"time"

	"github.com/eventnode/eventnode/sessions"
)

// request is something that the goroutine with the state machine is asked to do.
type request struct {
	do     func(m *machine, now time.Time) error
	answer chan error // one place
}

// request has something be done, when Run runs.
func (s *Shard) request(ctx context.Context, do func(*machine, time.Time) error) error {
	r := request{do: do, answer: make(chan error, 1)}
	select {
	case s.asked <- r:
		return <-r.answer
	case <-s.stopping:
		return ErrStopped
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// encoded is a command's data, which gateways bound.
func encoded(v any) (json.RawMessage, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return nil, invalid("the command: %w", err)
	}
	if most := maxCommand - len(`{"op":0,"s":null,"t":null,"d":}`) - 1; len(data) > most {
		return nil, invalid("the command has %d bytes, and gateways take %d", len(data), most)
	}
	return data, nil
}

// RequestMembers asks for members of guilds, which come as GUILD_MEMBERS_CHUNK. It returns
// when the request waits to be sent: commands are sent in their order, while there is a
// session, as fast as the gateway's limit of 120 a minute lets them. It fails with an
// *eventnode.LimitError if too many wait, and then none of the guilds is asked for.
func (s *Shard) RequestMembers(ctx context.Context, r sessions.MembersRequest) error {
	if len(r.Guilds) == 0 || r.Limit < 0 {
		return invalid("a request for members needs a guild, and a limit that is not negative")
	}
	if r.Query == nil && len(r.Users) == 0 {
		r.Query = new(string) // all of them
	}
	list := make([]command, 0, len(r.Guilds))
	for _, g := range r.Guilds {
		data, err := encoded(membersData{Guild: g, Query: r.Query, Users: r.Users, Limit: r.Limit, Presences: r.Presences, Nonce: r.Nonce})
		if err != nil {
			return err
		}
		list = append(list, command{op: opMembers, data: data})
	}
	return s.request(ctx, func(m *machine, now time.Time) error { return m.ask(now, list...) })
}

// UpdatePresence says what the bot shows from now on, also in sessions to come. Of several
// that wait only the newest is sent, for gateways take five a minute.
func (s *Shard) UpdatePresence(ctx context.Context, p sessions.Presence) error {
	data, err := presenceOf(p)
	if err != nil {
		return err
	}
	return s.request(ctx, func(m *machine, now time.Time) error { m.present(now, data); return nil })
}

// presenceOf is a presence as the protocol has it.
func presenceOf(p sessions.Presence) (json.RawMessage, error) {
	if p.Status > sessions.Online {
		return nil, invalid("there is no status %d", p.Status)
	}
	d := presenceData{Status: p.Status, AFK: p.AFK, Activities: p.Activities}
	if p.Since != 0 {
		d.Since = &p.Since
	}
	if len(d.Activities) == 0 {
		d.Activities = json.RawMessage("[]")
	}
	return encoded(d)
}

// VoiceState is where the bot is in voice.
type VoiceState struct {
	Guild sessions.Snowflake
	// Channel is nil to leave.
	Channel    *sessions.Snowflake
	Mute, Deaf bool
}

// UpdateVoiceState joins, moves to or leaves a voice channel. It returns when the command
// waits to be sent, as RequestMembers does.
func (s *Shard) UpdateVoiceState(ctx context.Context, v VoiceState) error {
	data, err := encoded(voiceData(v))
	if err != nil {
		return err
	}
	return s.request(ctx, func(m *machine, now time.Time) error { return m.ask(now, command{op: opVoice, data: data}) })
}
