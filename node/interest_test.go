package node

import (
	"context"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
)

// 10,000 subscribers of one topic on one node are one row in the table of the
// other nodes, and none when the last has gone.
func TestTenThousandSubscribersAreOneRow(t *testing.T) {
	const topic = "topic:crowd"
	here := runs(t, "n1")
	there := runs(t, "n2", here.GossipAddress())
	var subs []eventnode.Subscription
	for range 10_000 {
		sub, err := here.Subscribe(t.Context(), []string{topic})
		if err != nil {
			t.Fatal(err)
		}
		subs = append(subs, sub)
	}
	if rows := interestRows(t, there, topic); len(rows) != 1 || rows[0].Member.Node != here.Self() {
		t.Errorf("the other node has the rows %v", rows)
	}
	for _, sub := range subs {
		_ = sub.Close()
	}
	for deadline := time.After(10 * time.Second); len(interestRows(t, there, topic)) > 0; {
		select {
		case <-deadline:
			t.Fatalf("the other node still has %v", interestRows(t, there, topic))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func interestRows(t *testing.T, n *Node, topic string) []eventnode.Membership {
	t.Helper()
	rows, err := n.parts.groups.ReservedScope(interestScope).Members(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// runs runs a node on loopback until the test ends.
func runs(t *testing.T, id eventnode.NodeID, seeds ...string) *Node {
	t.Helper()
	n, err := New(Config{ID: id, GossipAddress: "127.0.0.1:0", RPCAddress: "127.0.0.1:0", Seeds: seeds})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("%s: %v", id, err)
		}
	})
	select {
	case <-n.Ready():
	case <-time.After(15 * time.Second):
		t.Fatalf("%s is not ready", id)
	}
	return n
}
