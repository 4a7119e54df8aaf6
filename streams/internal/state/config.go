package state

import (
	"fmt"
	"math"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
)

// The bounds of a configuration.
const (
	// MaxGroups bounds the consumer groups of a stream.
	MaxGroups = 1024
	// MaxDedupe bounds the event IDs that a stream remembers.
	MaxDedupe = 100_000_000
	// MaxMS bounds max_age and dedupe_window: the milliseconds of the longest
	// time.Duration, some 292 years.
	MaxMS = uint64(math.MaxInt64 / time.Millisecond)
)

// CheckConfig returns a configuration in its one form: groups sorted, each once,
// defaults said.
func CheckConfig(c *storagev1.StreamConfig) (*storagev1.StreamConfig, error) {
	c = proto.CloneOf(c)
	if c == nil {
		c = &storagev1.StreamConfig{}
	}
	if c.GetPool() == "" {
		c.Pool = eventnode.DefaultPool
	}
	if c.GetRetain() == storagev1.Retain_RETAIN_UNSPECIFIED {
		c.Retain = storagev1.Retain_RETAIN_ACKED
	}
	if c.GetDedupeWindowMs() == 0 {
		c.DedupeWindowMs = uint64(eventnode.DefaultDedupeWindow.Milliseconds())
	}
	if c.GetDedupeMax() == 0 {
		c.DedupeMax = eventnode.DefaultDedupeMax
	}
	slices.Sort(c.Groups)
	c.Groups = slices.Compact(c.Groups)
	return c, checkConfig(c)
}

func checkConfig(c *storagev1.StreamConfig) error {
	switch acked := c.GetRetain() == storagev1.Retain_RETAIN_ACKED; {
	case !acked && c.GetRetain() != storagev1.Retain_RETAIN_LIMITS:
		return invalid("unknown retain %d: use acked or limits", c.GetRetain())
	case acked && c.GetMaxAgeMs() > 0:
		return invalid("max_age is for retain limits: with retain acked an event stays until all groups have acked it")
	case acked && c.GetMaxCount() > 0:
		return invalid("max_count is for retain limits: with retain acked an event stays until all groups have acked it")
	case len(c.GetGroups()) > MaxGroups:
		return &eventnode.LimitError{Limit: "max_groups_per_stream", Max: MaxGroups, Got: len(c.GetGroups())}
	case c.GetDedupeMax() > MaxDedupe:
		return overLimit("max_dedupe", MaxDedupe, c.GetDedupeMax())
	case c.GetMaxAgeMs() > MaxMS:
		return overLimit("max_age_ms", MaxMS, c.GetMaxAgeMs())
	case c.GetDedupeWindowMs() > MaxMS:
		return overLimit("dedupe_window_ms", MaxMS, c.GetDedupeWindowMs())
	}
	for _, g := range c.GetGroups() {
		if err := checkWord("group name", g); err != nil {
			return err
		}
	}
	return checkWord("pool", c.GetPool())
}

func overLimit(name string, most, got uint64) error {
	return &eventnode.LimitError{Limit: name, Max: int(most), Got: int(min(got, math.MaxInt))}
}

// difference names the first thing in which two configurations differ, besides
// groups: "" if none.
func difference(a, b *storagev1.StreamConfig) string {
	switch {
	case a.GetPool() != b.GetPool():
		return fmt.Sprintf("pool (%q, not %q)", a.GetPool(), b.GetPool())
	case a.GetRetain() != b.GetRetain():
		return fmt.Sprintf("retain (%s, not %s)", retainWord(a.GetRetain()), retainWord(b.GetRetain()))
	}
	for _, f := range []struct {
		name string
		a, b uint64
	}{
		{"max_age", a.GetMaxAgeMs(), b.GetMaxAgeMs()},
		{"max_bytes", a.GetMaxBytes(), b.GetMaxBytes()},
		{"max_count", a.GetMaxCount(), b.GetMaxCount()},
		{"dedupe_window", a.GetDedupeWindowMs(), b.GetDedupeWindowMs()},
		{"dedupe_max", a.GetDedupeMax(), b.GetDedupeMax()},
	} {
		if f.a != f.b {
			return fmt.Sprintf("%s (%d, not %d)", f.name, f.a, f.b)
		}
	}
	return ""
}

func retainWord(r storagev1.Retain) string {
	if r == storagev1.Retain_RETAIN_LIMITS {
		return "limits"
	}
	return "acked"
}

// merged is the groups of both, sorted, each once.
func merged(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}
