package command

import (
	"context"
	"encoding/json"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/discord"
)

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
