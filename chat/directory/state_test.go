package directory

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/eventnode/eventnode"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// A change that does not fit says why by name, and changes nothing.
func TestRefusals(t *testing.T) {
	s := parsed(t, example(t))
	long := strings.Repeat("é", 101)
	member := func(m *eventnodev1.DirectoryMember) *eventnodev1.DirectoryChange {
		m.GuildId = 1000
		return PutMember(m)
	}
	channel := func(c *eventnodev1.DirectoryChannel) *eventnodev1.DirectoryChange {
		c.Id, c.GuildId, c.Name = 1200, 1000, "c"
		return PutChannel(c)
	}
	private := func(c *eventnodev1.DirectoryChannel) *eventnodev1.DirectoryChange {
		c.Id, c.Type = 2100, max(c.Type, 1)
		return PutChannel(c)
	}
	bad := eventnode.ErrInvalidArgument
	for name, tt := range map[string]struct {
		change *eventnodev1.DirectoryChange
		want   error
	}{
		"nothing":                 {nil, bad},
		"no oneof":                {&eventnodev1.DirectoryChange{}, bad},
		"nil guild":               {PutGuild(nil), bad},
		"nil role":                {PutRole(nil), ErrUnknownGuild},
		"nil channel":             {PutChannel(nil), bad},
		"nil member":              {PutMember(nil), ErrUnknownGuild},
		"nil user":                {PutUser(nil), bad},
		"id too large":            {PutUser(&eventnodev1.DirectoryUser{Id: 1 << 63, Username: "a"}), bad},
		"no name":                 {PutUser(&eventnodev1.DirectoryUser{Id: 7}), bad},
		"not UTF-8":               {PutUser(&eventnodev1.DirectoryUser{Id: 7, Username: "\xff"}), bad},
		"long username":           {PutUser(&eventnodev1.DirectoryUser{Id: 7, Username: long}), eventnode.ErrLimit},
		"discriminator":           {PutUser(&eventnodev1.DirectoryUser{Id: 7, Username: "a", Discriminator: "12345"}), bad},
		"user is a guild":         {PutUser(&eventnodev1.DirectoryUser{Id: 1000, Username: "a"}), ErrIDTaken},
		"guild without owner":     {PutGuild(&eventnodev1.DirectoryGuild{Id: 7, Name: "g", OwnerId: 8}), ErrUnknownUser},
		"guild is a role":         {PutGuild(&eventnodev1.DirectoryGuild{Id: 1001, Name: "g", OwnerId: 100}), ErrIDTaken},
		"guild's name":            {PutGuild(&eventnodev1.DirectoryGuild{Id: 7, Name: long, OwnerId: 100}), eventnode.ErrLimit},
		"features":                {PutGuild(&eventnodev1.DirectoryGuild{Id: 7, Name: "g", OwnerId: 100, Features: make([]string, 101)}), eventnode.ErrLimit},
		"feature":                 {PutGuild(&eventnodev1.DirectoryGuild{Id: 7, Name: "g", OwnerId: 100, Features: []string{""}}), bad},
		"role of no guild":        {PutRole(&eventnodev1.DirectoryRole{Id: 7, GuildId: 8, Name: "r"}), ErrUnknownGuild},
		"role is a channel":       {PutRole(&eventnodev1.DirectoryRole{Id: 1101, GuildId: 1000, Name: "r"}), ErrIDTaken},
		"role's color":            {PutRole(&eventnodev1.DirectoryRole{Id: 7, GuildId: 1000, Name: "r", Color: 1 << 24}), bad},
		"role's bits":             {PutRole(&eventnodev1.DirectoryRole{Id: 7, GuildId: 1000, Name: "r", Permissions: 1 << 63}), bad},
		"role's position":         {PutRole(&eventnodev1.DirectoryRole{Id: 7, GuildId: 1000, Name: "r", Position: 1 << 31}), bad},
		"role of everybody":       {DeleteRole(1000), ErrEveryoneRole},
		"no role":                 {DeleteRole(7), ErrUnknownRole},
		"no guild":                {DeleteGuild(7), ErrUnknownGuild},
		"no channel":              {DeleteChannel(7), ErrUnknownChannel},
		"no member":               {DeleteMember(1000, 7), ErrUnknownMember},
		"no member of no guild":   {DeleteMember(7, 100), ErrUnknownGuild},
		"no user":                 {DeleteUser(7), ErrUnknownUser},
		"owner":                   {DeleteUser(100), ErrOwnsGuild},
		"no friends":              {DeleteFriendship(100, 102), ErrUnknownFriendship},
		"own friend":              {PutFriendship(100, 100), bad},
		"unknown friend":          {PutFriendship(100, 7), ErrUnknownUser},
		"member of no guild":      {PutMember(&eventnodev1.DirectoryMember{GuildId: 7, UserId: 100}), ErrUnknownGuild},
		"member is no user":       {member(&eventnodev1.DirectoryMember{UserId: 7}), ErrUnknownUser},
		"member's role":           {member(&eventnodev1.DirectoryMember{UserId: 100, Roles: []uint64{7}}), ErrUnknownRole},
		"member's role twice":     {member(&eventnodev1.DirectoryMember{UserId: 100, Roles: []uint64{1001, 1002, 1001}}), bad},
		"member's everyone":       {member(&eventnodev1.DirectoryMember{UserId: 100, Roles: []uint64{1000}}), bad},
		"member's nick":           {member(&eventnodev1.DirectoryMember{UserId: 100, Nick: long}), eventnode.ErrLimit},
		"member's time":           {member(&eventnodev1.DirectoryMember{UserId: 100, JoinedAt: &timestamppb.Timestamp{Nanos: -1}}), bad},
		"channel of no guild":     {PutChannel(&eventnodev1.DirectoryChannel{Id: 7, GuildId: 8, Name: "c"}), ErrUnknownGuild},
		"channel moves":           {PutChannel(&eventnodev1.DirectoryChannel{Id: 1101, Type: 1, Recipients: []uint64{100}}), ErrIDTaken},
		"direct in a guild":       {channel(&eventnodev1.DirectoryChannel{Type: 1}), bad},
		"thread":                  {channel(&eventnodev1.DirectoryChannel{Type: 11}), bad},
		"recipients in a guild":   {channel(&eventnodev1.DirectoryChannel{Recipients: []uint64{100}}), bad},
		"topic":                   {channel(&eventnodev1.DirectoryChannel{Topic: strings.Repeat("a", 4097)}), eventnode.ErrLimit},
		"slowmode":                {channel(&eventnodev1.DirectoryChannel{RateLimitPerUser: 21601}), eventnode.ErrLimit},
		"parent is no category":   {channel(&eventnodev1.DirectoryChannel{ParentId: 1101}), ErrUnknownChannel},
		"category in a category":  {channel(&eventnodev1.DirectoryChannel{Type: 4, ParentId: 1100}), bad},
		"category with channels":  {PutChannel(&eventnodev1.DirectoryChannel{Id: 1100, GuildId: 1000, Name: "c"}), ErrNotEmpty},
		"overwrite of nobody":     {channel(&eventnodev1.DirectoryChannel{Overwrites: []*eventnodev1.DirectoryOverwrite{nil}}), bad},
		"overwrite of no role":    {channel(&eventnodev1.DirectoryChannel{Overwrites: []*eventnodev1.DirectoryOverwrite{{Id: 7, Kind: 1}}}), ErrUnknownRole},
		"overwrite of no member":  {channel(&eventnodev1.DirectoryChannel{Overwrites: []*eventnodev1.DirectoryOverwrite{{Id: 7, Kind: 2}}}), ErrUnknownMember},
		"overwrite twice":         {channel(&eventnodev1.DirectoryChannel{Overwrites: []*eventnodev1.DirectoryOverwrite{{Id: 100, Kind: 2}, {Id: 101, Kind: 2}, {Id: 100, Kind: 2}}}), bad},
		"overwrite's bits":        {channel(&eventnodev1.DirectoryChannel{Overwrites: []*eventnodev1.DirectoryOverwrite{{Id: 100, Kind: 2, Deny: 1 << 63}}}), bad},
		"many overwrites":         {channel(&eventnodev1.DirectoryChannel{Overwrites: make([]*eventnodev1.DirectoryOverwrite, 501)}), eventnode.ErrLimit},
		"direct of nobody":        {private(&eventnodev1.DirectoryChannel{}), bad},
		"direct of three":         {private(&eventnodev1.DirectoryChannel{Recipients: []uint64{100, 101, 102}}), eventnode.ErrLimit},
		"direct with a name":      {private(&eventnodev1.DirectoryChannel{Recipients: []uint64{100}, Name: "d"}), bad},
		"direct twice":            {private(&eventnodev1.DirectoryChannel{Recipients: []uint64{100, 100}}), bad},
		"direct of unknown":       {private(&eventnodev1.DirectoryChannel{Recipients: []uint64{100, 7}}), ErrUnknownUser},
		"private with overwrites": {private(&eventnodev1.DirectoryChannel{Recipients: []uint64{100}, Overwrites: []*eventnodev1.DirectoryOverwrite{{}}}), bad},
		"private text":            {private(&eventnodev1.DirectoryChannel{Type: 2, Recipients: []uint64{100}}), bad},
		"group of eleven":         {private(&eventnodev1.DirectoryChannel{Type: 3, Recipients: make([]uint64, 11)}), eventnode.ErrLimit},
		"group's owner":           {private(&eventnodev1.DirectoryChannel{Type: 3, Recipients: []uint64{100}, OwnerId: 101}), bad},
	} {
		before := look(s)
		e, err := s.Apply(tt.change)
		if !errors.Is(err, tt.want) || !e.Empty() || len(e.Access) > 0 || !reflect.DeepEqual(before, look(s)) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

// An effect is as narrow as the change: whoever holds subscriptions recomputes no more
// than he has to.
func TestEffectsAreNarrow(t *testing.T) {
	s := parsed(t, example(t))
	role := func(change func(*eventnodev1.DirectoryRole)) *eventnodev1.DirectoryChange {
		r := &eventnodev1.DirectoryRole{Id: 1001, GuildId: 1000, Name: "moderators", Position: 2, Hoist: true, Color: 0x3498db, Permissions: 1<<13 | 1<<1}
		change(r)
		return PutRole(r)
	}
	ow := func(id uint64, kind eventnodev1.DirectoryOverwriteKind, allow, deny uint64) *eventnodev1.DirectoryOverwrite {
		return &eventnodev1.DirectoryOverwrite{Id: id, Kind: kind, Allow: allow, Deny: deny}
	}
	moderation := func(overwrites ...*eventnodev1.DirectoryOverwrite) *eventnodev1.DirectoryChange {
		return PutChannel(&eventnodev1.DirectoryChannel{Id: 1103, GuildId: 1000, Name: "moderation", Position: 3, Overwrites: overwrites})
	}
	hidden := ow(1000, 1, 0, 1<<10)
	for _, tt := range []struct {
		what   string
		change *eventnodev1.DirectoryChange
		want   string
	}{
		{"the same", role(func(*eventnodev1.DirectoryRole) {}), ""},
		{"moved", role(func(r *eventnodev1.DirectoryRole) { r.Position = 7 }), "roles 1"},
		{"sees all", role(func(r *eventnodev1.DirectoryRole) { r.Permissions = 1 << 10 }), "roles 1, role 1001 in 0"},
		{"sees nothing, may more", role(func(r *eventnodev1.DirectoryRole) { r.Permissions = 1 << 11 }), "roles 1, role 1001 in 0"},
		{"order", moderation(ow(102, 2, 1<<10, 1<<11), ow(1001, 1, 1<<10, 0), hidden), ""},
		{"may write", moderation(hidden, ow(1001, 1, 1<<10, 0), ow(102, 2, 1<<10, 0)), "channels 1"},
		{"alan out", moderation(hidden, ow(1001, 1, 1<<10, 0)), "channels 1, user 102 in 1103"},
		{"grace in, role out", moderation(hidden, ow(101, 2, 1<<10, 0)), "channels 1, role 1001 in 1103, user 101 in 1103"},
		{"open", moderation(ow(101, 2, 1<<10, 0)), "channels 1, role 1000 in 1103"},
		{"nick", PutMember(&eventnodev1.DirectoryMember{GuildId: 1000, UserId: 102, Nick: "al"}), "members 1"},
		{"roles", PutMember(&eventnodev1.DirectoryMember{GuildId: 1000, UserId: 102, Nick: "al", Roles: []uint64{1001}}), "members 1, user 102 in 0"},
		{"renamed", PutUser(&eventnodev1.DirectoryUser{Id: 102, Username: "turing"}), "users 1"},
		{"friends", PutFriendship(101, 100), ""},
		{"group", PutChannel(&eventnodev1.DirectoryChannel{Id: 2001, Type: 3, Name: "plans", OwnerId: 100, Recipients: []uint64{103, 100, 102}}), "channels 1, user 101 in 2001, user 103 in 2001"},
		{"role in", moderation(hidden, ow(1001, 1, 1<<10, 0)), "channels 1, user 101 in 1103, role 1000 in 1103, role 1001 in 1103"},
		{"role gone", DeleteRole(1001), "roles 1, channels 1, members 2, user 101 in 0, user 102 in 0"},
		{"owner", PutGuild(&eventnodev1.DirectoryGuild{Id: 1000, OwnerId: 101, Name: "Analysts"}), "guilds 1, user 100 in 0, user 101 in 0"},
		{"category gone", DeleteChannel(1100), "channels 3"},
		{"user gone", DeleteUser(102), "channels 1, members 1, users 1, friends 1, user 102 in 0, user 102 in 2001"},
	} {
		e, err := s.Apply(tt.change)
		if got := brief(e); got != tt.want || err != nil {
			t.Errorf("%s: %s, %v, want %s", tt.what, got, err, tt.want)
		}
	}
}

// brief is an effect in short.
func brief(e Effect) string {
	var words []string
	for _, k := range []struct {
		what string
		n    int
	}{{"guilds", len(e.Guilds)}, {"roles", len(e.Roles)}, {"channels", len(e.Channels)}, {"members", len(e.Members)}, {"users", len(e.Users)}, {"friends", len(e.Friendships)}} {
		if k.n > 0 {
			words = append(words, fmt.Sprint(k.what, " ", k.n))
		}
	}
	for _, a := range e.Access {
		who := fmt.Sprint("role ", a.Role)
		if a.Role == 0 {
			who = fmt.Sprint("user ", a.User)
		}
		words = append(words, fmt.Sprintf("%s in %d", who, a.Channel))
	}
	return strings.Join(words, ", ")
}

// A limit that is negative is refused, with its name.
func TestLimitsAreChecked(t *testing.T) {
	if _, err := New(Limits{FriendsPerUser: -1}); !errors.Is(err, eventnode.ErrInvalidArgument) || !strings.Contains(err.Error(), "FriendsPerUser") {
		t.Error(err)
	}
}

// crowd is a guild of members with roles, and channels with overwrites.
func crowd(b *testing.B, members int) *State {
	s := newState(b, Limits{})
	apply := func(c *eventnodev1.DirectoryChange) {
		if _, err := s.Apply(c); err != nil {
			b.Fatal(err)
		}
	}
	apply(PutUser(&eventnodev1.DirectoryUser{Id: 1, Username: "owner"}))
	apply(PutGuild(&eventnodev1.DirectoryGuild{Id: 2, OwnerId: 1, Name: "crowd"}))
	for i := range uint64(50) {
		apply(PutRole(&eventnodev1.DirectoryRole{Id: 100 + i, GuildId: 2, Name: "r", Position: uint32(i)}))
	}
	for i := range uint64(100) {
		c := &eventnodev1.DirectoryChannel{Id: 1000 + i, GuildId: 2, Name: "c", Position: uint32(i)}
		for k := range 1 + i%10 {
			c.Overwrites = append(c.Overwrites, &eventnodev1.DirectoryOverwrite{Id: 100 + k*5, Kind: 1, Allow: ViewChannel})
		}
		apply(PutChannel(c))
	}
	for i := range uint64(members) {
		apply(PutUser(&eventnodev1.DirectoryUser{Id: 10_000 + i, Username: fmt.Sprint("user", i)}))
		apply(PutMember(crowdMember(i)))
	}
	return s
}

func crowdMember(i uint64) *eventnodev1.DirectoryMember {
	return &eventnodev1.DirectoryMember{GuildId: 2, UserId: 10_000 + i, Roles: []uint64{100 + i%25, 125 + i%25}}
}

// Readable of a guild with 100 channels, 550 overwrites and 10,000 members.
func BenchmarkReadable(b *testing.B) {
	s := crowd(b, 10_000)
	b.ReportAllocs()
	for i := flake(0); b.Loop(); i++ {
		if n := len(s.Readable(10_000+i%10_000, 2)); n != 100 {
			b.Fatal(n)
		}
	}
}

// A member who comes and goes in a guild of 10,000, and one whose nick changes.
func BenchmarkPutMember(b *testing.B) {
	s := crowd(b, 10_000)
	b.Run("come and go", func(b *testing.B) {
		b.ReportAllocs()
		for i := uint64(0); b.Loop(); i++ {
			m := crowdMember(i % 10_000)
			if _, err := s.Apply(DeleteMember(2, flake(m.UserId))); err != nil {
				b.Fatal(err)
			}
			if _, err := s.Apply(PutMember(m)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("nick", func(b *testing.B) {
		b.ReportAllocs()
		for i := uint64(0); b.Loop(); i++ {
			m := crowdMember(i % 10_000)
			m.Nick = fmt.Sprint(i)
			if _, err := s.Apply(PutMember(m)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// A role that changes what may be read, with all whom that concerns: 400 of 10,000.
func BenchmarkRoleChange(b *testing.B) {
	s := crowd(b, 10_000)
	b.ReportAllocs()
	for i := uint64(0); b.Loop(); i++ {
		e, err := s.Apply(PutRole(&eventnodev1.DirectoryRole{Id: 100, GuildId: 2, Name: "r", Permissions: (i + 1) % 2 * ViewChannel}))
		if err != nil || len(e.Access) != 1 {
			b.Fatal(e, err)
		}
		n := 0
		for range s.Affected(e.Access[0]) {
			n++
		}
		if n != 400 {
			b.Fatal(n)
		}
	}
}

// What Rows counts in bytes for a user who is a member, beside what the heap grows by.
func BenchmarkBytes(b *testing.B) {
	heap := func() float64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	for b.Loop() {
		before := heap()
		s := crowd(b, 100_000)
		b.ReportMetric((heap()-before)/100_000, "heap-B/member")
		b.ReportMetric(float64(s.Rows().Bytes)/100_000, "counted-B/member")
	}
}
