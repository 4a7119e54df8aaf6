// Package chatsdk implements eventnode.Chat, and changes of a chat service's directory,
// over a [Backend] that is as small as the protocol: so a client (over gRPC) and an
// embedded node (which asks its own service, see [Local]) have all else in common.
//
// # Guarantees
//
//   - A dispatch is made once at most, and a change of the directory, too: neither is made
//     again by itself.
//   - What is said to be JSON is checked before it is sent.
//   - A list is whole, or its last pair is an error that says what is missing.
//   - What nodes say arrives as errors that errors.Is tells apart, also those of changes
//     that were refused.
//
// # Concurrency
//
// A Chat may be used by several goroutines. It has none, and keeps nothing.
//
// # Failure
//
// eventnode.ErrUnavailable means that nothing was done, or that a list was broken off:
// begin it again. eventnode.ErrOutcomeUnknown means that a dispatch or a change may have
// been made. After the end of a context nothing is known either.
//
// # Example
//
//	c := chatsdk.New(chatsdk.Local(service))
//	r, err := c.Dispatch(ctx, "guild:42", "GUILD_UPDATE", guild)
package chatsdk
