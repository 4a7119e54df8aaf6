// Package groups is the table of process groups: Erlang pg's contract on a
// cluster, kept the same on all nodes without anybody in the middle.
//
// # Guarantees
//
//   - A group is a multiset: a member that joined twice is listed twice, gets
//     what is broadcast twice, and leaves twice. A group exists while it has a
//     member; none is created or deleted.
//   - Only the node that owns a member joins or leaves it. A list, of members or
//     of groups, is one change and one difference, or no change at all.
//   - A change is in this node's table when the call returns. Changes of one
//     node are seen in order everywhere; between nodes the order may differ.
//     When messages stop getting lost all nodes that can reach each other, also
//     through others, hold the same: the union of what its owners say.
//   - A member that is closed leaves all its groups, one change a scope, however
//     it races with joins. A node that is gone leaves one difference a group.
//   - A monitor is an atomic snapshot and then each difference, in order. What
//     its buffer cannot hold is replaced by a fresh snapshot that says so.
//   - A change's differences add up exactly: what left had joined before.
//   - Broadcast and SendOne deliver at most once. What a member's full queue
//     drops is told to it in place, with the exact count.
//   - Scopes have tables, versions and monitors of their own. A scope whose name
//     starts with "local:" never leaves its node; one that starts with
//     "eventnode." belongs to the project.
//   - A member has one metadata in a group, however often it joined: a join with
//     metadata sets it, one without keeps it.
//
// # The protocol
//
// Each origin numbers its changes of a scope: 1, 2, 3. The messages are in
// proto/eventnode/cluster/v1/exchange.proto.
//
//   - ChangeSet. An origin sends each change at once, in order, to every peer.
//     A receiver applies exactly the next version. An older one is confirmed
//     and dropped; where one is missing the receiver pulls.
//   - Applied. Whoever has applied changes tells their origin how far it is,
//     once for a burst. The origin reminds peers that do not, four times an
//     interval, eight times in all, by a Digest of its own version. So a lost
//     change is known half a second later, and a join can be waited for.
//   - Hash. Once an interval (1 s) a node sends one random peer the sum of a
//     hash of each (scope, origin, epoch, version). At rest that is all that is
//     said. Where it differs the peer answers with its Digest.
//   - Digest. Everything a node has, as versions. The receiver pulls what the
//     sender has newer, and answers with its own if asked. It is the first
//     message on a new link, too, in both directions.
//   - Pull. Asks anybody for one part, from a version on. The answer is change
//     sets, if the log there reaches back (512 change sets, 256 KiB), else a
//     copy. One pull a part is under way at a time; without progress for half
//     an interval, or a whole one where nothing is held, another may begin.
//   - Sync. A copy of one part, in chunks of at most 256 KiB. It replaces what
//     is known when its last chunk has come, and the difference is told. A copy
//     that brings nothing new is dropped at its first chunk, as is one that begins
//     while another is coming. A change that is too large for one message is
//     announced by its version and fetched so.
//
// Whose word counts: nobody is heard to whom there is no link and whom
// membership does not hold alive. An origin's own word about its part counts
// while that is so; a third party's, only while membership holds that epoch of
// the origin alive. NodeGone purges a part and leaves a tombstone: what others
// still have of it does not count until membership holds that epoch alive
// again, or the origin itself speaks over a link that is up. Such a part goes
// with the link. A higher epoch purges the lower ones, which do not come back.
// An origin that hears of a version of its own part which it never made takes
// the next higher number, and everybody fetches a copy.
//
// Left out: an order over nodes (groups need none), persistence (members are
// processes), retransmission by time-out of single messages (links are ordered;
// what they lose the versions tell), vector clocks (each part has one writer).
//
// # Concurrency
//
// There is one writer at a time: whoever has the turn. A call that changes
// something takes the turn if it is free, and works at once; else it hands its
// work to who has it next, Run's goroutine at the latest, and waits. The writer
// never waits for a peer, a monitor or a member. Reads go to immutable views: they
// do not wait for the writer. All methods are safe for concurrent use.
//
// # Failure
//
// Bad input from a peer changes nothing and is counted by reason in the metric
// eventnode_groups_exchange_refused_total. For a link that is full up to 4,096
// messages are kept here; later ones are lost, which the hash makes good. A broken link
// (PeerDown) takes nobody's members away while membership holds the node alive.
// Limits are errors to the caller who reached them. After Run has returned every
// change, member and monitor answers ErrClosed.
package groups
