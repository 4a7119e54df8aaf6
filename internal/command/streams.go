package command

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
)

// streamFlags are those of commands about streams.
type streamFlags struct{ namespace string }

func (f *streamFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.namespace, "namespace", "", "the streams' namespace (default: the default one)")
}

func (f *streamFlags) of(c cluster) eventnode.Streams {
	return c.Streams(client.WithNamespace(f.namespace))
}

// streamsCommand is `eventnode streams`.
func (a *app) streamsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "streams",
		Short: "Make, list and read durable streams",
		Long: `Streams keep events: each is an ordered log, replicated over the nodes with storage.
What "eventnode publish" has printed a position for was written and fsynced by a
majority of them.

A stream keeps an event until every consumer group of it has acked it (--retain
acked), or until it exceeds a limit (--retain limits).`,
		Example: `  eventnode streams create orders --group billing
  eventnode publish orders --data '{"id":1}'
  eventnode streams read orders
  eventnode streams info orders`,
	}
	parent(cmd)
	cmd.AddCommand(a.streamsCreateCommand(), a.streamsUpdateCommand(), a.streamsDeleteCommand(),
		a.streamsListCommand(), a.streamsInfoCommand(), a.streamsReadCommand(), a.streamsRecordCommand(), a.poolsCommand())
	return cmd
}

// configFlags describe how a stream is kept.
type configFlags struct {
	cfg    eventnode.StreamConfig
	retain string
}

func (f *configFlags) add(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringArrayVar(&f.cfg.Groups, "group", nil, "a consumer group; may be given several times")
	fs.StringVar(&f.retain, "retain", "acked", "acked: until all groups have acked; limits: until a limit is exceeded")
	fs.DurationVar(&f.cfg.MaxAge, "max-age", 0, "how old events become, such as 24h; with --retain limits (default: no limit)")
	fs.Uint64Var(&f.cfg.MaxBytes, "max-bytes", 0, "bytes of stored events (default: no limit)")
	fs.Uint64Var(&f.cfg.MaxCount, "max-count", 0, "stored events; with --retain limits (default: no limit)")
	fs.StringVar(&f.cfg.Pool, "pool", "", "the pool to place it in, see \"streams pools\" (default: default)")
	fs.DurationVar(&f.cfg.DedupeWindow, "dedupe-window", eventnode.DefaultDedupeWindow, "how long event IDs are remembered")
	fs.Uint64Var(&f.cfg.DedupeMax, "dedupe-max", eventnode.DefaultDedupeMax, "how many are, at most")
}

func (f *configFlags) config() (cfg eventnode.StreamConfig, err error) {
	cfg = f.cfg
	if cfg.Retain, err = eventnode.ParseRetain(f.retain); err != nil {
		return cfg, usagef("--retain %q: use acked or limits", f.retain)
	}
	return cfg, nil
}

func (a *app) streamsCreateCommand() *cobra.Command {
	var s streamFlags
	var f configFlags
	var fresh bool
	cmd := &cobra.Command{
		Use:   "create STREAM",
		Short: "Make a stream, or see that it is there as described",
		Long: `Makes a stream. If there is one of that name with the same configuration that is
success too, and groups that it does not have yet are added. Any other difference
is an error that names it. With --fresh there must not be one.`,
		Example: `  eventnode streams create orders --group billing --group audit
  eventnode streams create log --retain limits --max-age 168h --max-bytes 1073741824`,
		Args: args(1, 1, "STREAM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := f.config()
			if err != nil {
				return err
			}
			created := true
			err = a.ask(cmd, func(ctx context.Context, c cluster) (err error) {
				if fresh {
					return s.of(c).Create(ctx, args[0], cfg)
				}
				created, err = s.of(c).Declare(ctx, args[0], cfg)
				return err
			})
			if err != nil {
				return err
			}
			return a.printObject(streamCreatedJSON{args[0], created}, func(w io.Writer) {
				word := "is there"
				if created {
					word = "created"
				}
				fmt.Fprintf(w, "stream %s %s\n", args[0], word)
			})
		},
	}
	a.addAddr(cmd)
	s.add(cmd)
	f.add(cmd)
	cmd.Flags().BoolVar(&fresh, "fresh", false, "fail if it is there")
	return cmd
}

func (a *app) streamsUpdateCommand() *cobra.Command {
	var s streamFlags
	var f configFlags
	cmd := &cobra.Command{
		Use:   "update STREAM",
		Short: "Change how a stream is kept",
		Long: `Gives a stream the configuration of the flags; what is not said becomes the default
again. Groups are added, never taken away. Lower limits take effect at once.`,
		Example: `  eventnode streams update log --retain limits --max-age 24h`,
		Args:    args(1, 1, "STREAM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := f.config()
			if err != nil {
				return err
			}
			err = a.ask(cmd, func(ctx context.Context, c cluster) error { return s.of(c).Update(ctx, args[0], cfg) })
			if err != nil {
				return err
			}
			return a.printObject(streamUpdatedJSON{args[0], true}, func(w io.Writer) { fmt.Fprintf(w, "stream %s updated\n", args[0]) })
		},
	}
	a.addAddr(cmd)
	s.add(cmd)
	f.add(cmd)
	return cmd
}

