package node_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/access"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/apierr"
	"github.com/eventnode/eventnode/internal/wire"
	"github.com/eventnode/eventnode/node"
	v1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// tokenOf is a principal's token.
func tokenOf(principal string) string { return "token-of-" + principal + "-1234567890" }

// ruled is a rule: an operation with names that start with a prefix; nil: with all.
type ruled struct {
	operation access.Operation
	prefixes  []string
}

// book is what principals may do, as a model knows it: without any structure.
type book map[string][]ruled

// allows tries everything.
func (b book) allows(principal string, o access.Operation, name string) bool {
	for _, r := range b[principal] {
		if r.operation == o && (r.prefixes == nil || o.Kind() == access.None) {
			return true
		}
		for _, p := range r.prefixes {
			if r.operation == o && strings.HasPrefix(name, p) {
				return true
			}
		}
	}
	return false
}

// policy is the book as a file has it.
func (b book) policy(t *testing.T) *access.Policy {
	t.Helper()
	var text strings.Builder
	text.WriteString("principals:\n")
	for name, rules := range b {
		fmt.Fprintf(&text, "- name: %s\n  tokens: [%s]\n  allow:\n", name, tokenOf(name))
		for _, r := range rules {
			fmt.Fprintf(&text, "  - operations: [%s]\n", r.operation)
			if r.prefixes != nil && r.operation.Kind() != access.None {
				fmt.Fprintf(&text, "    %s: [%s]\n", r.operation.Kind(), `"`+strings.Join(r.prefixes, `", "`)+`"`)
			}
		}
		if len(rules) == 0 {
			text.WriteString("    []\n")
		}
	}
	p, err := access.Parse("book", []byte(text.String()))
	if err != nil {
		t.Fatal(err, text.String())
	}
	return p
}

// governed runs a node with a book of rules.
func governed(t *testing.T, b book, cfg node.Config) *node.Node {
	t.Helper()
	p := b.policy(t)
	cfg.Authorizer = node.TokenAuthorizer(func() *access.Policy { return p })
	return start(t, cfg)
}

// as is ctx of a principal's calls; "" of nobody's.
func as(ctx context.Context, principal string) context.Context {
	if principal == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+tokenOf(principal))
}

// callRaw makes a call of any method, with an empty request.
func callRaw(ctx context.Context, conn *grpc.ClientConn, method string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	s, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method)
	if err != nil {
		return err
	}
	_ = s.SendMsg(&emptypb.Empty{}) // RecvMsg says what is wrong
	_ = s.CloseSend()
	return s.RecvMsg(&emptypb.Empty{})
}

// Each method that a node serves is in the table of rules, and the table has no other; each
// refuses who has no token, who has one that nobody knows, and who has no right, but for
// the methods by which others see whether the node is there.
func TestEachMethodAsksWhoMay(t *testing.T) {
	n := governed(t, book{"nobody": nil}, node.Config{ID: "n1", DataDir: t.TempDir(), Chat: node.Chat{Enabled: true}})
	conn := connect(t, n.RPCAddress(), insecure.NewCredentials())
	rules := node.Ruled()
	for method := range n.Served() {
		if strings.HasPrefix(method, "/eventnode.cluster.v1.") {
			continue // of nodes only: the handshake of a link asks
		}
		asks, known := rules[method]
		if delete(rules, method); !known {
			t.Errorf("%s is not in the table", method)
			continue
		}
		for _, c := range []struct {
			ctx  context.Context
			want codes.Code
		}{
			{t.Context(), codes.Unauthenticated},
			{as(t.Context(), "stranger"), codes.Unauthenticated},
			{metadata.AppendToOutgoingContext(t.Context(), "eventnode-own", "1"), codes.Unavailable},
			{metadata.AppendToOutgoingContext(t.Context(), "eventnode-own", "1", "eventnode-link", "x"), codes.Unavailable},
			{as(t.Context(), "nobody"), codes.PermissionDenied},
		} {
			err := callRaw(c.ctx, conn, method)
			if refused := status.Code(err) == c.want; refused != asks && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v, want %s: %t", method, err, c.want, asks)
			}
			if err != nil && strings.Contains(err.Error(), "token-of") {
				t.Errorf("%s: the error quotes a token: %v", method, err)
			}
		}
	}
	for method := range rules {
		t.Errorf("%s is in the table, and not served", method)
	}
}

// way is one way to do something with a name.
type way struct {
	what      string
	operation access.Operation
	do        func(ctx context.Context, name string) error
}

