package discord

import (
	"encoding/json"

	"github.com/eventnode/eventnode/internal/jsonscan"
)

// Change is what was, and what is. Old is nil if it was not known.
type Change[T any] struct {
	Old *T `json:"old"`
	New *T `json:"new"`
}

// UnmarshalJSON takes a pair, or what the source itself says, which is New then.
func (c *Change[T]) UnmarshalJSON(b []byte) error {
	in, err := pairOf(b)
	switch {
	case err != nil:
		return err
	case !in.pair:
		return json.Unmarshal(b, &c.New)
	}
	return in.into(&c.Old, &c.New)
}

// GuildChange is a Change of something in a guild.
type GuildChange[T any] struct {
	GuildID Snowflake `json:"guild_id"`
	Change[T]
}

// UnmarshalJSON takes a pair, or what the source itself says, which is New then.
func (c *GuildChange[T]) UnmarshalJSON(b []byte) error {
	in, err := pairOf(b)
	switch {
	case err != nil:
		return err
	case in.role != nil && !in.pair:
		err = json.Unmarshal(in.role, &c.New)
	case !in.pair:
		err = json.Unmarshal(b, &c.New)
	default:
		err = in.into(&c.Old, &c.New)
	}
	if err == nil && in.guild != nil {
		err = json.Unmarshal(in.guild, &c.GuildID)
	}
	return err
}

// ListChange is a Change of a list of a guild. Old is nil if it was not known, and empty if
// there was nothing in it.
type ListChange[T any] struct {
	GuildID Snowflake `json:"guild_id"`
	Old     []T       `json:"old"`
	New     []T       `json:"new"`
}

// UnmarshalJSON takes a pair, or what the source itself says, which is New then.
func (c *ListChange[T]) UnmarshalJSON(b []byte) error {
	in, err := pairOf(b)
	if err != nil {
		return err
	}
	if !in.pair {
		in.new = in.list
	}
	if in.guild != nil {
		err = json.Unmarshal(in.guild, &c.GuildID)
	}
	if err != nil {
		return err
	}
	return in.into(&c.Old, &c.New)
}

// Deleted is what was and is no more. Old is nil if it was not known.
type Deleted[T any] struct {
	Old *T `json:"old"`
}

// UnmarshalJSON takes a pair without New, or what the source itself says, which is Old then.
func (d *Deleted[T]) UnmarshalJSON(b []byte) error {
	in, err := pairOf(b)
	switch {
	case err != nil:
		return err
	case !in.pair:
		return json.Unmarshal(b, &d.Old)
	}
	in.new = nil
	return in.into(&d.Old, nil)
}

// members are those of an object that may be one of old and new.
type members struct {
	pair                        bool
	old, new, guild, role, list []byte
}

func pairOf(data []byte) (p members, err error) {
	m := jsonscan.Object(data)
	for m.Next() {
		switch string(m.Key) {
		case "old":
			p.pair, p.old = true, m.Value
		case "new":
			p.pair, p.new = true, m.Value
		case "guild_id":
			p.guild = m.Value
		case "role":
			p.role = m.Value
		case "emojis", "stickers":
			p.list = m.Value
		}
	}
	return p, m.Err()
}

// into reads what is there.
func (p members) into(old, new any) error {
	if p.old != nil {
		if err := json.Unmarshal(p.old, old); err != nil {
			return err
		}
	}
	if p.new != nil {
		return json.Unmarshal(p.new, new)
	}
	return nil
}
