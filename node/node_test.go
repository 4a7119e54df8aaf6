package node_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/node"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

// start runs a node on loopback with free ports until the test ends, and checks
// that nothing is left of it.
func start(t *testing.T, cfg node.Config) *node.Node {
	t.Helper()
	cfg.GossipAddress, cfg.RPCAddress = "127.0.0.1:0", "127.0.0.1:0"
	n, err := node.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("%s: %v", cfg.ID, err)
		}
	})
	select {
	case <-n.Ready():
	case err := <-done:
		t.Fatalf("%s ended: %v", cfg.ID, err)
	case <-time.After(15 * time.Second):
		t.Fatalf("%s is not ready", cfg.ID)
	}
	return n
}

// dial makes a client that is closed when the test ends.
func dial(t testing.TB, n *node.Node, opts ...client.Option) *client.Client {
	t.Helper()
	c, err := client.Dial(t.Context(), []string{n.RPCAddress()}, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What a node does in process is what a client gets: every pair of publisher
// and subscriber, embedded or remote, over two nodes.
func TestEmbeddedAndRemoteAreTheSame(t *testing.T) {
	n1 := start(t, node.Config{ID: "n1"})
	n2 := start(t, node.Config{ID: "n2", Seeds: []string{n1.GossipAddress()}})
	lives := map[string]eventnode.Live{
		"n1": n1, "n2": n2, "client of n1": dial(t, n1), "client of n2": dial(t, n2),
	}
	for from, publisher := range lives {
		for to, subscriber := range lives {
			topic := "topic:" + strings.ReplaceAll(from+"."+to, " ", "_")
			sub, err := subscriber.Subscribe(t.Context(), []string{topic})
			if err != nil {
				t.Fatalf("%s: %v", to, err)
			}
			if sub.Nodes() != 2 || len(sub.Missing()) != 0 {
				t.Errorf("%s: interest known on %d nodes, missing %v", to, sub.Nodes(), sub.Missing())
			}
			want := event.New("greeted", []byte(topic))
			if _, err := publisher.Dispatch(t.Context(), topic, want); err != nil {
				t.Fatalf("%s: %v", from, err)
			}
			got, err := sub.Receive(t.Context())
			if err != nil || got.Gap != nil || got.Event.ID != want.ID || string(got.Event.Data) != topic {
				t.Errorf("%s to %s: got %+v, %v", from, to, got, err)
			}
			_ = sub.Close()
		}
	}
}

func TestNodesAndStatus(t *testing.T) {
	n1 := start(t, node.Config{ID: "n1", Version: "1.2.3", Zone: "north"})
	n2 := start(t, node.Config{ID: "n2", Seeds: []string{n1.GossipAddress()}})
	infos, err := dial(t, n2).Nodes(t.Context())
	if err != nil || len(infos) != 2 {
		t.Fatalf("%+v, %v", infos, err)
	}
	if infos[0].ID != "n2" || infos[0].Link != "self" {
		t.Errorf("the asked node is not first: %+v", infos[0])
	}
	if i := infos[1]; i.ID != "n1" || i.State != "alive" || i.Link != "up" || i.Version != "1.2.3" || i.Zone != "north" || i.RPCAddress != n1.RPCAddress() {
		t.Errorf("n1 as n2 sees it: %+v", i)
	}
	st, err := dial(t, n1).Status(t.Context())
	if err != nil || !st.Healthy || st.Nodes != 2 || st.ID != "n1" || st.Epoch == 0 {
		t.Errorf("status %+v, %v", st, err)
	}
}

func TestHealthReflectionAndOperations(t *testing.T) {
	n := start(t, node.Config{ID: "n1", HTTPAddress: "127.0.0.1:0"})
	address := n.HTTPAddress()
	conn := connect(t, n.RPCAddress(), insecure.NewCredentials())
	resp, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil || resp.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("health %v, %v", resp, err)
	}
	stream, err := reflectionpb.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}}); err != nil {
		t.Fatal(err)
	}
	list, err := stream.Recv()
	if err != nil || !strings.Contains(list.String(), "eventnode.v1.DispatchService") {
		t.Errorf("reflection %v, %v", list, err)
	}
	_ = stream.CloseSend()

	if _, err := n.Dispatch(t.Context(), "topic:x", event.New("counted", nil)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/livez": "ok", "/readyz": "ok", "/metrics": "eventnode_dispatch_accepted_total 1", "/debug/pprof/": "goroutine",
	} {
		body := fetch(t, "http://"+address+path)
		if !strings.Contains(body, want) {
			t.Errorf("%s has no %q:\n%.600s", path, want, body)
		}
	}
}

