package fleet

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/eventnode/eventnode"
)

// MaxShards bounds the shards of a source.
const MaxShards = 4096

// Spec is which shards of a source the cluster runs: First to Last of Total. The zero value
// is Auto.
type Spec struct{ First, Last, Total int }

// Auto is all shards, as many as the source recommends.
func Auto() Spec { return Spec{} }

// All is all of n shards.
func All(n int) Spec { return Spec{Last: n - 1, Total: n} }

// ParseSpec is the inverse of Spec.String: "auto", a number of shards such as "16", or some
// of them such as "0..7 of 16".
func ParseSpec(text string) (Spec, error) {
	if text == "auto" {
		return Auto(), nil
	}
	few, total, some := strings.Cut(text, " of ")
	if !some {
		total = text
	}
	n, err := strconv.Atoi(total)
	if err != nil {
		return Spec{}, badSpec(text)
	}
	s := All(n)
	if some {
		first, last, ok := strings.Cut(few, "..")
		var err1, err2 error
		s.First, err1 = strconv.Atoi(first)
		s.Last, err2 = strconv.Atoi(last)
		if !ok || err1 != nil || err2 != nil {
			return Spec{}, badSpec(text)
		}
	}
	if s == Auto() {
		return s, badSpec(text) // "0..0 of 0"
	}
	return s, s.Check()
}

func badSpec(text string) error {
	return fmt.Errorf("shards %.40q: use auto, a number such as 16, or some of them such as 0..7 of 16: %w", text, eventnode.ErrInvalidArgument)
}

// Check says what is wrong with a Spec.
func (s Spec) Check() error {
	switch {
	case s == Auto():
		return nil
	case s.Total > MaxShards:
		return &eventnode.LimitError{Limit: "max_shards", Max: MaxShards, Got: s.Total}
	case s.Total < 1:
		return fmt.Errorf("there is at least one shard, not %d: %w", s.Total, eventnode.ErrInvalidArgument)
	case s.First < 0 || s.Last < s.First || s.Last >= s.Total:
		return fmt.Errorf("shards %d..%d of %d: they are numbered from 0 on, below their count: %w", s.First, s.Last, s.Total, eventnode.ErrInvalidArgument)
	}
	return nil
}

// String is what ParseSpec parses.
func (s Spec) String() string {
	switch {
	case s == Auto():
		return "auto"
	case s == All(s.Total):
		return strconv.Itoa(s.Total)
	}
	return fmt.Sprintf("%d..%d of %d", s.First, s.Last, s.Total)
}

// MarshalText implements encoding.TextMarshaler.
func (s Spec) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Spec) UnmarshalText(b []byte) (err error) {
	*s, err = ParseSpec(string(b))
	return err
}

// Has reports whether a shard is one of them.
func (s Spec) Has(shard int) bool { return s.Total > 0 && shard >= s.First && shard <= s.Last }

// Indices are the numbers of the shards, in order.
func (s Spec) Indices() []int {
	if s.Total == 0 {
		return nil
	}
	out := make([]int, 0, s.Last-s.First+1)
	for i := s.First; i <= s.Last; i++ {
		out = append(out, i)
	}
	return out
}

// ShardID is one shard of a source: Index of Total.
type ShardID struct{ Index, Total int }

// String returns "3 of 16".
func (id ShardID) String() string { return fmt.Sprintf("%d of %d", id.Index, id.Total) }
