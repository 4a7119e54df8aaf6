package cache_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/cache"
	"github.com/eventnode/eventnode/discord"
)

// stopped is a node that does not answer.
type stopped struct{ cache.None }

func (stopped) Read(ctx context.Context, _ cache.Key) (json.RawMessage, error) {
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

func (stopped) List(ctx context.Context, _ cache.Range) ([]cache.Entry, error) {
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

// A look-up of what a node has that does not answer ends at the deadline, with an error that
// names the node; what others have is found all the same.
func TestSpreadStoppedNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNodes(t)
		c := newCache(t, cache.Config{Store: n.stores[0], Reader: n.spreads[0]})
		other := newCache(t, cache.Config{Store: n.stores[1]})
		w := world{t, other, c}
		w.take("GUILD_CREATE", guild1) // node 1 has it
		n.stores[2] = stopped{}

		began := time.Now()
		_, err := c.Guild(t.Context(), 2)
		if !errors.Is(err, cache.ErrUnreachable) || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "node 2") || errors.Is(err, cache.ErrNotFound) {
			t.Errorf("a guild of the node: %v", err)
		}
		if waited := time.Since(began); waited != cache.DefaultTimeout {
			t.Errorf("waited %v", waited)
		}
		is(w, found[*discord.Guild](w)(c.Guild(t.Context(), 1)).Name, "g")
		is(w, found[*discord.User](w)(c.User(t.Context(), 40)).Username, "u") // node 1 knows him: 2 is not waited for
		is(w, time.Since(began), cache.DefaultTimeout)
		_, err = c.User(t.Context(), 41)
		if !errors.Is(err, cache.ErrUnreachable) || errors.Is(err, cache.ErrNotFound) {
			t.Errorf("a user that it may know: %v", err)
		}
		for _, err := range c.Guilds(t.Context()) {
			if !errors.Is(err, cache.ErrUnreachable) {
				t.Errorf("a list that it has a part of: %v", err)
			}
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errBroken)
		if _, err = c.Guild(ctx, 2); !errors.Is(err, errBroken) {
			t.Errorf("a caller who has gone: %v", err)
		}
	})
}

// nobody are peers that know no owner.
type nobody struct{ peers }

func (nobody) Owner(cache.Snowflake) (string, bool) { return "", false }

// A guild whose node is not known, while its shard moves, is looked for on all nodes.
func TestSpreadUnknownOwner(t *testing.T) {
	n := newNodes(t)
	spread, err := cache.NewSpread(cache.SpreadConfig{Local: n.stores[0], Peers: nobody{peers{nodes: n}}})
	if err != nil {
		t.Fatal(err)
	}
	c := newCache(t, cache.Config{Store: n.stores[0], Reader: spread})
	w := world{t, newCache(t, cache.Config{Store: n.stores[1]}), c}
	w.take("GUILD_CREATE", guild1)
	is(w, found[*discord.Guild](w)(c.Guild(t.Context(), 1)).Name, "g")
	is(w, found[*discord.Channel](w)(c.Channel(t.Context(), 30)).Name, "c")
	listed(w, c.Members(t.Context(), 1), memberID, 40)
	missing[*discord.Guild](w)(c.Guild(t.Context(), 2))
}

// A look-up of what is here asks nobody, and writing never does.
func TestSpreadLocal(t *testing.T) {
	n := newNodes(t)
	c := newCache(t, cache.Config{Store: n.stores[1], Reader: n.spreads[1]})
	w := world{t, c, c}
	n.stores[0], n.stores[2] = failing{}, failing{}
	for range 2 {
		w.take("GUILD_CREATE", guild1)
		w.take("PRESENCE_UPDATE", `{"guild_id":"1","user":{"id":"77"},"status":"idle"}`)
		w.take("MESSAGE_UPDATE", `{"id":"5","channel_id":"30"}`)
	}
	is(w, found[*discord.Guild](w)(c.Guild(t.Context(), 1)).Name, "g")
	is(w, found[*discord.Channel](w)(c.Channel(t.Context(), 30)).Name, "c")
	is(w, found[*discord.User](w)(c.User(t.Context(), 40)).Username, "u")
	listed(w, c.Members(t.Context(), 1), memberID, 40)
	if _, err := c.User(t.Context(), 99); !errors.Is(err, cache.ErrUnreachable) || !errors.Is(err, errBroken) {
		t.Error(err)
	}
}

// A spread without what it needs is refused.
func TestSpreadConfig(t *testing.T) {
	n := newNodes(t)
	for _, cfg := range []cache.SpreadConfig{{}, {Local: cache.None{}}, {Peers: peers{nodes: n}}, {Local: cache.None{}, Peers: peers{nodes: n}, Timeout: -1}} {
		if _, err := cache.NewSpread(cfg); !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

// What several nodes have is listed once: this node's, if it has it.
func TestSpreadListsOnce(t *testing.T) {
	n := newNodes(t)
	for i, s := range n.stores {
		for id := range cache.Snowflake(3) {
			if _, err := s.Put(t.Context(), cache.Key{Kind: cache.User, ID: id}, json.RawMessage{'0' + byte(i)}); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Put(t.Context(), cache.Key{Kind: cache.Message, In: id, ID: 1}, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, s := range n.spreads {
		users, err := s.List(t.Context(), cache.Range{Kind: cache.User})
		if err != nil || len(users) != 3 {
			t.Fatalf("%v, %v", users, err)
		}
		for id, e := range users {
			if e.Key.ID != cache.Snowflake(id) || string(e.Value) != string([]byte{'0' + byte(i)}) {
				t.Errorf("node %d lists %v: %s", i, e.Key, e.Value)
			}
		}
		if channels, err := s.Places(t.Context(), cache.Message, 0); err != nil || len(channels) != 3 {
			t.Errorf("%v, %v", channels, err)
		}
	}
}
