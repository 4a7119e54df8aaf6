package command

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/eventnode/eventnode/cache"
	"github.com/eventnode/eventnode/node"
	"github.com/eventnode/eventnode/shard/fleet"
)

// shardRun runs shard run up to where it would make a node, and returns the node's config.
func shardRun(t *testing.T, args ...string) (cfg node.Config, r result) {
	t.Helper()
	var stdout, stderr buffer
	a := &app{stdout: &stdout, stderr: &stderr, newServer: func(c node.Config) (server, error) {
		cfg = c
		return nil, context.Canceled
	}}
	code := a.run(t.Context(), append([]string{"shard", "run"}, args...))
	return cfg, result{code, stdout.String(), stderr.String()}
}

func tokenFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// What is wrong with the flags of shard run is said before anything is started, in a line that
// says what is right, and in which there is no token.
func TestShardRunSaysWhatIsWrong(t *testing.T) {
	const secret = "s3cret"
	good, two := tokenFile(t, secret+"\n"), tokenFile(t, secret+"\n"+secret+"\n")
	gateway := []string{"--gateway", "ws://127.0.0.1:1"}
	whole := slices.Clip(append([]string{"--data", "d", "--bot-token-file", good}, gateway...))
	for _, tt := range []struct {
		want  string
		flags []string
	}{
		{"say where the gateway is, with --gateway, or who knows, with --api", nil},
		{"--bot-token-file is missing", gateway},
		{"no such file", append([]string{"--bot-token-file", good + "s"}, gateway...)},
		{"it must hold one line, the token", append([]string{"--bot-token-file", two}, gateway...)},
		{"it must hold one line, the token", append([]string{"--bot-token-file", tokenFile(t, "\n")}, gateway...)},
		{"give this one a directory, or have it --join", append([]string{"--bot-token-file", good}, gateway...)},
		{"--shards auto needs --api", append(whole, "--shards", "auto")},
		{"there is at least one shard, not 0", append(whole, "--shards", "0")},
		{"use auto, a number such as 16, or some of them such as 0..7 of 16", append(whole, "--shards", "3..1")},
		{"they are numbered from 0 on, below their count", append(whole, "--shards", "0..4 of 4")},
		{"limit max_shards is 4096, got 5000", append(whole, "--shards", "5000")},
		{`"http://x" is no address such as wss://example.com`, append(whole, "--gateway", "http://x")},
		{`"ws://x" is no address such as https://example.com`, append(whole, "--api", "ws://x")},
		{"ask for json or etf", append(whole, "--encoding", "xml")},
		{"use none, zlib-payload, zlib-stream or zstd-stream", append(whole, "--compress", "gzip")},
		{"has letters, digits", append(whole, "--source", "a b")},
		{"--cache-messages with --no-cache: leave one out", append(whole, "--no-cache", "--cache-messages", "5")},
		{"--cache-messages must not be negative", append(whole, "--cache-messages", "-1")},
		{"unknown flag: --token", append(whole, "--token", "x")},
	} {
		_, r := shardRun(t, tt.flags...)
		if r.code != exitUsage || !strings.Contains(r.stderr, tt.want) || strings.Count(r.stderr, "\n") != 1 || strings.Contains(r.stderr, secret) {
			t.Errorf("%v: %+v, want %q", tt.flags, r, tt.want)
		}
	}
}

// The flags of shard run are the source of the node's configuration.
func TestShardRunConfig(t *testing.T) {
	cfg, _ := shardRun(t, "--data", "d", "--gateway", "ws://127.0.0.1:1", "--bot-token-file", tokenFile(t, " Bot x\n"), "--source", "helper",
		"--shards", "1..2 of 4", "--cache-messages", "0")
	if len(cfg.Sources) != 1 {
		t.Fatalf("%+v", cfg.Sources)
	}
	s := cfg.Sources[0]
	const privileged = 1<<1 | 1<<8 | 1<<15
	if s.Shard.Name != "helper" || s.Shard.Token != "Bot x" || s.Shards != (fleet.Spec{First: 1, Last: 2, Total: 4}) || s.Cache.Limits[cache.Message].Entries != -1 {
		t.Errorf("%+v", s)
	}
	if s.Shard.Intents&privileged != 0 || s.Shard.Intents&(1<<0|1<<9) != 1<<0|1<<9 {
		t.Errorf("intents %b", s.Shard.Intents)
	}
	for args, want := range map[string]fleet.Spec{"": fleet.All(1), "--api http://x": fleet.Auto()} {
		cfg, _ := shardRun(t, append(strings.Fields(args), "--data", "d", "--gateway", "ws://x", "--bot-token-file", tokenFile(t, "x"))...)
		if len(cfg.Sources) != 1 || cfg.Sources[0].Shards != want {
			t.Errorf("%q: %+v", args, cfg.Sources)
		}
	}
}
