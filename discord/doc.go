// Package discord has the events of the Discord Gateway protocol as Go types, as consumers
// get them: with what was before, where a cache knew it.
//
//	message, err := discord.As[discord.MessageUpdate](e.Name, e.Data)
//	...
//	if message.Old != nil && message.Old.Content != message.New.Content {
//
// [Parse] makes the type of an event of any name, [As] that of a name that one asks for, and
// [Normalise] brings the data of a source into the one form that all else here is about.
//
// # What consumers get
//
// An event's data is JSON. Most are what the protocol's documentation says. Those that
// change something have it twice, old and new; old is null if it was not known:
//
//	CHANNEL_UPDATE, THREAD_UPDATE,
//	GUILD_UPDATE, USER_UPDATE,
//	MESSAGE_UPDATE          {"old": …|null, "new": …}
//	GUILD_MEMBER_UPDATE, GUILD_ROLE_UPDATE,
//	PRESENCE_UPDATE         {"guild_id": …, "old": …|null, "new": …}
//	GUILD_EMOJIS_UPDATE,
//	GUILD_STICKERS_UPDATE   {"guild_id": …, "old": […]|null, "new": […]}
//	CHANNEL_DELETE,
//	THREAD_DELETE           {"old": …}
//	GUILD_DELETE            what the source says, and "old": …|null
//	GUILD_MEMBER_REMOVE,
//	GUILD_ROLE_DELETE       what the source says, and "old": …|null
//	MESSAGE_DELETE          what the source says, and "deleted_message": …|null
//	MESSAGE_DELETE_BULK     what the source says, and "deleted_messages": […], those that were known
//
// New is the whole object, completed by what was known where the source said only a part of
// it. The names GUILD_AVAILABLE and GUILD_UNAVAILABLE are ours: the source's GUILD_CREATE of
// a guild that READY, or a GUILD_DELETE, has named as unavailable, and of one that is named so
// now. Where no cache could say what was before, the data is the source's own, and is
// understood too: what it says is New, or, of a channel that is gone, Old.
//
// A live event carries where it comes from as metadata: source, the name that the operator
// gave (one bot of several), shard and shards (3 of 16 is shard 3, shards 16), session, and
// seq, the payload's number in that session. The events that one payload becomes have one seq.
//
// # Guarantees
//
//   - Ids are of one type, whether the source wrote strings or numbers.
//   - Members that a type here has no field for are kept in Unknown, and written again.
//   - A name that is not known is no error: its data is passed on as it came.
//   - Nothing is kept of what was read: no table of names grows with the input.
//   - Null, and what is missing, is the zero value.
//
// # Concurrency
//
// There is no state. A value belongs to who has parsed it.
//
// # Failure
//
// Data that is no JSON, or of another form than the protocol's, is an error that wraps
// [ErrMalformed] and names the event; the data can still be passed on.
package discord
