package command

import (
	"context"
	"fmt"
	"slices"
	"strings"

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
