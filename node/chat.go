package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/chat"
	"github.com/eventnode/eventnode/chat/directory"
	"github.com/eventnode/eventnode/gateway"
	"github.com/eventnode/eventnode/internal/streamsdk"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// Chat is about the chat service of a node. All nodes of a cluster that have one share its
// directory, which a durable stream keeps: some nodes need storage.
type Chat struct {
	// Enabled has the node take part. GatewayAddress does, too.
	Enabled bool
	// Stream keeps the directory. Defaults to "chat-directory".
	Stream string
	// Kinds are backends beside the six; the same on all nodes. Defaults to none.
	Kinds []chat.Backend
	// Journal is the durable stream that has sessions outlive their nodes; the same on all
	// nodes. It is made if it is not there. Empty: off.
	Journal string
	// Sessions is about those of this node. Its OnEnd is not used.
	Sessions sessions.Config
	// GatewayAddress is the HOST:PORT where clients connect. Empty: off.
	GatewayAddress string
	// Gateway is about the gateway. Its Backend, Logger and Registerer are the node's; an
	// Authenticator is required.
	Gateway gateway.Config
	// HandOver bounds how long a node that goes down takes to hand its sessions over to
	// others. Defaults to 10 s.
	HandOver time.Duration
}

func (c Chat) on() bool { return c.Enabled || c.GatewayAddress != "" }

// chatService is a node's part of a chat service.
type chatService struct {
	p        *parts
	cluster  *chatCluster
	hub      *chat.Hub
	log      *directory.Log
	state    *directory.State // which hub guards
	service  *chat.Service
	gateway  *gateway.Gateway // nil: off
	open     chan struct{}    // closed when the directory is known, and what other nodes want
	listener net.Listener     // of the gateway
}

// openChat makes the chat service, if the node is to have one. It starts nothing.
func (p *parts) openChat() (*chatService, error) {
	cfg := p.cfg.Chat
	if !cfg.on() {
		return nil, nil
	}
	if cfg.Journal != "" && cfg.Journal == cmp.Or(cfg.Stream, directory.DefaultStream) {
		return nil, fmt.Errorf("node: the stream %q has the directory: name another one for the session journal: %w", cfg.Journal, eventnode.ErrInvalidArgument)
	}
	c := &chatService{p: p, cluster: newChatCluster(p), open: make(chan struct{})}
	state, err := directory.New(directory.Limits{})
	if err != nil {
		return nil, err
	}
	c.log, err = directory.NewLog(directory.LogConfig{
		Streams: p.streams(""), Stream: cfg.Stream, Logger: p.cfg.Logger, Registerer: p.cfg.Registry,
		Apply: func(_ eventnode.Position, change *eventnodev1.DirectoryChange) error {
			return c.hub.Apply(context.Background(), func() (directory.Effect, error) { return state.Apply(change) })
		},
	})
	if err != nil {
		return nil, err
	}
	c.hub, err = chat.New(chat.Config{
		Node: p.self, Cluster: c.cluster, Directory: state, Progress: c.log, Ready: c.open, Journal: p.chatJournal(), Kinds: cfg.Kinds, Sessions: cfg.Sessions,
		Release: c.release, MaxEventBytes: p.cfg.Limits.MaxEventBytes, Logger: p.cfg.Logger, Registerer: p.cfg.Registry,
	})
	if err != nil {
		return nil, err
	}
	c.state, c.service = state, chat.NewService(c.hub, c.log, state)
	return c, c.openGateway()
}

// chatJournal is what has sessions outlive their nodes; nil: nothing.
func (p *parts) chatJournal() *chat.Journal {
	if p.cfg.Chat.Journal == "" {
		return nil
	}
	return &chat.Journal{Streams: p.streams(""), Locks: streamsdk.NewLocks(p.streamsConfig("")), Stream: p.cfg.Chat.Journal}
}