func (a *app) streamsDeleteCommand() *cobra.Command {
	var s streamFlags
	var sure bool
	cmd := &cobra.Command{
		Use:     "delete STREAM",
		Short:   "Delete a stream with all its events",
		Long:    `Deletes a stream with all its events, for good. --yes says that you mean it.`,
		Example: `  eventnode streams delete log --yes`,
		Args:    args(1, 1, "STREAM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !sure {
				return usagef("this deletes all events of stream %q: say --yes if you mean it", args[0])
			}
			err := a.ask(cmd, func(ctx context.Context, c cluster) error { return s.of(c).Delete(ctx, args[0]) })
			if err != nil {
				return err
			}
			return a.printObject(streamDeletedJSON{args[0], true}, func(w io.Writer) { fmt.Fprintf(w, "stream %s deleted\n", args[0]) })
		},
	}
	a.addAddr(cmd)
	s.add(cmd)
	cmd.Flags().BoolVar(&sure, "yes", false, "yes, delete it")
	return cmd
}

func (a *app) streamsListCommand() *cobra.Command {
	var s streamFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the streams of a namespace",
		Long: `Lists the streams of a namespace, sorted by name: how many events each holds, how
many were ever published, where the last one stands, and which consumer groups it
keeps events for.`,
		Example: `  eventnode streams list
  eventnode streams list --json | jq -r .name`,
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list []streamJSON
			err := a.ask(cmd, func(ctx context.Context, c cluster) error {
				for info, err := range s.of(c).List(ctx) {
					if err != nil {
						return err
					}
					list = append(list, toStreamJSON(info))
				}
				return nil
			})
			if err != nil {
				return err
			}
			return printList(a, list, "STREAM\tEVENTS\tBYTES\tPUBLISHED\tLAST\tRETAIN\tGROUPS", streamRow)
		},
	}
	a.addAddr(cmd)
	s.add(cmd)
	return cmd
}

func streamRow(s streamJSON) string {
	last := s.Last
	if last == "" {
		last = "-"
	}
	return fmt.Sprintf("%s\t%d\t%d\t%d\t%s\t%s\t%s", s.Name, s.Count, s.Bytes, s.Published, last, s.Retain, strings.Join(s.Groups, " "))
}

func (a *app) streamsInfoCommand() *cobra.Command {
	var s streamFlags
	cmd := &cobra.Command{
		Use:   "info STREAM",
		Short: "Show how a stream is",
		Long: `Shows how a stream is: what it holds, from where to where, how it is kept, and which
node leads it. The answer is the leader's, confirmed by a majority.

Of each consumer group a bar shows the events that the stream holds: # acked, = pending
(delivered, not acked), . lag (not delivered). With --retain acked the space is held by
those with the shortest # part.

` + laggingHelp + ` "eventnode consumer-groups info" says more.`,
		Example: `  eventnode streams info orders
  eventnode streams info orders --json | jq '.consumer_groups[] | {group, lag, pending}'`,
		Args: args(1, 1, "STREAM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var info eventnode.StreamInfo
			groups := []consumerGroupJSON{}
			err := a.ask(cmd, func(ctx context.Context, c cluster) (err error) {
				if info, err = s.of(c).Info(ctx, args[0]); err != nil {
					return err
				}
				return s.eachGroup(ctx, c, args, func(g eventnode.ConsumerGroupInfo) error {
					groups = append(groups, toConsumerGroupJSON(g))
					return nil
				})
			})
			if err != nil {
				return err
			}
			return a.printObject(streamInfoJSON{toStreamJSON(info), groups}, func(w io.Writer) {
				writeStream(w, info)
				writeBars(w, info.Count, groups, terminalWidth(a.stdout))
			})
		},
	}
	a.addAddr(cmd)
	s.add(cmd)
	return cmd
}

// writeStream prints a stream for people.
func writeStream(w io.Writer, s eventnode.StreamInfo) {
	fmt.Fprintf(w, "%s holds %s, %s\n", s.Name, plural(s.Count, "event"), plural(s.Bytes, "byte"))
	line := func(name, value string) { fmt.Fprintf(w, "  %-10s %s\n", name, value) }
	line("published", fmt.Sprint(s.Published))
	if s.Count > 0 {
		line("first", s.First.String())
	}
	if s.Published > 0 {
		line("last", s.Last.String())
	}
	line("retain", s.Config.Retain.String())
	if s.Config.MaxAge > 0 {
		line("max age", s.Config.MaxAge.String())
	}
	if s.Config.MaxBytes > 0 {
		line("max bytes", fmt.Sprint(s.Config.MaxBytes))
	}
	if s.Config.MaxCount > 0 {
		line("max count", fmt.Sprint(s.Config.MaxCount))
	}
	line("pool", s.Config.Pool)
	line("created", s.Created.UTC().Format(time.RFC3339))
	line("leader", string(s.Leader))
}
