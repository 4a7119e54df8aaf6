package edge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/pprof"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/bench/internal/proc"
	"github.com/eventnode/eventnode/gateway"
	"github.com/eventnode/eventnode/node"
	"github.com/eventnode/eventnode/sessions"
)

// ids is an Authenticator: a token is a user's id.
type ids struct{}

// Authenticate implements gateway.Authenticator.
func (ids) Authenticate(_ context.Context, token string) (gateway.Principal, error) {
	user, err := sessions.ParseSnowflake(token)
	if err != nil {
		return gateway.Principal{}, fmt.Errorf("%w: %w", eventnode.ErrUnauthenticated, err)
	}
	return gateway.Principal{User: user}, nil
}

// runNode is the process of a node, with nothing set that is not needed.
func runNode(ctx context.Context, cfg nodeConfig, p process) error {
	n, err := node.New(node.Config{
		ID: eventnode.NodeID(cfg.ID), GossipAddress: "127.0.0.1:0", RPCAddress: "127.0.0.1:0",
		Seeds: cfg.Seeds, DataDir: cfg.Dir, Storage: node.Storage{BootstrapExpect: cfg.Nodes},
		Chat:   node.Chat{GatewayAddress: "127.0.0.1:0", Gateway: gateway.Config{Authenticator: ids{}}},
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	defer func() { stop(); <-ended }()
	select {
	case <-n.Ready():
	case err := <-ended:
		ended <- nil
		return fmt.Errorf("the node ended: %w", err)
	}
	ready := nodeReady{Gossip: n.GossipAddress(), RPC: n.RPCAddress(), Gateway: n.GatewayAddress()}
	for answer := any(ready); ; {
		if answer != nil {
			if err := p.out.Encode(answer); err != nil {
				return err
			}
		}
		var o nodeOrder
		if err := p.in.Decode(&o); err != nil {
			return err
		}
		if answer, err = o.obey(); err != nil {
			answer = failure(err)
		}
	}
}

func (o nodeOrder) obey() (any, error) {
	switch {
	case o.Memory:
		return measure(o.Heap)
	case o.CPU != "":
		f, err := os.Create(o.CPU)
		if err != nil {
			return nil, err
		}
		return nothing{}, pprof.StartCPUProfile(f) // closed with the process
	case o.Done:
		pprof.StopCPUProfile()
		return nothing{}, nil
	default:
		return nil, errors.New("an order that says nothing")
	}
}

// measure says what this process takes when what is free was given back.
func measure(profile string) (sizes, error) {
	runtime.GC() // what this one finds in pools, the next one frees
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	rss, err := proc.RSS(os.Getpid())
	if err != nil {
		return sizes{}, err
	}
	s := sizes{InUse: int64(m.HeapInuse + m.StackInuse), Stacks: int64(m.StackInuse), Resident: rss, Goroutines: runtime.NumGoroutine()}
	if profile == "" {
		return s, nil
	}
	f, err := os.Create(profile)
	if err != nil {
		return s, err
	}
	return s, errors.Join(pprof.Lookup("heap").WriteTo(f, 0), f.Close())
}
