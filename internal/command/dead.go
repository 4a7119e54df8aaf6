package command

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// deadCommand is `eventnode dead`.
func (a *app) deadCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dead",
		Short: "List, replay and drop dead letters",
		Long: `A dead letter is an event that a consumer group gave up: it was delivered as often as
the group allows (--max-deliver), or a consumer terminated it. It is kept, as it was,
beside the stream that it came from until it is replayed or dropped.`,
		Example: `  eventnode dead list orders
  eventnode dead replay orders 7 9-12
  eventnode dead drop orders --all --yes`,
	}
	parent(cmd)
	cmd.AddCommand(a.deadListCommand(), a.deadReplayCommand(), a.deadDropCommand())
	return cmd
}

// deadLetterJSON is a line of dead list --json.
type deadLetterJSON struct {
	Number     uint64       `json:"number"`
	Died       string       `json:"died"`
	Reason     string       `json:"reason"`
	Group      string       `json:"group"`
	Deliveries int          `json:"deliveries"`
	Position   string       `json:"position"`
	Event      *event.Event `json:"event"`
}

func (a *app) deadListCommand() *cobra.Command {
	var s streamFlags
	var group string
	var limit int
	cmd := &cobra.Command{
		Use:   "list STREAM",
		Short: "List the dead letters of a stream",
		Long: `Lists the dead letters of a stream in the order in which they died. NUMBER is what
replay and drop take; POSITION is where the event stood in the stream. With --json
each line has the event, with its data.`,
		Example: `  eventnode dead list orders
  eventnode dead list orders --group billing --limit 10
  eventnode dead list orders --json | jq '{number, reason, data: .event.data}'`,
		Args: args(1, 1, "STREAM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 0 {
				return usagef("--limit must not be negative")
			}
			var list []deadLetterJSON
			more := false
			err := a.connected(cmd, func(ctx context.Context, c cluster) error {
				for d, err := range s.consumersOf(c).DeadLetters(ctx, args[0]) {
					switch {
					case err != nil:
						return err
					case group != "" && d.Group != group:
						continue
					}
					if more = limit > 0 && len(list) == limit; more {
						break
					}
					ev := d.Event.Event
					list = append(list, deadLetterJSON{d.Number, timeText(d.Died), d.Reason, d.Group, d.Deliveries, d.Event.Position.String(), &ev})
				}
				return nil
			})
			if err != nil {
				return err
			}
			return a.more(printList(a, list, "NUMBER\tDIED\tGROUP\tDELIVERIES\tPOSITION\tNAME\tREASON", deadRow), more, limit)
		},
	}
	a.addAddr(cmd)
	s.add(cmd)
	cmd.Flags().StringVar(&group, "group", "", "only those that this consumer group gave up")
	cmd.Flags().IntVar(&limit, "limit", defaultRows, "dead letters at most; 0: no limit")
	return cmd
}

func deadRow(d deadLetterJSON) string {
	// A reason is somebody's text: its tabs and lines would break the table.
	reason := strings.Join(strings.Fields(d.Reason), " ")
	return fmt.Sprintf("%d\t%s\t%s\t%d\t%s\t%s\t%s", d.Number, d.Died, d.Group, d.Deliveries, d.Position, d.Event.Name, reason)
}

// deadDoneJSON is what dead replay and drop print with --json.
type deadDoneJSON struct {
	Stream   string  `json:"stream"`
	Replayed *uint64 `json:"replayed,omitempty"`
	Dropped  *uint64 `json:"dropped,omitempty"`
}

func (a *app) deadReplayCommand() *cobra.Command {
	var s streamFlags
	var f deadFlags
	cmd := &cobra.Command{
		Use:   "replay STREAM NUMBERS...",
		Short: "Publish dead letters to their stream again",
		Long: `Appends dead letters to the stream that they came from, as they were, and drops them:
all consumer groups of the stream are handed them, as new events. Numbers are those
of "eventnode dead list", one (7) or several (9-12); what is not there is left out.
--all is all that there are when the command begins.`,
		Example: `  eventnode dead replay orders 7 9-12
  eventnode dead replay orders --all
  eventnode dead replay orders --all --group billing`,
		Args: args(1, -1, "STREAM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ranges, err := f.ranges(args[1:])
			if err != nil {
				return err
			}
			n, err := a.eachDead(cmd, &s, args[0], &f, ranges, "replayed", eventnode.Consumers.ReplayDeadLetters)
			if err != nil {
				return err
			}
			return a.printObject(deadDoneJSON{Stream: args[0], Replayed: &n}, func(w io.Writer) {
				fmt.Fprintf(w, "replayed %s of stream %s\n", plural(n, "dead letter"), args[0])
			})
		},
	}
	a.addAddr(cmd)
	s.add(cmd)
	f.add(cmd)
	return cmd
}

func (a *app) deadDropCommand() *cobra.Command {
	var s streamFlags
	var f deadFlags
	var sure bool
	cmd := &cobra.Command{
		Use:   "drop STREAM NUMBERS...",
		Short: "Remove dead letters for good",
		Long: `Removes dead letters for good. Numbers are those of "eventnode dead list", one (7) or
several (9-12); what is not there is left out. --all is all that there are when the
command begins; --yes says that you mean it.`,
		Example: `  eventnode dead drop orders 7 9-12
  eventnode dead drop orders --all --yes`,
		Args: args(1, -1, "STREAM"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ranges, err := f.ranges(args[1:])
			if err != nil {
				return err
			}
			if f.all && !sure {
				return usagef("this removes all dead letters of stream %q: say --yes if you mean it", args[0])
			}
			n, err := a.eachDead(cmd, &s, args[0], &f, ranges, "dropped", eventnode.Consumers.DropDeadLetters)
			if err != nil {
				return err
			}
			return a.printObject(deadDoneJSON{Stream: args[0], Dropped: &n}, func(w io.Writer) {
				fmt.Fprintf(w, "dropped %s of stream %s\n", plural(n, "dead letter"), args[0])
			})
		},
	}
	a.addAddr(cmd)
	s.add(cmd)
	f.add(cmd)
	cmd.Flags().BoolVar(&sure, "yes", false, "yes, drop all")
	return cmd
}
