package link

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/memnet"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

// The highest common version is spoken; without one the link is refused (P16).
func TestChooseVersion(t *testing.T) {
	for _, c := range []struct {
		a, b versions
		want uint32 // 0: refused
	}{
		{versions{1, 1}, versions{1, 1}, 1},
		{versions{1, 2}, versions{1, 1}, 1},
		{versions{1, 2}, versions{2, 3}, 2},
		{versions{1, 3}, versions{1, 3}, 3},
		{versions{2, 3}, versions{1, 1}, 0},
		{versions{1, 1}, versions{2, 9}, 0},
		{versions{1, 1}, versions{0, 0}, 0},
		{versions{1, 1}, versions{5, 1}, 0},
	} {
		for range 2 {
			v, err := choose(c.a, c.b)
			if v != c.want || (err == nil) != (c.want != 0) {
				t.Errorf("choose(%v, %v) = %d, %v; want %d", c.a, c.b, v, err, c.want)
			}
			c.a, c.b = c.b, c.a
		}
	}
}

// A proof holds for one side, one transcript and one secret only.
func TestProof(t *testing.T) {
	base := transcript{
		diallerNonce: []byte("0123456789abcdef"), calledNonce: []byte("fedcba9876543210"),
		dialler: eventnode.NodeRef{ID: "a", Epoch: 1}, called: eventnode.NodeRef{ID: "b", Epoch: 2}, generation: 3,
	}
	proof := base.proof([]byte("secret"), labelCalled)
	if !base.proves([]byte("secret"), labelCalled, proof) {
		t.Fatal("the proof does not hold")
	}
	if base.proves([]byte("secret"), labelDialler, proof) || base.proves([]byte("other"), labelCalled, proof) ||
		base.proves([]byte("secret"), labelCalled, nil) {
		t.Fatal("holds for another side, secret, or nothing")
	}
	for i, change := range []func(*transcript){
		func(x *transcript) { x.diallerNonce = []byte("0123456789abcdeX") },
		func(x *transcript) { x.diallerNonce, x.calledNonce = x.calledNonce, x.diallerNonce },
		func(x *transcript) {
			x.diallerNonce, x.calledNonce = x.diallerNonce[:15], append([]byte("f"), x.calledNonce...)
		},
		func(x *transcript) { x.dialler.Epoch++ },
		func(x *transcript) { x.called.ID = "c" },
		func(x *transcript) { x.generation++ },
	} {
		other := base
		change(&other)
		if other.proves([]byte("secret"), labelCalled, proof) {
			t.Errorf("case %d: holds for another transcript", i)
		}
	}
}

func goodHello() *clusterv1.Hello {
	return &clusterv1.Hello{
		VersionMin: 1, VersionMax: 1, Cluster: "test", ClusterUuid: []byte("0123456789abcdef"), Node: "n1", Epoch: 1,
		TargetNode: "n2", TargetEpoch: 2, Generation: 1, Lanes: 4, Nonce: newNonce(),
	}
}

// What a called node refuses, with words that say why.
func TestCheckHello(t *testing.T) {
	id := identity{self: eventnode.NodeRef{ID: "n2", Epoch: 2}, cluster: "test", uuid: []byte("0123456789abcdef"), versions: versions{1, 2}}
	for _, c := range []struct {
		name   string
		change func(*clusterv1.Hello)
		is     error
		words  []string
	}{
		{name: "good", change: func(*clusterv1.Hello) {}},
		{name: "no uuid yet", change: func(h *clusterv1.Hello) { h.ClusterUuid = nil }},
		{name: "cluster", change: func(h *clusterv1.Hello) { h.Cluster = "prod" }, is: eventnode.ErrForeignCluster, words: []string{`"test"`, `"prod"`}},
		{name: "uuid", change: func(h *clusterv1.Hello) { h.ClusterUuid = []byte("fedcba9876543210") }, is: eventnode.ErrForeignCluster, words: []string{"3031", "6665"}},
		{name: "target node", change: func(h *clusterv1.Hello) { h.TargetNode = "n3" }, words: []string{"n2#2", "n3#2"}},
		{name: "target epoch", change: func(h *clusterv1.Hello) { h.TargetEpoch = 1 }, words: []string{"n2#2", "n2#1"}},
		{name: "itself", change: func(h *clusterv1.Hello) { h.Node = "n2" }, words: []string{"itself"}},
		{name: "version", change: func(h *clusterv1.Hello) { h.VersionMin, h.VersionMax = 3, 4 }, words: []string{"1-2", "3-4"}},
		{name: "nonce", change: func(h *clusterv1.Hello) { h.Nonce = h.GetNonce()[:15] }, is: eventnode.ErrInvalidArgument},
		{name: "generation", change: func(h *clusterv1.Hello) { h.Generation = 0 }, is: eventnode.ErrInvalidArgument},
		{name: "node", change: func(h *clusterv1.Hello) { h.Node = "" }, is: eventnode.ErrInvalidArgument},
	} {
		h := goodHello()
		c.change(h)
		_, err := id.check(h)
		refused := c.is != nil || c.words != nil
		if (err != nil) != refused || (c.is != nil && !errors.Is(err, c.is)) {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		for _, w := range c.words {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q is not in %q", c.name, w, err)
			}
		}
	}
}

