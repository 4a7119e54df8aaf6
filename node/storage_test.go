package node_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/node"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// eventually waits until something holds, at most half a minute.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

// uuidOf is the cluster that a node belongs to; "": none yet.
func uuidOf(t *testing.T, n *node.Node) string {
	t.Helper()
	s, err := n.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s.ClusterUUID
}

// Nodes with storage found one cluster when as many are there as expected, and a
// node that comes later joins it. A node alone founds its own at once.
func TestStorageFoundsACluster(t *testing.T) {
	expect := node.Storage{BootstrapExpect: 3}
	n1 := start(t, node.Config{ID: "n1", DataDir: t.TempDir(), Storage: expect})
	n2 := start(t, node.Config{ID: "n2", DataDir: t.TempDir(), Storage: expect, Seeds: []string{n1.GossipAddress()}})
	time.Sleep(1200 * time.Millisecond) // two looks around
	if id := uuidOf(t, n1); id != "" {
		t.Fatalf("two of three have founded %s", id)
	}
	n3 := start(t, node.Config{ID: "n3", DataDir: t.TempDir(), Storage: expect, Seeds: []string{n1.GossipAddress()}})
	eventually(t, "founded", func() bool {
		return uuidOf(t, n1) != "" && uuidOf(t, n2) == uuidOf(t, n1) && uuidOf(t, n3) == uuidOf(t, n1)
	})
	n4 := start(t, node.Config{ID: "n4", DataDir: t.TempDir(), Seeds: []string{n1.GossipAddress()}})
	eventually(t, "joined", func() bool { return uuidOf(t, n4) == uuidOf(t, n1) })

	alone := start(t, node.Config{ID: "alone", DataDir: t.TempDir()})
	eventually(t, "founded alone", func() bool { return uuidOf(t, alone) != "" })
	without := start(t, node.Config{ID: "without", DataDir: t.TempDir(), Storage: node.Storage{Off: true}})
	if id := uuidOf(t, without); id != "" {
		t.Errorf("a node without storage founded %s", id)
	}
}

// A node that starts again belongs to the cluster that it belonged to.
func TestStorageRemembersItsCluster(t *testing.T) {
	dir := t.TempDir()
	run := func() string {
		n, err := node.New(node.Config{ID: "n1", DataDir: dir, GossipAddress: "127.0.0.1:0", RPCAddress: "127.0.0.1:0"})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- n.Run(ctx) }()
		<-n.Ready()
		eventually(t, "belongs", func() bool { return uuidOf(t, n) != "" })
		id := uuidOf(t, n)
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		return id
	}
	if first, second := run(), run(); first != second {
		t.Errorf("it belonged to %s, then to %s", first, second)
	}
}

// api is a node's StreamService, over its rpc port.
func api(t *testing.T, n *node.Node) eventnodev1.StreamServiceClient {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+n.RPCAddress(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return eventnodev1.NewStreamServiceClient(conn)
}

// Every node serves streams, with storage or without, the leader or not: what is
// published at any is read at every other.
func TestStreamsAtEveryNode(t *testing.T) {
	t.Parallel()
	expect := node.Storage{BootstrapExpect: 3}
	n1 := start(t, node.Config{ID: "n1", DataDir: t.TempDir(), Storage: expect})
	seeds := []string{n1.GossipAddress()}
	nodes := []*node.Node{
		n1,
		start(t, node.Config{ID: "n2", DataDir: t.TempDir(), Storage: expect, Seeds: seeds}),
		start(t, node.Config{ID: "n3", DataDir: t.TempDir(), Storage: expect, Seeds: seeds}),
		start(t, node.Config{ID: "n4", Seeds: seeds}),
	}
	name := &eventnodev1.StreamName{Name: "orders"}
	eventually(t, "declared", func() bool {
		_, err := api(t, nodes[3]).DeclareStream(t.Context(), &eventnodev1.DeclareStreamRequest{Stream: name})
		return err == nil
	})
	var want []string
	for i, n := range nodes {
		ev := event.New("e"+string(rune('0'+i)), []byte("data"))
		resp, err := api(t, n).Publish(t.Context(), &eventnodev1.PublishRequest{Batches: []*eventnodev1.PublishBatch{{
			Stream: name, Envelopes: []*eventnodev1.Envelope{{Event: &eventnodev1.Event{Id: ev.ID[:], Name: ev.Name, Data: ev.Data}}}}}})
		if err != nil || resp.GetResults()[0].GetErrorReason() != "" || resp.GetResults()[0].GetAppended() != 1 {
			t.Fatalf("node %d: %v, %v", i+1, resp, err)
		}
		want = append(want, ev.Name)
	}
	for i, n := range nodes {
		stream, err := api(t, n).Read(t.Context(), &eventnodev1.ReadRequest{Stream: name})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for {
			m, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("node %d: %v", i+1, err)
			}
			for _, e := range m.GetEnvelopes() {
				got = append(got, e.GetEvent().GetName())
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("node %d reads %v, want %v", i+1, got, want)
		}
	}
}

// What has come of age goes although nothing is published any more.
func TestStreamsExpire(t *testing.T) {
	n := start(t, node.Config{ID: "n1", DataDir: t.TempDir()})
	streams := dial(t, n).Streams()
	if _, err := streams.Declare(t.Context(), "log", eventnode.StreamConfig{Retain: eventnode.RetainLimits, MaxAge: 500 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	if _, err := streams.Publish(t.Context(), "log", event.New("e", nil)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "gone", func() bool {
		info, err := streams.Info(t.Context(), "log")
		if err != nil {
			t.Fatal(err)
		}
		return info.Count == 0 && info.Published == 1
	})
}

// An embedded node is as good as a client, with storage and without, and its streams
// end with it.
func TestStreamsOfAnEmbeddedNode(t *testing.T) {
	n1 := start(t, node.Config{ID: "n1", DataDir: t.TempDir()})
	n2 := start(t, node.Config{ID: "n2", Seeds: []string{n1.GossipAddress()}})
	here, err := n1.Streams(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	there, err := n2.Streams(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := here.Declare(t.Context(), "orders", eventnode.StreamConfig{}); err != nil {
		t.Fatal(err)
	}
	for i, s := range []eventnode.Streams{here, there} {
		if _, err := s.PublishBody(t.Context(), "orders", map[string]int{"id": i}); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range []eventnode.Streams{there, here} {
		var got []string
		for ev, err := range s.Read(t.Context(), "orders") {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(ev.Event.Data))
		}
		if !slices.Equal(got, []string{`{"id":0}`, `{"id":1}`}) {
			t.Errorf("read %q", got)
		}
	}
	other, err := dial(t, n2).Streams().Info(t.Context(), "orders")
	if !errors.Is(err, eventnode.ErrStreamNotFound) {
		t.Errorf("in another namespace: %+v, %v", other, err)
	}
}
