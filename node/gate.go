package node

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/access"
	"github.com/eventnode/eventnode/internal/apierr"
	"github.com/eventnode/eventnode/internal/permit"
)

// What the methods of live services start with.
const (
	dispatchPrefix = "/eventnode.v1.DispatchService/"
	groupPrefix    = "/eventnode.v1.GroupService/"
)

// linkPrefix is what every method between nodes starts with.
const linkPrefix = "/eventnode.cluster.v1."

// gate is what each call passes before it is served.
type gate struct {
	authorize Authorizer
	rules     map[string]method
	// vouched reports whether a call comes over a link that stands: from a node.
	vouched func(ctx context.Context) bool
	mutual  bool // links need a verified client certificate
	logger  *slog.Logger
	ready   <-chan struct{} // closed when the node serves

	mu   sync.Mutex
	open map[*openStream]struct{} // streams of callers, if there is an authorizer
	wg   sync.WaitGroup           // of their handlers

	moving int           // streams that a stop waits for; guarded by mu
	gone   chan struct{} // holds a token when one of them has ended
}

// errUnvouched refuses what says that it is a node's own: it may be, of a link that was
// just replaced.
var errUnvouched = fmt.Errorf("a call of a node without a link to this one: %w", eventnode.ErrUnavailable)

// admit lets a call in, with what its caller may do, or says why not. Who is nil if
// nobody is asked.
func (g *gate) admit(ctx context.Context, method string) (_ context.Context, who *caller, err error) {
	call := describe(ctx, method)
	if strings.HasPrefix(method, linkPrefix) {
		if g.mutual && (call.TLS == nil || len(call.TLS.State.VerifiedChains) == 0) {
			return nil, nil, status.Error(codes.Unauthenticated, "a link needs a client certificate that this node's CA signed")
		}
		return ctx, nil, nil // the handshake of the link proves the rest
	}
	if g.authorize == nil {
		return ctx, nil, nil
	}
	rule, known := g.rules[method]
	switch {
	case known && rule.operation == everybody:
		return ctx, nil, nil
	case permit.IsOwn(call.Metadata) && g.vouched(ctx):
		return ctx, nil, nil
	case permit.IsOwn(call.Metadata):
		return nil, nil, apierr.ToStatus(errUnvouched)
	case !known:
		return nil, nil, apierr.ToStatus(fmt.Errorf("%s is in no rule: %w", method, eventnode.ErrPermissionDenied))
	}
	who = &caller{ctx: ctx, authorize: g.authorize, call: call, rule: rule}
	if err := who.May(access.Use{Operation: rule.operation}); err != nil {
		return nil, nil, apierr.ToStatus(err)
	}
	return permit.With(ctx, who), who, nil
}

// awaitReady holds up what is live until the node serves: before, it does not know whom
// events are for. An embedded node does the same.
func (g *gate) awaitReady(ctx context.Context, method string) error {
	if !strings.HasPrefix(method, dispatchPrefix) && !strings.HasPrefix(method, groupPrefix) {
		return nil
	}
	if g.isReady() {
		return nil
	}
	select {
	case <-g.ready:
		return nil
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
}

func (g *gate) isReady() bool {
	select {
	case <-g.ready:
		return true
	default:
		return false
	}
}

// ask asks about the names of a request.
func (c *caller) ask(req any) error {
	if c.rule.names == nil {
		return nil
	}
	names, ok := c.rule.names(req)
	if !ok {
		return status.Errorf(codes.Internal, "%s: a request of the type %T", c.call.Method, req)
	}
	if len(names) == 0 {
		return nil
	}
	return apierr.ToStatus(c.May(access.Use{Operation: c.rule.operation, Names: names}))
}

func (g *gate) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
	defer g.isolate(info.FullMethod, &err)
	if err := g.awaitReady(ctx, info.FullMethod); err != nil {
		return nil, err
	}
	ctx, who, err := g.admit(ctx, info.FullMethod)
	if err == nil && who != nil {
		err = who.ask(req)
	}
	if err != nil {
		return nil, err
	}
	return next(ctx, req)
}

func (g *gate) stream(srv any, s grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	defer g.isolate(info.FullMethod, &err)
	if err := g.awaitReady(s.Context(), info.FullMethod); err != nil {
		return err
	}
	if moves(info.FullMethod) {
		defer g.enter()()
	}
	ctx, who, err := g.admit(s.Context(), info.FullMethod)
	switch {
	case err != nil:
		return err
	case who == nil:
		return next(srv, s)
	}
	return g.watched(&openStream{ServerStream: s, ctx: ctx, who: who, first: !info.IsClientStream, revoked: make(chan struct{})}, func(o *openStream) error {
		return next(srv, o)
	})
}

// watched serves a stream until it ends or is revoked. When it returns gRPC ends what the
// handler waits for, so the handler ends soon; wait waits for it.
func (g *gate) watched(o *openStream, serve func(*openStream) error) error {
	g.mu.Lock()
	if g.open == nil {
		g.open = map[*openStream]struct{}{}
	}
	g.open[o] = struct{}{}
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		delete(g.open, o)
		g.mu.Unlock()
	}()
	ended := make(chan error, 1)
	g.wg.Go(func() {
		var err error
		defer func() { ended <- err }()
		defer g.isolate(o.who.call.Method, &err)
		err = serve(o)
	})
	select {
	case err := <-ended:
		return err
	case <-o.revoked:
		return apierr.ToStatus(errRevoked)
	}
}

// wait waits for the handlers of streams.
func (g *gate) wait() { g.wg.Wait() }

// revoke ends the streams for whose calls when is true.
func (g *gate) revoke(when func(Call) bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for o := range g.open {
		if when(o.who.call) {
			o.once.Do(func() { close(o.revoked) })
		}
	}
}

// errRevoked ends a stream that its caller opened when it had other rights. Clients open it
// again, and are told then what they may not do any more.
var errRevoked = fmt.Errorf("the rights of this caller have changed: open the stream again: %w", eventnode.ErrUnavailable)

// openStream is a stream of a caller.
type openStream struct {
	grpc.ServerStream
	ctx     context.Context //nolint:containedctx // of this one call
	who     *caller
	first   bool // the next message is the request, which is asked about here
	once    sync.Once
	revoked chan struct{} // closed when it is to end
}

// Context is that of the call, with what its caller may do.
func (o *openStream) Context() context.Context { return o.ctx }

// RecvMsg receives a message. Of a call with one request the gate asks about that.
func (o *openStream) RecvMsg(m any) error {
	if err := o.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	select {
	case <-o.revoked:
		return apierr.ToStatus(errRevoked)
	default:
	}
	if !o.first {
		return nil
	}
	o.first = false
	return o.who.ask(m)
}

// SendMsg sends a message, unless the stream is to end.
func (o *openStream) SendMsg(m any) error {
	select {
	case <-o.revoked:
		return apierr.ToStatus(errRevoked)
	default:
		return o.ServerStream.SendMsg(m)
	}
}

// Revoke ends the streams of callers for whose calls when is true, as far as an Authorizer
// has let them in: they are opened again, or not, with the rights that their callers have
// now. It does nothing before Ready.
func (n *Node) Revoke(when func(Call) bool) {
	if p, ok := n.now(); ok {
		p.gate.revoke(when)
	}
}

// isolate keeps a defect met by one call from ending the node.
func (g *gate) isolate(method string, err *error) {
	if r := recover(); r != nil {
		g.logger.Error("a call failed on a defect of this program", "method", method, "panic", r, "stack", string(debug.Stack()))
		*err = status.Error(codes.Internal, "internal defect, see the node's log")
	}
}
