package command

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
)

// readFlags say what to read.
type readFlags struct {
	from, after, since string
	last, limit        uint64
	follow             bool
}

func (f *readFlags) add(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.from, "from", "", "begin at this position, ms-seq")
	fs.StringVar(&f.after, "after", "", "begin behind this position")
	fs.StringVar(&f.since, "since", "", "begin at a time (2006-01-02T15:04:05Z), or so long ago (15m)")
	fs.Uint64Var(&f.last, "last", 0, "begin so many events before the end")
	fs.Uint64Var(&f.limit, "limit", 0, "end after so many events (default: no limit)")
	fs.BoolVar(&f.follow, "follow", false, "go on with what is published later, until ctrl-C")
	cmd.MarkFlagsMutuallyExclusive("from", "after", "since", "last")
}

// options are those of the flags; now is for --since.
func (f *readFlags) options(now time.Time) (opts []eventnode.ReadOption, err error) {
	for _, p := range []struct {
		flag, text string
		with       func(eventnode.Position) eventnode.ReadOption
	}{{"from", f.from, eventnode.WithFrom}, {"after", f.after, eventnode.WithAfter}} {
		if p.text == "" {
			continue
		}
		at, err := eventnode.ParsePosition(p.text)
		if err != nil {
			return nil, usagef("--%s: %v", p.flag, err)
		}
		opts = append(opts, p.with(at))
	}
	if f.since != "" {
		at, err := since(f.since, now)
		if err != nil {
			return nil, err
		}
		opts = append(opts, eventnode.WithSince(at))
	}
	if f.last > 0 {
		opts = append(opts, eventnode.WithLast(f.last))
	}
	if f.limit > 0 {
		opts = append(opts, eventnode.WithLimit(f.limit))
	}
	if f.follow {
		opts = append(opts, eventnode.WithFollow())
	}
	return opts, nil
}

// since reads a time, or how long ago it was.
func since(text string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, usagef("--since %q: write a time such as 2006-01-02T15:04:05Z, or how long ago, such as 15m", text)
	}
	return at, nil
}

func (a *app) streamsReadCommand() *cobra.Command {
	var s streamFlags
	var f readFlags
	var format formatFlag
	cmd := &cobra.Command{
		Use:   "read STREAM",
		Short: "Print a stream's events",
		Long: `Prints the events of a stream, from the first or from where the flags say, up to
its end; with --follow also what is published later. No consumer group is
concerned: the events stay where they are. --format cloudevents prints each as
CloudEvents JSON, without its position.`,
		Example: `  eventnode streams read orders
  eventnode streams read orders --last 10 --follow
  eventnode streams read orders --since 1h --json | jq .event.meta`,
		Args: args(1, 1, "STREAM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := format.check(a); err != nil {
				return err
			}
			opts, err := f.options(time.Now())
			if err != nil {
				return err
			}
			c, err := a.connect(cmd)
			if err != nil {
				return err
			}
			err = a.printStream(cmd.Context(), s.of(c), args[0], opts, &format)
			if f.follow && cmd.Context().Err() != nil {
				err = nil // the end that was asked for
			}
			return errors.Join(err, c.Close())
		},
	}
	a.addAddr(cmd)
	s.add(cmd)
	f.add(cmd)
	format.add(cmd)
	return cmd
}

// printStream prints events as they come. What is printed shows at once when
// nothing more waits: with --follow that is after each event.
func (a *app) printStream(ctx context.Context, s eventnode.Streams, stream string, opts []eventnode.ReadOption, format *formatFlag) error {
	out := a.output()
	follow := eventnode.NewReadOptions(opts...).Follow
	for ev, err := range s.Read(ctx, stream, opts...) {
		if err != nil {
			return errors.Join(err, out.Flush())
		}
		if err := a.printStreamEvent(out, ev, format); err != nil {
			return err
		}
		if follow {
			if err := out.Flush(); err != nil {
				return err
			}
		}
	}
	return out.Flush()
}

func (a *app) printStreamEvent(out *output, ev eventnode.StreamEvent, format *formatFlag) error {
	if format.cloud() {
		return printCloudEvent(out, ev.Event)
	}
	if a.json {
		return out.object(streamEventJSON{Position: ev.Position.String(), Topics: ev.Topics, Event: &ev.Event})
	}
	_, err := fmt.Fprintf(out, "%v  %s  %s\n", ev.Position, ev.Event.Name, ev.Event.Data)
	return err
}
