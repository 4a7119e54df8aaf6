package directory

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

var smallLimits = Limits{
	Guilds: 2, Users: 7, PrivateChannels: 5, MembersPerGuild: 5, RolesPerGuild: 5, ChannelsPerGuild: 6,
	OverwritesPerChannel: 2, FriendsPerUser: 3, Recipients: 3,
}

func newState(t testing.TB, limits Limits) *State {
	t.Helper()
	s, err := New(limits)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Under random changes a State takes what the model takes, and answers every read as it
// does; an effect names exactly the rows that changed, and each change of what somebody
// may read; and All makes the same state anew.
func TestAgainstTheModel(t *testing.T) {
	rounds, changes := 5, 1500
	if testing.Short() {
		rounds = 1
	}
	taken := map[string]int{}
	for range rounds {
		seed := rand.Uint64()
		r := rand.New(rand.NewPCG(seed, 0))
		s := newState(t, smallLimits)
		m := &model{limits: s.limits}
		for i := range changes {
			c := someChange(r)
			was := look(s)
			sent := proto.CloneOf(c)
			e, err := s.Apply(c)
			if want := m.apply(c); want != (err == nil) {
				t.Fatalf("seed %d, change %d: %v: %v, the model takes it: %t", seed, i, c, err, want)
			}
			if err == nil {
				taken[fmt.Sprintf("%T", c.Change)]++
			}
			if !proto.Equal(sent, c) {
				t.Fatalf("seed %d, change %d: it was changed", seed, i)
			}
			is := look(s)
			if diff := was.checkEffect(is, s, e); diff != "" {
				t.Fatalf("seed %d, change %d: %v: %s\neffect: %+v", seed, i, c, diff, e)
			}
			if i%10 != 0 { // each read takes the model long
				continue
			}
			if diff := compare(s, m); diff != "" {
				t.Fatalf("seed %d, change %d: %v: %s", seed, i, c, diff)
			}
			if s.Len() > 0 {
				checkRebuilt(t, s, seed)
			}
		}
	}
	if len(taken) != 12 && !testing.Short() { // one round of eight misses one
		t.Errorf("some changes never fit: %v", taken)
	}
}

// checkRebuilt makes a state anew and compares.
func checkRebuilt(t *testing.T, s *State, seed uint64) {
	t.Helper()
	again := newState(t, s.limits)
	for c := range s.All() {
		if _, err := again.Apply(c); err != nil {
			t.Fatalf("seed %d: %v: %v", seed, c, err)
		}
	}
	if diff := diffAll(s, again); diff != "" {
		t.Fatalf("seed %d: %s", seed, diff)
	}
	if s.Rows() != again.Rows() {
		t.Fatalf("seed %d: %+v became %+v", seed, s.Rows(), again.Rows())
	}
}

// diffAll says where two states differ; "": nowhere.
func diffAll(a, b *State) string {
	as, bs := slices.Collect(a.All()), slices.Collect(b.All())
	if len(as) != len(bs) {
		return fmt.Sprintf("%d rows and %d", len(as), len(bs))
	}
	for i := range as {
		if !proto.Equal(as[i], bs[i]) {
			return fmt.Sprintf("%v and %v", as[i], bs[i])
		}
	}
	return ""
}

const lastID = 50

// view is a state from outside: rows by kind and id, and who may read what.
type view struct {
	rows     map[string]string
	reads    map[[2]flake]bool // user, channel
	everyone map[flake]bool
	roles    map[[2]flake]bool // role, channel
	guilds   map[flake]flake   // of channels
}

func look(s *State) view {
	v := view{map[string]string{}, map[[2]flake]bool{}, map[flake]bool{}, map[[2]flake]bool{}, map[flake]flake{}}
	for c := range s.All() {
		v.rows[key(c)] = c.String()
	}
	for channel, c := range s.channels {
		v.guilds[channel] = flake(c.GuildId)
		v.everyone[channel] = s.EveryoneMayRead(channel)
		for user := range flake(lastID) {
			v.reads[[2]flake{user, channel}] = s.MayRead(user, channel)
		}
		for role := range s.roles {
			v.roles[[2]flake{role, channel}] = s.RoleMayRead(role, channel)
		}
	}
	return v
}

// key names the row of a put.
func key(c *eventnodev1.DirectoryChange) string {
	switch c := c.Change.(type) {
	case *eventnodev1.DirectoryChange_PutGuild:
		return fmt.Sprint("guild ", c.PutGuild.Id)
	case *eventnodev1.DirectoryChange_PutRole:
		return fmt.Sprint("role ", c.PutRole.Id)
	case *eventnodev1.DirectoryChange_PutChannel:
		return fmt.Sprint("channel ", c.PutChannel.Id)
	case *eventnodev1.DirectoryChange_PutMember:
		return fmt.Sprint("member ", c.PutMember.GuildId, c.PutMember.UserId)
	case *eventnodev1.DirectoryChange_PutUser:
		return fmt.Sprint("user ", c.PutUser.Id)
	case *eventnodev1.DirectoryChange_PutFriendship:
		return fmt.Sprint("friends ", c.PutFriendship.UserA, c.PutFriendship.UserB)
	}
	return "?"
}

// pairs adds the rows of an effect to those before and after.
func pairs[T proto.Message](list []Pair[T], put func(T) *eventnodev1.DirectoryChange, before, after map[string]string) {
	for _, p := range list {
		if p.Before.ProtoReflect().IsValid() {
			c := put(p.Before)
			if _, twice := before[key(c)]; !twice { // a row may change twice: the first is what was
				if _, made := after[key(c)]; !made {
					before[key(c)] = c.String()
				}
			}
		}
		if !p.After.ProtoReflect().IsValid() {
			delete(after, key(put(p.Before)))
		} else {
			after[key(put(p.After))] = put(p.After).String()
		}
	}
}

// checkEffect says what is wrong with the effect of the change between two views.
func (was view) checkEffect(is view, s *State, e Effect) string {
	before, after := map[string]string{}, map[string]string{}
	pairs(e.Guilds, PutGuild, before, after)
	pairs(e.Roles, PutRole, before, after)
	pairs(e.Channels, PutChannel, before, after)
	pairs(e.Members, PutMember, before, after)
	pairs(e.Users, PutUser, before, after)
	pairs(e.Friendships, func(f *eventnodev1.DirectoryFriendship) *eventnodev1.DirectoryChange {
		return PutFriendship(flake(f.UserA), flake(f.UserB))
	}, before, after)
	wantBefore, wantAfter := maps.Clone(was.rows), maps.Clone(is.rows)
	maps.DeleteFunc(wantBefore, func(k, row string) bool { return is.rows[k] == row })
	maps.DeleteFunc(wantAfter, func(k, row string) bool { return was.rows[k] == row })
	switch {
	case !maps.Equal(before, wantBefore):
		return fmt.Sprintf("rows before %v, want %v", before, wantBefore)
	case !maps.Equal(after, wantAfter):
		return fmt.Sprintf("rows after %v, want %v", after, wantAfter)
	case e.Empty() != (len(before)+len(after) == 0):
		return "Empty is wrong"
	}
	return was.checkAccess(is, s, e.Access)
}

// checkAccess says whose reading changed without a word.
func (was view) checkAccess(is view, s *State, told []Access) string {
	covered := func(channel flake, who func(Access) bool) bool {
		return slices.ContainsFunc(told, func(a Access) bool {
			return a.Guild == is.guilds[channel] && (a.Channel == 0 || a.Channel == channel) && who(a)
		})
	}
	for k, may := range is.reads {
		user, channel := k[0], k[1]
		if may != was.reads[k] && !covered(channel, func(a Access) bool { return slices.Contains(slices.Collect(s.Affected(a)), user) }) {
			return fmt.Sprintf("user %d may read %d: %t, and nobody said so", user, channel, may)
		}
	}
	for channel, may := range is.everyone {
		if before, there := was.everyone[channel]; there && may != before &&
			!covered(channel, func(a Access) bool { return a.Role == is.guilds[channel] }) {
			return fmt.Sprintf("everyone may read %d: %t, and nobody said so", channel, may)
		}
	}
	for k, may := range is.roles {
		if before, there := was.roles[k]; there && may != before &&
			!covered(k[1], func(a Access) bool { return a.Role != 0 && (a.Role == is.guilds[k[1]] || a.Role == k[0]) }) {
			return fmt.Sprintf("role %d may read %d: %t, and nobody said so", k[0], k[1], may)
		}
	}
	return ""
}

// compare reads everything of both.
func compare(s *State, m *model) string {
	var wrong []string
	same := func(what string, got, want any) {
		if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
			wrong = append(wrong, fmt.Sprintf("%s: %s, want %s", what, g, w))
		}
	}
	for id := range uint64(lastID) {
		compareIDs(s, m, id, same)
		for other := range uint64(lastID) {
			same(fmt.Sprint("member ", id, other), s.Member(flake(id), flake(other)), m.member(id, other))
			same(fmt.Sprint("permissions ", id, other), s.Permissions(flake(id), flake(other)), m.permissions(id, other))
			same(fmt.Sprint("readable ", id, other), s.Readable(flake(id), flake(other)), m.readable(id, other))
			same(fmt.Sprint("role may read ", id, other), s.RoleMayRead(flake(id), flake(other)), m.roleMayRead(id, other))
		}
	}
	private := count1(m.channels, func(c *eventnodev1.DirectoryChannel) bool { return c.GuildId == 0 })
	rows := s.Rows()
	rows.Bytes = 0
	same("rows", rows, Rows{len(m.guilds), len(m.roles), len(m.channels), len(m.members), len(m.users), len(m.friendships), private, 0})
	return strings.Join(wrong, "\n")
}

