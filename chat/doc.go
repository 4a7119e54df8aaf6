// Package chat routes the events of a chat service to the sessions of its clients, on
// whatever node of the cluster these are.
//
// An event is dispatched to topics, kind:key. A [Hub] is one node's part: it has the sessions
// of that node and who of them subscribes to what, and knows which other nodes want which
// topics and where each user has sessions. So an event goes to those nodes that have somebody
// for it, once to each, and is sent to sessions there.
//
//	Dispatch ──► nodes that want a topic, or have sessions of a user
//	               └─► Backend of the kind: which sessions ──► filters, flags, intents ──► their logs
//
// # The kinds
//
//	kind        key          who gets it                                          subscribers
//	guild       guild        subscribers whose shard has the guild                members; the channels that
//	                                                                              they may read come with it
//	channel     channel      subscribers: of a guild's channel those whose shard  who may read it
//	                         has the guild, of a private one all sessions
//	member      guild,user   the user's sessions whose shard has the guild        -
//	user        user         all sessions of the user                             -
//	friend      user         all sessions of his friends                          his friends
//	lazy_guild  guild        who looks at a member list of the guild is told      who looks (WatchMembers)
//	                         by it what has changed
//
// A shard i of n has the guilds with (id >> 22) % n = i.
//
// A subscription has [Flags]: without presences, without typing. To subscribe to a guild is
// to subscribe to its channels with the same, but for the flag of presences. A session has
// intents, a bit each: an event needs some of them by its type, others in a direct message
// than in a guild; which it is the payload's guild_id says. Without IntentMessageContent a
// message of a guild comes without what it says, unless it is the user's own or mentions him.
// CHANNEL_CREATE and CHANNEL_UPDATE of a group show each recipient the others.
//
// What a user is in, the [Directory] says. A session subscribes to all of it when it is
// opened, and follows changes. [Config.Kinds] adds kinds: see [Backend], [Stateless] and
// [Stateful].
//
// # Guarantees
//
//   - An event is in the logs of all sessions that it is for when Dispatch returns, but for
//     those of nodes that the answer names; with a [Journal] these have it when their clients
//     come back elsewhere. Two calls one after the other arrive in that
//     order, whatever their topics.
//   - A session gets an event once, however many topics match, and also while it moves.
//   - A session that has ended, or fails, disturbs no other one.
//   - What a user may not read any more is not sent to him: a node that has applied a change
//     has taken the subscriptions, and one that is behind the node where an event is
//     dispatched waits until it is not. What he may read now comes from the moment on when
//     all nodes know: [Hub.Barrier] waits for that.
//   - READY is the first event of a session, and nothing that is dispatched after it has
//     arrived is missed.
//   - Who resumes, at whatever node, gets what he has missed and then the rest, in order and
//     once; or is told that this cannot be.
//   - A user's presence is the best of his visible sessions on the nodes that this one sees:
//     in a guild those whose shard has it, for friends those of the first shard. He is
//     offline when the last one has ended, and when its node is gone.
//   - Who looks at a member list has exactly its items in his ranges after each change, and is
//     sent no other event for a presence that he sees there.
//
// # Concurrency
//
// All methods of a Hub may be called by several goroutines. Hub.Run owns those that it
// starts; it must run. Every change of the Directory goes through [Hub.Apply]; events are
// sent under a lock that Apply takes, so a Backend must not wait. No call to another node is
// made under it. Who implements [Cluster] hands over what other nodes say by [Hub.SetInterest],
// [Hub.SetPlace] and [Hub.SetSession], in the order in which each said it, and their calls by
// [Hub.Answer].
//
// # Failure
//
// A node that does not answer in time is named in the answer: its sessions may have got the
// event or not, nothing is sent again. In a split an event reaches the sessions of those nodes
// that the dispatching one reaches, and a session can be resumed from these. What a node could
// not say of itself it says again. The sessions of a node that goes down are handed to the
// others by [Hub.HandOver]. Those of one that dies are lost, unless there is a [Journal]: then
// a client resumes at any other node, and has what was dispatched by calls that did not fail.
// Nodes that cannot write to the journal show clients nothing new, and take none.
//
// A session that moves between nodes which see different nodes, or learn of a presence at
// different times, may show an old presence of somebody until that changes again.
package chat
