package memberlist

import (
	"fmt"
	"testing"

	"github.com/eventnode/eventnode/sessions"
)

const large = 100_000

// crowd is a list with 100,000 members, half of them online, and 1,000 sessions.
func crowd(b *testing.B, ranges func(session int) []Range) *List {
	l := newList(b, Config{})
	l.Rebuild([]Role{{1, 1}, {2, 2}}, func(yield func(Member) bool) {
		for i := range large {
			if !yield(someone(i, sessions.Status(4*(i%2)))) {
				return
			}
		}
	})
	for i := range 1_000 {
		subscribe(b, l, sessions.ID(fmt.Sprint(i)), ranges(i)...)
	}
	return l
}

func someone(i int, status sessions.Status) Member {
	return member(sessions.Snowflake(i+1)<<22, fmt.Sprintf("%05d", i), status)
}

func same(int) []Range { return []Range{{0, 99}} }

// BenchmarkPut is a change of one member's presence, with 100,000 members and 1,000
// sessions: in his group for all who see him, from group to group for those who do not,
// and the latter if each session has ranges of its own.
func BenchmarkPut(b *testing.B) {
	b.Run("in_place", func(b *testing.B) {
		l := crowd(b, same)
		for n := 0; b.Loop(); n++ {
			m := someone(1, sessions.Online)
			m.Payload = []byte{'0' + byte(n%2)}
			if got := l.Put(m); len(got) != 1 {
				b.Fatal(got)
			}
		}
	})
	regroup := func(ranges func(int) []Range, who int) func(*testing.B) {
		return func(b *testing.B) {
			l := crowd(b, ranges)
			for n := 0; b.Loop(); n++ {
				if got := l.Put(someone(who, sessions.Status(4*(n%2)))); n > 0 && len(got) == 0 {
					b.Fatal("nobody is told")
				}
			}
		}
	}
	b.Run("regroup", regroup(same, 1))
	b.Run("regroup_unseen", regroup(same, large/2+1))
	b.Run("regroup_own_ranges", regroup(func(i int) []Range {
		return []Range{{0, 99}, {200, 299}, {400, 499}, {1_000, 1_099}, {2_000 + i, 2_099 + i}}
	}, 1))
}

// BenchmarkSubscribe is a session that scrolls.
func BenchmarkSubscribe(b *testing.B) {
	l := crowd(b, same)
	for n := 0; b.Loop(); n++ {
		at := 100 * (n % 900)
		if _, err := l.Subscribe("s", []Range{{0, 99}, {at + 100, at + 199}}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRebuild is all 100,000 members anew.
func BenchmarkRebuild(b *testing.B) {
	l := newList(b, Config{})
	for b.Loop() {
		l.Rebuild(nil, func(yield func(Member) bool) {
			for i := range large {
				if !yield(someone(i, sessions.Online)) {
					return
				}
			}
		})
	}
}
