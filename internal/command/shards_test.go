package command

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
)

// fakeSources is a node that runs one source.
type fakeSources struct {
	shards []eventnode.ShardStatus
	asked  []string
	hangs  bool
	names  []string // nil: one
}

func (f *fakeSources) Sources(context.Context) ([]string, error) {
	if f.names == nil {
		return []string{"helper"}, nil
	}
	return f.names, nil
}

func (f *fakeSources) Shards(_ context.Context, source string) ([]eventnode.ShardStatus, error) {
	if source != "helper" {
		return nil, fmt.Errorf("no node runs a source %q: %w", source, eventnode.ErrSourceNotFound)
	}
	return f.shards, nil
}

func (f *fakeSources) StartShard(ctx context.Context, source string, shard int) error {
	return f.ask(ctx, "start", source, shard, "")
}

func (f *fakeSources) StopShard(ctx context.Context, source string, shard int) error {
	return f.ask(ctx, "stop", source, shard, "")
}

func (f *fakeSources) MoveShard(ctx context.Context, source string, shard int, node eventnode.NodeID) error {
	return f.ask(ctx, "move", source, shard, node)
}

func (f *fakeSources) ask(ctx context.Context, word, source string, shard int, node eventnode.NodeID) error {
	f.asked = append(f.asked, fmt.Sprint(word, " ", source, " ", shard, " ", node))
	if f.hangs {
		<-ctx.Done()
		return fmt.Errorf("shard %d is waiting: %w: %w", shard, eventnode.ErrShardPending, context.Cause(ctx))
	}
	return nil
}

func (f *fake) Sources() eventnode.Sources { return &f.sources }

// The shards of all sources of a node, as a table and as JSON; an unknown source is an error.
func TestShardsList(t *testing.T) {
	f := &fake{sources: fakeSources{shards: []eventnode.ShardStatus{
		{Shard: 0, Shards: 2, State: "connected", Node: "n1", Pin: "n1", Session: "s", Seq: 7, KeptBy: "n1", Since: time.Unix(60, 0), Kept: time.Unix(61, 0)},
		{Shard: 1, Shards: 2, State: "failed", Node: "n2", Restarts: 3, Err: "the token is not good"},
	}}}
	runFake(t, f, "", "shards", "list").want(t, 0,
		"SOURCE  SHARD  STATE      NODE  PIN  SEQ  RESTARTS  SINCE                 ERROR\n"+
			"helper  0/2    connected  n1    n1   7    0         1970-01-01T00:01:00Z  \n"+
			"helper  1/2    failed     n2         0    3                               the token is not good\n", "")
	runFake(t, f, "", "shards", "list", "helper", "--json").want(t, 0,
		`{"source":"helper","shard":0,"shards":2,"state":"connected","node":"n1","pin":"n1","session":"s","seq":7,"kept":"1970-01-01T00:01:01Z","kept_by":"n1","since":"1970-01-01T00:01:00Z","restarts":0}`+"\n"+
			`{"source":"helper","shard":1,"shards":2,"state":"failed","node":"n2","restarts":3,"error":"the token is not good"}`+"\n", "")
	runFake(t, f, "", "shards", "list", "other").want(t, exitError, "", "eventnode: no node runs a source \"other\": no such source\n")
}

// Shards are started, stopped and moved; what is not done in time is said.
func TestShardsCommands(t *testing.T) {
	f := &fake{}
	runFake(t, f, "", "shards", "start", "helper", "3").want(t, 0, "helper: shard 3 is connected\n", "")
	runFake(t, f, "", "shards", "stop", "helper", "3", "--json").want(t, 0, `{"source":"helper","shard":3,"done":true}`+"\n", "")
	runFake(t, f, "", "shards", "move", "helper", "3", "--to", "n2").want(t, 0, "helper: shard 3 is connected where it is to be\n", "")
	want := []string{"start helper 3 ", "stop helper 3 ", "move helper 3 n2"}
	if fmt.Sprint(f.sources.asked) != fmt.Sprint(want) {
		t.Errorf("asked %q", f.sources.asked)
	}
	f.sources.hangs = true
	runFake(t, f, "", "shards", "stop", "helper", "3", "--wait", "1ms").want(t, exitError, "", "eventnode: shard 3 is waiting: not done yet: --wait is over\n")
	for _, bad := range [][]string{{"stop", "helper", "x"}, {"stop", "helper", "-1"}, {"stop", "helper", "1", "--wait", "0s"}, {"move", "helper"}} {
		if r := runFake(t, f, "", append([]string{"shards"}, bad...)...); r.code != exitUsage {
			t.Errorf("%v: exit code %d", bad, r.code)
		}
	}
}