// Sent equals received: no gap. Otherwise one, and what is counted from then on
// is what was sent.
func TestReconcile(t *testing.T) {
	for _, c := range []struct {
		sent, received []uint64
		lost           bool
	}{
		{nil, nil, false},
		{[]uint64{3, 4}, []uint64{3, 4}, false},
		{[]uint64{3, 4}, []uint64{3, 4, 0, 0}, false},
		{[]uint64{3, 5}, []uint64{3, 4}, true},
		{[]uint64{3}, nil, true},
		{nil, []uint64{3}, true},
	} {
		next, lost := reconcile(c.sent, c.received)
		if lost != c.lost {
			t.Errorf("%v %v: lost %v", c.sent, c.received, lost)
		}
		if _, again := reconcile(c.sent, next); again {
			t.Errorf("%v %v: told twice", c.sent, c.received)
		}
	}
}

// Nodes of neighbouring versions link up (P16); a newer node's unknown messages
// are ignored and counted.
func TestMixedVersions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nw := memnet.New(memnet.Config{})
		defer nw.Close()
		a := startNode(t, nw, 1, 1, func(c *Config) { c.versions = versions{1, 3} })
		b := startNode(t, nw, 2, 1, func(c *Config) { c.versions = versions{1, 2} })
		old := startNode(t, nw, 3, 1, func(c *Config) { c.versions = versions{4, 4} })
		a.add(b, old)
		b.add(a)
		a.awaitUp(b)
		b.awaitUp(a)
		g := a.links.peer(b.ref).gen.Load()
		future := &clusterv1.ControlRequest{}
		future.ProtoReflect().SetUnknown(protowire.AppendBytes(protowire.AppendTag(nil, 99, protowire.BytesType), []byte("x")))
		if err := g.stream.Send(future); err != nil {
			t.Fatal(err)
		}
		a.links.SendExchange(b.ref, hash(1))
		eventually(t, time.Second, func() bool { return len(b.with("exchange")) == 1 })
		if b.links.counters.unknown.Load() != 1 {
			t.Fatal("not counted")
		}
		eventually(t, time.Second, func() bool { return strings.Contains(a.state(old).LastError, "no common protocol version") })
	})
}

// syncBuffer is a log that a test reads while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// A link that cannot be is tried again for ever, says why in LastError, and
// logs that once.
func TestRefusedHandshakes(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Config)
		target func(*eventnode.NodeRef)
		words  []string
	}{
		{name: "secret", change: func(c *Config) { c.Secret = []byte("wrong") }, words: []string{"secret"}},
		{name: "cluster", change: func(c *Config) { c.Cluster = "prod" }, words: []string{"foreign cluster", `"test"`, `"prod"`}},
		{name: "uuid", change: func(c *Config) { c.ClusterUUID = func() []byte { return []byte("fedcba9876543210") } }, words: []string{"foreign cluster", "3031", "6665"}},
		{name: "another life", target: func(r *eventnode.NodeRef) { r.Epoch = 9 }, words: []string{"n2#1", "n2#9"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				nw := memnet.New(memnet.Config{})
				defer nw.Close()
				var log syncBuffer
				a := startNode(t, nw, 1, 1, func(cfg *Config) {
					cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
					if c.change != nil {
						c.change(cfg)
					}
				})
				b := startNode(t, nw, 2, 1, func(cfg *Config) { cfg.ClusterUUID = func() []byte { return []byte("0123456789abcdef") } })
				target := b.ref
				if c.target != nil {
					c.target(&target)
				}
				a.links.Add(target, b.address())
				time.Sleep(time.Minute)
				s := a.links.States()[0]
				for _, w := range c.words {
					if !strings.Contains(s.LastError, w) {
						t.Errorf("%q is not in %q", w, s.LastError)
					}
				}
				if n := strings.Count(log.String(), "link failed"); n != 1 || s.Phase != PhaseConnecting {
					t.Errorf("logged %d times, %v:\n%s", n, s.Phase, log.String())
				}
				if tries := a.links.generation.Load(); tries < 20 || tries > 120 {
					t.Errorf("%d tries in a minute", tries)
				}
				if len(a.all())+len(b.all()) > 0 {
					t.Error("somebody was told: ", a.all(), b.all())
				}
			})
		})
	}
}

