package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/eventnode/eventnode/internal/wire"
)

// Sizes of gRPC's buffers. The stream window bounds what one subscription that
// nobody reads holds in memory, beside the frame being read and the next.
const (
	streamWindow  = 4 << 20
	connWindow    = 8 << 20
	socketBuffer  = 128 << 10
	maxFrameBytes = 64 << 20
)

// conn is one connection, to one node, until it is lost.
type conn struct {
	addr string
	cc   *grpc.ClientConn
	// going is closed when nothing new is to begin on it: it was lost, or the node goes
	// away. Then lost is closed, when the connection is of no use any more.
	going, lost chan struct{}

	mu    sync.Mutex
	users int           // what is under way and should end well
	idle  chan struct{} // holds a token when users became 0
}

func newConn(addr string, cc *grpc.ClientConn) *conn {
	return &conn{addr: addr, cc: cc, going: make(chan struct{}), lost: make(chan struct{}), idle: make(chan struct{}, 1)}
}

// isLost reports whether the connection is of no use any more.
func (c *conn) isLost() bool { return isClosed(c.lost) }

// isGoing reports whether nothing new is to begin on the connection.
func (c *conn) isGoing() bool { return isClosed(c.going) }

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// stream opens a stream on which frames can pass as bytes. It is cancelled with
// ctx: callers cancel it when they are done.
func (c *conn) stream(ctx context.Context, desc *grpc.StreamDesc, method string) (grpc.ClientStream, error) {
	return c.cc.NewStream(ctx, desc, method)
}

// connect opens a connection to addr, and returns when the other side has
// answered as HTTP/2 does. gRPC would try again by itself, but only at this
// address: a failed attempt is an error here.
func (o *options) connect(ctx context.Context, addr string) (*conn, error) {
	var last dialErr
	token, err := o.bearer(addr)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", addr, err)
	}
	cc, err := grpc.NewClient("passthrough:///"+addr, o.dialOptions(&last, token)...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", addr, err)
	}
	cc.Connect()
	for state := cc.GetState(); state != connectivity.Ready; state = cc.GetState() {
		if state == connectivity.TransientFailure || !cc.WaitForStateChange(ctx, state) {
			err := fmt.Errorf("%s: %w", addr, connectError(ctx, cc, &last))
			return nil, errors.Join(err, cc.Close())
		}
	}
	return newConn(addr, cc), nil
}

// connectError says why no connection came about.
func connectError(ctx context.Context, cc *grpc.ClientConn, last *dialErr) error {
	if err := last.load(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("no answer: %w", context.Cause(ctx))
	}
	// A call in this state fails at once, with what gRPC knows.
	err := cc.Invoke(ctx, "/", nil, nil)
	return errors.New(status.Convert(err).Message())
}

// dialErr is the last error of a dialer: gRPC keeps it to itself.
type dialErr struct {
	mu  sync.Mutex
	err error
}

func (d *dialErr) load() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

func (d *dialErr) store(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = err
}

// dialOptions are gRPC's options for one connection.
func (o *options) dialOptions(last *dialErr, token credentials.PerRPCCredentials) []grpc.DialOption {
	opts := []grpc.DialOption{
		grpc.WithTransportCredentials(o.transport),
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
			nc, err := o.dialer(ctx, addr)
			last.store(err)
			return nc, err
		}),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(wire.NewCodec()), grpc.MaxCallRecvMsgSize(maxFrameBytes)),
		experimental.WithBufferPool(wire.Pool()),
		grpc.WithStaticStreamWindowSize(streamWindow),
		grpc.WithStaticConnWindowSize(connWindow),
		grpc.WithReadBufferSize(socketBuffer),
		grpc.WithWriteBufferSize(socketBuffer),
		grpc.WithDisableRetry(), // what is sent again is this package's affair
		grpc.WithDisableServiceConfig(),
		// An idle connection is one that is not lost.
		grpc.WithIdleTimeout(0),
	}
	if o.tracer != nil {
		opts = append(opts, grpc.WithChainUnaryInterceptor(o.tracer.UnaryClient()))
	}
	if o.perRPC != nil {
		opts = append(opts, grpc.WithPerRPCCredentials(o.perRPC))
	}
	if token != nil {
		opts = append(opts, grpc.WithPerRPCCredentials(token))
	}
	if o.keepalive > 0 {
		opts = append(opts, grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time: o.keepalive, Timeout: max(o.keepalive/4, time.Second), PermitWithoutStream: true,
		}))
	}
	return opts
}
