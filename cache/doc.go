// Package cache keeps what a source of the Discord protocol has said, so that consumers are
// told what was before and what is now, and can look things up.
//
// A [Cache] is the step of a source's pipeline between normalising and handling: [Cache.Write]
// takes a payload in, and the change that it yields derives the events, one or more or none
// (package discord has their forms). Objects stay JSON text from the socket to the consumer:
// a payload is scanned for the few members that decide, and kept as it is.
//
//	payload ──► Write ──► Store: Memory, None, or your own     (this node's shards)
//	               │
//	               └────► Derive ──► events with old and new
//
//	look-ups ──► Reader: the Store, or a Spread over the stores of all nodes
//	         └─► Whole: the same, put together of several values where these are
//
// # What becomes what
//
//	READY                 READY, and a GUILD_UNAVAILABLE, GUILD_AVAILABLE or GUILD_CREATE for each guild
//	GUILD_CREATE          GUILD_UNAVAILABLE if it says so, GUILD_AVAILABLE if it was so, else itself
//	PRESENCE_UPDATE       itself with old and new unless status and activities are the same;
//	                      USER_UPDATE if it says something new of a user
//	USER_UPDATE           itself with old and new, unless nothing is new
//	…_UPDATE              itself with old and new
//	CHANNEL_DELETE, THREAD_DELETE, GUILD_ROLE_DELETE
//	                      itself with old, and nothing if that is not known
//	GUILD_DELETE, GUILD_MEMBER_REMOVE, MESSAGE_DELETE, MESSAGE_DELETE_BULK
//	                      itself with old, as far as it is known
//	all others            themselves
//
// So where a limit has put a channel out, or nothing is kept at all, its end is not told.
//
// # Guarantees
//
//   - A payload is written before its events are made, and old is what was kept until then.
//   - What is read is the newest that was written, or is not found. Values never change: who
//     has read one may keep it.
//   - Members that nobody knows are kept like all others.
//   - Null, missing and unknown things cost no event: what has no id in a list is left out
//     and counted, and a payload that cannot be kept is an error beside which it is still
//     the event.
//   - Memory is bounded, by count and by bytes, for each kind.
//   - A guild that comes again replaces what was known of it; a READY has its shard's other
//     guilds forgotten; what is in a guild or a channel goes with it.
//
// # Users
//
// A user is kept once, however many guilds he is in, by what each of them says. Where
// shards are on several nodes, each node tells of the changes that its own shards have
// seen: USER_UPDATE comes once from each.
//
// # Concurrency
//
// All methods may be called by several goroutines. The payloads of one shard are written one
// after the other; those of different shards may be written at once. A Cache starts no
// goroutine that outlives a call.
//
// # Failure
//
// Look-ups ([eventnode.Cache]) fail with [ErrNotFound], or with [ErrUnreachable] where the node that would know
// does not answer within [SpreadConfig].Timeout: then nothing is known. A list that one node
// is missing of fails, for nobody would see the hole. A node that takes a shard over begins
// with what [OfShard] and [Take] bring it from the node before; without that, or if that one
// has died, old is null until things are said again.
//
// # Example
//
//	store, err := cache.NewMemory(cache.MemoryConfig{Registerer: registry})
//	...
//	c, err := cache.New(cache.Config{Store: store, Registerer: registry})
//	...
//	change, err := c.Write(ctx, payload)
//	...
//	guild, err := c.Guild(ctx, 81384788765712384)
package cache
