package permit_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"google.golang.org/grpc/metadata"

	"github.com/eventnode/eventnode/access"
	"github.com/eventnode/eventnode/internal/permit"
)

// asked permits what starts with a, and counts.
type asked struct{ count int }

func (a *asked) May(u access.Use) error {
	a.count++
	for _, name := range u.Names {
		if name == "" || name[0] != 'a' {
			return errors.New(name)
		}
	}
	return nil
}

// Names ask about each name once as long as it is good and there are not very many, again
// about what is refused, and permit what the permit does.
func TestNames(t *testing.T) {
	p := &asked{}
	names := permit.NewNames(permit.With(t.Context(), p), access.Dispatch)
	for range 3 {
		if names.May([]byte("a")) != nil || names.May([]byte("b")) == nil {
			t.Fatal("not what the permit says")
		}
	}
	if p.count != 4 {
		t.Errorf("asked %d times", p.count)
	}
	for i := range 10_000 {
		if err := names.May(fmt.Append(nil, "a", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := names.May([]byte("b")); err == nil {
		t.Error("b is permitted after all")
	}
	name := []byte("a9999")
	if n := testing.AllocsPerRun(100, func() { _ = names.May(name) }); n != 0 {
		t.Errorf("%v allocations for a name that is known", n)
	}
}

// Without an authorizer everything is permitted, and so is what a node does itself,
// whoever it is for.
func TestWhoIsNotAsked(t *testing.T) {
	p := &asked{}
	for what, ctx := range map[string]context.Context{"nobody": t.Context(), "own": permit.Own(permit.With(t.Context(), p))} {
		if permit.May(ctx, access.Publish, "b") != nil || permit.NewNames(ctx, access.Publish) != nil {
			t.Errorf("%s is asked", what)
		}
	}
	if permit.May(permit.With(t.Context(), p), access.Publish, "a", "b") == nil {
		t.Error("a caller is not asked")
	}
}

// What is passed on has the caller's token and nothing that only nodes may say; what nobody
// sent, or a node does itself, is marked as the node's own.
func TestForward(t *testing.T) {
	caller := metadata.NewIncomingContext(t.Context(), metadata.Pairs(
		"authorization", "Bearer x", "custom", "1", ":authority", "n1", "grpc-timeout", "1S", "eventnode-own", "1", "eventnode-link", "stolen", "eventnode-forwarded", "n1"))
	for _, c := range []struct {
		ctx  context.Context
		own  bool
		keys []string
	}{
		{caller, false, []string{"authorization", "custom"}},
		{t.Context(), true, []string{"eventnode-own"}},
		{permit.Own(caller), true, []string{"eventnode-own"}},
	} {
		md, _ := metadata.FromOutgoingContext(permit.Forward(c.ctx))
		var keys []string
		for k := range md {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		if permit.IsOwn(md) != c.own || !slices.Equal(keys, c.keys) {
			t.Errorf("%v, want %v", md, c.keys)
		}
	}
}

// What it costs to ask about the topic of a run that is known.
func BenchmarkNames(b *testing.B) {
	names := permit.NewNames(permit.With(b.Context(), &asked{}), access.Dispatch)
	topic := []byte("a-topic:of.some.length")
	for b.Loop() {
		if err := names.May(topic); err != nil {
			b.Fatal(err)
		}
	}
}
