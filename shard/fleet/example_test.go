package fleet_test

import (
	"context"
	"fmt"
	"time"

	"github.com/eventnode/eventnode/shard/fleet"
)

// exampleShard is a shard of a source that has nothing to say.
type exampleShard struct{ stop chan struct{} }

func (s exampleShard) Run(ctx context.Context) error {
	select {
	case <-s.stop:
	case <-ctx.Done():
	}
	return nil
}

func (s exampleShard) Stop(context.Context) { close(s.stop) }

func (s exampleShard) Progress() fleet.Progress {
	return fleet.Progress{State: fleet.StateConnected, Session: "s1", Seq: 7, Resume: []byte("s1 7")}
}

func Example() {
	n := newTwin().node("n1", 1) // a *node.Node has Groups, Streams and Locks
	f, err := fleet.New(fleet.Config{
		Source: "bot", Node: n.ref, Shards: fleet.All(2), Groups: n, Streams: n, Locks: locksOf{n},
		Open: func(_ context.Context, o fleet.Opening) (fleet.Shard, error) {
			return exampleShard{stop: make(chan struct{})}, nil
		},
		Settle: 10 * time.Millisecond, Every: 10 * time.Millisecond,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()

	fmt.Println("stop:", f.Stop(ctx, 1))
	fmt.Println("start:", f.Start(ctx, 1))
	fmt.Println("move:", f.Move(ctx, 0, "n1"))
	list, err := f.List(ctx)
	fmt.Println("list:", err)
	for _, s := range list {
		fmt.Printf("%v %v on %v, pinned to %q\n", s.ID, s.State, s.Node, s.Pin)
	}
	cancel()
	fmt.Println("end:", <-ended)
	// Output:
	// stop: <nil>
	// start: <nil>
	// move: <nil>
	// list: <nil>
	// 0 of 2 connected on n1, pinned to "n1"
	// 1 of 2 connected on n1, pinned to ""
	// end: <nil>
}