// ways are all ways to a node by which names come in: in requests, in streams, over HTTP.
func ways(t *testing.T, n *node.Node) []way {
	conn := connect(t, n.RPCAddress(), insecure.NewCredentials())
	live, durable := v1.NewDispatchServiceClient(conn), v1.NewStreamServiceClient(conn)
	groups, consumers, locks := v1.NewGroupServiceClient(conn), v1.NewConsumerServiceClient(conn), v1.NewLockServiceClient(conn)
	chat, sources, cluster := v1.NewChatServiceClient(conn), v1.NewSourceServiceClient(conn), v1.NewClusterServiceClient(conn)
	envelope := func(topics ...string) *v1.Envelope {
		ev := event.New("e", nil)
		return &v1.Envelope{Topics: topics, Event: wire.ToProto(&ev)}
	}
	stream := func(name string) *v1.StreamName {
		namespace, rest, ok := strings.Cut(name, "/")
		if !ok {
			return &v1.StreamName{Name: name}
		}
		return &v1.StreamName{Namespace: namespace, Name: rest}
	}
	group := func(name string) (string, string) {
		scope, group, _ := strings.Cut(name, "/")
		return scope, group
	}
	batch := func(name string) []*v1.PublishBatch {
		return []*v1.PublishBatch{{Stream: stream(name), Envelopes: []*v1.Envelope{envelope()}}}
	}
	published := func(results []*v1.PublishResult) error {
		return apierr.FromReason(results[0].GetErrorReason(), results[0].GetErrorMessage(), results[0].GetErrorDetails())
	}
	return []way{
		{"dispatch", access.Dispatch, func(ctx context.Context, name string) error {
			_, err := live.Dispatch(ctx, &v1.DispatchRequest{Envelope: envelope(name)})
			return err
		}},
		{"dispatch in a stream", access.Dispatch, func(ctx context.Context, name string) error {
			s, err := live.DispatchStream(ctx)
			if err != nil {
				return err
			}
			return dispatched(s, &v1.DispatchStreamRequest{Envelopes: []*v1.Envelope{envelope(name), envelope(name), envelope(name)}})
		}},
		{"dispatch in a stream, tracked", access.Dispatch, func(ctx context.Context, name string) error {
			s, err := live.DispatchStream(ctx)
			if err != nil {
				return err
			}
			return dispatched(s, &v1.DispatchStreamRequest{Tracked: []*v1.TrackedEnvelope{{Envelope: envelope(name)}}})
		}},
		{"subscribe", access.Subscribe, func(ctx context.Context, name string) error {
			s, err := live.Subscribe(ctx)
			if err != nil {
				return err
			}
			_ = s.Send(&v1.SubscribeRequest{Request: &v1.SubscribeRequest_Open{Open: &v1.OpenSubscription{Subscription: 1, Topics: []string{name}}}})
			r, err := s.Recv()
			if err == nil && r.GetClosed() != nil {
				err = apierr.FromReason(r.GetClosed().GetReason(), r.GetClosed().GetMessage(), r.GetClosed().GetDetails())
			}
			return err
		}},
		{"subscribe in a queue group", access.Subscribe, func(ctx context.Context, name string) error { // whose name needs no right
			s, err := live.Subscribe(ctx)
			if err != nil {
				return err
			}
			_ = s.Send(&v1.SubscribeRequest{Request: &v1.SubscribeRequest_Open{Open: &v1.OpenSubscription{Subscription: 1, Topics: []string{name}, QueueGroup: "topic:secret"}}})
			r, err := s.Recv()
			if err == nil && r.GetClosed() != nil {
				err = apierr.FromReason(r.GetClosed().GetReason(), r.GetClosed().GetMessage(), r.GetClosed().GetDetails())
			}
			return err
		}},
		{"join", access.Groups, func(ctx context.Context, name string) error {
			s, err := groups.Hold(ctx)
			if err != nil {
				return err
			}
			_ = s.Send(&v1.HoldRequest{Request: &v1.HoldRequest_Open{Open: &v1.OpenMember{}}})
			r, err := s.Recv()
			if err != nil {
				return err
			}
			scope, group := group(name)
			_ = s.Send(&v1.HoldRequest{Request: &v1.HoldRequest_Join{Join: &v1.JoinRequest{
				Scope: scope, Entries: []*v1.GroupRefs{{Group: group, Refs: []uint64{r.GetOpened().GetRef()}}},
			}}})
			if r, err = s.Recv(); err == nil {
				err = apierr.FromReason(r.GetResult().GetErrorReason(), r.GetResult().GetErrorMessage(), nil)
			}
			return err
		}},
		{"members", access.Groups, func(ctx context.Context, name string) error {
			scope, group := group(name)
			s, err := groups.Members(ctx, &v1.MembersRequest{Scope: scope, Group: group})
			return first(s, err)
		}},
		{"broadcast", access.Groups, func(ctx context.Context, name string) error {
			scope, group := group(name)
			_, err := groups.Broadcast(ctx, &v1.BroadcastRequest{Scope: scope, Group: group, Event: envelope().GetEvent()})
			return err
		}},
		{"publish", access.Publish, func(ctx context.Context, name string) error {
			if stream(name).GetName() == "" {
				return errSkip
			}
			r, err := durable.Publish(ctx, &v1.PublishRequest{Batches: batch(name)})
			if err == nil {
				err = published(r.GetResults())
			}
			return err
		}},
		{"publish in a stream", access.Publish, func(ctx context.Context, name string) error {
			if stream(name).GetName() == "" {
				return errSkip
			}
			s, err := durable.PublishStream(ctx)
			if err != nil {
				return err
			}
			_ = s.Send(&v1.PublishStreamRequest{Batches: batch(name)})
			r, err := s.Recv()
			if err == nil {
				err = published(r.GetResults())
			}
			return err
		}},
		{"read", access.Read, func(ctx context.Context, name string) error {
			s, err := durable.Read(ctx, &v1.ReadRequest{Stream: stream(name), Limit: 1})
			return first(s, err)
		}},
		{"list streams", access.Read, func(ctx context.Context, name string) error {
			namespace, _, _ := strings.Cut(name, "/")
			if !strings.HasSuffix(name, "/") && name != "" {
				return errSkip
			}
			_, err := durable.ListStreams(ctx, &v1.ListStreamsRequest{Namespace: namespace})
			return err
		}},
		{"declare", access.Streams, func(ctx context.Context, name string) error {
			_, err := durable.DeclareStream(ctx, &v1.DeclareStreamRequest{Stream: stream(name), Config: &v1.StreamConfig{}})
			return err
		}},
		{"consume", access.Consume, func(ctx context.Context, name string) error {
			s, err := consumers.Consume(ctx)
			if err != nil {
				return err
			}
			at := stream(name)
			_ = s.Send(&v1.ConsumeRequest{Request: &v1.ConsumeRequest_Open{Open: &v1.OpenConsumer{
				Namespace: at.GetNamespace(), Group: "none", Streams: []string{at.GetName()}, Holder: make([]byte, 16),
			}}})
			_, err = s.Recv()
			return err
		}},
		{"obtain", access.Locks, func(ctx context.Context, name string) error {
			at := stream(name)
			_, err := locks.ObtainLock(ctx, &v1.ObtainLockRequest{
				Lock: &v1.LockName{Namespace: at.GetNamespace(), Name: at.GetName()}, Holder: make([]byte, 16), Ttl: durationpb.New(time.Minute),
			})
			return err
		}},
		{"chat", access.Chat, func(ctx context.Context, name string) error {
			_, err := chat.Dispatch(ctx, &v1.ChatServiceDispatchRequest{Topics: []string{name}, Type: "X", Data: []byte("{}")})
			return err
		}},
		{"shards", access.Sources, func(ctx context.Context, name string) error {
			_, err := sources.ListShards(ctx, &v1.SourceServiceListShardsRequest{Source: name})
			return err
		}},
		{"status", access.Inspect, func(ctx context.Context, _ string) error {
			_, err := cluster.Status(ctx, &v1.StatusRequest{})
			return err
		}},
		{"start a shard", access.Admin, func(ctx context.Context, name string) error {
			_, err := sources.StartShard(ctx, &v1.SourceServiceStartShardRequest{Source: name})
			return err
		}},
		{"post to a topic", access.Dispatch, func(ctx context.Context, name string) error {
			return posting(ctx, t, n, name, "/v1/topics/"+url.PathEscape(name)+"/events")
		}},
		{"post to a stream", access.Publish, func(ctx context.Context, name string) error {
			path := "/v1/streams/" + url.PathEscape(name) + "/events"
			if at := stream(name); at.GetNamespace() != "" {
				path = "/v1/namespaces/" + at.GetNamespace() + "/streams/" + at.GetName() + "/events"
			}
			return posting(ctx, t, n, name, path)
		}},
	}
}

