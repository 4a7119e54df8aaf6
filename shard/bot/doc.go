// Package bot runs a bot on the nodes of a cluster: its shards, each on one node
// (package fleet), what they say through the steps of a pipeline (package source), what is
// known of its guilds (package cache), and events to consumers on all nodes.
//
//	gateway ──► shard ──► cache ──► events ──► handlers of this node
//	                                   └─────► consumers on all nodes, topic:source.NAME
//
// All nodes that have a Bot of one name share its shards, and are configured alike.
//
// # Guarantees
//
//   - A shard runs on one node at a time. When it moves, or its node stops, the next node
//     resumes its session: no event is lost, and none comes twice. It takes over what the
//     cache knows of the shard's guilds, so old is not null where it was known.
//   - When a node is killed another one resumes from what was kept last: what was handled
//     since comes again, with the same numbers, and old is null until things are said again.
//     What the gateway cannot say again is told by an event named [shard.GapName].
//   - Look-ups read what all nodes know: a guild where its shard is. What has several parts is
//     put together there, and comes in one answer.
//   - [Service] answers on every node: one that does not run the bot asks one that does, and if
//     that is gone the next, three at most.
//
// # Concurrency
//
// Run owns all that is started, and may be called once. All other methods may be called by
// several goroutines.
//
// # Failure
//
// A shard that fails is run again (package fleet); one that the gateway refuses is not, until
// somebody starts it. A cache that cannot be taken over from the node before is logged, and
// the shard begins without it.
package bot
