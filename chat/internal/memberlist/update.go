package memberlist

import (
	"encoding/json"
	"fmt"
	"iter"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/sessions"
)

// Group is a group that has members. Its ID is that of a role, or Online or Offline.
type Group struct {
	ID    string `json:"id"`
	Count int    `json:"count"`
}

// Item is one place of the list: a group's header or a member. It does not change.
type Item struct {
	Group  *Group          `json:"group,omitempty"`
	Member json.RawMessage `json:"member,omitempty"`
}

// Kind is what an Op does.
type Kind string

// The kinds, in the protocol's words; doc.go has what a client does with them.
const (
	Sync       Kind = "SYNC"
	Insert     Kind = "INSERT"
	Update     Kind = "UPDATE"
	Delete     Kind = "DELETE"
	Invalidate Kind = "INVALIDATE"
)

// Op is one change of what a client has.
type Op struct {
	Kind Kind
	// Range is of Sync and Invalidate.
	Range Range
	// Items is of Sync: fewer than Range has places if the list ends in it.
	Items []*Item
	// Index is of Insert, Update and Delete.
	Index int
	// Item is of Insert and Update.
	Item *Item
}

// MarshalJSON writes what the kind has.
func (o Op) MarshalJSON() ([]byte, error) {
	switch o.Kind {
	case Sync:
		return json.Marshal(struct {
			Op    Kind    `json:"op"`
			Range Range   `json:"range"`
			Items []*Item `json:"items"`
		}{o.Kind, o.Range, o.Items})
	case Invalidate:
		return json.Marshal(struct {
			Op    Kind  `json:"op"`
			Range Range `json:"range"`
		}{o.Kind, o.Range})
	case Insert, Update, Delete:
		return json.Marshal(struct {
			Op    Kind  `json:"op"`
			Index int   `json:"index"`
			Item  *Item `json:"item,omitempty"`
		}{o.Kind, o.Index, o.Item})
	default:
		return nil, fmt.Errorf("op %q: %w", o.Kind, eventnode.ErrInvalidArgument)
	}
}

// Change is the payload of one GUILD_MEMBER_LIST_UPDATE, for all sessions that are told
// the same. All but Sessions may be kept and read by anybody.
type Change struct {
	GuildID sessions.Snowflake `json:"guild_id"`
	ID      string             `json:"id"`
	// Ops are applied one after another.
	Ops []Op `json:"ops"`
	// Groups are those that have members, in order: the list has as many places as they
	// have members and headers.
	Groups []Group `json:"groups"`
	// MemberCount and OnlineCount are of this list.
	MemberCount int `json:"member_count"`
	OnlineCount int `json:"online_count"`

	to [][]sessions.ID
}

// Sessions is who is to be told, each once. It holds until the list is called again.
func (c *Change) Sessions() iter.Seq[sessions.ID] {
	return func(yield func(sessions.ID) bool) {
		for _, some := range c.to {
			for _, s := range some {
				if !yield(s) {
					return
				}
			}
		}
	}
}
