package node_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/node"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// consumed is what the consumers of a group have handled.
type consumed struct {
	mu      sync.Mutex
	handled map[string]int // by event
	first   []string       // in the order in which they were handled first
	settled uint64
}

func newConsumed() *consumed { return &consumed{handled: map[string]int{}} }

func (c *consumed) handle(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.handled[name]++; c.handled[name] == 1 {
		c.first = append(c.first, name)
	}
}

func (c *consumed) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.handled)
}

// worker is a consumer that comes again, at the next node, whenever its call ends.
type worker struct {
	t         *testing.T
	group     string
	streams   []string
	addresses []string
	to        *consumed
	holder    []byte
}

// run works until ctx ends.
func (w *worker) run(ctx context.Context) {
	w.holder = make([]byte, 16)
	_, _ = rand.Read(w.holder) // it never fails
	for i := 0; ctx.Err() == nil; i++ {
		conn, err := grpc.NewClient("passthrough:///"+w.addresses[i%len(w.addresses)], grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			w.t.Error(err)
			return
		}
		w.call(ctx, eventnodev1.NewConsumerServiceClient(conn))
		_ = conn.Close()
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// call consumes until the call ends.
func (w *worker) call(ctx context.Context, api eventnodev1.ConsumerServiceClient) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := api.Consume(ctx)
	if err != nil {
		return
	}
	err = stream.Send(&eventnodev1.ConsumeRequest{Request: &eventnodev1.ConsumeRequest_Open{Open: &eventnodev1.OpenConsumer{
		Group: w.group, Streams: w.streams, Holder: w.holder, Credit: &eventnodev1.ConsumerCredit{Events: 50},
	}}})
	for err == nil {
		var m *eventnodev1.ConsumeResponse
		if m, err = stream.Recv(); err == nil {
			err = w.handle(stream, m)
		}
	}
}

// handle handles events, acks them and asks for as many again.
func (w *worker) handle(stream grpc.BidiStreamingClient[eventnodev1.ConsumeRequest, eventnodev1.ConsumeResponse], m *eventnodev1.ConsumeResponse) error {
	for _, r := range m.GetResults() {
		w.to.mu.Lock()
		w.to.settled += r.GetSettled()
		w.to.mu.Unlock()
	}
	for _, e := range m.GetEnvelopes() {
		w.to.handle(e.GetEvent().GetName())
	}
	for _, d := range m.GetDeliveries() {
		ack := &eventnodev1.StreamEvents{Stream: d.GetStream()}
		for _, s := range d.GetSlices() {
			if k := len(ack.Numbers); k > 0 && ack.Numbers[k-1].GetTo()+1 == s.GetNumber() {
				ack.Numbers[k-1].To = s.GetNumber() + uint64(s.GetCount()) - 1
				continue
			}
			ack.Numbers = append(ack.Numbers, &eventnodev1.NumberRange{From: s.GetNumber(), To: s.GetNumber() + uint64(s.GetCount()) - 1})
		}
		if err := stream.Send(&eventnodev1.ConsumeRequest{Request: &eventnodev1.ConsumeRequest_Settle{Settle: &eventnodev1.SettleEvents{
			Verb: eventnodev1.Verb_VERB_ACK, Events: []*eventnodev1.StreamEvents{ack},
		}}}); err != nil {
			return err
		}
	}
	if n := len(m.GetEnvelopes()); n > 0 {
		return stream.Send(&eventnodev1.ConsumeRequest{Request: &eventnodev1.ConsumeRequest_Credit{Credit: &eventnodev1.ConsumerCredit{Events: uint64(n)}}})
	}
	return nil
}

// consumersOf is a node's ConsumerService.
func consumersOf(t *testing.T, n *node.Node) eventnodev1.ConsumerServiceClient {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+n.RPCAddress(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return eventnodev1.NewConsumerServiceClient(conn)
}

// While consumers work at every node the leader is cut off from everything, or stopped
// in good order: each event that was acked to its publisher is handled, no ack counts
// twice, keys keep their order, and every group drains.
func TestConsumersOutliveTheLeader(t *testing.T) {
	t.Parallel()
	t.Run("cut off", func(t *testing.T) {
		testConsumersOutlive(t, func(_ *stoppable, network *cuttable) { network.Cut() })
	})
	t.Run("stopped", func(t *testing.T) {
		testConsumersOutlive(t, func(n *stoppable, _ *cuttable) { n.stop() })
	})
}

func testConsumersOutlive(t *testing.T, end func(*stoppable, *cuttable)) {
	nodes, nets := consumingNodes(t)
	byName := map[string]int{}
	var addresses []string
	for i, n := range nodes {
		byName[string(n.Self().ID)] = i
		addresses = append(addresses, n.RPCAddress())
	}
	admin := dialAll(t, addresses)
	if _, err := admin.Streams().Declare(t.Context(), "orders", eventnode.StreamConfig{Groups: []string{"plain"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := consumersOf(t, nodes[1].Node).AddConsumerGroup(t.Context(), &eventnodev1.AddConsumerGroupRequest{
		Stream: &eventnodev1.StreamName{Name: "orders"}, Group: "keyed", Config: &eventnodev1.ConsumerGroupConfig{Keyed: true},
	}); err != nil {
		t.Fatal(err)
	}
	plain, keyed := newConsumed(), newConsumed()
	ctx, cancel := context.WithCancel(t.Context())
	var working sync.WaitGroup
	defer working.Wait()
	defer cancel()
	for i := range 5 {
		w := &worker{t: t, group: "plain", streams: []string{"orders"}, addresses: slices.Concat(addresses[i%3:], addresses[:i%3]), to: plain}
		if i >= 3 {
			w.group, w.to = "keyed", keyed
		}
		working.Go(func() { w.run(ctx) })
	}
	const keys = 10
	all := 600
	if testing.Short() { // each takes its fsyncs, five consumers, and the race detector
		all = 150
	}
	leader := func() int {
		info, err := admin.Streams().Info(t.Context(), "orders")
		if err != nil {
			t.Fatal(err)
		}
		return byName[string(info.Leader)]
	}
	for i := range all {
		if i == all/3 {
			at := leader()
			t.Logf("%s ends after %d events", nodes[at].Self().ID, i)
			end(nodes[at], nets[at])
		}
		ev := event.New(fmt.Sprintf("%d-%05d", i%keys, i), nil)
		ev.Key = fmt.Sprint(i % keys)
		if _, err := admin.Streams().Publish(t.Context(), "orders", ev); err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
	}
	eventually(t, "all is handled", func() bool { return plain.count() == all && keyed.count() == all })
	eventually(t, "the groups have drained", func() bool { return drained(t, nodes, "plain") && drained(t, nodes, "keyed") })
	cancel()
	working.Wait()
	for name, c := range map[string]*consumed{"plain": plain, "keyed": keyed} {
		if c.settled > uint64(all) {
			t.Errorf("%s: %d acks for %d events", name, c.settled, all)
		}
	}
	next := map[string]string{}
	for _, name := range keyed.first {
		key, _, _ := strings.Cut(name, "-")
		if name < next[key] {
			t.Errorf("key %s: %s came behind %s", key, name, next[key])
		}
		next[key] = name
	}
}

// drained reports whether a group has nothing left, as any node says that can.
func drained(t *testing.T, nodes []*stoppable, group string) bool {
	for _, n := range nodes {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		resp, err := consumersOf(t, n.Node).ListConsumerGroups(ctx, &eventnodev1.ListConsumerGroupsRequest{Stream: &eventnodev1.StreamName{Name: "orders"}, Group: group})
		cancel()
		if err == nil {
			return resp.GetGroups()[0].GetLag()+resp.GetGroups()[0].GetPending() == 0
		}
	}
	return false
}

func dialAll(t *testing.T, addresses []string) *client.Client {
	t.Helper()
	c, err := client.Dial(t.Context(), addresses)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// consumingNodes is three nodes with storage whose networks can be cut.
func consumingNodes(t *testing.T) (nodes []*stoppable, nets []*cuttable) {
	t.Helper()
	var seeds []string
	for i := range 3 {
		nets = append(nets, &cuttable{})
		nodes = append(nodes, startStoppable(t, node.Config{
			ID: eventnode.NodeID(fmt.Sprintf("n%d", i+1)), DataDir: t.TempDir(), Seeds: seeds, Network: nets[i],
			Storage: node.Storage{BootstrapExpect: 3, LeaseTTL: 2 * time.Second},
		}))
		seeds = []string{nodes[0].GossipAddress()}
	}
	wellStored(t, nodes[0].Node, 3)
	return nodes, nets
}
