package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/discord"
)

// cacheFlags are those of all cache commands.
type cacheFlags struct{ source string }

// cacheCommand is `eventnode cache`.
func (a *app) cacheCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cache",
		Short: "Look up what is cached of a bot's guilds",
		Long: `Nodes that run shards of a bot ("shard run") cache what its gateway says: guilds,
channels, members, messages. These commands look that up on all nodes, through any of
them, and print JSON.

What is not cached may be there all the same: a cache is told only what the bot's intents
let through, and forgets what is beyond its limits.`,
		Example: `  eventnode cache get guild 81384788765712384
  eventnode cache list members 81384788765712384
  eventnode cache list messages 81384788765712390 --since 15m`,
	}
	parent(cmd)
	cmd.AddCommand(a.cacheGetCommand(), a.cacheListCommand())
	return cmd
}

func (a *app) addCacheFlags(cmd *cobra.Command, f *cacheFlags) {
	a.addAddr(cmd)
	cmd.Flags().StringVar(&f.source, "source", "", "the bot's name (default: the only one there is)")
}

func (a *app) cacheGetCommand() *cobra.Command {
	var f cacheFlags
	cmd := &cobra.Command{
		Use:   "get KIND [ID...]",
		Short: "Print one thing that is cached",
		Long: `Prints what is cached of one thing, as JSON. KIND, and whose ids it takes, is one of

  ` + kindLines(gets) + `

A guild comes with its roles, channels and threads, and a member with the user.`,
		Example: `  eventnode cache get guild 81384788765712384
  eventnode cache get member 81384788765712384 80351110224678912 | jq -r .user.username
  eventnode cache get me --source helper`,
		Args: args(1, -1, "KIND"),
		RunE: func(cmd *cobra.Command, args []string) error {
			get, ids, err := kindOf(gets, args)
			if err != nil {
				return err
			}
			return cached(cmd, a.ask, f, func(ctx context.Context, c eventnode.Cache) error {
				value, err := get(ctx, c, ids)
				if err != nil {
					return err
				}
				return a.printCached(value)
			})
		},
	}
	a.addCacheFlags(cmd, &f)
	return cmd
}

func (a *app) cacheListCommand() *cobra.Command {
	var f cacheFlags
	var l listing
	cmd := &cobra.Command{
		Use:   "list KIND [ID]",
		Short: "Print what is cached in a guild or a channel",
		Long: `Prints what is cached, one JSON object a line, in the order of ids, which is that of time.
KIND, and whose id it takes, is one of

  ` + kindLines(lists) + `

Of messages those of a time, and of an author, can be chosen. A time is written
2006-01-02T15:04:05Z, or 15m for so long ago.`,
		Example: `  eventnode cache list guilds
  eventnode cache list channels 81384788765712384 | jq -r .name
  eventnode cache list messages 81384788765712390 --since 15m --author 80351110224678912`,
		Args: args(1, -1, "KIND"),
		RunE: func(cmd *cobra.Command, args []string) error {
			list, ids, err := kindOf(lists, args)
			if err != nil {
				return err
			}
			if err := l.finish(args[0], time.Now()); err != nil {
				return err
			}
			return cached(cmd, a.connected, f, func(ctx context.Context, c eventnode.Cache) error { return a.printRange(ctx, list, c, ids, l) })
		},
	}
	a.addCacheFlags(cmd, &f)
	cmd.Flags().StringVar(&l.since, "since", "", "messages of this time and later")
	cmd.Flags().StringVar(&l.until, "until", "", "messages before this time")
	cmd.Flags().StringVar(&l.author, "author", "", "messages of this user")
	cmd.Flags().IntVar(&l.limit, "limit", 0, "how many at most; 0: all")
	return cmd
}

// listing is what of a list is wanted.
type listing struct {
	since, until, author string
	limit                int
	window               eventnode.CacheWindow
}

// finish reads the flags.
func (l *listing) finish(kind string, now time.Time) (err error) {
	if l.limit < 0 {
		return usagef("--limit must not be negative")
	}
	if kind != "messages" && l.since+l.until+l.author != "" {
		return usagef("--since, --until and --author are for messages, not for %s", kind)
	}
	if l.window.From, err = parseMoment("since", l.since, now); err != nil {
		return err
	}
	if l.window.To, err = parseMoment("until", l.until, now); err != nil {
		return err
	}
	if l.author == "" {
		return nil
	}
	author, err := parseID("--author", l.author)
	l.window.Author = discord.Snowflake(author)
	return err
}

// parseMoment reads a time, as the first id of it; "" is 0.
func parseMoment(flag, text string, now time.Time) (discord.Snowflake, error) {
	if text == "" {
		return 0, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return discord.At(now.Add(-d)), nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return discord.At(at), nil
	}
	return 0, usagef("--%s %q: write a time such as 2006-01-02T15:04:05Z, or how long ago, such as 15m", flag, text)
}

// kindOf finds a kind by its word, and reads the ids that it takes.
func kindOf[F any](kinds []cacheKind[F], args []string) (look F, ids []discord.Snowflake, err error) {
	at := slices.IndexFunc(kinds, func(k cacheKind[F]) bool { return k.word == args[0] })
	if at < 0 {
		words := make([]string, len(kinds))
		for i, k := range kinds {
			words[i] = k.word
		}
		return look, nil, usagef("unknown kind %.40q: use %s", args[0], strings.Join(words, ", "))
	}
	k := kinds[at]
	if len(args)-1 != len(k.ids) {
		return look, nil, usagef("write %s", strings.Join(append([]string{k.word}, k.ids...), " "))
	}
	for i, text := range args[1:] {
		id, err := parseID(k.ids[i], text)
		if err != nil {
			return look, nil, err
		}
		ids = append(ids, discord.Snowflake(id))
	}
	return k.look, ids, nil
}

// asker connects and asks: app.ask, or app.connected for what may take long.
type asker func(cmd *cobra.Command, question func(ctx context.Context, c cluster) error) error

// cached asks the caches of a source.
func cached(cmd *cobra.Command, ask asker, f cacheFlags, do func(ctx context.Context, c eventnode.Cache) error) error {
	return ask(cmd, func(ctx context.Context, c cluster) error {
		source, err := onlySource(ctx, c, f.source)
		if err != nil {
			return err
		}
		return do(ctx, c.Cache(source))
	})
}

// onlySource is the source that is named, or the only one there is.
func onlySource(ctx context.Context, c cluster, named string) (string, error) {
	if named != "" {
		return named, nil
	}
	names, err := c.Sources().Sources(ctx)
	switch {
	case err != nil:
		return "", err
	case len(names) == 0:
		return "", fmt.Errorf("no node runs a source; \"eventnode shard run\" does: %w", eventnode.ErrSourceNotFound)
	case len(names) > 1:
		return "", usagef("say which source, with --source: there are %s", strings.Join(names, ", "))
	}
	return names[0], nil
}

// printCached prints one value: for people with line breaks.
func (a *app) printCached(value any) error {
	out := a.output()
	if !a.json {
		out.enc.SetIndent("", "  ")
	}
	if err := out.object(value); err != nil {
		return err
	}
	return out.Flush()
}

// printRange prints values, a line each, as they come.
func (a *app) printRange(ctx context.Context, list lister, c eventnode.Cache, ids []discord.Snowflake, l listing) error {
	out, n := a.output(), 0
	for value, err := range list(ctx, c, ids, l.window) {
		if err == nil {
			err = out.object(json.RawMessage(value))
		}
		if err != nil {
			_ = out.Flush() // the list's error says more
			return err
		}
		if n++; n == l.limit {
			break
		}
	}
	return out.Flush()
}
