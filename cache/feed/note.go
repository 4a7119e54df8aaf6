package feed

import (
	"encoding/json"

	"github.com/eventnode/eventnode/discord"
	"github.com/eventnode/eventnode/source"
)

// due is what of a guild may be otherwise in the directory.
type due struct {
	whole, guild             bool
	others                   bool // of guild: roles that the cache does not know are gone
	all                      bool // of whole: members that it does not know, too
	roles, channels, members set
	users                    set // of no guild
}

// set is ids.
type set map[discord.Snowflake]bool

// mostDue bounds the ids of a kind that are due of a guild, but for those of one payload more:
// beyond, the source waits.
const mostDue = 1_000

func (d *due) full() bool {
	return max(len(d.roles), len(d.channels), len(d.members), len(d.users)) >= mostDue
}

func (d *due) add(to *set, id discord.Snowflake) {
	if *to == nil {
		*to = set{}
	}
	(*to)[id] = true
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
	MemberCount int             `json:"member_count"`
	Roles       json.RawMessage `json:"roles"`
}

// notes say what is due by a payload; those that have none change nothing in a directory.
var notes = map[string]func(d *due, s *said){
	"GUILD_CREATE": func(d *due, s *said) {
		d.whole, d.all = true, d.all || s.MemberCount > 0 && len(s.Members) >= s.MemberCount
	},
	"GUILD_DELETE":        func(d *due, _ *said) { d.whole = true },
	"GUILD_UPDATE":        func(d *due, s *said) { d.guild, d.others = true, d.others || len(s.Roles) > 0 },
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