// errSkip says that a name means nothing in this way.
var errSkip = errors.New("skipped")

// dispatched is what becomes of a request.
func dispatched(s v1.DispatchService_DispatchStreamClient, req *v1.DispatchStreamRequest) error {
	_ = s.Send(req)
	want := uint64(len(req.GetEnvelopes()) + len(req.GetTracked()))
	refused := 0
	for {
		r, err := s.Recv()
		if err != nil {
			return err
		}
		refused += len(r.GetRefusals())
		if r.GetHandled() < want {
			continue
		}
		if refused == 0 {
			return nil
		}
		if refused != int(want) {
			return fmt.Errorf("%d of %d refused", refused, want)
		}
		last := r.GetRefusals()[len(r.GetRefusals())-1]
		return apierr.FromReason(last.GetReason(), last.GetMessage(), last.GetDetails())
	}
}

// first is the error that a stream begins with, if it does.
func first[R any](s grpc.ServerStreamingClient[R], err error) error {
	if err != nil {
		return err
	}
	if _, err = s.Recv(); errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// posting posts an event.
func posting(ctx context.Context, t *testing.T, n *node.Node, name, path string) error {
	if name == "" || strings.HasSuffix(name, "/") || strings.HasPrefix(name, "/") {
		return errSkip
	}
	md, _ := metadata.FromOutgoingContext(ctx)
	header := []string{"Content-Type", structured}
	if v := md.Get("authorization"); len(v) > 0 {
		header = append(header, "Authorization", v[0])
	}
	switch p := post(t, n, path, cloud(1), header...); p.status {
	case http.StatusForbidden:
		return eventnode.ErrPermissionDenied
	case http.StatusUnauthorized:
		return eventnode.ErrUnauthenticated
	}
	return nil
}

// Random principals with random rights do what they may, and nothing else: every way into
// a real node, over gRPC and HTTP, against a model.
func TestAuthorisationMatrix(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	names := map[access.Kind][]string{
		access.OfTopics:  {"topic:a", "topic:ab", "topic:a.b", "topic:b"},
		access.OfStreams: {"a", "ab", "b", "a/b", "b/a", "a/", "b/", ""},
		access.OfLocks:   {"a", "ab", "b", "a/b"},
		access.OfGroups:  {"a/b", "a/bc", "ab/c", "b/", "/x"},
		access.OfSources: {"a", "ab", "b"},
		access.None:      {"x"},
	}
	prefixes := map[access.Kind][]string{
		access.OfTopics: {"topic:a", "topic:a.", "topic:b", "", "topic:"}, access.OfStreams: {"a", "a/", "b", ""},
		access.OfLocks: {"a", "a/", ""}, access.OfGroups: {"a/", "a", "b/", ""}, access.OfSources: {"a", "ab"},
	}
	b := book{"root": nil}
	for _, o := range access.Operations() {
		b["root"] = append(b["root"], ruled{operation: o})
	}
	// One may do everything with some names: whatever else comes up, each way is both
	// allowed and refused.
	principals := []string{"bounded"}
	for _, o := range access.Operations() {
		r := ruled{operation: o}
		if some := prefixes[o.Kind()]; some != nil {
			r.prefixes = some[:1]
		}
		b["bounded"] = append(b["bounded"], r)
	}
	for i := range 16 {
		name := fmt.Sprintf("p%d", i)
		principals = append(principals, name)
		b[name] = nil
		for range 10 {
			r := ruled{operation: access.Operations()[rnd.IntN(len(access.Operations()))]}
			if some := prefixes[r.operation.Kind()]; some != nil && rnd.IntN(8) > 0 {
				r.prefixes = []string{some[rnd.IntN(len(some))]}
			}
			b[name] = append(b[name], r)
		}
	}
	n := governed(t, b, node.Config{ID: "n1", DataDir: t.TempDir(), Chat: node.Chat{Enabled: true}, HTTPAddress: "127.0.0.1:0", HTTPIngest: true})
	awaitLeader(t, n, "Authorization", "Bearer "+tokenOf("root"))
	type try struct {
		way
		name, who string
	}
	var tries []try
	for _, w := range ways(t, n) {
		for _, name := range names[w.operation.Kind()] {
			for _, who := range principals {
				tries = append(tries, try{w, name, who})
			}
		}
	}
	rnd.Shuffle(len(tries), func(i, j int) { tries[i], tries[j] = tries[j], tries[i] })
	outcomes := map[string]int{}
	for _, w := range tries {
		name, who := w.name, w.who
		ctx, cancel := context.WithTimeout(as(t.Context(), who), 10*time.Second)
		err := w.do(ctx, name)
		cancel()
		if errors.Is(err, errSkip) {
			continue
		}
		allowed := !errors.Is(apierr.FromStatus(err), eventnode.ErrPermissionDenied)
		if want := b.allows(who, w.operation, name); allowed != want || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("seed %d: %s by %s with %q: %v; allowed: %t, by the model: %t", seed, w.what, who, name, err, allowed, want)
		}
		switch {
		case allowed:
			outcomes[w.what+" is allowed"]++
		case slices.ContainsFunc(b[who], func(r ruled) bool { return r.operation == w.operation }):
			outcomes[w.what+" is refused for its name"]++
		}
	}
	for _, w := range ways(t, n) {
		if outcomes[w.what+" is allowed"] == 0 || w.operation.Kind() != access.None && outcomes[w.what+" is refused for its name"] == 0 {
			t.Errorf("seed %d: %s was never both allowed and refused for its name: that proves little", seed, w.what)
		}
	}
}

