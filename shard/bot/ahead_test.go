package bot

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/cache"
	"github.com/eventnode/eventnode/shard"
	"github.com/eventnode/eventnode/shard/fleet"
	"github.com/eventnode/eventnode/source"
)

func at(node eventnode.NodeID, session string, seq uint64) resume {
	return resume{At: shard.Resume{Session: session, Seq: seq}, Node: node}
}

// W6: a shard that was interrupted comes back to its node where it ended there, whose cache has
// seen that, and not where that was last kept; unless somebody else has had it, or it is not
// known where it ended.
func TestGoesOnWhereItEnded(t *testing.T) {
	for _, tt := range []struct{ kept, end, want resume }{
		{at("n1", "s", 5), at("n1", "s", 9), at("n1", "s", 9)},
		{at("n1", "s", 5), at("n1", "next", 2), at("n1", "next", 2)},
		{at("n2", "s", 5), at("n1", "s", 9), at("n2", "s", 5)},
		{at("n1", "s", 5), resume{}, at("n1", "s", 5)},
		{at("n1", "s", 9), at("n1", "s", 5), at("n1", "s", 9)},
		{resume{}, at("n1", "s", 9), resume{}},
	} {
		p := &past{}
		p.ended(tt.end)
		if got := p.goOn(tt.kept, "n1"); got != tt.want {
			t.Errorf("kept %+v, ended %+v: goes on at %+v, want %+v", tt.kept, tt.end, got, tt.want)
		}
	}
}

// What a node knows of a shard it gives only to who goes on there: another one would have its
// payloads change what they have changed before.
func TestGivesOnlyWhatIsAsOf(t *testing.T) {
	id := fleet.ShardID{Index: 0, Total: 1}
	b := &Bot{pasts: map[fleet.ShardID]*past{}}
	if err := b.asOf(id, "s", 5); err != nil {
		t.Error("a shard that has not run here:", err)
	}
	b.pastOf(id).ended(at("n1", "s", 9))
	for seq, ok := range map[uint64]bool{9: true, 5: false, 10: false} {
		if err := b.asOf(id, "s", seq); (err == nil) != ok || err != nil && !errors.Is(err, eventnode.ErrUnavailable) {
			t.Errorf("%d: %v", seq, err)
		}
	}
	if b.asOf(id, "other", 9) == nil {
		t.Error("another session is welcome")
	}
	if err := b.asOf(id, "", 0); err != nil {
		t.Error("who has no session:", err)
	}
}

// W6: a payload that was written, and comes again for it was not handled, has the change that
// it had: what it deletes is told, and old is what was before it.
func TestWrittenAgain(t *testing.T) {
	store, err := cache.NewMemory(cache.MemoryConfig{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := cache.New(cache.Config{Store: store})
	if err != nil {
		t.Fatal(err)
	}
	p := &past{}
	seq := uint64(0)
	say := func(name, data string, times int) (told []string) {
		seq++
		for range times {
			pl := source.Payload{Name: name, Data: json.RawMessage(data), Origin: source.Origin{Source: "s", Shards: 1, Session: "x", Seq: seq}}
			change, err := written{Cache: c, past: p}.Write(t.Context(), pl)
			if err != nil || change == nil {
				told = append(told, name)
				continue
			}
			events, err := change.Derive(pl)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range events {
				told = append(told, string(e.Data))
			}
		}
		return told
	}
	say("CHANNEL_CREATE", `{"id":"2","guild_id":"1","name":"a"}`, 1)
	for _, got := range [][]string{
		say("CHANNEL_UPDATE", `{"id":"2","guild_id":"1","name":"b"}`, 2),
		say("CHANNEL_DELETE", `{"id":"2","guild_id":"1","name":"b"}`, 2),
	} {
		if len(got) != 2 || got[0] != got[1] {
			t.Errorf("told %q", got)
		}
	}
	if got := say("CHANNEL_DELETE", `{"id":"2","guild_id":"1"}`, 1); len(got) != 0 {
		t.Errorf("another payload: told %q", got)
	}
}
