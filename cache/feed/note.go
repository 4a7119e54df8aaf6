package feed

import (
	"encoding/json"

	"github.com/eventnode/eventnode/discord"
	"github.com/eventnode/eventnode/source"
)

// due is what of a guild may be otherwise in the directory.
type due struct {
	whole, guild             bool
	roles, channels, members set
	users                    set // of no guild
}

// set is ids.
type set map[discord.Snowflake]bool

// mostDue bounds the ids of a guild that are due: beyond, the whole guild is.
const mostDue = 1_000

func (d *due) add(to *set, id discord.Snowflake) {
	if *to == nil {
		*to = set{}
	}
	(*to)[id] = true
	d.whole = d.whole || len(*to) > mostDue
}

// said is what of a payload says what it is about.
type said struct {
	ID      discord.Snowflake `json:"id"`
	GuildID discord.Snowflake `json:"guild_id"`
	RoleID  discord.Snowflake `json:"role_id"`
	Role    struct {
		ID discord.Snowflake `json:"id"`
	} `json:"role"`
	User struct {
		ID discord.Snowflake `json:"id"`
	} `json:"user"`
	Members []struct {
		User struct {
			ID discord.Snowflake `json:"id"`
		} `json:"user"`
	} `json:"members"`
	Unavailable bool `json:"unavailable"`
}

// notes say what is due by a payload; those that have none change nothing in a directory.
var notes = map[string]func(d *due, s *said){
	"GUILD_CREATE":        func(d *due, _ *said) { d.whole = true },
	"GUILD_DELETE":        func(d *due, _ *said) { d.whole = true },
	"GUILD_UPDATE":        func(d *due, _ *said) { d.guild = true },
	"GUILD_ROLE_CREATE":   func(d *due, s *said) { d.add(&d.roles, s.Role.ID) },
	"GUILD_ROLE_UPDATE":   func(d *due, s *said) { d.add(&d.roles, s.Role.ID) },
	"GUILD_ROLE_DELETE":   func(d *due, s *said) { d.add(&d.roles, s.RoleID) },
	"CHANNEL_CREATE":      func(d *due, s *said) { d.add(&d.channels, s.ID) },
	"CHANNEL_UPDATE":      func(d *due, s *said) { d.add(&d.channels, s.ID) },
	"CHANNEL_DELETE":      func(d *due, s *said) { d.add(&d.channels, s.ID) },
	"GUILD_MEMBER_ADD":    func(d *due, s *said) { d.add(&d.members, s.User.ID) },
	"GUILD_MEMBER_UPDATE": func(d *due, s *said) { d.add(&d.members, s.User.ID) },
	"GUILD_MEMBER_REMOVE": func(d *due, s *said) { d.add(&d.members, s.User.ID) },
	"GUILD_MEMBERS_CHUNK": func(d *due, s *said) {
		for _, m := range s.Members {
			d.add(&d.members, m.User.ID)
		}
	},
	"USER_UPDATE":     func(d *due, s *said) { d.add(&d.users, s.ID) },
	"PRESENCE_UPDATE": func(d *due, s *said) { d.add(&d.users, s.User.ID) },
}

// noted is which guild a payload is about, and what of it may be otherwise now. Not ok:
// nothing is, or it cannot be told.
func noted(p source.Payload) (guild discord.Snowflake, note func(*due), ok bool) {
	f := notes[p.Name]
	if f == nil {
		return 0, nil, false
	}
	var s said
	if json.Unmarshal(p.Data, &s) != nil {
		return 0, nil, false // the cache has said what is wrong with it
	}
	switch p.Name {
	case "GUILD_CREATE", "GUILD_DELETE", "GUILD_UPDATE":
		guild = s.ID
	case "USER_UPDATE", "PRESENCE_UPDATE": // a user is in the directory once
	default:
		guild = s.GuildID
		if guild == 0 {
			return 0, nil, false
		}
	}
	return guild, func(d *due) { f(d, &s) }, true
}
