package cache

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/eventnode/eventnode/internal/jsonscan"
	"github.com/eventnode/eventnode/source"
)

// apart are the members of a guild that are kept by themselves, or not: those that no event
// of the guild's keeps up to date.
func apart(name []byte) bool {
	switch string(name) {
	case "roles", "emojis", "stickers", "channels", "threads", "members", "presences", "member_count",
		"voice_states", "stage_instances", "guild_scheduled_events", "soundboard_sounds", "unavailable":
		return true
	}
	return false
}

// ready becomes READY, and an event for each guild that it names.
func (c *Cache) ready(ctx context.Context, p source.Payload) (*change, error) {
	f, err := scan(p)
	if err != nil {
		return nil, err
	}
	if !isNull(f.user) {
		if _, err := c.store.Put(ctx, Key{Kind: Me}, slices.Clone(f.user)); err != nil {
			return nil, err
		}
		if _, _, err := c.mergeUser(ctx, f.user); err != nil {
			return nil, err
		}
	}
	made := changed(event{name: p.Name})
	guilds := jsonscan.List(f.guilds)
	named := map[Snowflake]bool{}
	for guilds.Next() {
		data := slices.Clone(guilds.Value)
		one, err := c.guildCreate(ctx, source.Payload{Name: "GUILD_CREATE", Data: data, Origin: p.Origin})
		switch {
		case errors.Is(err, ErrMalformed):
			c.metrics.skipped.Inc()
			continue
		case err != nil:
			return nil, err
		}
		named[idOf(data)] = true
		made.add(event{name: one.events[0].name, form: given, new: data})
	}
	if isNull(f.guilds) {
		return made, nil
	}
	return made, c.forgetOthers(ctx, p.Origin, named)
}

// forgetOthers forgets the guilds of a shard that a new session does not name any more.
func (c *Cache) forgetOthers(ctx context.Context, o source.Origin, named map[Snowflake]bool) error {
	for e, err := range all(ctx, c.store, Range{Kind: GuildShard}) {
		switch {
		case err != nil:
			return err
		case named[e.Key.ID] || !bytes.Equal(e.Value, shardOf(o)):
			continue
		}
		if err := c.forgetGuild(ctx, e.Key.ID); err != nil {
			return err
		}
	}
	return nil
}

// shardOf is a guild's shard, as it is kept.
func shardOf(o source.Origin) json.RawMessage {
	b := strconv.AppendInt([]byte{'['}, int64(o.Shard), 10)
	return append(strconv.AppendInt(append(b, ','), int64(o.Shards), 10), ']')
}

// guildCreate becomes GUILD_UNAVAILABLE, GUILD_AVAILABLE of a guild that was, or stays
// GUILD_CREATE.
func (c *Cache) guildCreate(ctx context.Context, p source.Payload) (*change, error) {
	f, own, err := readApart(p)
	guild := flake(f.id)
	switch {
	case err != nil:
		return nil, err
	case guild == 0:
		return nil, missing(p, "id")
	}
	if _, err := c.store.Put(ctx, Key{Kind: GuildShard, ID: guild}, shardOf(p.Origin)); err != nil {
		return nil, err
	}
	if string(f.unavailable) == "true" {
		_, err := c.store.Put(ctx, Key{Kind: Unavailable, ID: guild}, json.RawMessage("true"))
		return changed(event{name: "GUILD_UNAVAILABLE"}), err
	}
	was, err := c.store.Delete(ctx, Key{Kind: Unavailable, ID: guild})
	if err != nil {
		return nil, err
	}
	name := "GUILD_CREATE"
	if was != nil {
		name = "GUILD_AVAILABLE"
	}
	return changed(event{name: name}), c.keepGuild(ctx, guild, own, &f)
}

// readApart scans a guild: what decides, and what is the guild's own, as a copy.
func readApart(p source.Payload) (f fields, own json.RawMessage, err error) {
	m := jsonscan.Object(p.Data)
	for m.Next() {
		if at := f.of(m.Key); at != nil {
			*at = m.Value
		}
		if !apart(m.Key) {
			own = appendMember(own, m.Key, m.Value)
		}
	}
	if m.Err() != nil {
		err = fmt.Errorf("%s: %w: %w", p.Name, ErrMalformed, m.Err())
	}
	return f, slices.Clone(closed(own)), err
}

