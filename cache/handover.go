package cache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/eventnode/eventnode"
)

// When a shard goes to another node and resumes there, the source does not say again what it
// has said: so the next node takes over what the one before knows. A guild comes whole before
// the next one, and whoever stops half-way has whole guilds, and old is null for the others.

// ofShard are the kinds of which a guild has one value.
var ofShard = []Kind{GuildShard, Guild, Unavailable, MemberCount, Emojis, Stickers}

// OfShard is all that a store has of a shard's guilds, with the users that are members there
// and the messages of their channels; shard 0 has the private channels, too, and Me. It ends
// with the first error.
func OfShard(ctx context.Context, r Reader, shard, shards int) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		w := walk{ctx: ctx, r: r, yield: func(e Entry) bool { return yield(e, nil) }}
		if err := w.shard(fmt.Sprintf("[%d,%d]", shard, shards), shard == 0); err != nil && !errors.Is(err, errEnough) {
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
		batch = batch[:0]
		return nil
	}
	for e, err := range entries {
		if err != nil {
			return n, errors.Join(err, fill())
		}
		if batch = append(batch, e); len(batch) == MaxPage {
			if err := fill(); err != nil {
				return n, err
			}
		}
	}
	return n, fill()
}

// errEnough: who looks at it has enough.
var errEnough = fmt.Errorf("enough: %w", eventnode.ErrClosed)

// walk is a way through a store.
type walk struct {
	ctx   context.Context //nolint:containedctx // of one call
	r     Reader
	yield func(Entry) bool
}

func (w walk) give(e Entry) error {
	if !w.yield(e) {
		return errEnough
	}
	return nil
}

// one gives a value, if it is there.
func (w walk) one(key Key) error {
	value, err := w.r.Read(w.ctx, key)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return w.give(Entry{key, value})
}

// all gives all values of a kind that belong to something; also is done for each.
func (w walk) all(kind Kind, in Snowflake, also func(e Entry) error) error {
	for from := Snowflake(0); ; {
		page, err := w.r.List(w.ctx, Range{Kind: kind, In: in, From: from})
		if err != nil {
			return err
		}
		for _, e := range page {
			if err := errors.Join(w.give(e), also(e)); err != nil {
				return err
			}
		}
		if len(page) < MaxPage {
			return nil
		}
		from = page[len(page)-1].Key.ID + 1
	}
}

func nothing(Entry) error { return nil }

// shard gives the guilds whose shard is called so, and what belongs to none if private.
func (w walk) shard(name string, private bool) error {
	guilds := walk{ctx: w.ctx, r: w.r, yield: func(Entry) bool { return true }}
	err := guilds.all(GuildShard, 0, func(e Entry) error {
		if string(compacted(e.Value)) != name {
			return nil
		}
		return w.guild(e.Key.ID)
	})
	if err != nil || !private {
		return err
	}
	if err := w.all(Channel, 0, w.messages); err != nil {
		return err
	}
	return w.one(Key{Kind: Me})
}

func compacted(value json.RawMessage) json.RawMessage {
	return slices.DeleteFunc(slices.Clone(value), func(b byte) bool { return b == ' ' })
}

func (w walk) guild(guild Snowflake) error {
	for _, kind := range ofShard {
		if err := w.one(Key{Kind: kind, ID: guild}); err != nil {
			return err
		}
	}
	for kind, also := range map[Kind]func(Entry) error{
		Role: nothing, Presence: w.user, Member: w.user,
		Channel: func(e Entry) error {
			return errors.Join(w.one(Key{Kind: ChannelGuild, ID: e.Key.ID}), w.messages(e))
		},
	} {
		if err := w.all(kind, guild, also); err != nil {
			return err
		}
	}
	return nil
}

// user gives the user of a member or a presence.
func (w walk) user(e Entry) error { return w.one(Key{Kind: User, ID: e.Key.ID}) }

// messages gives those of a channel.
func (w walk) messages(channel Entry) error { return w.all(Message, channel.Key.ID, nothing) }
