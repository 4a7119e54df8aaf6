package membership

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/eventnode/eventnode"
)

// maxIDBytes bounds a NodeID, in bytes.
const maxIDBytes = 63

// errName says that a text is not NodeID#epoch.
var errName = errors.New("not NAME#EPOCH")

// parseName is the inverse of eventnode.NodeRef.String: there is exactly one text
// for each life.
func parseName(s string) (eventnode.NodeRef, error) {
	id, digits, ok := strings.Cut(s, "#")
	if !ok || !validID(id) {
		return eventnode.NodeRef{}, fmt.Errorf("%w: %.100q", errName, s)
	}
	epoch, err := strconv.ParseUint(digits, 10, 64)
	ref := eventnode.NodeRef{ID: eventnode.NodeID(id), Epoch: epoch}
	if err != nil || epoch == 0 || ref.String() != s {
		return eventnode.NodeRef{}, fmt.Errorf("%w: %.100q", errName, s)
	}
	return ref, nil
}

// validID reports whether id has 1 to 63 characters of [A-Za-z0-9._-].
func validID(id string) bool {
	if id == "" || len(id) > maxIDBytes {
		return false
	}
	return strings.IndexFunc(id, func(r rune) bool { return !idRune(r) }) < 0
}

func idRune(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return true
	}
	return strings.ContainsRune("._-", r)
}
