package discordjs_test

import (
	"fmt"
	"slices"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventnode/eventnode/test/npm"
)

// sharded is a program with two shards, and what it was to be told, by guild.
type sharded struct {
	*program
	name string
}

// The guild of each shard.
var guilds = []uint64{even, odd}

// say dispatches so many messages to each guild, and calls a function in the middle.
func (w *world) sayToBoth(said map[string][]string, n int, middle func(), from ...*process) {
	for i := range 2 * n {
		guild := guilds[i%2]
		id := w.say(from[i%len(from)], guild, false)
		said[fmt.Sprint(guild)] = append(said[fmt.Sprint(guild)], id)
		if i == n {
			middle()
		}
	}
}

// messages are the ids that a program's library has received, or handed on, by guild.
func (s sharded) messages(what string) map[string][]string {
	byGuild := map[string][]string{}
	for _, l := range s.said {
		if l.What == what && (what == "message" || l.Type == "MESSAGE_CREATE") {
			byGuild[l.Guild] = append(byGuild[l.Guild], l.ID)
		}
	}
	return byGuild
}

// has tests that each shard has what was said in its guild: all of it, once and in order.
func (s sharded) has(t *testing.T, said map[string][]string, when string) {
	t.Helper()
	last := func() (n int) {
		got := s.messages("message")
		for guild, ids := range said {
			if slices.Contains(got[guild], ids[len(ids)-1]) {
				n++
			}
		}
		return n
	}
	if last() < len(said) {
		s.until("the last messages, "+when, func(line) bool { return last() == len(said) })
	}
	for _, what := range []string{"raw", "message"} {
		if diff := cmp.Diff(said, s.messages(what)); diff != "" {
			t.Fatalf("%s, %s, %s (-dispatched +got):\n%s", s.name, when, what, diff)
		}
	}
	for _, l := range s.raw("MESSAGE_CREATE") {
		if own := fmt.Sprint(guilds[l.Shard]); l.Guild != own {
			t.Errorf("%s: shard %d has a message of guild %s", s.name, l.Shard, l.Guild)
		}
	}
}

// count waits until something was said so often, all in all.
func (s sharded) count(what string, n int, is func(line) bool) {
	s.t.Helper()
	for _, l := range s.said {
		if is(l) {
			n--
		}
	}
	for ; n > 0; n-- {
		s.until(what, is)
	}
}

// Two shards of discord.js, and two of Eris, are cut off while events come, and resume: each
// shard has the events of its guild, once and in order. Their node is killed: both shards of
// both are told that their sessions are gone, begin new ones elsewhere, and have from then on
// what is dispatched.
func TestShardsAreCutAndKilled(t *testing.T) {
	npm.Install(t)
	npm.ReadSources(t, "*.js")
	w := newWorld(t)
	n1, n2, n3 := w.nodes[0], w.nodes[1], w.nodes[2]
	port, certificate := tlsProxy(t, n3.Gateway)
	both := []sharded{
		{run(t, nil, "client.js", "http://"+n3.Gateway+"/api", "twins"), "discord.js"},
		{run(t, nil, "eris.js", port, certificate, "pair"), "Eris"},
	}
	for _, s := range both {
		if ready := s.says("ready"); ready.Shards != 2 || len(ready.Guilds) != 2 {
			t.Errorf("%s: %+v", s.name, ready)
		}
	}
	said := map[string][]string{}
	w.sayToBoth(said, 100, w.wire.Cut, n1, n2, n3)
	for _, s := range both {
		s.count("resumed", 2, func(l line) bool { return l.What == "resumed" })
		s.has(t, said, "cut")
		if n := len(s.raw("READY")); n != 2 {
			t.Errorf("%s: %d times READY", s.name, n)
		}
	}

	w.wire.LeadTo(n2.Gateway)
	n1.end(syscall.SIGKILL)
	for _, s := range both {
		s.count("new sessions", 4, func(l line) bool { return l.What == "raw" && l.Type == "READY" })
		s.count("their guilds", 4, func(l line) bool { return l.What == "raw" && l.Type == "GUILD_CREATE" })
	}
	eventually(t, "all nodes that live answer", func() bool {
		return len(w.where(n3, twins)) == 2 && len(w.where(n3, pair)) == 2
	})
	w.sayToBoth(said, 20, func() {}, n2, n3)
	for _, s := range both {
		s.has(t, said, "killed")
	}
}
