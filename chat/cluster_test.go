package chat

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/chat/directory"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is several hubs in one process, joined by a cluster that is in memory. What a node
// says reaches another one in order, when that one's view is brought up to date: at once,
// or, if the world is slow, when somebody waits for it or the test says so. Each node has a
// directory of its own, which follows one list of changes.
type world struct {
	t     testing.TB
	nodes []*testNode
	slow  bool
	pause func() // before a call arrives, and before its answer does
	with  []func(*Config)

	mu      sync.Mutex
	changes []*eventnodev1.DirectoryChange
}

// testNode is a hub with what it needs: it implements Cluster and Progress.
type testNode struct {
	w     *world
	ref   eventnode.NodeRef
	hub   *Hub
	state *directory.State
	views []*view // what this node knows of each, itself included

	applying sync.Mutex
	applied  atomic.Int64
	held     atomic.Bool // its directory stands still
	moved    chan struct{}

	mu     sync.Mutex
	topics map[string]bool
	rows   map[sessions.ID]*clusterv1.ChatSessionMeta
	fail   func(what string) error // nil: nothing fails
}

// view is what one node knows of another one.
type view struct {
	mu     sync.Mutex
	at, of *testNode
	state  viewState
	queue  []word
	topics map[string]bool
	rows   map[sessions.ID]*clusterv1.ChatSessionMeta
}

// viewState is how one node sees another: cut is without a link, gone is without its rows.
type viewState int

const (
	up viewState = iota
	cut
	gone
)

// word is one thing that a node says.
type word struct {
	topic  string
	wanted bool
	sid    sessions.ID
	meta   *clusterv1.ChatSessionMeta // nil: unregistered
}

// newWorld makes a world with some nodes. Each may change its hub's Config.
func newWorld(t testing.TB, n int, with ...func(*Config)) *world {
	t.Helper()
	w := &world{t: t, pause: func() {}, with: with}
	for i := range n {
		w.nodes = append(w.nodes, w.node(i, 1))
	}
	for _, at := range w.nodes {
		for _, of := range w.nodes {
			at.views = append(at.views, newView(at, of))
		}
	}
	return w
}

func newView(at, of *testNode) *view {
	return &view{at: at, of: of, topics: map[string]bool{}, rows: map[sessions.ID]*clusterv1.ChatSessionMeta{}}
}

// node is a life of a node, which nobody knows yet.
func (w *world) node(i int, epoch uint64) *testNode {
	w.t.Helper()
	state, err := directory.New(directory.Limits{})
	if err != nil {
		w.t.Fatal(err)
	}
	node := &testNode{
		w: w, state: state, ref: eventnode.NodeRef{ID: eventnode.NodeID(fmt.Sprint("n", i)), Epoch: epoch},
		topics: map[string]bool{}, rows: map[sessions.ID]*clusterv1.ChatSessionMeta{}, moved: make(chan struct{}, 1),
	}
	cfg := Config{Node: node.ref, Cluster: node, Directory: state, Progress: waiter{node}}
	for _, f := range w.with {
		f(&cfg)
	}
	if node.hub, err = New(cfg); err != nil {
		w.t.Fatal(err)
	}
	return node
}

// kill has a node die, and another life of it come: it knows the directory, and the others
// see each other as before.
func (w *world) kill(i int) {
	w.t.Helper()
	for j := range w.nodes {
		if j != i {
			w.set(i, j, gone)
		}
	}
	again := w.node(i, w.nodes[i].ref.Epoch+1)
	for _, of := range w.nodes {
		again.views = append(again.views, newView(again, of))
	}
	w.nodes[i] = again
	again.views[i] = newView(again, again)
	again.catchUp(len(w.all()))
	for j, at := range w.nodes {
		if j != i {
			at.views[i] = newView(at, again)
			at.views[i].state, again.views[j].state = gone, gone
			w.set(i, j, up)
		}
	}
}

func (w *world) index(id eventnode.NodeID) int {
	return slices.IndexFunc(w.nodes, func(n *testNode) bool { return n.ref.ID == id })
}

