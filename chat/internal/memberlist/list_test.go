package memberlist

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/sessions"
)

func newList(t testing.TB, cfg Config) *List {
	t.Helper()
	l, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// member is one whose payload is his name.
func member(user sessions.Snowflake, name string, status sessions.Status, roles ...sessions.Snowflake) Member {
	return Member{User: user, Name: name, Status: status, Roles: roles, Payload: json.RawMessage(`"` + name + `"`)}
}

func subscribe(t testing.TB, l *List, s sessions.ID, ranges ...Range) []Change {
	t.Helper()
	got, err := l.Subscribe(s, ranges)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// words is changes as text: who, and each op in short.
func words(changes []Change) string {
	var lines []string
	for _, c := range changes {
		line := []string{fmt.Sprint(slices.Sorted(c.Sessions()))}
		for _, o := range c.Ops {
			line = append(line, short(o))
		}
		lines = append(lines, strings.Join(line, ", "))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func short(o Op) string {
	words := []string{string(o.Kind), fmt.Sprint(o.Index)}
	if o.Kind == Sync || o.Kind == Invalidate {
		words[1] = fmt.Sprintf("%d-%d", o.Range.First, o.Range.Last)
	}
	if o.Item != nil {
		o.Items = []*Item{o.Item}
	}
	for _, item := range o.Items {
		if g := item.Group; g != nil {
			words = append(words, fmt.Sprintf("%s:%d", g.ID, g.Count))
		} else {
			words = append(words, strings.Trim(string(item.Member), `"`))
		}
	}
	return strings.Join(words, " ")
}

func check(t testing.TB, got []Change, want ...string) {
	t.Helper()
	if got, want := words(got), strings.Join(want, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Groups are the roles by position, the highest first and by id where that is equal, then
// online, then offline; those without members have no header. A member is in the first of
// his; who is offline or invisible is in offline, whatever his roles. Names are sorted
// without regard to capitals, and by user id where they are equal.
func TestOrder(t *testing.T) {
	l := newList(t, Config{})
	subscribe(t, l, "s", Range{0, 99})
	got := l.Rebuild([]Role{{10, 1}, {30, 2}, {20, 2}, {40, 9}}, slices.Values([]Member{
		member(9, "b", sessions.Online), member(2, "A", sessions.Idle), member(1, "B", sessions.DoNotDisturb),
		member(3, "x", sessions.Offline, 20, 10), member(4, "w", sessions.Invisible, 20),
		member(5, "low", sessions.Online, 10), member(6, "both", sessions.Online, 10, 30, 77), member(7, "tie", sessions.Online, 20, 30),
	}))
	check(t, got, "[s], SYNC 0-99 20:1 tie 30:1 both 10:1 low online:3 A B b offline:2 w x")
	if c := got[0]; c.MemberCount != 8 || c.OnlineCount != 6 || fmt.Sprint(c.Groups) != "[{20 1} {30 1} {10 1} {online 3} {offline 2}]" {
		t.Errorf("%+v", c)
	}
}

// The payload has the form of the protocol, each kind of op its fields, and lists that
// are empty are lists.
func TestJSON(t *testing.T) {
	l := newList(t, Config{Guild: 41771983423143937, ID: "123"})
	text := func(changes []Change) string {
		t.Helper()
		if len(changes) != 1 {
			t.Fatalf("%d changes", len(changes))
		}
		b, err := json.Marshal(changes[0])
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	const begin = `{"guild_id":"41771983423143937","id":"123","ops":[`
	for _, c := range []struct {
		got  []Change
		want string
	}{
		{subscribe(t, l, "s", Range{0, 1}), `{"op":"SYNC","range":[0,1],"items":[]}],"groups":[],"member_count":0,"online_count":0}`},
		{l.Put(member(1, "b", sessions.Online)), `{"op":"SYNC","range":[0,1],"items":[{"group":{"id":"online","count":1}}]},{"op":"INSERT","index":1,"item":{"member":"b"}}],"groups":[{"id":"online","count":1}],"member_count":1,"online_count":1}`},
		{l.Put(Member{User: 1, Name: "b", Status: sessions.Idle, Payload: json.RawMessage(`{"nick":"b"}`)}), `{"op":"UPDATE","index":1,"item":{"member":{"nick":"b"}}}],"groups":[{"id":"online","count":1}],"member_count":1,"online_count":1}`},
		{l.Remove(1), `{"op":"DELETE","index":1},{"op":"DELETE","index":0}],"groups":[],"member_count":0,"online_count":0}`},
		{subscribe(t, l, "s"), `{"op":"INVALIDATE","range":[0,1]}],"groups":[],"member_count":0,"online_count":0}`},
	} {
		if got := text(c.got); got != begin+c.want {
			t.Errorf("got\n%s\nwant\n%s", got, begin+c.want)
		}
	}
	if _, err := json.Marshal(Op{Kind: "RESIZE"}); !errors.Is(err, eventnode.ErrInvalidArgument) {
		t.Error(err)
	}
}

// alphabet is a list of one group with members a to z: its header is 0, a is 1, z is 26.
func alphabet(t testing.TB) *List {
	l := newList(t, Config{})
	l.Rebuild(nil, func(yield func(Member) bool) {
		for i := range 26 {
			if !yield(member(sessions.Snowflake(i+1), string(rune('a'+i)), sessions.Online)) {
				return
			}
		}
	})
	return l
}

// A presence change in the same group is an UPDATE for those whose ranges cover the
// index, and for nobody else; one that shows nothing new is nothing.
func TestPresenceUpdate(t *testing.T) {
	l := alphabet(t)
	subscribe(t, l, "s1", Range{0, 9})
	subscribe(t, l, "s2", Range{0, 9})
	subscribe(t, l, "s3", Range{0, 9}, Range{20, 29})
	subscribe(t, l, "s4", Range{10, 19})
	m := member(3, "c", sessions.Idle)
	m.Payload = json.RawMessage(`"idle"`)
	check(t, l.Put(m), "[s1 s2 s3], UPDATE 3 idle")
	check(t, l.Put(m))
}

// A change of name or group is a DELETE and an INSERT for each range that sees it: what
// is inside leaves and enters there, what is outside leaves and enters at the border.
// Ranges that see nothing of it are told nothing.
func TestMove(t *testing.T) {
	for _, c := range []struct {
		what   string
		do     func(*List) []Change
		ranges []Range
		want   string
	}{
		{"in the range", func(l *List) []Change { return l.Put(member(3, "gg", sessions.Online)) }, []Range{{0, 9}}, "DELETE 3, INSERT 7 gg"},
		{"back", func(l *List) []Change { return l.Put(member(7, "bb", sessions.Online)) }, []Range{{0, 9}}, "DELETE 7, INSERT 3 bb"},
		{"out of it", func(l *List) []Change { return l.Put(member(3, "xx", sessions.Online)) }, []Range{{0, 9}}, "DELETE 3, INSERT 9 j"},
		{"into it", func(l *List) []Change { return l.Put(member(24, "cc", sessions.Online)) }, []Range{{0, 9}}, "DELETE 9, INSERT 4 cc"},
		{"over it", func(l *List) []Change { return l.Put(member(3, "xx", sessions.Online)) }, []Range{{10, 12}}, "DELETE 10, INSERT 12 m"},
		{"from one to another", func(l *List) []Change { return l.Put(member(24, "cc", sessions.Online)) }, []Range{{0, 9}, {20, 25}}, "DELETE 24, DELETE 9, INSERT 4 cc, INSERT 20 s"},
		{"before it", func(l *List) []Change { return l.Put(member(3, "gg", sessions.Online)) }, []Range{{10, 19}}, ""},
		{"behind it", func(l *List) []Change { return l.Put(member(24, "tt", sessions.Online)) }, []Range{{10, 19}}, ""},
		{"in its place", func(l *List) []Change { return l.Put(member(3, "cc", sessions.Online)) }, []Range{{0, 9}}, "UPDATE 3 cc"},
		{"ranges that touch are one", func(l *List) []Change { return l.Put(member(3, "xx", sessions.Online)) }, []Range{{0, 4}, {5, 9}}, "DELETE 3, INSERT 9 j"},
		{"one goes", func(l *List) []Change { return l.Remove(3) }, []Range{{0, 9}, {20, 29}}, "DELETE 20, DELETE 3, INSERT 9 j, UPDATE 0 online:25"},
		{"one comes", func(l *List) []Change { return l.Put(member(99, "cc", sessions.Online)) }, []Range{{0, 9}, {20, 29}}, "UPDATE 0 online:27, DELETE 9, INSERT 4 cc, INSERT 20 s"},
		{"the first one is offline", func(l *List) []Change { return l.Put(member(3, "c", sessions.Offline)) }, []Range{{0, 9}}, "DELETE 3, INSERT 9 j, UPDATE 0 online:25"},
		{"the end is seen", func(l *List) []Change { return l.Put(member(3, "c", sessions.Offline)) }, []Range{{25, 29}}, "INSERT 27 offline:1, DELETE 25, INSERT 27 c"},
		{"the end comes into the range", func(l *List) []Change { return l.Put(member(99, "cc", sessions.Online)) }, []Range{{27, 29}}, "SYNC 27-29 z"},
	} {
		t.Run(c.what, func(t *testing.T) {
			l := alphabet(t)
			subscribe(t, l, "s", c.ranges...)
			if c.want == "" {
				check(t, c.do(l))
			} else {
				check(t, c.do(l), "[s], "+c.want)
			}
		})
	}
}

// A group whose last member goes to one that had none: the header goes and comes, what is
// behind both groups does not move, nor does the member if nobody is in between.
func TestHeaders(t *testing.T) {
	l := newList(t, Config{})
	l.Rebuild([]Role{{10, 2}, {20, 1}}, slices.Values([]Member{
		member(1, "a", sessions.Online, 10), member(2, "b", sessions.Online), member(3, "c", sessions.Online),
	}))
	subscribe(t, l, "all", Range{0, 9})
	subscribe(t, l, "behind", Range{2, 9})
	m := member(1, "a", sessions.Online, 20)
	m.Payload = json.RawMessage(`"aa"`)
	check(t, l.Put(m), "[all], UPDATE 1 aa, DELETE 0, INSERT 0 20:1")
	m.Roles = []sessions.Snowflake{10}
	m.Payload = json.RawMessage(`"a"`)
	check(t, l.Put(m), "[all], DELETE 0, INSERT 0 10:1, UPDATE 1 a")
	check(t, l.Put(member(1, "a", sessions.Offline)),
		"[all], DELETE 1, INSERT 4 a, DELETE 0, INSERT 3 offline:1",
		"[behind], DELETE 2, INSERT 4 a, DELETE 2, INSERT 3 offline:1")
}

// Subscribe replaces what a session had: what it has no more is invalid, and all that it
// asks for is sent. Ranges that are negative or reversed are ignored, and said twice are
// said once.
func TestSubscribe(t *testing.T) {
	l := alphabet(t)
	check(t, subscribe(t, l, "s", Range{-1, 5}, Range{5, 4}, Range{2, 3}, Range{0, 1}, Range{2, 3}), "[s], SYNC 0-1 online:26 a, SYNC 2-3 b c")
	check(t, subscribe(t, l, "s", Range{1, 2}, Range{25, 30}), "[s], INVALIDATE 0-0, INVALIDATE 3-3, SYNC 1-2 a b, SYNC 25-30 y z")
	check(t, subscribe(t, l, "s", Range{1, 2}), "[s], INVALIDATE 25-30, SYNC 1-2 a b")
	if l.Empty() || l.Sessions() != 1 {
		t.Error("it is there")
	}
	check(t, subscribe(t, l, "s", Range{-1, -1}), "[s], INVALIDATE 1-2")
	check(t, subscribe(t, l, "s"))
	if !l.Empty() {
		t.Error("nobody is left")
	}
	check(t, l.Remove(2))
	subscribe(t, l, "s", Range{0, 2})
	subscribe(t, l, "o", Range{0, 2})
	l.Unsubscribe("s")
	l.Unsubscribe("s")
	check(t, l.Remove(1), "[o], DELETE 1, INSERT 2 d, UPDATE 0 online:24")
}

// Sessions that are told the same share one change, also if their ranges are others; no
// session is lost when one with the same ranges goes.
func TestShared(t *testing.T) {
	l := alphabet(t)
	for _, s := range []sessions.ID{"s1", "s2", "s3"} {
		subscribe(t, l, s, Range{0, 9})
	}
	subscribe(t, l, "touching", Range{0, 4}, Range{5, 9})
	subscribe(t, l, "wide", Range{27, 29})
	subscribe(t, l, "narrow", Range{27, 28})
	check(t, l.Put(member(99, "cc", sessions.Online)),
		"[narrow], SYNC 27-28 z", "[s1 s2 s3 touching], UPDATE 0 online:27, DELETE 9, INSERT 4 cc", "[wide], SYNC 27-29 z")
	for _, c := range []struct {
		goes sessions.ID
		left string
	}{{"s1", "[s2 s3 touching]"}, {"s3", "[s2 touching]"}, {"s2", "[touching]"}} {
		l.Unsubscribe(c.goes)
		if got := fmt.Sprint(slices.Sorted(l.Covered(99))); got != c.left {
			t.Errorf("%s are left, want %s", got, c.left)
		}
	}
}

// Rebuild sends all ranges anew, also to who had something where nothing is now.
func TestRebuild(t *testing.T) {
	l := alphabet(t)
	subscribe(t, l, "s1", Range{0, 2})
	subscribe(t, l, "s2", Range{0, 2})
	subscribe(t, l, "s3", Range{0, 2}, Range{20, 29})
	check(t, l.Rebuild([]Role{{5, 5}}, slices.Values([]Member{member(1, "a", sessions.Online), member(1, "b", sessions.Online, 5)})),
		"[s1 s2], SYNC 0-2 5:1 b", "[s3], SYNC 0-2 5:1 b, SYNC 20-29")
	if l.Len() != 1 {
		t.Errorf("%d members", l.Len())
	}
	check(t, l.Remove(26))
}

// Covered is who has the member in his ranges, so that he needs no other presence event.
func TestCovered(t *testing.T) {
	l := alphabet(t)
	subscribe(t, l, "s1", Range{0, 9})
	subscribe(t, l, "s2", Range{5, 7}, Range{20, 29})
	subscribe(t, l, "s3", Range{10, 19})
	for user, want := range map[sessions.Snowflake]string{3: "[s1]", 5: "[s1 s2]", 10: "[s3]", 26: "[s2]", 99: "[]"} {
		if got := fmt.Sprint(slices.Sorted(l.Covered(user))); got != want {
			t.Errorf("%d: %s, want %s", user, got, want)
		}
	}
	l.Put(member(3, "c", sessions.Offline))
	if got := fmt.Sprint(slices.Sorted(l.Covered(3))); got != "[s2]" {
		t.Errorf("he is at the end now: %s", got)
	}
	for range l.Covered(5) {
		break // who has enough is not asked again
	}
}

// Limits are named, and who is refused has what he had.
func TestLimits(t *testing.T) {
	l := newList(t, Config{MaxSessions: 2, MaxRanges: 2, MaxWidth: 10})
	subscribe(t, l, "s1", Range{0, 9})
	subscribe(t, l, "s2", Range{0, 9})
	for _, c := range []struct {
		session sessions.ID
		ranges  []Range
		limit   string
	}{
		{"s3", []Range{{0, 1}}, "max_list_sessions"},
		{"s1", []Range{{0, 1}, {2, 3}, {4, 5}}, "max_list_ranges"},
		{"s1", []Range{{0, 10}}, "max_list_range_width"},
		{"s1", []Range{{0, 1<<63 - 1}}, "max_list_range_width"},
	} {
		_, err := l.Subscribe(c.session, c.ranges)
		if got, ok := errors.AsType[*eventnode.LimitError](err); !ok || got.Limit != c.limit {
			t.Errorf("%v, want %s", err, c.limit)
		}
	}
	if check(t, subscribe(t, l, "s3")); l.Sessions() != 2 {
		t.Errorf("%d sessions", l.Sessions())
	}
	check(t, l.Put(member(1, "a", sessions.Online)), "[s1 s2], SYNC 0-9 online:1, INSERT 1 a")
	subscribe(t, l, "s1", Range{1<<63 - 10, 1<<63 - 1})
	check(t, l.Remove(1), "[s2], DELETE 1, DELETE 0")
	for _, bad := range []Config{{MaxSessions: -1}, {MaxRanges: -1}, {MaxWidth: -1}} {
		if _, err := New(bad); !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

// What is no range is refused by name.
func TestBadRanges(t *testing.T) {
	for _, bad := range []string{`[null]`, `[[]]`, `[[1]]`, `[[1,2,3]]`, `[["0","99"]]`, `[[0,1.5]]`, `[[0,99999999999999999999]]`, `[{}]`} {
		var got []Range
		if err := json.Unmarshal([]byte(bad), &got); !errors.Is(err, eventnode.ErrInvalidArgument) || !strings.Contains(err.Error(), "first, last") {
			t.Errorf("%s: %v, %v", bad, got, err)
		}
	}
	var got map[sessions.Snowflake][]Range
	if err := json.Unmarshal([]byte(`{"5":[[0,99],[100,199]],"6":null}`), &got); err != nil || !slices.Equal(got[5], []Range{{0, 99}, {100, 199}}) || got[6] != nil {
		t.Error(got, err)
	}
}

// Channels share a list if @everyone reads them, or their overwrites say the same of
// reading, in whatever order. The id is what clients compute.
func TestKey(t *testing.T) {
	a, d := Overwrite{ID: 5, Allow: true}, Overwrite{ID: 10, Deny: true}
	for _, c := range []struct {
		got, key, id string
	}{
		{Key(true), "everyone", "everyone"},
		{Key(true, a, Overwrite{ID: 3}), "everyone", "everyone"},
		{Key(true, d), "deny:10", "3007946959"},
		{Key(false), "", "0"},
		{Key(false, a, d), "allow:5,deny:10", "3363250803"},
		{Key(false, d, Overwrite{ID: 3}, a), "allow:5,deny:10", "3363250803"},
		{Key(false, Overwrite{ID: 5, Allow: true, Deny: true}), "allow:5", "572756425"},
	} {
		if got := ID(c.got); c.got != c.key || got != c.id {
			t.Errorf("%q, %s, want %q, %s", c.got, got, c.key, c.id)
		}
	}
}
