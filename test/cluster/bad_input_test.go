package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/test/cluster"
)

// badTopics are malformed each in its own way.
var badTopics = map[string]string{
	"empty": "", "no colon": "orders", "no kind": ":orders", "no key": "topic:", "upper case kind": "Topic:orders",
	"kind with a digit first": "1topic:orders", "kind with a dash": "my-topic:orders", "unknown kind": "guild:1",
	"space": "topic:or ders", "tab": "topic:or\tders", "control character": "topic:\x00", "other space": "topic:or\u2003ders",
	"pattern that goes on": "topic:orders.>.eu", "long pattern": "topic:" + strings.Repeat("*.", 16) + "*", "too long": "topic:" + strings.Repeat("x", 1000),
}

// A malformed request is answered with an error that says which limit, field or
// topic is wrong, the same one that an embedded node gives; nothing of it is
// dispatched, and what follows it is.
func TestMalformedRequestsThroughTheClient(t *testing.T) {
	c := cluster.Start(t, cluster.Config{Nodes: 2, Processes: true})
	live := c.Node("n1").Client()
	canary := follow(t, "canary", c.Node("n2").Client(), "topic:canary")

	dispatch := func(topic string, ev event.Event) error {
		p, err := live.NewPublisher(t.Context())
		if err != nil {
			return err
		}
		_, err = p.DispatchMany(t.Context(), []string{"topic:canary", topic}, ev)
		return errors.Join(err, p.Close(t.Context()))
	}
	for name, topic := range badTopics {
		_, err := live.Subscribe(t.Context(), []string{"topic:good", topic})
		saysTopic(t, "subscribe, "+name, err)
		saysTopic(t, "dispatch, "+name, dispatch(topic, event.New("x", nil)))
	}
	for name, ev := range map[string]event.Event{
		"id":   {Name: "x"},
		"name": {ID: event.New("x", nil).ID},
		"key":  keyed(strings.Repeat("k", 256)),
		"meta": {ID: event.New("x", nil).ID, Name: "x", Meta: map[string]string{"": "v"}},
	} {
		if err := dispatch("topic:good", ev); !errors.Is(err, eventnode.ErrInvalidEvent) || !strings.Contains(err.Error(), name) {
			t.Errorf("an event with a bad %s: %v", name, err)
		}
	}
	for name, ev := range map[string]event.Event{
		"long": event.New(strings.Repeat("n", 256), nil), "with a control character": event.New("a\nb", nil), "not UTF-8": event.New("\xff", nil),
	} {
		if err := dispatch("topic:good", ev); !errors.Is(err, eventnode.ErrInvalidEvent) || !strings.Contains(err.Error(), "name") {
			t.Errorf("a name that is %s: %v", name, err)
		}
	}
	saysLimit(t, "max_event_bytes", dispatch("topic:good", event.New("x", make([]byte, 2<<20))))
	saysLimit(t, "max_event_bytes", dispatch("topic:good", event.Event{
		ID: event.New("x", nil).ID, Name: "x", Meta: map[string]string{"k": strings.Repeat("v", 2<<20)}}))

	m, err := live.NewMember(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	join := func(scope, group string, opts ...eventnode.JoinOption) error {
		_, err := live.Scope(scope).Join(t.Context(), group, members(m), opts...)
		return err
	}
	saysLimit(t, "max_meta_bytes", join("", "g", eventnode.WithMeta(strings.Repeat("m", 4096))))
	saysLimit(t, "max_name_bytes", join("", strings.Repeat("g", 4096)))
	saysLimit(t, "max_name_bytes", join(strings.Repeat("s", 4096), "g"))
	for what, err := range map[string]error{"no group": join("", ""), "reserved scope": join("eventnode.topics", "topic:canary")} {
		if !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err = live.Subscribe(t.Context(), []string{"topic:good"}, eventnode.WithQueue(1<<30, 0))
	saysLimit(t, "max_queue_events", err)
	_, err = live.Subscribe(t.Context(), nil)
	if !errors.Is(err, eventnode.ErrInvalidArgument) {
		t.Errorf("no topic: %v", err)
	}

	if err := dispatch("topic:good", counted(1, 0)); err != nil {
		t.Error(err)
	}
	c.Eventually(5*time.Second, func() error { return atLeast(1, canary) })
	if s := canary.now(); s.got != 1 {
		t.Errorf("%d events were dispatched, want the good one", s.got)
	}
}

func keyed(key string) event.Event {
	ev := event.New("x", nil)
	ev.Key = key
	return ev
}

func saysTopic(t *testing.T, what string, err error) {
	t.Helper()
	var bad *eventnode.TopicError
	if !errors.Is(err, eventnode.ErrBadTopic) || !errors.As(err, &bad) || bad.Reason == "" {
		t.Errorf("%s: %v", what, err)
	}
}

func saysLimit(t *testing.T, limit string, err error) {
	t.Helper()
	var reached *eventnode.LimitError
	if !errors.Is(err, eventnode.ErrLimit) || !errors.As(err, &reached) || reached.Limit != limit || reached.Max == 0 || !strings.Contains(err.Error(), limit) {
		t.Errorf("want the limit %s: %v", limit, err)
	}
}

// rawCodec sends and receives bytes as they are.
type rawCodec struct{}

var _ encoding.Codec = rawCodec{}

func (rawCodec) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (rawCodec) Unmarshal(b []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), b...)
	return nil
}
func (rawCodec) Name() string { return "proto" }