func (n *testNode) index() int { return n.w.index(n.ref.ID) }

func (n *testNode) failure(what string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fail == nil {
		return nil
	}
	return n.fail(what)
}

// failing has a node's cluster fail from now on; nil: no more.
func (n *testNode) failing(f func(what string) error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fail = f
}

// say is what all nodes come to know. The caller does not hold mu.
func (n *testNode) say(ctx context.Context, what string, words ...word) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := n.failure(what); err != nil {
		return err
	}
	n.mu.Lock()
	for _, o := range words {
		switch {
		case o.sid != "" && o.meta != nil:
			n.rows[o.sid] = o.meta
		case o.sid != "":
			delete(n.rows, o.sid)
		case o.wanted:
			n.topics[o.topic] = true
		default:
			delete(n.topics, o.topic)
		}
	}
	for _, at := range n.w.nodes {
		at.views[n.index()].add(words)
	}
	n.mu.Unlock()
	if !n.w.slow {
		n.spread()
	}
	return nil
}

// spread brings what all nodes know of this one up to date, as far as they have links.
func (n *testNode) spread() {
	for _, at := range n.w.nodes {
		at.views[n.index()].deliver(-1)
	}
}

func (v *view) add(words []word) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.queue = append(v.queue, words...)
}

// deliver takes in some of what was said, or all.
func (v *view) deliver(most int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for v.state == up && len(v.queue) > 0 && most != 0 {
		o := v.queue[0]
		v.queue = v.queue[1:]
		most--
		v.take(o)
	}
}

func (v *view) take(o word) {
	switch {
	case o.sid != "":
		v.rows[o.sid] = o.meta
		if o.meta == nil {
			delete(v.rows, o.sid)
		}
		v.at.hub.SetPlace(v.of.ref.ID, o.sid, sessions.Snowflake(o.meta.GetUserId()))
		v.at.hub.SetSession(v.of.ref.ID, o.sid, o.meta)
	case v.at != v.of:
		v.topics[o.topic] = o.wanted
		if !o.wanted {
			delete(v.topics, o.topic)
		}
		v.at.hub.SetInterest(o.topic, v.of.ref.ID, o.wanted)
	}
}

// set changes how two nodes see each other. When they part, rows vanish only with gone;
// when they meet again each learns all that the other one has said by then.
func (w *world) set(a, b int, s viewState) {
	w.nodes[a].views[b].set(s)
	w.nodes[b].views[a].set(s)
}

func (v *view) set(s viewState) {
	v.of.mu.Lock()
	defer v.of.mu.Unlock()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.state == s {
		return
	}
	v.state, v.queue = s, nil
	if s == cut {
		return
	}
	for topic := range v.topics {
		if s == gone || !v.of.topics[topic] {
			v.take(word{topic: topic})
		}
	}
	for sid := range v.rows {
		if s == gone || v.of.rows[sid] == nil {
			v.take(word{sid: sid})
		}
	}
	if s == up {
		for topic := range v.of.topics {
			v.take(word{topic: topic, wanted: true})
		}
		for sid, meta := range v.of.rows {
			v.take(word{sid: sid, meta: meta})
		}
	}
}

// sees reports how a node sees another one.
func (w *world) sees(at, of int) viewState {
	v := w.nodes[at].views[of]
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.state
}

// Announce implements Cluster.
func (n *testNode) Announce(ctx context.Context, topics []string) error {
	return n.say(ctx, "announce", words(topics, true)...)
}

// Withdraw implements Cluster.
func (n *testNode) Withdraw(ctx context.Context, topics []string) error {
	return n.say(ctx, "withdraw", words(topics, false)...)
}

func words(topics []string, wanted bool) (out []word) {
	for _, t := range topics {
		out = append(out, word{topic: t, wanted: wanted})
	}
	return out
}

// Register implements Cluster.
func (n *testNode) Register(ctx context.Context, id sessions.ID, meta *clusterv1.ChatSessionMeta) error {
	return n.say(ctx, "register", word{sid: id, meta: proto.CloneOf(meta)})
}

