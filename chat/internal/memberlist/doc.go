// Package memberlist is the member list of a channel as clients see it at the side: long,
// sorted, and sent only in those parts that somebody looks at. It is what the protocol
// calls GUILD_MEMBER_LIST_UPDATE. A [List] is pure: it is told of members and says who is
// to be sent what.
//
// # The list
//
// Its groups are the hoisted roles that can read the channel, the highest position first
// and by id where that is equal, then [Online], then [Offline]. A member is in the first
// group of those he has; in Offline if he is offline or invisible, whatever his roles. A
// group that has members is a header and its members, by name without regard to capitals,
// then by user id. Headers and members are the items of one list, from index 0 on.
//
// Channels of a guild whose overwrites say the same of reading share a list: see [Key].
//
// # What a client does
//
// A client has an array with holes. It applies the ops of a change one after another:
//
//	SYNC        the places of the range are the items, in order; those for which there is none are empty
//	INSERT      the item comes to the index; what was there and behind it moves one place on
//	UPDATE      the item at the index is replaced; it is the same member or group as before
//	DELETE      the item at the index goes; what was behind it moves one place back
//	INVALIDATE  the places of the range are empty
//
// Then the array is as long as the groups say: a place for each member and each header.
//
// It need not keep what is outside of its ranges, and none is ever moved in: what comes
// into a range from outside is inserted, and something is deleted before that, unless the
// list ends there. So a client that applies INSERT and DELETE to each run of touching
// ranges only, or which ignores a DELETE of what it does not have, comes to the same.
//
// # Guarantees
//
//   - A client that applies every change in order has exactly the list's items in all
//     places of its ranges, after each change.
//   - A change of one member costs, in each run of ranges that sees it, a DELETE and an
//     INSERT, whatever the width of the range, twice where a group comes or goes; and an
//     UPDATE for each header that has another count. Only Rebuild sends ranges again.
//   - A session is told once, and only if who has changed is in its ranges, or something
//     moves there. So its counts may be older than the list when it looks elsewhere; the
//     next change has them.
//   - Sessions that are told the same share one [Change], which is to be encoded once.
//   - An index is found, and an item by its index, in O(log n).
//
// # Bounds
//
// [Config] bounds sessions, ranges and their width. Members are as many as the guild has:
// their number is bounded by whoever keeps the guild.
//
// # Concurrency
//
// None: the caller has a lock, and sends the changes of a list in the order in which they
// were returned. What a Change holds does not change, but for [Change.Sessions], which is
// to be read before the list is called again.
//
// # Failure
//
// Only limits are refused, by Subscribe, with a *eventnode.LimitError; nothing has changed
// then. A list that is lost is made again with Rebuild.
package memberlist
