package sessions

import (
	"crypto/rand"
	"fmt"
	"strconv"
)

// ID names a session. It is hard to guess, and no proof of who its user is.
type ID string

// newID makes an ID of 130 random bits.
func newID() ID { return ID(rand.Text()) }

// Snowflake is the id of a user, a guild, a channel or a role: 42 bits of time and 22
// that tell apart what was made in one millisecond. In JSON it is a string, for numbers
// of other languages have 53 bits; a number is understood.
type Snowflake uint64

// ParseSnowflake parses decimal digits.
func ParseSnowflake(s string) (Snowflake, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no id: decimal digits, less than 2^64", s)
	}
	return Snowflake(n), nil
}

// String is the decimal digits.
func (s Snowflake) String() string { return strconv.FormatUint(uint64(s), 10) }

// MarshalText implements encoding.TextMarshaler: map keys and JSON strings.
func (s Snowflake) MarshalText() ([]byte, error) { return strconv.AppendUint(nil, uint64(s), 10), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Snowflake) UnmarshalText(b []byte) (err error) {
	*s, err = ParseSnowflake(string(b))
	return err
}

// UnmarshalJSON takes a string or a number; null leaves it as it is.
func (s *Snowflake) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	if n := len(b); n >= 2 && b[0] == '"' && b[n-1] == '"' {
		b = b[1 : n-1]
	}
	return s.UnmarshalText(b)
}

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
