package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/internal/streamsdk/sdktest"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// streamsWorld is the nodes of a cluster for tests, each behind a server on an
// in-memory network.
type streamsWorld struct {
	*sdktest.Cluster
	t testing.TB

	mu    sync.Mutex
	lis   map[string]*bufconn.Listener
	srv   map[string]*grpc.Server
	mute  map[string]bool
	hangs map[string]bool
	cut   int
	dials map[string]int
}

func newStreamsWorld(t testing.TB, names ...string) *streamsWorld {
	w := &streamsWorld{
		Cluster: sdktest.NewCluster(names...), t: t,
		lis: make(map[string]*bufconn.Listener), srv: make(map[string]*grpc.Server), mute: make(map[string]bool), hangs: make(map[string]bool), dials: make(map[string]int),
	}
	for _, name := range names {
		w.start(name)
	}
	t.Cleanup(func() {
		for _, name := range names {
			w.stop(name)
		}
	})
	return w
}

func (w *streamsWorld) start(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	srv := grpc.NewServer(grpc.ForceServerCodecV2(wire.NewCodec()), grpc.MaxRecvMsgSize(64<<20), grpc.UnaryInterceptor(w.unary), grpc.StreamInterceptor(w.streaming(name)))
	lis := bufconn.Listen(1 << 20)
	eventnodev1.RegisterStreamServiceServer(srv, w.Node(name))
	w.srv[name], w.lis[name] = srv, lis
	go func() { _ = srv.Serve(lis) }()
}

// stop breaks a node's connections and refuses new ones.
func (w *streamsWorld) stop(name string) {
	w.mu.Lock()
	srv := w.srv[name]
	w.srv[name], w.lis[name] = nil, nil
	w.mu.Unlock()
	if srv != nil {
		srv.Stop()
	}
}

func (w *streamsWorld) dial(ctx context.Context, addr string) (net.Conn, error) {
	w.mu.Lock()
	lis := w.lis[addr]
	w.dials[addr]++
	mute := w.mute[addr]
	w.mu.Unlock()
	switch {
	case lis == nil:
		return nil, errors.New("connection refused")
	case mute:
		mine, theirs := net.Pipe()
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		return mine, nil
	}
	return lis.DialContext(ctx)
}

// silence has a node take connections and say nothing.
func (w *streamsWorld) silence(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mute[name] = true
}

// hang has a node take producers' streams, and say nothing about them.
func (w *streamsWorld) hang(name string, hangs bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hangs[name] = hangs
}

func (w *streamsWorld) streaming(name string) grpc.StreamServerInterceptor {
	return func(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
		w.mu.Lock()
		hangs := w.hangs[name] && info.FullMethod == eventnodev1.StreamService_PublishStream_FullMethodName
		w.mu.Unlock()
		if hangs {
			<-stream.Context().Done()
			return stream.Context().Err()
		}
		return next(srv, stream)
	}
}

// DropUnary has the next n calls done and not answered.
func (w *streamsWorld) DropUnary(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = n
}

func (w *streamsWorld) unary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	r, err := next(ctx, req)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut > 0 {
		w.cut--
		return nil, status.Error(codes.Unavailable, "connection reset")
	}
	return r, err
}

// dialled is how often an address was dialled.
func (w *streamsWorld) dialled(addr string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dials[addr]
}

// client connects to a node.
func (w *streamsWorld) client(name string) *client.Client {
	w.t.Helper()
	c, err := client.Dial(context.Background(), []string{name}, client.WithDialer(w.dial))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.Close() })
	return c
}