// Unregister implements Cluster.
func (n *testNode) Unregister(ctx context.Context, ids []sessions.ID) error {
	var out []word
	for _, id := range ids {
		out = append(out, word{sid: id})
	}
	return n.say(ctx, "unregister", out...)
}

// Wait implements Cluster.
func (n *testNode) Wait(context.Context) (missing []eventnode.NodeID) {
	n.spread()
	for i, at := range n.w.nodes {
		if n.w.sees(i, n.index()) == cut {
			missing = append(missing, at.ref.ID)
		}
	}
	return missing
}

// Peers implements Cluster.
func (n *testNode) Peers() (peers []eventnode.NodeID) {
	for i, o := range n.w.nodes {
		if o != n && n.w.sees(n.index(), i) != gone {
			peers = append(peers, o.ref.ID)
		}
	}
	return peers
}

// Call implements Cluster. Nothing is shared between the two nodes.
func (n *testNode) Call(ctx context.Context, node eventnode.NodeID, req *clusterv1.ChatRequest) (*clusterv1.ChatResponse, error) {
	if err := n.failure("call"); err != nil {
		return nil, err
	}
	to := n.w.nodes[n.w.index(node)]
	sent := clone(n.w.t, req)
	n.w.pause()
	if n.w.sees(n.index(), to.index()) != up {
		return nil, fmt.Errorf("no link to %s: %w", node, eventnode.ErrUnavailable)
	}
	resp, err := to.hub.Answer(ctx, n.ref.ID, sent)
	n.w.pause()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, fmt.Errorf("%s: %w", err.Error(), eventnode.ErrUnavailable)
	}
	return clone(n.w.t, resp), nil
}

// clone sends something over the wire.
func clone[T proto.Message](t testing.TB, m T) T {
	b, err := proto.Marshal(m)
	if err != nil {
		t.Error(err)
	}
	out := m.ProtoReflect().New().Interface().(T)
	if err := proto.Unmarshal(b, out); err != nil {
		t.Error(err)
	}
	return out
}

// Applied implements Progress.
func (n *testNode) Applied() eventnode.Position { return eventnode.Position{MS: n.applied.Load()} }

// Wait implements Progress: a directory that does not stand still is brought up to date.
type waiter struct{ *testNode }

