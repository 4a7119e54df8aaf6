package node

import (
	"context"
	"iter"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/chatsdk"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// ChatHandle is a node's view of the cluster's chat service, and its directory: who is
// where. It may be used by several goroutines.
type ChatHandle struct {
	eventnode.Chat
	sdk *chatsdk.Chat
}

// Chat returns the chat service. Before Ready it waits. A node that has none
// (Config.Chat) is ErrUnavailable.
func (n *Node) Chat(ctx context.Context) (*ChatHandle, error) {
	p, err := n.settled(ctx)
	if err != nil {
		return nil, err
	}
	if p.chat == nil {
		return nil, chatsdk.ErrNone
	}
	sdk := chatsdk.New(chatsdk.Local(p.chat.service))
	return &ChatHandle{sdk, sdk}, nil
}

// Change changes the directory, in order, and returns when every live node has applied it.
// Each change succeeds or fails by itself: see ChatChanged.Refused. There may be 1,024 at
// once, of 4 MiB in all. After ErrOutcomeUnknown all were made, or will be, or none.
func (c *ChatHandle) Change(ctx context.Context, changes ...*eventnodev1.DirectoryChange) (eventnode.ChatChanged, error) {
	return c.sdk.Change(ctx, changes...)
}

// Export ranges over changes that would make this directory, in an order in which each
// fits: it is that of one moment.
func (c *ChatHandle) Export(ctx context.Context) iter.Seq2[*eventnodev1.DirectoryChange, error] {
	return c.sdk.Export(ctx)
}