// A node without the peers that it knows is not ready for traffic, and says why.
func TestReadyzSaysWhatIsWrong(t *testing.T) {
	n1 := start(t, node.Config{ID: "n1"})
	l, err := net.Listen("tcp", "127.0.0.1:0") // a port that is open and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	start(t, node.Config{ID: "n2", Seeds: []string{n1.GossipAddress()}, AdvertiseRPC: l.Addr().String()})
	st, err := n1.Status(t.Context())
	if err != nil || st.Healthy || len(st.Problems) != 1 || !strings.Contains(st.Problems[0], "n2") {
		t.Errorf("status %+v, %v", st, err)
	}
}

func TestAuthorizerDecidesOnEachPublicCall(t *testing.T) {
	n := start(t, node.Config{ID: "n1", Authorizer: func(_ context.Context, call node.Call) error {
		switch {
		case len(call.Metadata.Get("authorization")) == 0:
			return fmt.Errorf("%w: no token", eventnode.ErrUnauthenticated)
		case strings.HasSuffix(call.Method, "/DispatchStream"), strings.HasSuffix(call.Method, "/Dispatch"):
			return eventnode.ErrPermissionDenied
		}
		return nil
	}})
	refused := dial(t, n)
	if _, err := refused.Status(t.Context()); !errors.Is(err, eventnode.ErrUnauthenticated) {
		t.Errorf("without a token: %v", err)
	}
	if _, err := refused.Subscribe(t.Context(), []string{"topic:x"}); !errors.Is(err, eventnode.ErrUnauthenticated) {
		t.Errorf("without a token: %v", err)
	}
	reader := dial(t, n, client.WithPerRPCCredentials(token("secret")))
	if _, err := reader.Status(t.Context()); err != nil {
		t.Errorf("with a token: %v", err)
	}
	if _, err := reader.Dispatch(t.Context(), "topic:x", event.New("refused", nil)); !errors.Is(err, eventnode.ErrPermissionDenied) {
		t.Errorf("dispatch: %v", err)
	}
}

// token is a bearer token that may go over a connection in the clear.
type token string

func (s token) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(s)}, nil
}

func (token) RequireTransportSecurity() bool { return false }