// keepGuild keeps a whole guild, of its own members and what is apart of them.
func (c *Cache) keepGuild(ctx context.Context, guild Snowflake, own json.RawMessage, f *fields) error {
	entries := []Entry{{Key{Guild, 0, guild}, own}}
	if !isNull(f.memberCount) {
		entries = append(entries, Entry{Key{MemberCount, 0, guild}, number(flake(f.memberCount))})
	}
	if err := c.store.Fill(ctx, entries); err != nil {
		return err
	}
	if err := c.keepLists(ctx, guild, f); err != nil {
		return err
	}
	if err := c.keepChannels(ctx, guild, f); err != nil {
		return err
	}
	return c.keepMembers(ctx, guild, f)
}

// keepLists keeps a guild's roles, emojis and stickers, as far as they are said.
func (c *Cache) keepLists(ctx context.Context, guild Snowflake, f *fields) error {
	for _, list := range []struct {
		kind Kind
		data []byte
	}{{Emojis, f.emojis}, {Stickers, f.stickers}} {
		if isNull(list.data) {
			continue
		}
		if _, err := c.store.Put(ctx, Key{Kind: list.kind, ID: guild}, slices.Clone(list.data)); err != nil {
			return err
		}
	}
	if isNull(f.roles) {
		return nil
	}
	roles := c.entries(f.roles, func(role []byte) Entry {
		return Entry{Key{Role, guild, idOf(role)}, slices.Clone(role)}
	})
	_, err := c.replace(ctx, Role, guild, roles)
	return err
}

// keepChannels keeps a guild's channels and threads, and forgets those that are not there
// any more.
func (c *Cache) keepChannels(ctx context.Context, guild Snowflake, f *fields) error {
	if isNull(f.channels) {
		return nil
	}
	entry := c.channelIn(guild)
	entries := append(c.entries(f.channels, entry), c.entries(f.threads, entry)...)
	for _, e := range entries {
		if err := c.placeChannel(ctx, e.Key); err != nil {
			return err
		}
	}
	old, err := c.replace(ctx, Channel, guild, entries)
	if err != nil {
		return err
	}
	for _, channel := range old {
		if err := c.forgetChannel(ctx, channel); err != nil {
			return err
		}
	}
	return nil
}

// keepMembers keeps members and presences. Where all members are said, the others are none
// any more.
func (c *Cache) keepMembers(ctx context.Context, guild Snowflake, f *fields) error {
	members, err := c.members(ctx, guild, f.members)
	if err != nil {
		return err
	}
	if count := flake(f.memberCount); count > 0 && uint64(len(members)) >= uint64(count) {
		_, err = c.replace(ctx, Member, guild, members)
	} else {
		err = c.store.Fill(ctx, members)
	}
	if err != nil || isNull(f.presences) {
		return err
	}
	_, err = c.replace(ctx, Presence, guild, c.presences(guild, f.presences))
	return err
}

// entries makes entries of a list's elements. Those without an id are left out.
func (c *Cache) entries(list []byte, entry func(element []byte) Entry) (made []Entry) {
	const usual = 512 // bytes of an element, about
	made = make([]Entry, 0, len(list)/usual)
	for l := jsonscan.List(list); l.Next(); {
		e := Entry{}
		if l.Value[0] == '{' {
			e = entry(l.Value)
		}
		if e.Key.ID == 0 {
			c.metrics.skipped.Inc()
			continue
		}
		made = append(made, e)
	}
	return made
}

// replace keeps entries and deletes the others that belong to the same, which it names.
func (c *Cache) replace(ctx context.Context, kind Kind, in Snowflake, entries []Entry) (old []Snowflake, err error) {
	if err := c.store.Fill(ctx, entries); err != nil {
		return nil, err
	}
	var there []Snowflake
	for e, err := range all(ctx, c.store, Range{Kind: kind, In: in}) {
		if err != nil {
			return nil, err
		}
		there = append(there, e.Key.ID)
	}
	if len(there) <= len(entries) { // no others
		return nil, nil
	}
	named := map[Snowflake]bool{}
	for _, e := range entries {
		named[e.Key.ID] = true
	}
	old = slices.DeleteFunc(there, func(id Snowflake) bool { return named[id] })
	for _, id := range old {
		if _, err := c.store.Delete(ctx, Key{kind, in, id}); err != nil {
			return nil, err
		}
	}
	return old, nil
}