// Without the token of a link, and so without the secret, cluster/v1 is closed.
func TestTokenRequired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nw, _, b := pair(t)
		cc, client := rawClient(t, nw, b)
		defer func() { _ = cc.Close() }()
		for _, c := range []struct {
			ctx  context.Context
			want codes.Code
		}{
			{t.Context(), codes.Unauthenticated},
			{metadata.AppendToOutgoingContext(t.Context(), MetadataKey, "guess"), codes.PermissionDenied},
			{metadata.AppendToOutgoingContext(t.Context(), MetadataKey, ""), codes.PermissionDenied},
		} {
			_, err := client.Deliver(c.ctx, &clusterv1.DeliverRequest{})
			wantCode(t, err, c.want)
			_, err = client.ListSubscriptions(c.ctx, &clusterv1.ListSubscriptionsRequest{})
			wantCode(t, err, c.want)
			lane, err := client.Lane(c.ctx)
			if err == nil {
				_, err = lane.Recv()
			}
			wantCode(t, err, c.want)
		}
		wantLines(t, b.all())
	})
}

func wantCode(t *testing.T, err error, want codes.Code) {
	t.Helper()
	if status.Code(err) != want {
		t.Fatalf("%v, want %v", err, want)
	}
}

// rawClient is a caller that is no node.
func rawClient(t *testing.T, nw *memnet.Network, to *testNode) (interface{ Close() error }, clusterv1.LinkServiceClient) {
	t.Helper()
	conn, err := nw.Host("10.0.0.99").Dial(t.Context(), to.address())
	if err != nil {
		t.Fatal(err)
	}
	cc, err := to.links.clientConn(conn, to.address())
	if err != nil {
		t.Fatal(err)
	}
	return cc, clusterv1.NewLinkServiceClient(cc)
}

// A caller that says nothing, says the wrong thing, or cannot prove the secret
// is sent away in bounded time, and the node goes on.
func TestBadCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nw, a, b := pair(t)
		cc, client := rawClient(t, nw, b)
		defer func() { _ = cc.Close() }()
		hello := goodHello()
		hello.ClusterUuid, hello.TargetEpoch, hello.Generation = nil, 1, 99
		helloMessage := &clusterv1.ControlRequest{Message: &clusterv1.ControlRequest_Hello{Hello: hello}}
		for _, c := range []struct {
			name string
			say  []*clusterv1.ControlRequest
			want codes.Code
		}{
			{"nothing", nil, codes.DeadlineExceeded},
			{"no hello", []*clusterv1.ControlRequest{{}}, codes.InvalidArgument},
			{"hello only", []*clusterv1.ControlRequest{helloMessage}, codes.DeadlineExceeded},
			{"no proof", []*clusterv1.ControlRequest{helloMessage, {}}, codes.PermissionDenied},
		} {
			began := time.Now()
			stream, err := client.Control(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range c.say {
				if err := stream.Send(m); err != nil {
					t.Fatal(err)
				}
			}
			for err == nil {
				_, err = stream.Recv()
			}
			wantCode(t, err, c.want)
			if d := time.Since(began); d > 6*time.Second {
				t.Errorf("%s: sent away after %v", c.name, d)
			}
		}
		if a.state(b).Phase != PhaseUp || a.state(b).Generation != 1 {
			t.Fatal("the link was disturbed")
		}
	})
}

// Garbage on the port, and a peer that never answers, end in bounded time.
func TestSilentPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nw := memnet.New(memnet.Config{})
		defer nw.Close()
		a := startNode(t, nw, 1, 1)
		ln, err := nw.Host("10.0.0.2").Listen(rpcPort)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = ln.Close() }()
		var conns []net.Conn
		var mu sync.Mutex
		go func() {
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				mu.Lock()
				conns = append(conns, c)
				mu.Unlock()
			}
		}()
		ref := eventnode.NodeRef{ID: "n2", Epoch: 1}
		a.links.Add(ref, "10.0.0.2:7401")
		time.Sleep(time.Minute)
		s := a.links.States()[0]
		if s.Phase != PhaseConnecting || !strings.Contains(s.LastError, errHandshakeTimeout.Error()) {
			t.Fatalf("%+v", s)
		}
		mu.Lock()
		defer mu.Unlock()
		if len(conns) < 5 {
			t.Fatalf("%d tries in a minute", len(conns))
		}
	})
}
