package cache

import (
	"bytes"
	"context"
	"maps"

	"github.com/eventnode/eventnode/source"
)

// Forget forgets the guilds of a shard, which another node has now, and those users that are
// in no other guild of this node: what is said of them from now on is said there, and what
// is known here would be old when the shard comes back. It looks at all members once, and
// holds the ids of the shard's meanwhile.
func (c *Cache) Forget(ctx context.Context, shard, shards int) error {
	o := source.Origin{Shard: shard, Shards: shards}
	users := map[Snowflake]bool{}
	for e, err := range all(ctx, c.store, Range{Kind: GuildShard}) {
		if err == nil && bytes.Equal(e.Value, shardOf(o)) {
			err = c.eachUser(ctx, e.Key.ID, func(id Snowflake) { users[id] = true })
		}
		if err != nil {
			return err
		}
	}
	if err := c.forgetOthers(ctx, o, nil); err != nil {
		return err
	}
	return c.forgetUsers(ctx, users)
}

// eachUser tells of everybody who is a member of a guild, or present in it, perhaps twice.
func (c *Cache) eachUser(ctx context.Context, guild Snowflake, tell func(Snowflake)) error {
	for _, kind := range []Kind{Member, Presence} {
		for e, err := range all(ctx, c.store, Range{Kind: kind, In: guild}) {
			if err != nil {
				return err
			}
			tell(e.Key.ID)
		}
	}
	return nil
}

// forgetUsers forgets users, but for those that are in a guild.
func (c *Cache) forgetUsers(ctx context.Context, users map[Snowflake]bool) error {
	for e, err := range all(ctx, c.store, Range{Kind: GuildShard}) {
		if err == nil {
			err = c.eachUser(ctx, e.Key.ID, func(id Snowflake) { delete(users, id) })
		}
		if err != nil || len(users) == 0 {
			return err
		}
	}
	for id := range maps.Keys(users) {
		if err := c.forgetUser(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// forgetUser is not beside mergeUser of the same.
func (c *Cache) forgetUser(ctx context.Context, id Snowflake) error {
	defer c.lockUser(id)()
	_, err := c.store.Delete(ctx, Key{Kind: User, ID: id})
	return err
}

// lockUser is the turn of one who writes a user.
func (c *Cache) lockUser(id Snowflake) (unlock func()) {
	mu := &c.users[uint64(id>>22^id)%uint64(len(c.users))]
	mu.Lock()
	return mu.Unlock
}
