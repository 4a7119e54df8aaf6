package discord

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/eventnode/eventnode/sessions"
)

// Snowflake is the id of everything that has one. In JSON it is a string; a number is
// understood.
type Snowflake = sessions.Snowflake

// Permissions are bits, by the protocol's table. In JSON they are a string of decimal
// digits; a number is understood.
type Permissions uint64

// MarshalText implements encoding.TextMarshaler.
func (p Permissions) MarshalText() ([]byte, error) {
	return strconv.AppendUint(nil, uint64(p), 10), nil
}

// UnmarshalJSON takes a string or a number; null leaves them as they are.
func (p *Permissions) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	n, err := strconv.ParseUint(string(bytes.Trim(b, `"`)), 10, 64)
	if err != nil {
		return fmt.Errorf("%s is no set of permissions: decimal digits, less than 2^64", b)
	}
	*p = Permissions(n)
	return nil
}
