package cache

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"

	"github.com/eventnode/eventnode/internal/jsonscan"
	"github.com/eventnode/eventnode/source"
)

// outside are the members of a guild's member that are kept elsewhere.
func outside(name []byte) bool { return string(name) == "user" || string(name) == "guild_id" }

// memberKey is that of a payload's member.
func memberKey(p source.Payload, f *fields) (Key, error) {
	key := Key{Kind: Member, In: flake(f.guildID)}
	if !isNull(f.user) {
		key.ID = idOf(f.user)
	}
	if key.In == 0 || key.ID == 0 {
		return key, missing(p, "guild_id, or the user's id")
	}
	return key, nil
}

// memberAdd keeps the member and his user, and counts him.
func (c *Cache) memberAdd(ctx context.Context, p source.Payload) (*change, error) {
	f, err := scan(p)
	if err != nil {
		return nil, err
	}
	key, err := memberKey(p, &f)
	if err != nil {
		return nil, err
	}
	if _, _, err := c.mergeUser(ctx, f.user); err != nil {
		return nil, err
	}
	if _, err := c.store.Put(ctx, key, without(p.Data, outside)); err != nil {
		return nil, err
	}
	return nil, c.count(ctx, key.In, 1)
}

// memberUpdate becomes old and new, each with the user as he was known then.
func (c *Cache) memberUpdate(ctx context.Context, p source.Payload) (*change, error) {
	news := patch{without: outside}
	f, err := scanInto(&news, p)
	if err != nil {
		return nil, err
	}
	key, err := memberKey(p, &f)
	if err != nil {
		return nil, err
	}
	before, user, err := c.mergeUser(ctx, f.user)
	if err != nil {
		return nil, err
	}
	old, err := c.before(ctx, key)
	if err != nil {
		return nil, err
	}
	now, _ := news.merge(old)
	if _, err := c.store.Put(ctx, key, now); err != nil {
		return nil, err
	}
	if user == nil {
		user = f.user
	}
	e := event{name: p.Name, form: pair, guild: f.guildID, old: old, new: now, newUser: user}
	if old != nil {
		e.oldUser = userOr(before, key.ID)
	}
	return changed(e), nil
}

// memberRemove has the member that was, and counts him no more.
func (c *Cache) memberRemove(ctx context.Context, p source.Payload) (*change, error) {
	f, err := scan(p)
	if err != nil {
		return nil, err
	}
	key, err := memberKey(p, &f)
	if err != nil {
		return nil, err
	}
	old, err := c.store.Delete(ctx, key)
	if err != nil {
		return nil, err
	}
	if old != nil {
		user, err := c.before(ctx, Key{Kind: User, ID: key.ID})
		if err != nil {
			return nil, err
		}
		old = with(old, "user", userOr(user, key.ID))
	}
	if err := c.count(ctx, key.In, -1); err != nil {
		return nil, err
	}
	return changed(event{name: p.Name, form: besides, as: "old", old: old}), nil
}

// userOr is a user, or one of whom only the id is known.
func userOr(user json.RawMessage, id Snowflake) json.RawMessage {
	if user != nil {
		return user
	}
	return with(nil, "id", quoted(id))
}

// count changes how many members a guild has, where that is known.
func (c *Cache) count(ctx context.Context, guild Snowflake, by int) error {
	key := Key{Kind: MemberCount, ID: guild}
	old, err := c.before(ctx, key)
	if err != nil || old == nil {
		return err
	}
	n := max(int64(flake(old))+int64(by), 0)
	_, err = c.store.Put(ctx, key, number(Snowflake(n)))
	return err
}

// membersChunk keeps members, their users, and presences.
func (c *Cache) membersChunk(ctx context.Context, p source.Payload) (*change, error) {
	f, err := scan(p)
	guild := flake(f.guildID)
	switch {
	case err != nil:
		return nil, err
	case guild == 0:
		return nil, missing(p, "guild_id")
	}
	members, err := c.members(ctx, guild, f.members)
	if err != nil {
		return nil, err
	}
	if err := c.store.Fill(ctx, members); err != nil {
		return nil, err
	}
	return nil, c.store.Fill(ctx, c.presences(guild, f.presences))
}

// members makes entries of a list of members, and keeps their users.
func (c *Cache) members(ctx context.Context, guild Snowflake, list []byte) ([]Entry, error) {
	var failed error
	entries := c.entries(list, func(member []byte) Entry {
		user, own := parted(member)
		if user == nil {
			return Entry{}
		}
		id := idOf(user)
		if _, _, err := c.mergeUserOf(ctx, id, user); err != nil && failed == nil {
			failed = err
		}
		return Entry{Key{Member, guild, id}, own}
	})
	return entries, failed
}

