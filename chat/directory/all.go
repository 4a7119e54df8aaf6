package directory

import (
	"iter"
	"maps"
	"slices"

	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// All ranges over changes that make this state of an empty one, each after what it needs:
// users, friends, then each guild with its roles, members and channels, then private
// channels. Equal states yield equal changes. They share their rows with the state. No
// change may be applied meanwhile.
func (s *State) All() iter.Seq[*eventnodev1.DirectoryChange] {
	return func(yield func(*eventnodev1.DirectoryChange) bool) {
		users := slices.Sorted(maps.Keys(s.users))
		for _, list := range []iter.Seq[*eventnodev1.DirectoryChange]{s.allUsers(users), s.allFriends(users), s.allGuilds(), s.allPrivate()} {
			for c := range list {
				if !yield(c) {
					return
				}
			}
		}
	}
}

func (s *State) allUsers(users []flake) iter.Seq[*eventnodev1.DirectoryChange] {
	return func(yield func(*eventnodev1.DirectoryChange) bool) {
		for _, id := range users {
			if !yield(PutUser(s.users[id].row)) {
				return
			}
		}
	}
}

func (s *State) allFriends(users []flake) iter.Seq[*eventnodev1.DirectoryChange] {
	return func(yield func(*eventnodev1.DirectoryChange) bool) {
		for _, a := range users {
			for _, b := range s.users[a].friends {
				if a < b && !yield(PutFriendship(a, b)) {
					return
				}
			}
		}
	}
}

func (s *State) allGuilds() iter.Seq[*eventnodev1.DirectoryChange] {
	return func(yield func(*eventnodev1.DirectoryChange) bool) {
		for _, id := range slices.Sorted(maps.Keys(s.guilds)) {
			if !s.guilds[id].all(yield) {
				return
			}
		}
	}
}

// all yields a guild with what is in it, its categories before their channels; false:
// no more is wanted.
func (g *guild) all(yield func(*eventnodev1.DirectoryChange) bool) bool {
	if !yield(PutGuild(g.row)) {
		return false
	}
	for _, r := range g.roles {
		if !yield(PutRole(r)) {
			return false
		}
	}
	more := true
	g.members.Ascend(func(m *eventnodev1.DirectoryMember) bool {
		more = yield(PutMember(m))
		return more
	})
	for _, categories := range []bool{true, false} {
		for _, c := range g.channels {
			if more && (c.GetType() == Category) == categories {
				more = yield(PutChannel(c))
			}
		}
	}
	return more
}

func (s *State) allPrivate() iter.Seq[*eventnodev1.DirectoryChange] {
	return func(yield func(*eventnodev1.DirectoryChange) bool) {
		for _, id := range slices.Sorted(maps.Keys(s.channels)) {
			if c := s.channels[id]; c.GetGuildId() == 0 && !yield(PutChannel(c)) {
				return
			}
		}
	}
}
