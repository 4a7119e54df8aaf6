package streams

import (
	"context"
	"crypto/tls"
	"net"

	"github.com/eventnode/eventnode/internal/portmux"
	"github.com/eventnode/eventnode/streams/internal/raftnet"
)

// Protocol is that of Raft's connections on the rpc port. The listener that it is
// registered for is what Run needs.
func Protocol() portmux.Protocol { return raftnet.Protocol() }

// Dialer makes Config.Dial of what dials an rpc port, and of the TLS configuration
// of a client, which is asked for with each connection; nil for none.
func Dialer(dial func(ctx context.Context, address string) (net.Conn, error), cfg func() *tls.Config) func(context.Context, string) (net.Conn, error) {
	if cfg == nil {
		return dial
	}
	return raftnet.TLS(dial, cfg)
}