// In one stream each topic has its own answer, the second time, too; the refusal names the
// principal, the operation and the topic, and the stream goes on.
func TestARefusalIsOfOneTopic(t *testing.T) {
	n := governed(t, book{"p": {{access.Dispatch, []string{"topic:a"}}, {access.Subscribe, []string{"topic:a"}}}}, node.Config{ID: "n1"})
	c := dial(t, n, client.WithToken(tokenOf("p")))
	sub, err := c.Subscribe(t.Context(), []string{"topic:a"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Subscribe(t.Context(), []string{"topic:a", "topic:b"}); !errors.Is(err, eventnode.ErrPermissionDenied) ||
		!strings.Contains(err.Error(), `p may not do "subscribe" with the topic "topic:b"`) {
		t.Errorf("a topic too many: %v", err)
	}
	for i := range 6 {
		topic := []string{"topic:a", "topic:b", "topic:ab"}[i%3]
		_, err := c.Dispatch(t.Context(), topic, event.New(topic, nil))
		if (topic == "topic:b") != errors.Is(err, eventnode.ErrPermissionDenied) || topic != "topic:b" && err != nil {
			t.Errorf("%s: %v", topic, err)
		}
	}
	for range 2 {
		if d, err := sub.Receive(t.Context()); err != nil || d.Event.Name != "topic:a" {
			t.Errorf("%+v, %v", d, err)
		}
	}
}

// What was opened with rights that are gone ends; what was opened with those that stand
// does not.
func TestRevoke(t *testing.T) {
	b := book{"a": {{operation: access.Subscribe}, {operation: access.Groups}}, "b": {{operation: access.Subscribe}}}
	var now atomic.Pointer[access.Policy]
	now.Store(b.policy(t))
	n := start(t, node.Config{ID: "n1", Authorizer: node.TokenAuthorizer(now.Load)})
	conn := connect(t, n.RPCAddress(), insecure.NewCredentials())
	all := ways(t, n)
	live := v1.NewDispatchServiceClient(conn)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	open := func(who string) v1.DispatchService_SubscribeClient {
		s, err := live.Subscribe(as(ctx, who))
		if err != nil {
			t.Fatal(err)
		}
		_ = s.Send(&v1.SubscribeRequest{Request: &v1.SubscribeRequest_Open{Open: &v1.OpenSubscription{Subscription: 1, Topics: []string{"topic:x"}}}})
		if r, err := s.Recv(); err != nil || r.GetOpened() == nil {
			t.Fatalf("%v, %v", r, err)
		}
		return s
	}
	ofA, ofB := open("a"), open("b")
	held, err := v1.NewGroupServiceClient(conn).Hold(as(ctx, "a"))
	if err != nil {
		t.Fatal(err)
	}
	_ = held.Send(&v1.HoldRequest{Request: &v1.HoldRequest_Open{Open: &v1.OpenMember{}}})
	if _, err := held.Recv(); err != nil {
		t.Fatal(err)
	}

	b["a"] = b["a"][:1]
	old := now.Swap(b.policy(t))
	n.Revoke(func(c node.Call) bool {
		token, _ := c.Token()
		return !old.Same(now.Load(), token)
	})
	if _, err := ofA.Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("a subscription of who has other rights now: %v", err)
	}
	if _, err := held.Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("a member of who may not join: %v", err)
	}
	_ = ofB.Send(&v1.SubscribeRequest{Request: &v1.SubscribeRequest_Close{Close: &v1.CloseSubscription{Subscription: 1}}})
	if r, err := ofB.Recv(); err != nil || r.GetClosed() == nil {
		t.Errorf("a subscription of who has the same rights: %v, %v", r, err)
	}
	join := all[slices.IndexFunc(all, func(w way) bool { return w.what == "join" })]
	if err := join.do(as(t.Context(), "a"), "s/g"); status.Code(err) != codes.PermissionDenied {
		t.Errorf("joining anew: %v", err)
	}
}
