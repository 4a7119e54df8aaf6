package link

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/keepalive"

	"github.com/eventnode/eventnode/internal/wire"
)

// refusedTwice is how long after a refused dial the second one asks whether the
// process is gone: a port that was closed for a restart of its listener only
// may be open again.
const refusedTwice = 200 * time.Millisecond

// dial opens a connection to the peer. The kernel refuses at once where no
// process listens, on a busy machine too: two refusals in a row tell the
// handler that the process is gone.
func (p *peer) dial(ctx context.Context) (net.Conn, error) {
	conn, err := p.dialOnce(ctx)
	if !errors.Is(err, syscall.ECONNREFUSED) || p.toldRefused() {
		return conn, err
	}
	timer := time.NewTimer(refusedTwice)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	conn, err = p.dialOnce(ctx)
	if errors.Is(err, syscall.ECONNREFUSED) && ctx.Err() == nil {
		p.tellRefused()
	}
	return conn, err
}

func (p *peer) dialOnce(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, p.l.cfg.HandshakeTimeout)
	defer cancel()
	return p.l.cfg.Dial(ctx, p.addressNow())
}

func (p *peer) toldRefused() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.refused
}

func (p *peer) tellRefused() {
	p.mu.Lock()
	told := p.refused
	p.refused = true
	p.mu.Unlock()
	if !told {
		p.l.handler.Refused(p.ref)
	}
}

// errOneConnection ends gRPC's own tries to connect again: a generation has one
// connection.
var errOneConnection = errors.New("the link's connection is gone")

// clientConn wraps conn for one generation.
func (l *Links) clientConn(conn net.Conn, address string) (*grpc.ClientConn, error) {
	var used atomic.Bool
	creds := l.cfg.Credentials
	if creds == nil {
		creds = insecure.NewCredentials()
	}
	return grpc.NewClient("passthrough:///"+address, clientOptions(creds, func(context.Context, string) (net.Conn, error) {
		if used.Swap(true) {
			return nil, errOneConnection
		}
		return conn, nil
	})...)
}

// clientOptions mirror ServerOptions.
func clientOptions(creds credentials.TransportCredentials, dial func(context.Context, string) (net.Conn, error)) []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithTransportCredentials(creds),
		grpc.WithContextDialer(dial),
		experimental.WithBufferPool(wire.Pool()),
		grpc.WithStaticStreamWindowSize(StreamWindow),
		grpc.WithStaticConnWindowSize(ConnWindow),
		grpc.WithReadBufferSize(ReadBuffer),
		grpc.WithWriteBufferSize(WriteBuffer),
		grpc.WithSharedWriteBuffer(false), //nolint:staticcheck // measured slower on a busy link; goes when gRPC takes it out
		grpc.WithDefaultCallOptions(
			grpc.ForceCodecV2(wire.NewCodec()),
			grpc.MaxCallRecvMsgSize(MaxMessageBytes),
			grpc.MaxCallSendMsgSize(MaxMessageBytes),
		),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepaliveTime, Timeout: keepaliveTimeout, PermitWithoutStream: true}),
		grpc.WithIdleTimeout(0),
		grpc.WithDisableRetry(),
		grpc.WithDisableServiceConfig(),
	}
}
