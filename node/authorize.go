package node

import (
	"context"
	"log/slog"
	"net"
	"runtime/debug"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/eventnode/eventnode/internal/apierr"
)

// Call is a public call about to be served.
type Call struct {
	// Method is its full gRPC name, "/eventnode.v1.GroupService/Broadcast".
	Method string
	// Remote is where it comes from.
	Remote net.Addr
	// Metadata is what the caller sent along, such as "authorization".
	Metadata metadata.MD
	// TLS is how the connection is secured; nil in the clear.
	TLS *credentials.TLSInfo
}

// Authorizer decides on a public call before it is served: nil allows it, and
// eventnode.ErrUnauthenticated or ErrPermissionDenied, wrapped or not, refuse
// it. It is called concurrently, once a call or stream, and should be quick.
type Authorizer func(ctx context.Context, call Call) error

// linkPrefix is what every method between nodes starts with.
const linkPrefix = "/eventnode.cluster.v1."

// gate is what each call passes before it is served.
type gate struct {
	authorize Authorizer
	mutual    bool // links need a verified client certificate
	logger    *slog.Logger
}

// check admits a call or says why not.
func (g *gate) check(ctx context.Context, method string) error {
	call := describe(ctx, method)
	if strings.HasPrefix(method, linkPrefix) {
		if g.mutual && (call.TLS == nil || len(call.TLS.State.VerifiedChains) == 0) {
			return status.Error(codes.Unauthenticated, "a link needs a client certificate that this node's CA signed")
		}
		return nil // the handshake of the link proves the rest
	}
	if g.authorize == nil {
		return nil
	}
	return apierr.ToStatus(g.authorize(ctx, call))
}

func describe(ctx context.Context, method string) Call {
	call := Call{Method: method}
	call.Metadata, _ = metadata.FromIncomingContext(ctx)
	if p, ok := peer.FromContext(ctx); ok {
		call.Remote = p.Addr
		if info, ok := p.AuthInfo.(credentials.TLSInfo); ok {
			call.TLS = &info
		}
	}
	return call
}

func (g *gate) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
	defer g.isolate(info.FullMethod, &err)
	if err := g.check(ctx, info.FullMethod); err != nil {
		return nil, err
	}
	return next(ctx, req)
}

func (g *gate) stream(srv any, s grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	defer g.isolate(info.FullMethod, &err)
	if err := g.check(s.Context(), info.FullMethod); err != nil {
		return err
	}
	return next(srv, s)
}

// isolate keeps a defect met by one call from ending the node.
func (g *gate) isolate(method string, err *error) {
	if r := recover(); r != nil {
		g.logger.Error("a call failed on a defect of this program", "method", method, "panic", r, "stack", string(debug.Stack()))
		*err = status.Error(codes.Internal, "internal defect, see the node's log")
	}
}
