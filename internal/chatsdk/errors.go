package chatsdk

import (
	"fmt"

	"github.com/eventnode/eventnode"
)

// Errors of this package.
var (
	// ErrNone: the node that was asked has no chat service. Start it with one (node.Chat,
	// serve --chat), or ask another node. It is ErrUnavailable.
	ErrNone = fmt.Errorf("this node has no chat service, start it with --chat or ask another node: %w", eventnode.ErrUnavailable)
)
