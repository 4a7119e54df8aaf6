package groups_test

import (
	"context"
	"fmt"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/groups"
)

// A node alone: a member joins a group, a monitor sees it, a broadcast reaches
// it once for each time it joined.
func Example() {
	g, err := groups.New(groups.Config{Self: eventnode.NodeRef{ID: "n1", Epoch: 1}})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	defer func() { cancel(); <-ended }()

	scope := g.Scope("")
	monitor, err := scope.Monitor(ctx, "workers")
	if err != nil {
		fmt.Println(err)
		return
	}
	worker, err := g.NewMember(ctx, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := scope.Join(ctx, "workers", []eventnode.Member{worker, worker}); err != nil {
		fmt.Println(err)
		return
	}
	change, err := monitor.Next(ctx)
	fmt.Println(change.Group, len(change.Joined), err)

	sent, err := scope.Broadcast(ctx, "workers", event.New("wake_up", nil))
	fmt.Println(sent.Delivered, err)
	received, err := worker.Receive(ctx)
	fmt.Println(received.Group, received.Event.Name, err)
	// Output:
	// workers 2 <nil>
	// 2 <nil>
	// workers wake_up <nil>
}