// compareIDs reads what has one id.
func compareIDs(s *State, m *model, id uint64, same func(what string, got, want any)) {
	same("guild", s.Guild(flake(id)), m.guild(id))
	same("role", s.Role(flake(id)), m.role(id))
	same("channel", s.Channel(flake(id)), m.channel(id))
	same("user", s.User(flake(id)), m.user(id))
	same("guilds of a user", s.Guilds(flake(id)), m.guildsOf(id))
	same("private channels of a user", s.PrivateChannels(flake(id)), m.privateOf(id))
	same("friends of a user", s.Friends(flake(id)), m.friendsOf(id))
	same("everyone may read", s.EveryoneMayRead(flake(id)), m.everyoneMayRead(id))
	members := slices.Collect(s.Members(flake(id)))
	same("members", members, m.membersOf(id))
	same("count of members", s.MemberCount(flake(id)), len(members))
	same("roles", s.Roles(flake(id)), m.rolesOf(id))
	same("channels", s.Channels(flake(id)), m.channelsOf(id))
}

func (m *model) guildsOf(user uint64) (list []uint64) {
	for id := range uint64(lastID) {
		if m.member(id, user) != nil {
			list = append(list, id)
		}
	}
	return list
}

func (m *model) privateOf(user uint64) (list []uint64) {
	for id := range uint64(lastID) {
		if c := m.channel(id); c != nil && c.GuildId == 0 && slices.Contains(c.Recipients, user) {
			list = append(list, id)
		}
	}
	return list
}

