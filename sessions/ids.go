package sessions

import (
	"crypto/rand"
	"fmt"

	"github.com/eventnode/eventnode/snowflake"
)

// ID names a session. It is hard to guess, and no proof of who its user is.
type ID string

// newID makes an ID of 130 random bits.
func newID() ID { return ID(rand.Text()) }

// Snowflake is the id of a user, a guild, a channel or a role.
type Snowflake = snowflake.ID

// ParseSnowflake parses decimal digits.
func ParseSnowflake(s string) (Snowflake, error) { return snowflake.Parse(s) }

// Shard is which part of a user's guilds a session is for: Index of Count. The zero value
// is all of them.
type Shard struct{ Index, Count uint32 }

// Check says what is wrong with a shard.
func (s Shard) Check() error {
	if s != (Shard{}) && s.Index >= s.Count {
		return fmt.Errorf("shard %d of %d: they are numbered from 0 on", s.Index, s.Count)
	}
	return nil
}

// Owns reports whether a guild is in this part: by the time in its id, modulo Count.
func (s Shard) Owns(guild Snowflake) bool {
	return s.Count <= 1 || uint64(guild)>>22%uint64(s.Count) == uint64(s.Index)
}
