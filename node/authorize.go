package node

import (
	"context"
	"fmt"
	"net"
	"strings"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/access"
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
	// Use is what it does, and with what: see Authorizer.
	Use access.Use
}

// Authorizer decides on a public call before it is served: nil allows it, and
// eventnode.ErrUnauthenticated or ErrPermissionDenied, wrapped or not, refuse
// it. It is called concurrently, and should be quick.
//
// It is asked about each call without names first: may this caller do that at all? Then it
// is asked about the names that the call is about, if the operation has some: those of a
// request before it is served, and those in a stream as they come up, where a refusal is
// of the one subscription, envelope, batch or join, and the stream goes on. Of dispatches
// in one stream each topic is asked about once.
//
// What is passed on to another node, a stream's leader, is asked about there, too: give
// all nodes the same rules.
type Authorizer func(ctx context.Context, call Call) error

// TokenAuthorizer decides by the token of a call ("authorization: Bearer TOKEN"); policy
// is asked at each call who may do what, so that it may change. See Node.Revoke for what
// was opened before.
func TokenAuthorizer(policy func() *access.Policy) Authorizer {
	return func(_ context.Context, call Call) error {
		token, ok := call.Token()
		if !ok {
			return fmt.Errorf("this node asks for a token, \"authorization: Bearer TOKEN\", one: %w", eventnode.ErrUnauthenticated)
		}
		who, ok := policy().Of(token)
		if !ok {
			return fmt.Errorf("nobody has the token that was sent: %w", eventnode.ErrUnauthenticated)
		}
		return who.May(call.Use)
	}
}

// Token is the bearer token that was sent along, if there is one, and only one.
func (c Call) Token() (string, bool) {
	values := c.Metadata.Get("authorization")
	if len(values) != 1 {
		return "", false
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(scheme, "bearer")
}

// caller is who makes a call, as services may ask about.
type caller struct {
	ctx       context.Context //nolint:containedctx // of this one call
	authorize Authorizer
	call      Call // without Use
	rule      method
}

// May implements permit.Permit.
func (c *caller) May(u access.Use) error {
	call := c.call
	call.Use = u
	return c.authorize(c.ctx, call)
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
