package client

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"time"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/tracing"
)

// The defaults of the options.
const (
	DefaultDialTimeout    = 2 * time.Second
	DefaultBackoffMin     = 100 * time.Millisecond
	DefaultBackoffMax     = 5 * time.Second
	DefaultKeepalive      = 20 * time.Second
	DefaultWindowBytes    = 4 << 20
	DefaultMaxMemberships = 100_000
)

// Option changes what Dial makes.
type Option func(*options)

// options is what Option sets.
type options struct {
	name           string
	dialTimeout    time.Duration
	backoffMin     time.Duration
	backoffMax     time.Duration
	keepalive      time.Duration
	windowBytes    int
	maxMemberships int
	transport      credentials.TransportCredentials
	perRPC         credentials.PerRPCCredentials
	token          func() (string, error) // nil: none
	tokenInClear   bool
	dialer         func(ctx context.Context, addr string) (net.Conn, error)
	log            *slog.Logger
	tracer         *tracing.Tracer // nil: off
}

// WithName names the client where people list subscriptions (the holder).
// Defaults to no name; WithHolder of one subscription goes before it.
func WithName(name string) Option { return func(o *options) { o.name = name } }

// WithDialTimeout bounds how long one address may take to answer, how long
// Dial takes in all, and how long a call waits for a lost connection to come
// back before it is ErrUnavailable. Defaults to 2 s.
func WithDialTimeout(d time.Duration) Option { return func(o *options) { o.dialTimeout = d } }

// WithBackoff bounds the jittered pause between two rounds over all addresses.
// Defaults to 100 ms and 5 s.
func WithBackoff(least, most time.Duration) Option {
	return func(o *options) { o.backoffMin, o.backoffMax = least, most }
}

// WithKeepalive sets after how long a silent node is asked for a sign of life;
// it has a quarter of that to give it. gRPC raises less than 10 s to 10 s; a
// negative value turns it off. Defaults to 20 s.
func WithKeepalive(d time.Duration) Option { return func(o *options) { o.keepalive = d } }

// WithWindow bounds the bytes of each publisher that the node has not accepted
// yet. More in flight is faster over long distances, and more is lost with a
// connection. Defaults to 4 MiB.
func WithWindow(bytes int) Option { return func(o *options) { o.windowBytes = bytes } }

// WithMaxMemberships bounds the group memberships that the client remembers in
// order to join again. Defaults to 100,000.
func WithMaxMemberships(n int) Option { return func(o *options) { o.maxMemberships = n } }

// WithTransportCredentials sets the transport's security, such as
// credentials.NewTLS. Defaults to none.
func WithTransportCredentials(c credentials.TransportCredentials) Option {
	return func(o *options) { o.transport = c }
}

// WithPerRPCCredentials attaches credentials to each call. Defaults to none.
func WithPerRPCCredentials(c credentials.PerRPCCredentials) Option {
	return func(o *options) { o.perRPC = c }
}

// WithTLS secures connections. cfg should have the signers of the nodes' certificates
// (RootCAs) unless the system knows them, and a ServerName where addresses are not what
// certificates are for. Defaults to none: in the clear.
func WithTLS(cfg *tls.Config) Option {
	return WithTransportCredentials(credentials.NewTLS(cfg))
}

// WithToken sends "authorization: Bearer token" with each call. In the clear it does so
// to this machine only (127.0.0.1, ::1, localhost), and elsewhere fails to connect: see
// WithTokenInClear.
func WithToken(token string) Option {
	return WithTokenSource(func() (string, error) { return token, nil })
}

// WithTokenFile is WithToken with the one line of a file, which is read again when it
// changes: so a token is replaced without a restart.
func WithTokenFile(file string) Option { return WithTokenSource(newTokenFile(file).token) }

// WithTokenSource is WithToken with what source says when a call is made. It is called
// concurrently and must be quick; its error is the call's.
func WithTokenSource(source func() (string, error)) Option {
	return func(o *options) { o.token = source }
}

// WithTokenInClear lets tokens go to other machines without TLS: where the network is
// trusted, for whoever listens there has the token then.
func WithTokenInClear() Option { return func(o *options) { o.tokenInClear = true } }

// WithDialer opens connections with dial instead of by TCP: for in-memory
// networks and proxies.
func WithDialer(dial func(ctx context.Context, addr string) (net.Conn, error)) Option {
	return func(o *options) { o.dialer = dial }
}

// WithLogger takes logs about the connection: lost, found again, and what was
// told to nobody else. Defaults to none.
func WithLogger(log *slog.Logger) Option { return func(o *options) { o.log = log } }

// WithTracerProvider makes traces of what is dispatched, published and handled with this
// client: see package tracing. Defaults to none.
func WithTracerProvider(p trace.TracerProvider) Option {
	return func(o *options) { o.tracer = tracing.New(p) }
}

// newOptions applies opts to the defaults.
func newOptions(opts []Option) options {
	o := options{
		dialTimeout:    DefaultDialTimeout,
		backoffMin:     DefaultBackoffMin,
		backoffMax:     DefaultBackoffMax,
		keepalive:      DefaultKeepalive,
		windowBytes:    DefaultWindowBytes,
		maxMemberships: DefaultMaxMemberships,
		transport:      insecure.NewCredentials(),
		log:            slog.New(slog.DiscardHandler),
		dialer: func(ctx context.Context, addr string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", addr)
		},
	}
	d := o
	for _, opt := range opts {
		opt(&o)
	}
	o.dialTimeout = positive(o.dialTimeout, d.dialTimeout)
	o.windowBytes = positive(o.windowBytes, d.windowBytes)
	o.maxMemberships = positive(o.maxMemberships, d.maxMemberships)
	return o
}

// check refuses credentials that would travel in the clear, before anything is
// dialled, and tokens that cannot be read.
func (o *options) check(addrs []string) error {
	if o.clear() && o.perRPC != nil && o.perRPC.RequireTransportSecurity() {
		return fmt.Errorf("credentials need transport security: %w", eventnode.ErrInvalidArgument)
	}
	if o.token == nil {
		return nil
	}
	if o.perRPC != nil {
		return fmt.Errorf("a token and other credentials of each call: give one of them: %w", eventnode.ErrInvalidArgument)
	}
	for _, addr := range addrs {
		if _, err := o.bearer(addr); err != nil {
			return fmt.Errorf("%s: %w", addr, err)
		}
	}
	_, err := o.token()
	return err
}

// clear reports whether connections are not secured.
func (o *options) clear() bool {
	return o.transport.Info().SecurityProtocol == insecure.NewCredentials().Info().SecurityProtocol
}

// positive is v, or else if that is no use.
func positive[T int | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}
