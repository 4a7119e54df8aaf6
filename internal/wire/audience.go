package wire

import (
	"fmt"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// The limits of an Audience.
const (
	MaxAudienceGroups = 1024
	// MaxAudienceTried is how many nodes pass events on, one to the other, beside the first.
	MaxAudienceTried = 8
)

// The numbers of Audience's fields.
const (
	fieldGroups = 1
	fieldPlain  = 2
	fieldTried  = 3
)

// Audience says whom on the receiving node events are for.
type Audience struct {
	// Groups are the queue groups for which the node was chosen.
	Groups []string
	// Plain says that the plain subscriptions get the events as well.
	Plain bool
	// Tried are the nodes that were chosen before, beside the sender.
	Tried []string
}

// Append appends the audience, encoded, to dst.
func (a Audience) Append(dst []byte) []byte {
	for _, g := range a.Groups {
		dst = protowire.AppendTag(dst, fieldGroups, protowire.BytesType)
		dst = protowire.AppendString(dst, g)
	}
	if a.Plain {
		dst = protowire.AppendTag(dst, fieldPlain, protowire.VarintType)
		dst = protowire.AppendVarint(dst, 1)
	}
	for _, n := range a.Tried {
		dst = protowire.AppendTag(dst, fieldTried, protowire.BytesType)
		dst = protowire.AppendString(dst, n)
	}
	return dst
}

// ParseAudience reads an encoded audience; what it does not know it ignores. The error is
// ErrMalformed.
func ParseAudience(b []byte) (Audience, error) {
	var a Audience
	for len(b) > 0 {
		f, ok := nextField(b)
		if !ok {
			return Audience{}, fmt.Errorf("audience: %w", ErrMalformed)
		}
		switch {
		case f.num == fieldGroups && f.typ == protowire.BytesType:
			a.Groups = append(a.Groups, string(f.val))
			ok = utf8.Valid(f.val) && len(a.Groups) <= MaxAudienceGroups
		case f.num == fieldPlain && f.typ == protowire.VarintType:
			v, _ := protowire.ConsumeVarint(f.val) // it is one: nextField has seen to that
			a.Plain = v != 0
		case f.num == fieldTried && f.typ == protowire.BytesType:
			a.Tried = append(a.Tried, string(f.val))
			ok = utf8.Valid(f.val) && len(a.Tried) <= MaxAudienceTried
		}
		if !ok {
			return Audience{}, fmt.Errorf("audience: %w", ErrMalformed)
		}
		b = b[f.size:]
	}
	return a, nil
}
