// Package fleet runs the shards of one source on the nodes of a cluster: each shard on one
// node at a time, evenly, and on another one when its node goes, where it was.
//
// Every node that has the source runs a [Fleet] with the same Config. They see each other in
// the group table, agree by the durable plane, and nobody leads:
//
//	group table     who runs the source; how each shard is, on which node
//	lock a shard    its lease: who holds it runs the shard
//	control stream  the plan: how many shards there are, which are stopped, have failed, or
//	                are pinned to a node. Its newest event is the whole
//	resume stream   what each shard needs to go on, each second, and when it stops
//	lock a bucket   who may open a session with the gateway
//
// A shard moves so: the node that has it sees that it is placed elsewhere, stops it, writes
// down where it is, and releases its lease, for which the other node waits since it sees the
// same. That one reads both streams to their ends, and opens the shard with what is kept.
//
// # Guarantees
//
//   - A shard runs on one node at a time: its context ends a quarter of the lease's time
//     before another node can hold the lease, also on a node that is cut off. That holds as
//     long as [Shard] returns by then when its context ends, and the process is not stopped
//     for as long in the very moment. Whatever a shard writes to may refuse an
//     [Opening].Token that is less than one it has seen.
//   - A shard that is moved, or whose node stops in good order, goes on behind the last
//     payload that was handled. Nothing is lost, and nothing comes twice.
//   - After a kill -9 it goes on where it was when that was last kept. What the source
//     replays comes again under the same session and number; what it does not is told by the
//     shard, which knows where it was. A session that was opened just before, and nothing
//     of it kept, is told by [Opening].Unknown.
//   - What is kept of a shard that does not run is kept for ever.
//   - Shards are even within one, but for those that are pinned. When a node comes or goes
//     hardly any shard moves that need not. Nodes that come and go in less than
//     Config.Settle move nothing.
//   - When Stop has returned the shard does not run, and will not until Start. When Start and
//     Move have, it is connected. What they ask is written down, so it is done also if they
//     have returned ErrPending.
//   - Sessions are opened as the gateway's limits allow, counted over all nodes.
//
// # Concurrency
//
// The methods of a Fleet may be called by several goroutines, before, while and after Run.
// Config.Open, Config.Advise and the methods of a [Shard] are called by goroutines of the
// fleet: Open and Run by the shard's own, Progress by any, Advise by one at a time. None of
// them is called with a lock held.
//
// # Failure
//
//   - A shard that fails or panics is run again on its node, with back-off, as often as
//     [Status].Restarts says. One that fails with ErrFatal is not, by anybody: its state
//     is failed, and says why, until Start.
//   - Without the durable plane nothing is placed, moved, opened or kept. Shards go on for
//     as long as their leases are believed, three quarters of Config.TTL, and then stop.
//   - A node that dies leaves its shards to others when it is known to be dead, that view
//     has settled and its leases have ended: after about Config.TTL.
//   - A shard that does not return when its lease is lost is logged and counted; the fleet
//     cannot end it.
//   - Other nodes may have another number of shards in their Config for a while: those with
//     the new one do nothing until the last of the old ones is gone. A node that is cut off
//     then may run an old shard beside the new ones, for one TTL.
//
// # Example
//
//	f, err := fleet.New(fleet.Config{
//		Source: "bot", Node: n.Self(), Shards: fleet.All(16),
//		Groups: n, Streams: streams, Locks: locks, Open: open,
//	})
//	go f.Run(ctx)
//	err = f.Move(ctx, 3, "n2")
package fleet
