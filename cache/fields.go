package cache

import (
	"fmt"

	"github.com/eventnode/eventnode/internal/jsonscan"
	"github.com/eventnode/eventnode/source"
)

// fields are those members of a payload that say what to do with it: parts of its text.
type fields struct {
	id, guildID, channelID, roleID, parentID         []byte
	user, role, author, username                     []byte
	ids, guilds, roles, channels, threads            []byte
	emojis, stickers, members, presences, activities []byte
	status, unavailable, memberCount                 []byte
}

// read scans an object once, and says what is wrong with it.
func read(data []byte) (f fields, err error) {
	m := jsonscan.Object(data)
	for m.Next() {
		if at := f.of(m.Key); at != nil {
			*at = m.Value
		}
	}
	return f, m.Err()
}

// scanInto is scan that has each member in a patch, too.
func scanInto(into *patch, p source.Payload) (f fields, err error) {
	m := jsonscan.Object(p.Data)
	for m.Next() {
		if at := f.of(m.Key); at != nil {
			*at = m.Value
		}
		into.add(m.Key, m.Value)
	}
	if m.Err() != nil {
		err = fmt.Errorf("%s: %w: %w", p.Name, ErrMalformed, m.Err())
	}
	return f, err
}

// of is where a member goes; nil: nobody asks for it.
func (f *fields) of(name []byte) *[]byte {
	switch string(name) {
	case "id":
		return &f.id
	case "guild_id":
		return &f.guildID
	case "channel_id":
		return &f.channelID
	case "role_id":
		return &f.roleID
	case "parent_id":
		return &f.parentID
	case "user":
		return &f.user
	case "role":
		return &f.role
	case "author":
		return &f.author
	case "username":
		return &f.username
	case "ids":
		return &f.ids
	case "guilds":
		return &f.guilds
	case "roles":
		return &f.roles
	case "channels":
		return &f.channels
	case "threads":
		return &f.threads
	case "emojis":
		return &f.emojis
	case "stickers":
		return &f.stickers
	case "members":
		return &f.members
	case "presences":
		return &f.presences
	case "activities":
		return &f.activities
	case "status":
		return &f.status
	case "unavailable":
		return &f.unavailable
	case "member_count":
		return &f.memberCount
	}
	return nil
}

// idOf is the id of an object; 0: it has none.
func idOf(object []byte) Snowflake {
	for m := jsonscan.Object(object); m.Next(); {
		if string(m.Key) == "id" {
			return flake(m.Value)
		}
	}
	return 0
}

// scan reads a payload.
func scan(p source.Payload) (fields, error) {
	f, err := read(p.Data)
	if err != nil {
		return f, fmt.Errorf("%s: %w: %w", p.Name, ErrMalformed, err)
	}
	return f, nil
}

// missing is the error of a payload without an id.
func missing(p source.Payload, what string) error {
	return fmt.Errorf("%s without %s: %w", p.Name, what, ErrMalformed)
}
