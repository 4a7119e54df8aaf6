package node

import (
	"context"
	"net"

	"github.com/hashicorp/memberlist"
)

// systemNetwork is the machine's own network.
type systemNetwork struct{}

var _ Network = systemNetwork{}

// Listen opens a TCP listener.
func (systemNetwork) Listen(address string) (net.Listener, error) {
	return net.Listen("tcp", address)
}

// Dial opens a TCP connection.
func (systemNetwork) Dial(ctx context.Context, address string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", address)
}

// Gossip returns nil: membership then opens UDP and TCP itself.
func (systemNetwork) Gossip(string) (memberlist.Transport, error) { return nil, nil }