// Wait implements Progress.
func (n waiter) Wait(ctx context.Context, p eventnode.Position) error {
	for n.applied.Load() < p.MS {
		if !n.held.Load() {
			n.catchUp(int(p.MS))
			continue
		}
		select {
		case <-n.moved:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// hold has a node's directory stand still, or go on.
func (n *testNode) hold(still bool) {
	n.held.Store(still)
	if !still {
		n.catchUp(len(n.w.all()))
		select {
		case n.moved <- struct{}{}:
		default:
		}
	}
}

func (w *world) all() []*eventnodev1.DirectoryChange {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changes
}

// catchUp applies changes, so many in all.
func (n *testNode) catchUp(upTo int) {
	n.applying.Lock()
	defer n.applying.Unlock()
	all := n.w.all()
	for at := int(n.applied.Load()); at < min(upTo, len(all)); at++ {
		err := n.hub.Apply(context.Background(), func() (directory.Effect, error) { return n.state.Apply(all[at]) })
		if err != nil {
			n.w.t.Errorf("change %d at %s: %v", at, n.ref.ID, err)
		}
		n.applied.Store(int64(at + 1))
	}
}

// change changes the directory. Nodes that stand still learn of it later.
func (w *world) change(changes ...*eventnodev1.DirectoryChange) {
	w.t.Helper()
	w.mu.Lock()
	w.changes = append(w.changes, changes...)
	upTo := len(w.changes)
	w.mu.Unlock()
	for _, n := range w.nodes {
		if !n.held.Load() {
			n.catchUp(upTo)
		}
	}
}

// settle has everybody say what there is to say, and know what others said.
func (w *world) settle() {
	for _, n := range w.nodes {
		_ = n.hub.say(context.Background())
	}
	for _, n := range w.nodes {
		n.spread()
	}
}

// client is a session with a socket, and what came by it.
type client struct {
	t      testing.TB
	s      *sessions.Session
	socket *sessions.Socket
	seen   uint64
}

// open identifies a user at a node, who is online, and attaches. What he is told first is
// not looked at.
func (w *world) open(node int, who sessions.Identity, p ...sessions.Presence) *client {
	w.t.Helper()
	c := w.identify(node, who, p...)
	c.events()
	return c
}

func (w *world) identify(node int, who sessions.Identity, p ...sessions.Presence) *client {
	w.t.Helper()
	how := sessions.Presence{Status: sessions.Online}
	if len(p) > 0 {
		how = p[0]
	}
	if who.Intents == 0 {
		who.Intents = AllIntents
	}
	s, err := w.nodes[node].hub.Identify(w.t.Context(), who, how, sessions.Hello{Version: 10, ResumeURL: "ws://here"})
	if err != nil {
		w.t.Fatal(err)
	}
	c := &client{t: w.t, s: s}
	c.attach(s.Attach(0))
	return c
}

func (c *client) attach(k *sessions.Socket, err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
	c.s, c.socket = k.Session(), k
}

// events is what came since the last time.
func (c *client) events() []sessions.Sent {
	c.t.Helper()
	got, err := c.socket.Take(nil, 1<<20)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, s := range got {
		if c.seen++; s.Seq != c.seen {
			c.t.Fatalf("event %d has the number %d", c.seen, s.Seq)
		}
	}
	return got
}

// types is the types of what came since the last time.
func (c *client) types() (types []string) {
	c.t.Helper()
	for _, s := range c.events() {
		types = append(types, s.Event.Type)
	}
	return types
}

// resume has a client come back at some node.
func (w *world) resume(c *client, node int) error {
	c.socket.Detach()
	k, err := w.nodes[node].hub.Resume(context.Background(), c.s.User, c.s.ID(), c.seen)
	if err == nil {
		c.s, c.socket = k.Session(), k
	}
	return err
}

// dispatch sends an event by a node, and returns what is said of it.
func (w *world) dispatch(node int, eventType, data string, topics ...string) *eventnodev1.ChatServiceDispatchResponse {
	w.t.Helper()
	return w.send(node, &eventnodev1.ChatServiceDispatchRequest{Topics: topics, Type: eventType, Data: []byte(data), List: true})
}

func (w *world) send(node int, req *eventnodev1.ChatServiceDispatchRequest) *eventnodev1.ChatServiceDispatchResponse {
	w.t.Helper()
	resp, err := w.nodes[node].hub.Dispatch(context.Background(), req)
	if err != nil {
		w.t.Fatal(err)
	}
	if int(resp.GetReached()) != len(resp.GetSessionIds()) && req.GetList() {
		w.t.Errorf("%d were reached, and these are said: %v", resp.GetReached(), resp.GetSessionIds())
	}
	return resp
}

// reached is those of some clients to whom something came since the last time, by their
// place; of each how many events.
func reached(clients ...*client) (out []int) {
	for _, c := range clients {
		out = append(out, len(c.events()))
	}
	return out
}

func wantReached(t testing.TB, what string, want []int, clients ...*client) {
	t.Helper()
	if got := reached(clients...); !slices.Equal(got, want) {
		t.Errorf("%s: %v events came, want %v", what, got, want)
	}
}

// ids are the sessions of clients, sorted.
func ids(clients ...*client) (out []string) {
	for _, c := range clients {
		out = append(out, string(c.s.ID()))
	}
	slices.Sort(out)
	return out
}

// field is a field of an event's payload, as JSON.
func field(t testing.TB, e *sessions.Event, name string) string {
	t.Helper()
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(e.Data, &fields); err != nil {
		t.Fatal(err)
	}
	return string(fields[name])
}