func TestMutualTLSOnLinksAndPlainTLSForClients(t *testing.T) {
	ca := newAuthority(t)
	secure := func() *node.TLS {
		cert := ca.issue(t)
		return &node.TLS{
			Server: &tls.Config{Certificates: []tls.Certificate{cert}, ClientCAs: ca.pool},
			Client: &tls.Config{Certificates: []tls.Certificate{cert}, RootCAs: ca.pool},
		}
	}
	key := []byte("0123456789abcdef")
	n1 := start(t, node.Config{ID: "n1", TLS: secure(), GossipKey: key})
	n2 := start(t, node.Config{ID: "n2", TLS: secure(), GossipKey: key, Seeds: []string{n1.GossipAddress()}})
	creds := credentials.NewTLS(&tls.Config{RootCAs: ca.pool})
	c1, c2 := dial(t, n1, client.WithTransportCredentials(creds)), dial(t, n2, client.WithTransportCredentials(creds))
	sub, err := c2.Subscribe(t.Context(), []string{"topic:x"})
	if err != nil || sub.Nodes() != 2 {
		t.Fatalf("%+v, %v", sub, err)
	}
	if _, err := c1.Dispatch(t.Context(), "topic:x", event.New("secured", nil)); err != nil {
		t.Fatal(err)
	}
	if d, err := sub.Receive(t.Context()); err != nil || d.Event.Name != "secured" {
		t.Errorf("%+v, %v", d, err)
	}

	// A client without a certificate may call the public API, but not a link.
	conn := connect(t, n1.RPCAddress(), creds)
	control, err := clusterv1.NewLinkServiceClient(conn).Control(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := control.Recv(); status.Code(err) != codes.Unauthenticated {
		t.Errorf("a link without a certificate: %v", err)
	}
	// A client in the clear gets nowhere.
	if _, err := client.Dial(t.Context(), []string{n1.RPCAddress()}); err == nil {
		t.Error("a client in the clear was served")
	}
}

// A client of the public API that does not know the cluster secret cannot pose
// as a node.
func TestLinksAskForTheSecret(t *testing.T) {
	n := start(t, node.Config{ID: "n1", GossipKey: []byte("0123456789abcdef")})
	links := clusterv1.NewLinkServiceClient(connect(t, n.RPCAddress(), insecure.NewCredentials()))
	if _, err := links.Deliver(t.Context(), &clusterv1.DeliverRequest{Group: "g"}); status.Code(err) != codes.Unauthenticated && status.Code(err) != codes.PermissionDenied {
		t.Errorf("deliver without a token: %v", err)
	}
	control, err := links.Control(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	self := n.Self()
	hello := &clusterv1.Hello{
		VersionMin: 1, VersionMax: 1, Cluster: "eventnode", Node: "evil", Epoch: 1, Generation: 1, Lanes: 1,
		TargetNode: string(self.ID), TargetEpoch: self.Epoch, Nonce: make([]byte, 16),
	}
	if err := control.Send(&clusterv1.ControlRequest{Message: &clusterv1.ControlRequest_Hello{Hello: hello}}); err != nil {
		t.Fatal(err)
	}
	if _, err := control.Recv(); err != nil {
		t.Fatalf("no challenge: %v", err)
	}
	if err := control.Send(&clusterv1.ControlRequest{Message: &clusterv1.ControlRequest_Proof{Proof: &clusterv1.Proof{Proof: make([]byte, 32)}}}); err != nil {
		t.Fatal(err)
	}
	if resp, err := control.Recv(); err == nil {
		t.Errorf("a wrong proof was accepted: %v", resp)
	}
}

// Bytes that are no protocol are answered with a closed connection, and the
// node goes on serving.
func TestGarbageOnTheRPCPort(t *testing.T) {
	n := start(t, node.Config{ID: "n1"})
	for _, garbage := range []string{"GET / HTTP/1.1\r\n\r\n", "\x00\x00\x00\x00", "\x16\x03\x01", strings.Repeat("\xff", 1<<16), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n garbage after the preface"} {
		conn, err := net.Dial("tcp", n.RPCAddress())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write([]byte(garbage))
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
			t.Errorf("%.20q: the connection stays open", garbage)
		}
		_ = conn.Close()
	}
	if _, err := dial(t, n).Status(t.Context()); err != nil {
		t.Errorf("the node does not serve any more: %v", err)
	}
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

func TestConfigurationErrorsSayWhatToDo(t *testing.T) {
	if _, err := node.New(node.Config{RPCAddress: "nonsense"}); err == nil || !strings.Contains(err.Error(), "HOST:PORT") {
		t.Errorf("rpc address: %v", err)
	}
	if _, err := node.New(node.Config{TLS: &node.TLS{}}); err == nil || !strings.Contains(err.Error(), "TLS needs both") {
		t.Errorf("half a TLS configuration: %v", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	n, err := node.New(node.Config{ID: "n1", RPCAddress: l.Addr().String(), GossipAddress: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a port that is taken: %v", err)
	}
	if _, err := n.Status(t.Context()); !errors.Is(err, eventnode.ErrClosed) {
		t.Errorf("a node that ended: %v", err)
	}
}

func connect(t *testing.T, address string, creds credentials.TransportCredentials) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(creds))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// authority signs certificates for 127.0.0.1.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &authority{cert: cert, key: key, pool: pool}
}

func (a *authority) issue(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "node"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
