package bot_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/discord"
	"github.com/eventnode/eventnode/shard"
	"github.com/eventnode/eventnode/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// story is what a consumer on one node has got of the guilds' names.
type story struct {
	t       *testing.T
	c       *source.Consumer
	names   map[discord.Snowflake]string // what is new, of the newest event
	unknown int                          // events whose old was not known
	repeats int
}

func (w *world) listen(i int) *story {
	w.t.Helper()
	g, err := source.NewConsumerGroup(w.nodes[i].node, "helper")
	if err != nil {
		w.t.Fatal(err)
	}
	s := &story{t: w.t, names: map[discord.Snowflake]string{}}
	if s.c, err = g.NewConsumer(w.t.Context(), eventnode.WithPolicy(eventnode.PolicyBlock), eventnode.WithQueue(10_000, 64<<20)); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = s.c.Close() })
	if err := g.Join(w.t.Context(), s.c); err != nil {
		w.t.Fatal(err)
	}
	return s
}

// until reads until a guild is called so. Each change must say what was before, if anything.
func (s *story) until(guild int, name string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	for s.names[discord.Snowflake(guildID(guild))] != name {
		got, err := s.c.Receive(ctx)
		if err != nil {
			s.t.Fatalf("waiting for %q: %v; has %v", name, err, s.names)
		}
		if got.Gap != nil {
			s.t.Fatalf("a gap on the way: %+v", got.Gap)
		}
		s.take(got)
	}
}

func (s *story) take(r source.Received) {
	s.t.Helper()
	e := r.Event
	switch {
	case e.Name == shard.GapName, r.Seen == source.Gap, r.Seen == source.Unknown:
		s.t.Fatalf("%v: %s %s", r.Seen, e.Name, e.Data)
	case r.Seen == source.Repeat:
		s.repeats++
		return
	case e.Name != "GUILD_UPDATE":
		return
	}
	u, err := discord.As[discord.GuildUpdate](e.Name, e.Data)
	if err != nil {
		s.t.Fatalf("%s: %v", e.Data, err)
	}
	before, told := s.names[u.New.ID]
	switch {
	case u.Old == nil:
		s.unknown++
	case told && u.Old.Name != before:
		s.t.Fatalf("guild %v was %q, and is said to have been %q", u.New.ID, before, u.Old.Name)
	}
	s.names[u.New.ID] = u.New.Name
}

// rename renames a guild so many times, and everybody hears of it.
func (w *world) rename(guild, times int, round string, all ...*story) {
	w.t.Helper()
	last := ""
	for n := range times {
		last = fmt.Sprintf("%s %d", round, n)
		w.from.say(guild, "GUILD_UPDATE", map[string]any{"id": fmt.Sprint(guildID(guild)), "name": last})
	}
	for _, s := range all {
		s.until(guild, last)
	}
}

// N5, N6, N11: consumers on every node see each event once, in order, with old and new,
// while shards are moved and their nodes are stopped; look-ups on any node find a guild where
// its shard is.
func TestShardsMove(t *testing.T) {
	w := newWorld(t)
	for i := range shards {
		w.where(i)
	}
	all := []*story{w.listen(0), w.listen(1), w.listen(2)}
	for g := range guilds {
		w.rename(g, 20, "first", all...)
	}
	at := w.where(0)
	to := (at + 1) % 3
	if err := w.nodes[at].Fleet().Move(t.Context(), 0, w.cfgs[to].ID); err != nil {
		t.Fatal(err)
	}
	if now := w.where(0); now != to {
		t.Fatalf("the shard is on node %d, not %d", now, to)
	}
	for g := range guilds {
		w.rename(g, 20, "moved", all...)
	}
	w.nodes[to].endBot() // a node goes down in good order
	w.nodes[to].endBot = func() {}
	for i := range shards {
		if now := w.where(i); now == to {
			t.Fatalf("shard %d is still there", i)
		}
	}
	for g := range guilds {
		w.rename(g, 20, "stopped", all...)
	}
	for i, s := range all {
		if s.unknown > 0 || s.repeats > 0 {
			t.Errorf("consumer %d: %d changes of something unknown, %d events twice", i, s.unknown, s.repeats)
		}
	}
	for i, n := range w.nodes {
		for g := range guilds {
			found, err := n.Cache().Guild(t.Context(), discord.Snowflake(guildID(g)))
			if i != to && (err != nil || found.Name != "stopped 19") {
				t.Errorf("node %d, guild %d: %+v, %v", i, g, found, err)
			}
		}
	}
}

// N11, N15x: when the node of a shard is killed another one resumes its session: nothing is
// missing that the gateway has, what comes twice is told by its number, and what was not
// cached there is said to be unknown.
func TestShardsNodeIsKilled(t *testing.T) {
	w := newWorld(t)
	dead := w.where(0)
	w.where(1)
	all := []*story{w.listen((dead + 1) % 3), w.listen((dead + 2) % 3)}
	for g := range guilds {
		w.rename(g, 20, "first", all...)
	}
	w.kill(dead)
	for g := range guilds {
		w.rename(g, 20, "killed", all...)
	}
	for i := range shards {
		if w.where(i) == dead {
			t.Fatal("a dead node has a shard")
		}
	}
	for i, s := range all {
		if s.unknown > guilds {
			t.Errorf("consumer %d: %d changes of something unknown", i, s.unknown)
		}
	}
}
