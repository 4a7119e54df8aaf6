package node_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/gateway"
	"github.com/eventnode/eventnode/gateway/gatewaytest"
	"github.com/eventnode/eventnode/internal/memnet"
	"github.com/eventnode/eventnode/node"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// mortal is nodes on a network in memory, each on a machine that can be killed. Clients
// reach their gateways over the machine's own network.
type mortal struct {
	t     *testing.T
	net   *memnet.Network
	cfgs  []node.Config
	nodes []*chatNode
	stops []func()
}

// hostOf is the machine of a node.
func hostOf(i int) string { return fmt.Sprintf("10.0.0.%d", i+1) }

// machineOf is a node's network.
type machineOf struct{ host *memnet.Host }

func (m machineOf) Listen(address string) (net.Listener, error) {
	return m.host.Listen(portIn(address))
}

func (m machineOf) Dial(ctx context.Context, address string) (net.Conn, error) {
	return m.host.Dial(ctx, address)
}

func (m machineOf) Gossip(address string) (memberlist.Transport, error) {
	return m.host.Transport(portIn(address))
}

func portIn(address string) int {
	_, port, _ := net.SplitHostPort(address)
	n, _ := strconv.Atoi(port)
	return n
}

// mortals is three nodes that journal their sessions, and know the directory.
func mortals(t *testing.T) *mortal {
	t.Helper()
	m := &mortal{t: t, net: memnet.New(memnet.Config{Seed: rand.Uint64()})}
	tokens := filepath.Join(t.TempDir(), "tokens") // before the Cleanup of the nodes: directories go last
	t.Cleanup(m.net.Close)
	t.Cleanup(m.stop)
	if err := os.WriteFile(tokens, []byte("ann 1001\nben 1002\nbot 1003 bot\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	auth, err := gateway.NewTokenFile(tokens)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		m.net.Host(hostOf(i)) // that refuses, instead of nobody who lets wait
		m.cfgs = append(m.cfgs, node.Config{
			ID: eventnode.NodeID(fmt.Sprint("n", i+1)), GossipAddress: hostOf(i) + ":7400", RPCAddress: hostOf(i) + ":7401",
			Seeds: []string{hostOf(0) + ":7400", hostOf(1) + ":7400"}, DataDir: t.TempDir(), Storage: node.Storage{BootstrapExpect: 3},
			Chat: node.Chat{
				GatewayAddress: "127.0.0.1:0", Journal: "sessions", HandOver: time.Second,
				Gateway: gateway.Config{Authenticator: auth, Limits: gateway.Limits{IdentifyInterval: -1}},
			},
		})
		m.nodes = append(m.nodes, nil)
	}
	for i := range 3 {
		m.start(i)
	}
	m.nodes[0].change(t, chatDirectory()...)
	return m
}

// stop stops all nodes, at once.
func (m *mortal) stop() {
	var stopping sync.WaitGroup
	for _, stop := range m.stops {
		stopping.Go(stop)
	}
	stopping.Wait()
}

// start starts a node.
func (m *mortal) start(i int) {
	m.t.Helper()
	cfg := m.cfgs[i]
	cfg.Network = machineOf{m.net.Host(hostOf(i))}
	n, err := node.New(cfg)
	if err != nil {
		m.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = n.Run(ctx) // one that was killed may say anything
	}()
	stop := sync.OnceFunc(func() { cancel(); <-ended })
	m.stops = append(m.stops, stop)
	<-n.Ready()
	dialer := grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
		return m.net.Host("10.255.0.1").Dial(ctx, address)
	})
	conn, err := grpc.NewClient("passthrough:///"+n.RPCAddress(), grpc.WithTransportCredentials(insecure.NewCredentials()), dialer)
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _ = conn.Close() })
	m.nodes[i] = &chatNode{stoppable: &stoppable{n, stop}, api: eventnodev1.NewChatServiceClient(conn), cfg: cfg}
}

