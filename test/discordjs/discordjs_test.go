package discordjs_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventnode/eventnode/gateway/gatewaytest"
	"github.com/eventnode/eventnode/test/npm"
)

// The lock says all that is installed.
func TestLock(t *testing.T) { npm.CheckLock(t) }

// One cluster for all.
func TestLibraries(t *testing.T) {
	npm.Install(t)
	npm.ReadSources(t, "*.js")
	w := newWorld(t)
	t.Run("discord.js with two shards", func(t *testing.T) { testShards(t, w) })
	t.Run("Eris", func(t *testing.T) { testEris(t, w) })
	t.Run("discord.js", func(t *testing.T) { testDiscordJS(t, w) })
}

// Each of two shards, which discord.js opens because GET /gateway/bot recommends two, gets
// the events of its own guilds, and no other.
func testShards(t *testing.T, w *world) {
	p := run(t, nil, "client.js", "http://"+w.nodes[0].Gateway+"/api", "twins")
	if ready := p.says("ready"); ready.Shards != 2 || len(ready.Guilds) != 2 {
		t.Errorf("%+v", ready)
	}
	for i := range 20 {
		w.say(w.nodes[i%3], []uint64{even, odd}[i%2], false)
	}
	last := w.said()
	p.until("all messages", func(line) bool { _, handed := p.ids(); return len(handed) == 20 })
	_, handed := p.ids()
	slices.Sort(handed) // two sockets have no order
	if diff := cmp.Diff(last[len(last)-20:], handed); diff != "" {
		t.Error(diff)
	}
	for _, eventType := range []string{"GUILD_CREATE", "MESSAGE_CREATE"} {
		for _, l := range p.raw(eventType) {
			own := map[int]string{0: fmt.Sprint(even), 1: fmt.Sprint(odd)}[l.Shard]
			if l.Guild != own {
				t.Errorf("shard %d has %s of guild %s", l.Shard, eventType, l.Guild)
			}
		}
	}
}

// discord.js connects where GET /gateway/bot says, gets what is dispatched on three nodes,
// and goes on where it was when its connection is cut and when its node stops, with nothing
// lost and nothing twice while events keep coming. When its node is killed it is told that
// its session is gone, and begins a new one.
func testDiscordJS(t *testing.T, w *world) {
	before := len(w.said())
	n1, n2, n3 := w.nodes[0], w.nodes[1], w.nodes[2]
	p := run(t, nil, "client.js", "http://"+n3.Gateway+"/api", "hal")
	if ready := p.says("ready"); !slices.Equal(ready.Guilds, []string{fmt.Sprint(odd)}) || ready.Shards != 1 {
		t.Errorf("%+v", ready)
	}
	first := p.raw("READY")[0]
	if first.Resume != "ws://"+w.wire.Address() {
		t.Errorf("to resume at %s", first.Resume)
	}
	p.company(t, n2)
	for range 2 {
		stop := w.talk(false, n1, n2, n3)
		p.has(p.next(before + 50))
		w.wire.Cut()
		if l := p.says("resumed"); l.Replayed == 0 {
			t.Errorf("it resumed with nothing to be replayed: %+v", l)
		}
		p.has(stop())
		p.hasAll(w.said()[before:], "cut")
	}
	if nodes := w.where(n3, hal); !slices.Equal(nodes, []string{"n1"}) {
		t.Errorf("its sessions are on %v", nodes)
	}

	// One that reaches n1 in its last moment may be reported to be unsure. It comes.
	stop := w.talk(true, n2, n3)
	p.has(p.next(before + 50))
	w.wire.LeadTo(n2.Gateway)
	n1.end(syscall.SIGTERM)
	p.says("resumed")
	p.has(stop())
	p.hasAll(w.said()[before:], "stopped")
	if nodes := w.where(n3, hal); !slices.Equal(nodes, []string{"n2"}) {
		t.Errorf("its sessions are on %v", nodes)
	}

	stop = w.talk(true, n3)
	p.has(p.next(before + 50))
	w.wire.LeadTo(n3.Gateway)
	n2.end(syscall.SIGKILL)
	p.until("a new session", func(l line) bool { return l.Type == "READY" && l.Session != first.Session })
	from := len(w.said())
	p.says("shard ready")
	stop()
	p.has(w.say(n3, odd, true))
	received, _ := p.ids()
	if want := w.said()[from:]; len(received) < len(want) || !slices.Equal(received[len(received)-len(want):], want) {
		t.Errorf("of the new session it has %v, want %v", received, want)
	}
	if !slices.IsSorted(received) || len(slices.Compact(received)) != len(received) {
		t.Error("events came twice or out of order")
	}
}

// next is the id of the message after so many more, when all until now were received.
func (p *program) next(base int) string {
	received, _ := p.ids()
	return fmt.Sprint(1<<30 + base + len(received))
}

// hasAll tests that these messages have come, each once and in order, to one session.
func (p *program) hasAll(want []string, what string) {
	p.t.Helper()
	received, handed := p.ids()
	if diff := cmp.Diff(want, received); diff != "" {
		p.t.Fatalf("%s (-dispatched +received):\n%s", what, diff)
	}
	if diff := cmp.Diff(received, handed); diff != "" {
		p.t.Errorf("%s (-received +handed on):\n%s", what, diff)
	}
	if len(p.raw("READY")) != 1 {
		p.t.Errorf("%s: it identified anew", what)
	}
}

// company tests what a bot knows of others, and they of it.
func (p *program) company(t *testing.T, other *process) {
	t.Helper()
	p.ask(map[string]string{"do": "members", "guild": fmt.Sprint(odd)})
	if l := p.says("members"); !slices.Equal(l.Names, []string{"ann", "ben", "eve", "hal", "pair", "twins"}) {
		t.Errorf("members: %v", l.Names)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := gatewaytest.Dial(ctx, other.Gateway)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Cut()
	if _, err := c.Identify(ctx, "ben", nil); err != nil {
		t.Fatal(err)
	}
	if l := p.says("presence"); l.ID != fmt.Sprint(ben) || l.Status != "online" {
		t.Errorf("presence: %+v", l)
	}
	p.ask(map[string]string{"do": "play", "name": "chess"})
	for {
		got, err := c.Next(ctx)
		if err != nil {
			t.Fatalf("waiting for the presence of the bot: %v", err)
		}
		if got.Type == "PRESENCE_UPDATE" && strings.Contains(string(got.Data), "chess") {
			return
		}
	}
}