// openGateway opens the gateway's address, where everybody is told to come back later
// until the directory is known.
func (c *chatService) openGateway() (err error) {
	cfg := c.p.cfg.Chat
	if cfg.GatewayAddress == "" {
		return nil
	}
	g := cfg.Gateway
	g.Backend, g.Logger, g.Registerer = c.hub, c.p.cfg.Logger, c.p.cfg.Registry
	if c.gateway, err = gateway.New(g); err != nil {
		return err
	}
	if c.listener, err = net.Listen("tcp", cfg.GatewayAddress); err != nil {
		return fmt.Errorf("gateway address: %w", err)
	}
	return nil
}

// release implements chat.Config.Release.
func (c *chatService) release(ctx context.Context, s *sessions.Session) bool {
	return c.gateway != nil && c.gateway.Release(ctx, s.ID()) == nil
}

// run keeps the chat service until ctx ends.
func (c *chatService) run(ctx context.Context) error {
	if c == nil {
		<-ctx.Done()
		return nil
	}
	if err := c.cluster.open(ctx); err != nil {
		return err
	}
	c.cluster.interest(c.hub)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return c.hub.Run(ctx) })
	g.Go(func() error { return c.follow(ctx) })
	g.Go(func() error { return c.cluster.follow(ctx, c.hub) })
	g.Go(func() error {
		select {
		case <-c.log.Ready():
			c.cluster.settle(ctx)
			close(c.open)
		case <-ctx.Done():
		}
		return nil
	})
	if c.gateway != nil {
		g.Go(func() error { return c.serve(ctx) })
		g.Go(func() error {
			select {
			case <-c.open:
				c.p.cfg.Logger.Info("the gateway takes clients", "address", c.listener.Addr().String())
				return c.gateway.Run(ctx)
			case <-ctx.Done():
				return nil
			}
		})
	}
	return g.Wait()
}

// follow keeps the directory. The node's streams are closed when it ends, which may be seen
// before the end of ctx.
func (c *chatService) follow(ctx context.Context) error {
	err := c.log.Run(ctx)
	if errors.Is(err, eventnode.ErrClosed) {
		<-ctx.Done()
		return nil
	}
	return err
}

// ready reports whether the chat service serves, or there is none.
func (c *chatService) ready() bool {
	if c == nil {
		return true
	}
	select {
	case <-c.open:
		return true
	default:
		return false
	}
}

// serve serves the gateway's address until ctx ends.
func (c *chatService) serve(ctx context.Context) error {
	srv := &http.Server{
		Handler: c.gateway.Handler(), ReadHeaderTimeout: httpHeaderTimeout, IdleTimeout: httpIdleTimeout,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	err := srv.Serve(c.listener)
	_ = srv.Close()
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("gateway: %w", err)
	}
	return nil
}

// drain sends the clients to other nodes, and their sessions with them.
func (c *chatService) drain() {
	if c == nil {
		return
	}
	logger := c.p.cfg.Logger
	limit := c.p.cfg.Chat.HandOver
	if limit == 0 {
		limit = defaultHandOver
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if c.gateway != nil {
		if err := c.gateway.Drain(ctx); err != nil {
			logger.Info("some connections did not close", "error", err)
		}
	}
	if given, all := c.hub.HandOver(ctx); all > 0 {
		logger.Info("sessions were handed over", "given", given, "of", all)
	}
}

// defaultHandOver is the default of Chat.HandOver.
const defaultHandOver = 10 * time.Second

// answer does this node's part of what another one was asked: nothing, without a chat
// service.
func (c *chatService) answer(ctx context.Context, from eventnode.NodeID, req *clusterv1.ChatRequest) (*clusterv1.ChatResponse, error) {
	if c == nil {
		return &clusterv1.ChatResponse{}, nil
	}
	return c.hub.Answer(ctx, from, req)
}

// gatewayAddress is where the gateway listens; "" if it is off.
func (c *chatService) gatewayAddress() string {
	if c == nil || c.listener == nil {
		return ""
	}
	return c.listener.Addr().String()
}