// resuming is long enough for a resume while a dead node is not known to be dead: a resume
// calls that node up to three times, for 3 s each, and gives the others 2 s to hear of it.
func resuming(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// publisher dispatches numbered events at a node, one after the other.
type publisher struct {
	name     string
	answered int // the last one that was
	begun    int
}

func (p *publisher) run(ctx context.Context, n *chatNode) {
	for ctx.Err() == nil {
		p.begun++
		data := fmt.Sprintf(`{"id":"%s-%d"}`, p.name, p.begun)
		_, err := n.api.Dispatch(context.Background(), &eventnodev1.ChatServiceDispatchRequest{
			Topics: []string{fmt.Sprint("channel:", generalID)}, Type: "MESSAGE_CREATE", Data: []byte(data),
		})
		if err != nil {
			return // it may have been dispatched or not
		}
		p.answered = p.begun
	}
}

// seen counts what a client was sent, and checks that its numbers go on.
type seen struct {
	t     *testing.T
	count map[string]int
	order map[string]int // by publisher: the last one
}

func (s *seen) take(p gatewaytest.Payload) {
	var who string
	var n int
	if p.Type != "MESSAGE_CREATE" {
		return
	}
	if _, err := fmt.Sscanf(string(p.Data), `{"id":"%1s-%d"}`, &who, &n); err != nil {
		s.t.Fatalf("%s: %v", p.Data, err)
	}
	if s.count[string(p.Data)]++; s.count[string(p.Data)] > 1 {
		s.t.Fatalf("%s came twice", p.Data)
	}
	if n <= s.order[who] {
		s.t.Fatalf("%s after %d", p.Data, s.order[who])
	}
	s.order[who] = n
}

// A client's node is killed while events are dispatched on the two others: it resumes on
// one of these, and has every event whose dispatch was answered, once, in each dispatcher's
// order.
func TestChatJournalKill(t *testing.T) {
	m := mortals(t)
	rounds := 5
	if testing.Short() {
		rounds = 2
	}
	for round := range rounds {
		t.Run(fmt.Sprint("round ", round+1), func(t *testing.T) { killRound(t, m, round) })
		if t.Failed() {
			return
		}
	}
}

func killRound(t *testing.T, m *mortal, round int) {
	victim, to := 1+round%2, 2-round%2 // the dead node is one with clients only
	c, _ := m.nodes[victim].login(t, "ben")
	s := &seen{t: t, count: map[string]int{}, order: map[string]int{}}
	ctx, stop := context.WithCancel(t.Context())
	a, b := &publisher{name: "a"}, &publisher{name: "b"}
	var publishers sync.WaitGroup
	publishers.Go(func() { a.run(ctx, m.nodes[0]) })
	publishers.Go(func() { b.run(ctx, m.nodes[to]) })
	killed := make(chan struct{})
	go func() {
		defer close(killed)
		time.Sleep(300*time.Millisecond + time.Duration(rand.IntN(700))*time.Millisecond)
		m.net.Crash(hostOf(victim))
	}()
	for reading, end := 0, time.After(2*time.Second); reading < 1_000_000; reading++ {
		short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		p, err := c.Next(short)
		cancel()
		if err != nil {
			break
		}
		s.take(p)
		select {
		case <-end:
			t.Fatal("the node lives")
		default:
		}
	}
	<-killed
	c.Cut()
	go m.nodes[victim].stop()
	began := time.Now()
	before := len(s.count)
	var again *gatewaytest.Client
	eventually(t, "resumed", func() bool {
		again = m.nodes[to].connect(t)
		missed, err := again.Resume(resuming(t), c)
		if closed, ok := errors.AsType[*gatewaytest.ClosedError](err); ok && closed.Code == int(gateway.CloseUnknown) {
			return false // the others do not know yet that the node is dead
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range missed {
			s.take(p)
		}
		return true
	})
	took, missed := time.Since(began), len(s.count)-before
	stop()
	publishers.Wait()
	want := a.answered + b.answered
	for s.order["a"] < a.answered || s.order["b"] < b.answered {
		p, err := again.Next(waiting(t))
		if err != nil {
			t.Fatalf("a: %d of %d, b: %d of %d: %v", s.order["a"], a.answered, s.order["b"], b.answered, err)
		}
		s.take(p)
	}
	for _, p := range []*publisher{a, b} {
		for n := 1; n <= p.answered; n++ {
			if id := fmt.Sprintf(`{"id":"%s-%d"}`, p.name, n); s.count[id] != 1 {
				t.Errorf("%s came %d times", id, s.count[id])
			}
		}
	}
	t.Logf("%d answered, %d seen before the end, %d missed, resumed after %v", want, before, missed, took)
	again.Cut()
	m.nodes[victim].stop()
	m.start(victim)
	m.nodes[victim].connect(t).Cut()
	m.nodes[0].change(t, chatDirectory()[0])
}

// A node that is cut off keeps nobody from his session, and shows nobody what the others
// do not know: its client resumes elsewhere, and it ends its own copy when it is back. Who
// comes back to it then has everything once, too.
func TestChatJournalSplit(t *testing.T) {
	m := mortals(t)
	c, _ := m.nodes[2].login(t, "ben")
	s := &seen{t: t, count: map[string]int{}, order: map[string]int{}}
	next := 0
	dispatch := func(i int) {
		next++
		data := fmt.Sprintf(`{"id":"a-%d"}`, next)
		if _, err := m.nodes[i].api.Dispatch(t.Context(), &eventnodev1.ChatServiceDispatchRequest{
			Topics: []string{fmt.Sprint("channel:", generalID)}, Type: "MESSAGE_CREATE", Data: []byte(data),
		}); err != nil {
			t.Fatal(err)
		}
	}
	until := func(c *gatewaytest.Client) {
		for s.order["a"] < next {
			p, err := c.Next(waiting(t))
			if err != nil {
				t.Fatalf("%d of %d: %v", s.order["a"], next, err)
			}
			s.take(p)
		}
	}
	resume := func(i int, from *gatewaytest.Client) (c *gatewaytest.Client) {
		eventually(t, fmt.Sprint("resumed at node ", i+1), func() bool {
			c = m.nodes[i].connect(t)
			missed, err := c.Resume(resuming(t), from)
			if closed, ok := errors.AsType[*gatewaytest.ClosedError](err); ok && closed.Code == int(gateway.CloseUnknown) {
				return false
			}
			if err != nil {
				t.Fatalf("resume at node %d: %v", i+1, err)
			}
			for _, p := range missed {
				s.take(p)
			}
			return true
		})
		return c
	}
	dispatch(0)
	until(c)
	m.net.Partition([]string{hostOf(0), hostOf(1), "10.255.0.1"}, []string{hostOf(2)})
	dispatch(0)
	dispatch(1)
	c.Cut()
	d := resume(1, c)
	until(d)
	dispatch(0)
	until(d)
	d.Cut()
	back := m.nodes[2].connect(t)
	if missed, err := back.Resume(resuming(t), d); err == nil {
		t.Fatalf("the node that was cut off resumed with %d events", len(missed))
	} else if closed, ok := errors.AsType[*gatewaytest.ClosedError](err); !ok || closed.Code != int(gateway.CloseUnknown) {
		t.Fatalf("the client was not told to come again: %v", err)
	}
	dispatch(1)
	m.net.Heal()
	for _, n := range m.nodes { // before that, one that is asked to dispatch may not hear of the third one's sessions
		eventually(t, fmt.Sprint(n.Self().ID, " has links to the others"), func() bool { return linked(t, n.Node, 2) })
	}
	e := resume(2, d)
	until(e)
	dispatch(0)
	dispatch(2)
	until(e)
	for n := 1; n <= next; n++ {
		if id := fmt.Sprintf(`{"id":"a-%d"}`, n); s.count[id] != 1 {
			t.Errorf("%s came %d times", id, s.count[id])
		}
	}
	eventually(t, "the session is on one node", func() bool {
		on := m.nodes[0].sessionsOf(t, ben)
		return len(on) == 1 && on[0] == "n3"
	})
}

// All nodes are killed at once: when they are back, clients go on with what they missed.
// A session that was closed does not come back.
func TestChatJournalAllDie(t *testing.T) {
	m := mortals(t)
	a, _ := m.nodes[0].login(t, "ann")
	b, _ := m.nodes[1].login(t, "ben")
	gone, _ := m.nodes[1].login(t, "ben")
	if _, err := m.nodes[0].api.CloseSession(t.Context(), &eventnodev1.ChatServiceCloseSessionRequest{SessionId: gone.Session}); err != nil {
		t.Fatal(err)
	}
	m.nodes[2].dispatch(t, fmt.Sprint("channel:", generalID), "MESSAGE_CREATE", `{"id":"a-1"}`)
	for i := range 3 {
		m.net.Crash(hostOf(i))
	}
	a.Cut()
	b.Cut()
	for i := range 3 {
		m.nodes[i].stop()
	}
	for i := range 3 {
		m.start(i)
	}
	for i, c := range []*gatewaytest.Client{a, b} {
		s := &seen{t: t, count: map[string]int{}, order: map[string]int{}}
		eventually(t, "resumed", func() bool {
			again := m.nodes[2-i].connect(t)
			missed, err := again.Resume(resuming(t), c)
			if closed, ok := errors.AsType[*gatewaytest.ClosedError](err); ok && closed.Code == int(gateway.CloseUnknown) {
				return false
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range missed {
				s.take(p)
			}
			return true
		})
		if s.order["a"] != 1 {
			t.Errorf("client %d missed the event", i+1)
		}
	}
	eventually(t, "refused", func() bool {
		_, err := m.nodes[0].connect(t).Resume(resuming(t), gone)
		closed, ok := errors.AsType[*gatewaytest.ClosedError](err)
		if err == nil {
			t.Fatal("a session that was closed came back")
		}
		return !ok || closed.Code != int(gateway.CloseUnknown)
	})
}