// Bytes that are no message, on every method of every service, are answered with
// an error, and only that call ends.
func TestMalformedMessagesOnEachMethod(t *testing.T) {
	if testing.Short() {
		t.Skip("its nodes are processes: the race detector would not see them")
	}
	c := cluster.Start(t, cluster.Config{Nodes: 1, Processes: true})
	conn := plainConn(t, c.Node("n1"))
	malformed := map[string][]byte{
		"no tag":             {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"length beyond":      protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.BytesType), 1<<40),
		"field number 0":     {0x02, 0x01, 0x00},
		"group without end":  protowire.AppendTag(nil, 9, protowire.StartGroupType),
		"envelopes cut off":  append(protowire.AppendTag(nil, 15, protowire.BytesType), 0x7f, 0x01),
		"too large a varint": append(protowire.AppendTag(nil, 1, protowire.VarintType), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01),
	}
	for _, service := range []grpc.ServiceDesc{
		eventnodev1.DispatchService_ServiceDesc, eventnodev1.GroupService_ServiceDesc,
		eventnodev1.ClusterService_ServiceDesc, clusterv1.LinkService_ServiceDesc,
	} {
		var methods []string
		for _, m := range service.Methods {
			methods = append(methods, m.MethodName)
		}
		for _, s := range service.Streams {
			methods = append(methods, s.StreamName)
		}
		for _, method := range methods {
			for what, message := range malformed {
				code := rawCall(t, conn, "/"+service.ServiceName+"/"+method, message)
				switch code {
				case codes.InvalidArgument, codes.Internal, codes.Unauthenticated:
				default:
					t.Errorf("%s.%s, %s: %v", service.ServiceName, method, what, code)
				}
			}
		}
	}
	if _, err := c.Node("n1").Cluster().Status(t.Context()); err != nil {
		t.Errorf("the node does not serve any more: %v", err)
	}
	quietLog(t, c.Node("n1"))
}

// A message of a kind that this version does not know is refused where the
// contract says so, and skipped where unknown fields are to be tolerated.
func TestUnknownKindsOfMessages(t *testing.T) {
	if testing.Short() {
		t.Skip("its nodes are processes: the race detector would not see them")
	}
	c := cluster.Start(t, cluster.Config{Nodes: 1, Processes: true})
	conn := plainConn(t, c.Node("n1"))
	unknown := protowire.AppendBytes(protowire.AppendTag(nil, 99, protowire.BytesType), []byte("from the future"))
	if code := rawCall(t, conn, eventnodev1.DispatchService_Subscribe_FullMethodName, unknown); code != codes.InvalidArgument {
		t.Errorf("subscribe: %v", code)
	}
	if code := rawCall(t, conn, eventnodev1.DispatchService_DispatchStream_FullMethodName, unknown); code != codes.OK {
		t.Errorf("dispatch stream: %v", code)
	}
	if code := rawCall(t, conn, eventnodev1.ClusterService_Status_FullMethodName, unknown); code != codes.OK {
		t.Errorf("status: %v", code)
	}
	if code := rawCall(t, conn, "/eventnode.v1.DispatchService/Teleport", unknown); code != codes.Unimplemented {
		t.Errorf("unknown method: %v", code)
	}
	hold, err := eventnodev1.NewGroupServiceClient(plainConn(t, c.Node("n1"))).Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := hold.Send(&eventnodev1.HoldRequest{}); err != nil {
		t.Fatal(err)
	}
	if resp, err := hold.Recv(); err != nil || resp.GetResult().GetErrorReason() != "INVALID_ARGUMENT" {
		t.Errorf("hold: %v, %v", resp, err)
	}
}

