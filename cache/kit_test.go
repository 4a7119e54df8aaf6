package cache_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/eventnode/eventnode/cache"
	"github.com/eventnode/eventnode/cache/cachetest"
	"github.com/eventnode/eventnode/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func memory(t testing.TB, cfg cache.MemoryConfig) *cache.Memory {
	t.Helper()
	m, err := cache.NewMemory(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func newCache(t testing.TB, cfg cache.Config) *cache.Cache {
	t.Helper()
	c, err := cache.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// nodes are three, each with a memory, and guilds are spread over them by their ids.
type nodes struct {
	stores  [3]cache.Store
	spreads [3]*cache.Spread
	wholes  [3]*cache.Spread // over the Wholes of all
	turn    atomic.Uint64
	asked   atomic.Uint64 // how often a node has asked another one
}

// peers are what one of them sees.
type peers struct {
	*nodes
	me    int
	whole bool
}

func (p peers) Owner(guild cache.Snowflake) (string, bool) {
	if owner := int(guild % 3); owner != p.me {
		return fmt.Sprint(owner), true
	}
	return "", true
}

func (p peers) Others() (names []string) {
	for i := range p.stores {
		if i != p.me {
			names = append(names, fmt.Sprint(i))
		}
	}
	return names
}

func (p peers) Reader(node string) cache.Reader {
	p.asked.Add(1)
	if p.whole {
		return cache.Whole{From: p.stores[node[0]-'0']}
	}
	return p.stores[node[0]-'0']
}

func newNodes(t testing.TB) *nodes {
	t.Helper()
	n := &nodes{}
	for i := range n.stores {
		n.stores[i] = memory(t, cache.MemoryConfig{})
		for whole, into := range map[bool]*[3]*cache.Spread{false: &n.spreads, true: &n.wholes} {
			spread, err := cache.NewSpread(cache.SpreadConfig{Local: n.stores[i], Peers: peers{n, i, whole}})
			if err != nil {
				t.Fatal(err)
			}
			into[i] = spread
		}
	}
	return n
}

// owner is where a key is written: with its guild, or anywhere.
func (n *nodes) owner(key cache.Key) cache.Store {
	switch key.Kind {
	case cache.Role, cache.Channel, cache.Member, cache.Presence:
		return n.stores[key.In%3]
	default:
		return n.stores[key.ID%3]
	}
}

// reader is each in turn.
func (n *nodes) reader() cache.Reader { return n.spreads[n.turn.Add(1)%3] }

func (n *nodes) Read(ctx context.Context, key cache.Key) (json.RawMessage, error) {
	return n.reader().Read(ctx, key)
}

func (n *nodes) List(ctx context.Context, r cache.Range) ([]cache.Entry, error) {
	return n.reader().List(ctx, r)
}

func (n *nodes) Places(ctx context.Context, kind cache.Kind, from cache.Snowflake) ([]cache.Snowflake, error) {
	return n.reader().Places(ctx, kind, from)
}

func (n *nodes) Put(ctx context.Context, key cache.Key, v json.RawMessage) (json.RawMessage, error) {
	return n.owner(key).Put(ctx, key, v)
}

func (n *nodes) Fill(ctx context.Context, entries []cache.Entry) error {
	for _, e := range entries {
		if err := n.owner(e.Key).Fill(ctx, []cache.Entry{e}); err != nil {
			return err
		}
	}
	return nil
}

func (n *nodes) Delete(ctx context.Context, key cache.Key) (json.RawMessage, error) {
	return n.owner(key).Delete(ctx, key)
}

func (n *nodes) Clear(ctx context.Context, kind cache.Kind, in cache.Snowflake) error {
	var all error
	for _, s := range n.stores {
		all = errors.Join(all, s.Clear(ctx, kind, in))
	}
	return all
}

// Every store does what the conformance suite says.
func TestStores(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		cachetest.Run(t, true, func(t testing.TB) cache.Store { return memory(t, cache.MemoryConfig{}) })
	})
	t.Run("small memory", func(t *testing.T) {
		limits := map[cache.Kind]cache.Limit{}
		for k := range cache.Kinds {
			limits[cache.Kind(k)] = cache.Limit{Entries: 3, Batch: 2}
		}
		cachetest.Run(t, false, func(t testing.TB) cache.Store { return memory(t, cache.MemoryConfig{Limits: limits}) })
	})
	t.Run("none", func(t *testing.T) { cachetest.Run(t, false, func(testing.TB) cache.Store { return cache.None{} }) })
	t.Run("three nodes", func(t *testing.T) {
		cachetest.Run(t, true, func(t testing.TB) cache.Store { return newNodes(t) })
	})
}

// world is a cache that a shard writes, and one that somebody looks things up in.
type world struct {
	testing.TB
	write, look *cache.Cache
}

// worlds are all that look-ups must be the same in: one memory, and two ways of three nodes.
func worlds(t *testing.T, test func(w world)) {
	t.Run("memory", func(t *testing.T) {
		c := newCache(t, cache.Config{Store: memory(t, cache.MemoryConfig{}), Registerer: prometheus.NewRegistry()})
		test(world{t, c, c})
	})
	t.Run("another node", func(t *testing.T) {
		n := newNodes(t)
		test(world{t, newCache(t, cache.Config{Store: n.stores[1]}), newCache(t, cache.Config{Store: n.stores[2], Reader: n.spreads[2]})})
	})
	t.Run("another node puts together", func(t *testing.T) {
		n := newNodes(t)
		test(world{t, newCache(t, cache.Config{Store: n.stores[1]}), newCache(t, cache.Config{Store: n.stores[2], Reader: n.spreads[2], Whole: n.wholes[2]})})
	})
}

var origin = source.Origin{Source: "bot", Shard: 3, Shards: 16, Session: "s", Seq: 7}

// take has a payload written and derived, as a pipeline would.
func (w world) take(name, data string) []source.Event {
	w.Helper()
	events, err := take(w.Context(), w.write, name, data)
	if err != nil {
		w.Fatalf("%s %s: %v", name, data, err)
	}
	return events
}

func take(ctx context.Context, c *cache.Cache, name, data string) ([]source.Event, error) {
	p := source.Payload{Name: name, Data: json.RawMessage(data), Origin: origin}
	made, err := c.Write(ctx, p)
	if err != nil || made == nil {
		return []source.Event{{Name: p.Name, Data: p.Data, Origin: p.Origin}}, err
	}
	return made.Derive(p)
}

// want checks which events a payload becomes: a name and data each, in JSON.
func (w world) want(events []source.Event, want ...string) {
	w.Helper()
	if len(events) != len(want)/2 {
		w.Fatalf("%d events, want %d: %s", len(events), len(want)/2, told(events))
	}
	for i, e := range events {
		if e.Name != want[2*i] || !sameJSON(w, string(e.Data), want[2*i+1]) || e.Origin != origin {
			w.Fatalf("event %d:\n%s %s\nwant\n%s %s", i, e.Name, e.Data, want[2*i], want[2*i+1])
		}
	}
}

func told(events []source.Event) string {
	var b strings.Builder
	for _, e := range events {
		fmt.Fprintf(&b, "%s %s\n", e.Name, e.Data)
	}
	return b.String()
}

func sameJSON(t testing.TB, a, b string) bool {
	t.Helper()
	var va, vb any
	if err := errors.Join(json.Unmarshal([]byte(a), &va), json.Unmarshal([]byte(b), &vb)); err != nil {
		t.Fatalf("%s, %s: %v", a, b, err)
	}
	return reflect.DeepEqual(va, vb)
}
