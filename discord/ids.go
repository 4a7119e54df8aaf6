package discord

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"github.com/eventnode/eventnode/snowflake"
)

// Snowflake is the id of everything that has one. In JSON it is a string; a number is
// understood.
type Snowflake = snowflake.ID

// epoch is when the protocol's ids begin, in milliseconds since 1970.
const epoch = 1_420_070_400_000

// At is the first id of a moment: ids from it on are of then and later. Before 2015 it is 0.
func At(t time.Time) Snowflake { return Snowflake(max(t.UnixMilli()-epoch, 0)) << 22 }

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
