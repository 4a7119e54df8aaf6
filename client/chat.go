package client

import (
	"context"
	"iter"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/chatsdk"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// Chat is a cluster's chat service, and its directory: who is where. It may be used by
// several goroutines, and ends with the client.
type Chat struct {
	eventnode.Chat
	sdk *chatsdk.Chat
}

// Chat returns the chat service. A node that has none answers with ErrUnavailable.
func (c *Client) Chat() *Chat {
	sdk := chatsdk.New(&chatBackend{c})
	return &Chat{sdk, sdk}
}

// Change changes the directory, in order, and returns when every live node has applied it.
// Each change succeeds or fails by itself: see ChatChanged.Refused. There may be 1,024 at
// once, of 4 MiB in all.
//
// If the connection to the node was lost meanwhile the error is ErrOutcomeUnknown: all
// changes were made, or will be, or none. To make a put again does no harm, unless
// somebody else has changed the same since.
func (c *Chat) Change(ctx context.Context, changes ...*eventnodev1.DirectoryChange) (eventnode.ChatChanged, error) {
	return c.sdk.Change(ctx, changes...)
}

// Export ranges over changes that would make this directory, in an order in which each
// fits: it is that of one moment. If the connection is lost on the way the last pair has
// ErrUnavailable: begin it again.
func (c *Chat) Export(ctx context.Context) iter.Seq2[*eventnodev1.DirectoryChange, error] {
	return c.sdk.Export(ctx)
}
