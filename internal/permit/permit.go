package permit

import (
	"context"
	"strings"

	"google.golang.org/grpc/metadata"

	"github.com/eventnode/eventnode/access"
)

// Permit is what the caller of a call may do.
type Permit interface {
	// May returns nil, or why the caller may not.
	May(u access.Use) error
}

// key is of contexts.
type key struct{}

// own permits all that a node does itself.
type own struct{}

// May implements Permit.
func (own) May(access.Use) error { return nil }

// With is ctx with what its caller may do.
func With(ctx context.Context, p Permit) context.Context { return context.WithValue(ctx, key{}, p) }

// Own is ctx for what a node does itself: it has none of the caller's rights and says
// nothing that the caller has said.
func Own(ctx context.Context) context.Context {
	return metadata.NewIncomingContext(With(ctx, own{}), nil)
}

// May returns nil, or why the caller of ctx may not do something with names; without an
// authorizer everybody may.
func May(ctx context.Context, o access.Operation, names ...string) error {
	p, ok := ctx.Value(key{}).(Permit)
	if !ok {
		return nil
	}
	return p.May(access.Use{Operation: o, Names: names})
}

// maxNames bounds what Names remember.
const maxNames = 4096

// Names remember which names of one operation a stream's caller may use, so that each is
// asked about once, or again when there are very many.
type Names struct {
	permit Permit
	use    access.Operation
	good   map[string]struct{}
}

// NewNames are those of the caller of ctx; nil, which permits all, if nobody is asked.
func NewNames(ctx context.Context, o access.Operation) *Names {
	p, ok := ctx.Value(key{}).(Permit)
	if !ok || p == (own{}) {
		return nil
	}
	return &Names{permit: p, use: o, good: map[string]struct{}{}}
}

// May returns nil, or why the caller may not use the name. One that it may is looked up
// without allocating.
func (n *Names) May(name []byte) error {
	if n == nil {
		return nil
	}
	if _, ok := n.good[string(name)]; ok {
		return nil
	}
	if err := n.permit.May(access.Use{Operation: n.use, Names: []string{string(name)}}); err != nil {
		return err
	}
	if len(n.good) >= maxNames {
		clear(n.good)
	}
	n.good[string(name)] = struct{}{}
	return nil
}

// What nodes say to each other in metadata has this prefix; OwnKey marks a call that is
// the node's own.
const (
	prefix = "eventnode-"
	OwnKey = prefix + "own"
)

// Forward is ctx for passing a call on to another node: with what its caller sent along,
// the token among it, but for what is the connection's, or a node's to say. What nobody
// sent is the node's own.
func Forward(ctx context.Context) context.Context {
	md, _ := metadata.FromIncomingContext(ctx)
	if len(md) == 0 {
		return metadata.NewOutgoingContext(ctx, metadata.Pairs(OwnKey, "1"))
	}
	md = md.Copy()
	for key := range md {
		if strings.HasPrefix(key, "grpc-") || strings.HasPrefix(key, ":") || strings.HasPrefix(key, prefix) {
			delete(md, key)
		}
	}
	return metadata.NewOutgoingContext(ctx, md)
}

// IsOwn reports whether a node says that an outgoing call is its own.
func IsOwn(md metadata.MD) bool { return len(md.Get(OwnKey)) > 0 }
