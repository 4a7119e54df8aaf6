package cache

import (
	"bytes"
	"context"
	"errors"
	"iter"

	"github.com/eventnode/eventnode/source"
)

// When a shard goes to another node and resumes there, the source does not say again what it
// has said: so the next node takes over what the one before knows. A guild comes whole before
// the next one: whoever stops half-way has whole guilds, and old is null for the others.

// errEnough: who asked has enough.
var errEnough = errors.New("enough")

// OfShard is all that a store has of a shard's guilds, with the users that are members there
// and the messages of their channels; shard 0 has the private channels, too, and Me. It ends
// with the first error.
func OfShard(ctx context.Context, r Reader, shard, shards int) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		w := walk{ctx: ctx, r: r, yield: func(e Entry) bool { return yield(e, nil) }}
		if err := w.shard(source.Origin{Shard: shard, Shards: shards}); err != nil && !errors.Is(err, errEnough) {
			yield(Entry{}, err)
		}
	}
}

// Take puts entries into a store, and says how many. It ends with the first error.
func Take(ctx context.Context, into Store, entries iter.Seq2[Entry, error]) (n int, err error) {
	batch := make([]Entry, 0, MaxPage)
	fill := func() error {
		if err := into.Fill(ctx, batch); err != nil {
			return err
		}
		n += len(batch)
		batch = make([]Entry, 0, MaxPage) // the store has the other one
		return nil
	}
	for e, err := range entries {
		if err != nil {
			return n, errors.Join(err, fill())
		}
		if batch = append(batch, e); len(batch) < MaxPage {
			continue
		}
		if err := fill(); err != nil {
			return n, err
		}
	}
	return n, fill()
}

// walk is a way through a store.
type walk struct {
	ctx   context.Context //nolint:containedctx // of one call
	r     Reader
	yield func(Entry) bool
}

// shard gives the guilds of a shard, and what belongs to none if that is the first.
func (w walk) shard(o source.Origin) error {
	of := shardOf(o)
	for e, err := range all(w.ctx, w.r, Range{Kind: GuildShard}) {
		if err == nil && bytes.Equal(e.Value, of) {
			err = w.guild(e.Key.ID)
		}
		if err != nil {
			return err
		}
	}
	if o.Shard > 0 {
		return nil
	}
	if err := w.all(Channel, 0, w.channel); err != nil {
		return err
	}
	return w.one(Key{Kind: Me})
}

func (w walk) guild(guild Snowflake) error {
	for _, kind := range []Kind{GuildShard, Guild, Unavailable, MemberCount, Emojis, Stickers} {
		if err := w.one(Key{Kind: kind, ID: guild}); err != nil {
			return err
		}
	}
	for _, of := range []struct {
		kind Kind
		also func(Entry) error
	}{{Role, nil}, {Channel, w.channel}, {Presence, w.user}, {Member, w.user}} {
		if err := w.all(of.kind, guild, of.also); err != nil {
			return err
		}
	}
	return nil
}

// channel gives whose a channel is, and its messages.
func (w walk) channel(e Entry) error {
	if err := w.one(Key{Kind: ChannelGuild, ID: e.Key.ID}); err != nil {
		return err
	}
	return w.all(Message, e.Key.ID, nil)
}

// user gives the user of a member or a presence.
func (w walk) user(e Entry) error { return w.one(Key{Kind: User, ID: e.Key.ID}) }

// all gives all values of a kind that belong to something, and what also gives behind each.
func (w walk) all(kind Kind, in Snowflake, also func(Entry) error) error {
	for e, err := range all(w.ctx, w.r, Range{Kind: kind, In: in}) {
		if err == nil {
			err = w.give(e)
		}
		if err == nil && also != nil {
			err = also(e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// one gives a value, if it is there.
func (w walk) one(key Key) error {
	value, err := w.r.Read(w.ctx, key)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	return w.give(Entry{key, value})
}

func (w walk) give(e Entry) error {
	if !w.yield(e) {
		return errEnough
	}
	return nil
}
