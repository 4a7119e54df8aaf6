package discordjs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventnode/eventnode/chat/directory"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/test/wire"
)

// Who and what there is. The tokens are the names.
const (
	ann   = 1001 // owns the guilds
	ben   = 1002
	hal   = 1003 // a bot, as all below are; a token that begins with bot loses that in libraries
	twins = 1004 // has two shards
	eve   = 1005
	pair  = 1006 // has two shards, too

	odd  = 7 << 22
	even = 8 << 22
)

// general is a guild's channel.
func general(guild uint64) uint64 { return guild + 1 }

func changes() (list []*eventnodev1.DirectoryChange) {
	for id, name := range map[uint64]string{ann: "ann", ben: "ben", hal: "hal", twins: "twins", eve: "eve", pair: "pair"} {
		list = append(list, directory.PutUser(&eventnodev1.DirectoryUser{Id: id, Username: name, Bot: id >= hal}))
	}
	for _, guild := range []uint64{odd, even} {
		list = append(list,
			directory.PutGuild(&eventnodev1.DirectoryGuild{Id: guild, OwnerId: ann, Name: "the guild"}),
			directory.PutChannel(&eventnodev1.DirectoryChannel{Id: general(guild), GuildId: guild, Name: "general"}))
		for _, user := range []uint64{ann, ben, hal, twins, eve, pair} {
			if user == twins || user == pair || guild == odd {
				list = append(list, directory.PutMember(&eventnodev1.DirectoryMember{GuildId: guild, UserId: user}))
			}
		}
	}
	return list
}

// world is three nodes with a gateway each, behind one wire.
type world struct {
	t     *testing.T
	wire  *wire.Wire
	nodes []*process

	mu   sync.Mutex
	sent []string // ids of messages, in the order of their dispatch
}

func newWorld(t *testing.T) *world {
	t.Helper()
	const n = 3
	tokens := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(tokens, []byte("ann 1001\nben 1002\nhal 1003 bot\ntwins 1004 bot\neve 1005 bot\npair 1006 bot\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, wire: wire.New(t)}
	var seeds []string
	for i := range n {
		w.nodes = append(w.nodes, start(t, settings{
			ID: fmt.Sprint("n", i+1), Dir: t.TempDir(), Tokens: tokens, PublicURL: "ws://" + w.wire.Address(), Nodes: n, Seeds: seeds,
		}))
		seeds = []string{w.nodes[0].Gossip}
	}
	for _, p := range w.nodes { // each takes clients when it knows the directory
		p.change(t)
	}
	w.wire.LeadTo(w.nodes[0].Gateway)
	return w
}

// change makes the directory, on all nodes.
func (p *process) change(t *testing.T) {
	t.Helper()
	eventually(t, "changed everywhere", func() bool {
		resp, err := p.api.Change(t.Context(), &eventnodev1.ChatServiceChangeRequest{Changes: changes()})
		if len(resp.GetRefused()) > 0 {
			t.Fatal(resp.GetRefused())
		}
		return err == nil && len(resp.GetMissing()) == 0
	})
}

// say dispatches a message to a guild, from a node. Unsure: nodes may not have answered.
func (w *world) say(from *process, guild uint64, unsure bool) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := strconv.Itoa(1<<30 + len(w.sent))
	data := fmt.Sprintf(`{"id":"%s","channel_id":"%d","guild_id":"%d","content":"hello, 日本","timestamp":"2026-01-02T03:04:05.678000+00:00",
		"edited_timestamp":null,"tts":false,"mention_everyone":false,"mentions":[],"mention_roles":[],"attachments":[],"embeds":[],"pinned":false,
		"type":0,"author":{"id":"1001","username":"ann","discriminator":"0","avatar":null}}`, id, general(guild), guild)
	resp, err := from.api.Dispatch(w.t.Context(), &eventnodev1.ChatServiceDispatchRequest{
		Topics: []string{fmt.Sprint("channel:", general(guild))}, Type: "MESSAGE_CREATE", Data: []byte(data),
	})
	if err != nil || len(resp.GetMissing()) > 0 && !unsure {
		w.t.Errorf("message %s from %s: %v, missing %v", id, from.ID, err, resp.GetMissing())
	}
	w.sent = append(w.sent, id)
	return id
}

// A session's log keeps more than a talk has, and less than two: the nodes' logs are full
// when one of them stops.
const (
	minTalk = 300
	maxTalk = 500
	logged  = 550
)

// pace is between two messages of a talk, so that it goes on while a client comes back.
const pace = 3 * time.Millisecond

// talk dispatches messages to the odd guild, one after the other from the next of some
// nodes, until stop, which returns the last one.
func (w *world) talk(unsure bool, from ...*process) (stop func() (last string)) {
	var over atomic.Bool
	var last string
	var talking sync.WaitGroup
	talking.Go(func() {
		tick := time.NewTicker(pace)
		defer tick.Stop()
		for i := 0; i < minTalk || i < maxTalk && !over.Load(); i++ {
			last = w.say(from[i%len(from)], odd, unsure)
			<-tick.C
		}
	})
	stop = func() string {
		over.Store(true)
		talking.Wait()
		return last
	}
	w.t.Cleanup(func() { stop() })
	return stop
}

// said is the ids of all messages so far.
func (w *world) said() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.sent)
}

// where says on which nodes the sessions of a user are.
func (w *world) where(from *process, user uint64) (nodes []string) {
	w.t.Helper()
	stream, err := from.api.ListSessions(w.t.Context(), &eventnodev1.ChatServiceListSessionsRequest{UserId: user})
	if err != nil {
		w.t.Fatal(err)
	}
	for {
		resp, err := stream.Recv()
		if err != nil {
			return nodes
		}
		for _, s := range resp.GetSessions() {
			nodes = append(nodes, s.GetNode())
		}
	}
}
