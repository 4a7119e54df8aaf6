// Package intake measures how fast one shard takes events in: from the bytes of a gateway
// until they are dispatched, with what is known kept in memory; beside the library discordgo,
// which decodes them into its state.
//
//	for _, w := range intake.Workloads() { ... }
//
// # The recording
//
// What a gateway says to a session is recorded once a run, in a file, as WebSocket messages
// that need only be sent: HELLO, READY, then ten guilds of 1,000 members, 50 channels and
// 333 presences, then 200,000 events (50,000 where each is compressed). The forms are those of the Discord protocol, with all
// members that it has today, and always the same: a random source with a fixed seed chooses
// what happens. Of a hundred events (events.go)
//
//	30 MESSAGE_CREATE         5 MESSAGE_UPDATE        4 VOICE_STATE_UPDATE
//	25 PRESENCE_UPDATE        5 GUILD_MEMBER_UPDATE   2 MESSAGE_DELETE
//	20 TYPING_START           8 MESSAGE_REACTION_ADD  1 CHANNEL_UPDATE
//
// The messages that are changed, deleted or reacted to are one of the last 32 of a channel.
// Each payload changes something or is told in any case, and so becomes an event.
//
// # The systems
//
//   - eventnode: package shard as package bot has it, a cache in memory with its default
//     limits, one handler that is called in order, and dispatch by an embedded node to
//     consumers on all nodes, of whom there are none. It keeps 10,000 messages.
//   - eventnode, handlers only: the same without the last step. This is what discordgo does.
//   - discordgo: a session as its New makes it, opened as usual, with all that its state
//     tracks, 100 messages of each channel, and one handler that is called in order
//     (SyncEvents: a goroutine for each event costs more). The library is not changed; it asks
//     for the gateway's address through an HTTP transport that knows it.
//   - discordgo, no messages: the state as it comes, which keeps none. It cannot say what a
//     message was before it was changed.
//
// discordgo's handlers are given structs, and eventnode's the JSON text: a handler that wants
// fields decodes what it looks at.
//
// # The processes
//
// Whoever takes in is a process of its own, which starts with nothing. Over a socket a second
// process plays the file, by sendfile; out of memory the connection that both libraries dial
// copies from the file, mapped, and nothing else is between. The file is not in the heap of
// who takes in: it would have the garbage collected less often.
//
// # What is measured
//
// From the last guild until the last event is done with: time, CPU of the process in user and
// kernel mode, and what it has allocated. And, before, the time from READY to the last guild.
//
// # What is checked
//
// The numbers of the payloads are 1, 2, 3, … without one that is missing or comes twice; and
// in the end the nick and the topic that were said last are looked up in what is known.
package intake
