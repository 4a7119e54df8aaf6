package eventnode

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// Position is an event's place in a stream. Later events have greater ones, and
// none is ever used again. The zero Position is before every event.
type Position struct {
	// MS is when the event was appended, by the cluster's time, in milliseconds
	// since 1970.
	MS int64
	// Seq is its number among those of this millisecond, from 0 on.
	Seq uint64
}

// String writes the position as "ms-seq".
func (p Position) String() string {
	return strconv.FormatInt(p.MS, 10) + "-" + strconv.FormatUint(p.Seq, 10)
}

// Compare returns -1 if p is before q, 1 if it is after, else 0.
func (p Position) Compare(q Position) int {
	return cmp.Or(cmp.Compare(p.MS, q.MS), cmp.Compare(p.Seq, q.Seq))
}

// IsZero reports whether p is before every event.
func (p Position) IsZero() bool { return p == Position{} }

// ParsePosition is the inverse of String. Without "-seq" it is the first
// position of that millisecond.
func ParsePosition(s string) (Position, error) {
	ms, seq, found := strings.Cut(s, "-")
	var p Position
	var err error
	if p.MS, err = strconv.ParseInt(ms, 10, 64); err == nil && found {
		p.Seq, err = strconv.ParseUint(seq, 10, 64)
	}
	if err != nil || p.MS < 0 {
		return Position{}, fmt.Errorf("position %.60q: write it as ms-seq, such as 1719500000000-0: %w", s, ErrInvalidArgument)
	}
	return p, nil
}