// rawCall sends one message, half-closes, and returns how the call ended.
func rawCall(t *testing.T, conn *grpc.ClientConn, method string, message []byte) codes.Code {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, method, grpc.ForceCodec(rawCodec{}))
	if err != nil {
		return status.Code(err)
	}
	_ = stream.SendMsg(&message) // the answer says why, if this fails
	_ = stream.CloseSend()
	for {
		var answer []byte
		if err := stream.RecvMsg(&answer); errors.Is(err, io.EOF) {
			return codes.OK
		} else if err != nil {
			return status.Code(err)
		}
	}
}

func plainConn(t *testing.T, n *cluster.Node) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(n.RPCAddress(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// Megabytes of garbage on both ports, random and dressed up as the protocols that
// are spoken there, do not end a node, fill its log, or make it grow; nothing
// comes out of it anywhere.
func TestGarbageOnBothPorts(t *testing.T) {
	if testing.Short() {
		t.Skip("its nodes are processes: the race detector would not see them")
	}
	c := cluster.Start(t, cluster.Config{Nodes: 2, Processes: true})
	canary := follow(t, "canary", c.Node("n2").Client(), "topic:canary")
	watcher := watch(t, c.Node("n2"))
	before := epochs(t, c)
	memory := residentBytes(t, c.Node("n1"))
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))

	rpc, gossip := c.Node("n1").RPCAddress(), c.Node("n1").GossipAddress()
	label := append([]byte{244, byte(len("eventnode"))}, "eventnode"...)
	dresses := map[string][][]byte{
		rpc:    {nil, []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), []byte("\x16\x03\x01"), []byte("GET / HTTP/1.1\r\n\r\n")},
		gossip: {nil, label},
	}
	for kind := range byte(16) { // each kind of gossip message
		dresses[gossip] = append(dresses[gossip], []byte{kind}, append(label[:len(label):len(label)], kind))
	}
	for address, starts := range dresses {
		for range 4 {
			for _, start := range starts {
				throwStream(t, address, start, noise(rnd, 64<<10))
			}
		}
	}
	udp, err := net.Dial("udp", gossip)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = udp.Close() }()
	for range 100 {
		for _, start := range dresses[gossip] {
			_, _ = udp.Write(append(start[:len(start):len(start)], noise(rnd, rnd.IntN(1400))...))
		}
	}

	c.Eventually(10*time.Second, c.Linked)
	reaches(t, c)
	dispatchTo(t, c.Node("n1").Live(), "topic:canary", 1)
	c.Eventually(5*time.Second, func() error { return atLeast(1, canary) })
	if s := canary.now(); s.got != 1 || len(s.gaps) > 0 {
		t.Errorf("%d events, gaps %v", s.got, s.gaps)
	}
	watcher.leftOnce(nil)
	if after := epochs(t, c); len(after) != 2 || after["n1"] != before["n1"] || after["n2"] != before["n2"] {
		t.Errorf("nodes %v, then %v", before, after)
	}
	quietLog(t, c.Node("n1"))
	c.Eventually(20*time.Second, func() error {
		if now := residentBytes(t, c.Node("n1")); now > memory+64<<20 {
			return fmt.Errorf("the node has grown from %d to %d MiB", memory>>20, now>>20)
		}
		return nil
	})
	t.Logf("resident: %d MiB, then %d MiB", memory>>20, residentBytes(t, c.Node("n1"))>>20)
}

func noise(rnd *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
	return b
}

// throwStream writes to a TCP port and checks that the connection is closed from
// the other side.
func throwStream(t *testing.T, address string, start, rest []byte) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatalf("%s does not listen any more: %v", address, err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = conn.Write(append(start[:len(start):len(start)], rest...)) // the other side may close before it has all
	if c, ok := conn.(*net.TCPConn); ok {
		_ = c.CloseWrite()
	}
	var timeout net.Error
	if _, err := io.Copy(io.Discard, conn); errors.As(err, &timeout) && timeout.Timeout() {
		t.Errorf("%s keeps a connection of garbage that starts with %q", address, start)
	}
}

// maxLogLines bounds what a node may log about bad input, whatever its amount.
const maxLogLines = 150

func quietLog(t *testing.T, n *cluster.Node) {
	t.Helper()
	log := n.Log()
	if lines := strings.Count(log, "\n"); lines > maxLogLines {
		t.Errorf("%s has logged %d lines, the last: %s", n.Name(), lines, log[max(0, len(log)-1000):])
	}
	if strings.Contains(log, "panic") {
		t.Errorf("%s has met a defect:\n%.4000s", n.Name(), log[strings.Index(log, "panic"):])
	}
}

// residentBytes is how much memory a node's process holds.
func residentBytes(t *testing.T, n *cluster.Node) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", n.PID()))
	if err != nil {
		t.Skipf("no /proc: %v", err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(b))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}
