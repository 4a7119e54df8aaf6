// Package directory keeps who is where in a chat service, the same on every node:
// guilds with their roles, channels and members, private channels, users and friends.
//
// A [State] is what a sequence of changes has made of nothing. A [Log] keeps that
// sequence in a durable stream, applies it on its node, and appends to it.
//
//	Submit ──► stream: put_user 1, put_guild 2, put_member 2/1, …
//	                      │ each node reads it from the first change on
//	                      ▼
//	              State.Apply ──► Effect: rows before and after, whose reading
//
// # Guarantees
//
//   - States that were made by the same changes are equal, whatever node made them and
//     when. So is who may read what.
//   - A change that does not fit what is there changes nothing, and says why: the same on
//     every node.
//   - No row names another one that is not there: what is deleted is taken out of all
//     that names it.
//   - An Effect names each row that was changed, before and after, and each change of what
//     somebody may read.
//   - A change that Submit has appended is kept as durably as any event of a stream, and
//     nothing is ever removed from the stream. If somebody makes it otherwise, Log.Run
//     says so and ends.
//   - When Log.Ready closes, all is applied that was in the stream when Run began.
//
// # Concurrency
//
// A State has no lock, no goroutine and no clock: who applies changes while others read
// holds a lock. Rows are immutable and may be kept. A Log may be used by several
// goroutines; its Apply is called by one, that of Run.
//
// # Failure
//
// While the stream has no leader nothing can be changed, and everything read. What a Log
// cannot decode it skips, counts, and says once. When the stream is full, changes are
// refused with eventnode.ErrStreamFull: raise its bound with Streams.Update.
//
// # Example
//
//	state, err := directory.New(directory.Limits{})
//	...
//	l, err := directory.NewLog(directory.LogConfig{
//		Streams: streams,
//		Apply: func(_ eventnode.Position, c *eventnodev1.DirectoryChange) error {
//			mu.Lock()
//			defer mu.Unlock()
//			effect, err := state.Apply(c)
//			...
//			return err
//		},
//	})
//	...
//	go l.Run(ctx)
//	<-l.Ready()
//	results, at, err := l.Submit(ctx, directory.PutUser(user), directory.PutMember(member))
package directory
