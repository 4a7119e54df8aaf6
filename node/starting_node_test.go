package node_test

import (
	"context"
	"log/slog"
	"net"
	"testing"

	"github.com/hashicorp/memberlist"

	"github.com/eventnode/eventnode/internal/memnet"
	"github.com/eventnode/eventnode/node"
)

// stuck is a network whose gossip does not start before it is let go.
type stuck struct {
	machineOf
	free chan struct{}
}

func (s stuck) Gossip(address string) (memberlist.Transport, error) {
	t, err := s.machineOf.Gossip(address)
	return stuckTransport{t, s.free}, err
}

type stuckTransport struct {
	memberlist.Transport
	free chan struct{}
}

func (s stuckTransport) FinalAdvertiseAddr(ip string, port int) (net.IP, int, error) {
	<-s.free
	return s.Transport.FinalAdvertiseAddr(ip, port)
}

// A node whose gossip does not start says that it waits for it, and serves as soon as it has.
func TestStuckStartIsLogged(t *testing.T) {
	network := memnet.New(memnet.Config{Seed: 1})
	defer network.Close()
	log, free := &logged{}, make(chan struct{})
	n, err := node.New(node.Config{
		ID: "n1", GossipAddress: hostOf(0) + ":7400", RPCAddress: hostOf(0) + ":7401",
		Network: stuck{machineOf{network.Host(hostOf(0))}, free}, Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	eventually(t, "a log line", func() bool {
		return log.has(`msg="not ready yet" waits_for="its storage and its gossip to open"`)
	})
	close(free)
	<-n.Ready()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