func (m *model) friendsOf(user uint64) (list []uint64) {
	for id := range uint64(lastID) {
		if m.friends(user, id) != nil {
			list = append(list, id)
		}
	}
	return list
}

func (m *model) membersOf(guild uint64) (list []*eventnodev1.DirectoryMember) {
	for id := range uint64(lastID) {
		if x := m.member(guild, id); x != nil {
			list = append(list, x)
		}
	}
	return list
}

func (m *model) rolesOf(guild uint64) (list []*eventnodev1.DirectoryRole) {
	for position := 10; position >= 0; position-- {
		for id := range uint64(lastID) {
			if x := m.role(id); x != nil && x.GuildId == guild && x.Position == uint32(position) {
				list = append(list, x)
			}
		}
	}
	return list
}

func (m *model) channelsOf(guild uint64) (list []*eventnodev1.DirectoryChannel) {
	for position := range uint32(10) {
		for id := range uint64(lastID) {
			if x := m.channel(id); guild != 0 && x != nil && x.GuildId == guild && x.Position == position {
				list = append(list, x)
			}
		}
	}
	return list
}

func (m *model) readable(user, guild uint64) (list []uint64) {
	for id := range uint64(lastID) {
		if c := m.channel(id); guild != 0 && c != nil && c.GuildId == guild && m.permissions(user, id)&(1<<10) != 0 {
			list = append(list, id)
		}
	}
	return list
}

func (m *model) everyoneMayRead(channel uint64) bool {
	c := m.channel(channel)
	return c != nil && c.GuildId != 0 && m.computed(c, nil, 0)&(1<<10) != 0
}

func (m *model) roleMayRead(role, channel uint64) bool {
	c, r := m.channel(channel), m.role(role)
	return c != nil && r != nil && c.GuildId == r.GuildId && m.computed(c, slices.DeleteFunc([]uint64{role}, func(id uint64) bool { return id == r.GuildId }), 0)&(1<<10) != 0
}
