package node

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"
	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	"github.com/eventnode/eventnode/dispatch"
	"github.com/eventnode/eventnode/groups"
	"github.com/eventnode/eventnode/internal/link"
	"github.com/eventnode/eventnode/internal/portmux"
	"github.com/eventnode/eventnode/internal/wire"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/streams"
)

// ports is the rpc port, divided by protocol.
type ports struct {
	listener net.Listener
	mux      *portmux.Mux
	http2    net.Listener // clients and links
	raft     net.Listener // replicas; nil: this node has none, and refuses them
}

func (p *parts) ports(listener net.Listener) *ports {
	refused := &refusals{logger: p.cfg.Logger, limit: rate.Sometimes{First: 3, Interval: refusalLogInterval}}
	mux := portmux.New(portmux.Config{TLS: p.cfg.TLS.server(), Refused: refused.add})
	ports := &ports{listener: listener, mux: mux, http2: mux.Register(portmux.HTTP2(), listener.Addr())}
	if p.storage.streams != nil {
		raft := streams.Protocol()
		raft.Mutual = p.cfg.TLS != nil
		ports.raft = mux.Register(raft, listener.Addr())
	}
	return ports
}

// serveRPC serves the rpc port until ctx ends.
func (p *parts) serveRPC(ctx context.Context, ports *ports) error {
	server := p.server()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return ports.mux.Run(ctx, ports.listener) })
	g.Go(func() error {
		err := server.Serve(ports.http2)
		// A node that is told to stop as soon as it is ready stops the server
		// before this began; one that stops later closes the listener under it.
		if errors.Is(err, grpc.ErrServerStopped) || ctx.Err() != nil {
			return nil
		}
		return err
	})
	g.Go(func() error {
		select {
		case <-p.moving:
			server.GracefulStop() // sends clients away; it waits for them, at most until Stop
			close(p.moved)
		case <-ctx.Done():
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		p.healthy.Shutdown()
		server.Stop()
		p.gate.wait()
		return nil
	})
	return g.Wait()
}

// server makes the gRPC server with all its services.
func (p *parts) server() *grpc.Server {
	options := link.ServerOptions()
	if p.tracer != nil {
		options = append(options, grpc.ChainUnaryInterceptor(p.tracer.UnaryServer()))
	}
	server := grpc.NewServer(append(options,
		grpc.Creds(portmux.Credentials()),
		grpc.ForceServerCodecV2(wire.NewCodec()),
		grpc.UnaryInterceptor(p.gate.unary),
		grpc.StreamInterceptor(p.gate.stream))...)
	healthpb.RegisterHealthServer(server, p.healthy)
	clusterv1.RegisterLinkServiceServer(server, p.links.Service())
	eventnodev1.RegisterClusterServiceServer(server, &clusterService{p: p})
	eventnodev1.RegisterDispatchServiceServer(server, dispatch.NewService(p.dispatch, p.listRemote))
	eventnodev1.RegisterGroupServiceServer(server, groups.NewService(p.groups))
	if p.chat != nil {
		eventnodev1.RegisterChatServiceServer(server, p.chat.service)
	}
	eventnodev1.RegisterSourceServiceServer(server, p.sources.service)
	p.storage.service.Register(server)
	p.storage.operator.Register(server)
	reflection.Register(server)
	return server
}

// refusals counts connections that were no protocol of this port, and logs the
// first and then one a minute: garbage must not flood the log.
type refusals struct {
	logger *slog.Logger
	mu     sync.Mutex
	count  uint64
	limit  rate.Sometimes
}

func (r *refusals) add(remote net.Addr, err error) {
	r.mu.Lock()
	r.count++
	count := r.count
	r.mu.Unlock()
	r.limit.Do(func() {
		r.logger.Warn("closed a connection to the rpc port", "remote", remote, "error", err, "so_far", count)
	})
}
