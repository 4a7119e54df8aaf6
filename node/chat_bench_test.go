package node_test

import (
	"fmt"
	"testing"

	"github.com/eventnode/eventnode/node"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// BenchmarkChatDispatch is one event after the other from a node to a session on another,
// until that client has it: three nodes, with and without a journal.
func BenchmarkChatDispatch(b *testing.B) {
	for name, cfg := range map[string]node.Chat{"alone": {}, "journal": {Journal: "sessions"}} {
		b.Run(name, func(b *testing.B) {
			nodes := chatNodesWith(b, 3, cfg)
			c, _ := nodes[1].login(b, "ben")
			for b.Loop() {
				if _, err := nodes[0].api.Dispatch(b.Context(), &eventnodev1.ChatServiceDispatchRequest{
					Topics: []string{fmt.Sprint("channel:", generalID)}, Type: "MESSAGE_CREATE", Data: []byte(`{"id":"1"}`),
				}); err != nil {
					b.Fatal(err)
				}
				expect(b, c, "MESSAGE_CREATE", "")
			}
		})
	}
}
