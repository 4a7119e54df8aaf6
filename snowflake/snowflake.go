// Package snowflake has the ids of the Discord protocol: of users, guilds, channels, roles,
// messages and whatever else has one.
package snowflake

import (
	"fmt"
	"strconv"
)

// ID is 42 bits of time and 22 that tell apart what was made in one millisecond. In JSON it is
// a string, for numbers of other languages have 53 bits; a number is understood.
type ID uint64

// Parse parses decimal digits.
func Parse(s string) (ID, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no id: decimal digits, less than 2^64", s)
	}
	return ID(n), nil
}

// String is the decimal digits.
func (id ID) String() string { return strconv.FormatUint(uint64(id), 10) }

// MarshalText implements encoding.TextMarshaler: map keys and JSON strings.
func (id ID) MarshalText() ([]byte, error) { return strconv.AppendUint(nil, uint64(id), 10), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (id *ID) UnmarshalText(b []byte) (err error) {
	*id, err = Parse(string(b))
	return err
}

// UnmarshalJSON takes a string or a number; null leaves it as it is.
func (id *ID) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	if n := len(b); n >= 2 && b[0] == '"' && b[n-1] == '"' {
		b = b[1 : n-1]
	}
	return id.UnmarshalText(b)
}
