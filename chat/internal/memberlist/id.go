package memberlist

import (
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/murmur3"

	"github.com/eventnode/eventnode/sessions"
)

// Everyone is the id of the list of all channels that @everyone reads.
const Everyone = "everyone"

// Overwrite is what a channel's overwrite for a role or a member says of the permission
// to read the channel: nothing, if neither is set.
type Overwrite struct {
	ID          sessions.Snowflake
	Allow, Deny bool
}

// Key says which channels of a guild share a list: those with equal keys. It is Everyone
// if @everyone may read, by its permissions in the guild, and no overwrite takes that
// away from anybody. Else it is those overwrites that say something of reading, sorted;
// one that both allows and denies allows.
func Key(everyone bool, overwrites ...Overwrite) string {
	if everyone && !slices.ContainsFunc(overwrites, func(o Overwrite) bool { return o.Deny }) {
		return Everyone
	}
	var words []string
	for _, o := range overwrites {
		switch {
		case o.Allow:
			words = append(words, "allow:"+o.ID.String())
		case o.Deny:
			words = append(words, "deny:"+o.ID.String())
		}
	}
	slices.Sort(words)
	return strings.Join(words, ",")
}

// ID is the id of the list with a key, as clients compute it too: the murmur3 hash, 32
// bits. Two keys may have the same one, so lists are shared by key.
func ID(key string) string {
	if key == Everyone {
		return Everyone
	}
	return strconv.FormatUint(uint64(murmur3.StringSum32(key)), 10)
}