// parted is a member's user and, as a copy, what is the member's own, in one pass: a guild
// comes with a thousand of them. Nil: there is no user.
func parted(member []byte) (user []byte, own json.RawMessage) {
	var room scratch
	out := json.RawMessage(room[:0])
	for m := jsonscan.Object(member); m.Next(); {
		switch {
		case !outside(m.Key):
			out = appendMember(out, m.Key, m.Value)
		case string(m.Key) == "user" && m.Value[0] == '{':
			user = m.Value
		}
	}
	if user == nil {
		return nil, nil
	}
	return user, slices.Clone(closed(out))
}

// presences makes entries of a list of presences.
func (c *Cache) presences(guild Snowflake, list []byte) []Entry {
	return c.entries(list, func(presence []byte) Entry {
		f, _ := read(presence)
		e := Entry{Key: Key{Presence, guild, 0}}
		if !isNull(f.user) {
			e.Key.ID, e.Value = idOf(f.user), slices.Clone(presence)
		}
		return e
	})
}

// presenceUpdate becomes PRESENCE_UPDATE unless status and activities are what they were,
// and USER_UPDATE if the user has changed.
func (c *Cache) presenceUpdate(ctx context.Context, p source.Payload) (*change, error) {
	f, err := scan(p)
	if err != nil {
		return nil, err
	}
	key := Key{Kind: Presence, In: flake(f.guildID)}
	if !isNull(f.user) {
		key.ID = idOf(f.user)
	}
	if key.ID == 0 {
		return nil, missing(p, "the user's id")
	}
	old, err := c.store.Put(ctx, key, slices.Clone(p.Data))
	if err != nil {
		return nil, err
	}
	made := changed()
	if was, _ := read(old); old == nil || !sameOrNone(was.status, f.status) || !sameOrNone(was.activities, f.activities) {
		e := event{name: p.Name, form: pair, old: old, new: p.Data}
		if key.In != 0 {
			e.guild = f.guildID
		}
		made.events = append(made.events, e)
	}
	before, user, err := c.mergeUser(ctx, f.user)
	if err != nil {
		return nil, err
	}
	if user != nil && !same(before, user) {
		made.add(event{name: "USER_UPDATE", form: pair, old: before, new: user})
	}
	return made, nil
}

// sameOrNone is same, where null is like nothing.
func sameOrNone(a, b []byte) bool {
	if isNull(a) || isNull(b) {
		return isNull(a) == isNull(b)
	}
	return same(a, b)
}

// userUpdate becomes old and new, and nobody is told of what has not changed.
func (c *Cache) userUpdate(ctx context.Context, p source.Payload) (*change, error) {
	f, err := scan(p)
	id := flake(f.id)
	switch {
	case err != nil:
		return nil, err
	case id == 0:
		return nil, missing(p, "id")
	}
	me, err := c.before(ctx, Key{Kind: Me})
	if err != nil {
		return nil, err
	}
	if me != nil && idOf(me) == id {
		now, _ := merge(me, p.Data)
		if _, err := c.store.Put(ctx, Key{Kind: Me}, now); err != nil {
			return nil, err
		}
	}
	before, now, err := c.mergeUser(ctx, p.Data)
	switch {
	case err != nil:
		return nil, err
	case now == nil:
		now = p.Data
	case before != nil && same(before, now):
		return changed(), nil
	}
	return changed(event{name: p.Name, form: pair, old: before, new: now}), nil
}

// mergeUser keeps what is said of a user, and is what was known of him and what is now. One
// of whom only the id is said, and who was not known, is not kept: both are nil.
func (c *Cache) mergeUser(ctx context.Context, user []byte) (before, now json.RawMessage, err error) {
	return c.mergeUserOf(ctx, idOf(user), user)
}

// mergeUserOf is mergeUser of one whose id is known.
func (c *Cache) mergeUserOf(ctx context.Context, id Snowflake, user []byte) (before, now json.RawMessage, err error) {
	key := Key{Kind: User, ID: id}
	if id == 0 {
		c.metrics.skipped.Inc()
		return nil, nil, nil
	}
	defer c.lockUser(key.ID)()
	before, err = c.before(ctx, key)
	switch {
	case err != nil:
		return nil, nil, err
	case bytes.Equal(before, user):
		return before, before, nil
	case before != nil:
		differs := false
		if now, differs = merge(before, user); !differs {
			return before, before, nil
		}
	default:
		if f, err := read(user); err != nil || isNull(f.username) {
			return nil, nil, nil
		}
		now = slices.Clone(user)
	}
	_, err = c.store.Put(ctx, key, now)
	return before, now, err
}
