package streams

import (
	"fmt"
	"testing"

	"github.com/eventnode/eventnode/streams/internal/engine"
)

// The majority of all voters is right, not of those that have answered.
func TestJudge(t *testing.T) {
	for _, tt := range []struct {
		others string // one letter a voter that has answered; the leader's is a
		voters int
		want   verdict
	}{
		{"", 1, agreed},
		{"a", 2, agreed}, {"b", 2, unclear}, {"", 2, unclear},
		{"aa", 3, agreed}, {"ab", 3, agreed}, {"a", 3, agreed}, {"b", 3, unclear}, {"bb", 3, outvoted}, {"bc", 3, unclear}, {"", 3, unclear},
		{"aabb", 5, agreed}, {"abbb", 5, outvoted}, {"abb", 5, unclear}, {"bbb", 5, outvoted}, {"bbcc", 5, unclear},
	} {
		var others []engine.Chain
		for _, c := range tt.others {
			others = append(others, engine.Chain(c))
		}
		if got := judge('a', others, tt.voters); got != tt.want {
			t.Errorf("%s", fmt.Sprintf("a against %q of %d: %d, want %d", tt.others, tt.voters, got, tt.want))
		}
	}
}
