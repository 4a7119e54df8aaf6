package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode/cache"
	"github.com/eventnode/eventnode/node"
	"github.com/eventnode/eventnode/shard/fleet"
	"github.com/eventnode/eventnode/source"
)

// shardFlags are those of shard run that are about the bot.
type shardFlags struct {
	source            node.Source
	tokenFile, shards string
	messages          int
}

// openIntents are all of the protocol's but those that a bot has to be permitted: members,
// presences, and what messages say.
const openIntents = 1<<0 | 0xfc | 1<<9 | 1<<10 | 1<<11 | 1<<12 | 1<<13 | 1<<14 | 1<<16 | 1<<20 | 1<<21 | 1<<24 | 1<<25

// sourceCommand is `eventnode shard`.
func (a *app) sourceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "shard",
		Short: "Take events from a gateway, as a bot",
		Long: `Runs nodes that take events from a gateway of the Discord protocol, as a bot, and send
them to consumers on all nodes. "eventnode shards" says where its shards are.`,
		Example: `  eventnode shard run --name n1 --data d --gateway wss://gateway.example.com --bot-token-file token
  eventnode shards list`,
	}
	parent(cmd)
	cmd.AddCommand(a.shardRunCommand())
	return cmd
}

func (a *app) shardRunCommand() *cobra.Command {
	var n serveFlags
	var f shardFlags
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run a node that runs shards of a bot until ctrl-C",
		Long: `Runs a node, as "serve" does, which also runs shards of a bot, together with all others
that are started with the same --source: each shard runs on one of them at a time. Give
all the same flags. When a node stops, the others go on with its shards, and nothing is
lost; when it is killed, they go on from what was kept a second before. Some nodes need
--data: who runs a shard is a lease of the durable plane.

The gateway is at --gateway, or where --api (GET /gateway/bot) says, which also says how
many shards there should be and how many sessions may be opened. --shards is auto (as many
as --api recommends), a number, or some of them, such as "0..7 of 16".

Events are live events of the topic "topic:source.NAME": subscribe to it, or join the group
NAME of the scope "source". Those that change something say what was before, as far as it
is cached.`,
		Example: `  eventnode shard run --data d --api https://discord.com/api/v10 --bot-token-file token --shards auto
  eventnode shard run --name n2 --join 10.0.0.1:7400 --gateway ws://127.0.0.1:8080 --bot-token-file token --shards 4
  eventnode subscribe topic:source.bot`,
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.configured(cmd, n.config, func() error { return f.finish(cmd, &n, a.stderr) }); err != nil {
				return err
			}
			return a.serve(cmd.Context(), n.cfg, &n.security)
		},
	}
	n.add(cmd)
	f.add(cmd)
	return cmd
}

func (f *shardFlags) add(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.source.Shard.Name, "source", "bot", "name of the source: the bot's; nodes with the same one share its shards")
	fs.StringVar(&f.source.Shard.Gateway, "gateway", "", "ws:// or wss:// address of the gateway")
	fs.StringVar(&f.source.Shard.API, "api", "", "http:// or https:// address of an API that says where the gateway is")
	fs.StringVar(&f.tokenFile, "bot-token-file", "", "file with the bot's token")
	fs.StringVar(&f.shards, "shards", "", `auto, a number, or some such as "0..7 of 16" (default: auto with --api, else 1)`)
	fs.Uint64Var(&f.source.Shard.Intents, "intents", openIntents, "which events the bot wants, a bit each (default: all that need no permission)")
	fs.Lookup("intents").DefValue = "0" // the text says it
	fs.StringVar(&f.source.Shard.Encoding, "encoding", "json", "json or etf")
	fs.StringVar(&f.source.Shard.Compress, "compress", "zlib-stream", "none, zlib-payload, zlib-stream or zstd-stream")
	fs.BoolVar(&f.source.NoCache, "no-cache", false, "keep nothing: events do not say what was before")
	fs.IntVar(&f.messages, "cache-messages", 10_000, "messages kept in memory, at most; 0: none")
}

// finish makes a node's configuration of the flags, those of n among them.
func (f *shardFlags) finish(cmd *cobra.Command, n *serveFlags, logs io.Writer) error {
	if err := n.finish(cmd, logs); err != nil {
		return err
	}
	bot, err := f.config()
	switch {
	case err != nil:
		return err
	case cmd.Flags().Changed("cache-messages") && bot.NoCache:
		return usagef("--cache-messages with --no-cache: leave one out")
	case n.cfg.DataDir == "" && len(n.cfg.Seeds) == 0 && n.cfg.SeedFile == "":
		return usagef("who runs a shard is kept by nodes with --data: give this one a directory, or have it --join a cluster that has some")
	}
	n.cfg.Sources = []node.Source{bot}
	return nil
}

// config is what the flags say. Errors do not quote the token.
func (f *shardFlags) config() (node.Source, error) {
	s := f.source
	switch {
	case s.Shard.Gateway == "" && s.Shard.API == "":
		return s, usagef("say where the gateway is, with --gateway, or who knows, with --api")
	case f.tokenFile == "":
		return s, usagef("--bot-token-file is missing: the file with the bot's token")
	case f.messages < 0:
		return s, usagef("--cache-messages must not be negative")
	}
	token, err := os.ReadFile(f.tokenFile)
	if err != nil {
		return s, usagef("--bot-token-file: %v", err)
	}
	if s.Shard.Token = strings.TrimSpace(string(token)); s.Shard.Token == "" || strings.ContainsAny(s.Shard.Token, "\r\n") {
		return s, usagef("--bot-token-file %s: it must hold one line, the token", f.tokenFile)
	}
	if f.shards == "" && s.Shard.API == "" {
		f.shards = "1"
	} else if f.shards == "" {
		f.shards = "auto"
	}
	if s.Shards, err = fleet.ParseSpec(f.shards); err != nil {
		return s, usageError{fmt.Errorf("--shards: %w", err)}
	}
	if s.Shards == fleet.Auto() && s.Shard.API == "" {
		return s, usagef("--shards auto needs --api: who recommends how many")
	}
	limit := cache.Limit{Entries: f.messages}
	if f.messages == 0 {
		limit.Entries = -1
	}
	if err := errors.Join(source.CheckName(s.Shard.Name), s.Shard.Check()); err != nil {
		return s, usageError{err}
	}
	s.Cache.Limits = map[cache.Kind]cache.Limit{cache.Message: limit}
	return s, nil
}
