package command

import (
	"context"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
)

func (f *streamFlags) consumersOf(c cluster) eventnode.Consumers {
	return c.Consumers(client.WithNamespace(f.namespace))
}

// consumerGroupsCommand is `eventnode consumer-groups`.
func (a *app) consumerGroupsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "consumer-groups",
		Short: "Make, list and move consumer groups of streams",
		Long: `A consumer group reads a stream together: each event is handed to one of its
consumers, and again until it was acked, or is a dead letter (eventnode dead).
Several groups read the same stream each on their own, from where they are.

"eventnode consume" is a consumer; "eventnode pending" shows what they have in hand.`,
		Example: `  eventnode consumer-groups add orders billing
  eventnode consume --group billing
  eventnode consumer-groups list orders
  eventnode consumer-groups seek orders billing --to 15m`,
	}
	parent(cmd)
	cmd.AddCommand(a.groupAddCommand(), a.groupUpdateCommand(), a.groupRemoveCommand(),
		a.groupSeekCommand(), a.groupListCommand(), a.groupInfoCommand())
	return cmd
}

// groupConfigFlags describe how a consumer group is served.
type groupConfigFlags struct{ cfg eventnode.ConsumerGroupConfig }

const groupConfigHelp = `--keyed: events with the same key go to one consumer at a time, in order.
--ack-wait: what was delivered and not acked for so long is delivered again.
--max-deliver: after so many deliveries an event is a dead letter; -1: never.
--backoff: how long an event that failed once waits; each time twice as long, up to
--backoff-max.`

func (f *groupConfigFlags) add(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.BoolVar(&f.cfg.Keyed, "keyed", false, "keep the order of events with the same key")
	fs.DurationVar(&f.cfg.AckWait, "ack-wait", 0, "until it is delivered again without an ack (default: 30s)")
	fs.IntVar(&f.cfg.MaxDeliver, "max-deliver", 0, "deliveries, then it is a dead letter; -1: never (default: 20)")
	fs.DurationVar(&f.cfg.Backoff, "backoff", 0, "wait of an event that failed once (default: 1s)")
	fs.DurationVar(&f.cfg.BackoffMax, "backoff-max", 0, "the longest such wait (default: 5m)")
}

// check refuses what no cluster takes.
func (f *groupConfigFlags) check() error {
	for _, d := range []struct {
		flag  string
		value time.Duration
	}{{"ack-wait", f.cfg.AckWait}, {"backoff", f.cfg.Backoff}, {"backoff-max", f.cfg.BackoffMax}} {
		if d.value < 0 || d.value%time.Millisecond != 0 {
			return usagef("--%s %v: write whole milliseconds, such as 30s", d.flag, d.value)
		}
	}
	if f.cfg.MaxDeliver < eventnode.NoMaxDeliver || f.cfg.MaxDeliver > math.MaxInt32 {
		return usagef("--max-deliver must be 1 to %d, or -1: never", math.MaxInt32)
	}
	return nil
}

// over replaces in cfg what the flags say.
func (f *groupConfigFlags) over(cfg eventnode.ConsumerGroupConfig, said *pflag.FlagSet) eventnode.ConsumerGroupConfig {
	for flag, set := range map[string]func(){
		"keyed":       func() { cfg.Keyed = f.cfg.Keyed },
		"ack-wait":    func() { cfg.AckWait = f.cfg.AckWait },
		"max-deliver": func() { cfg.MaxDeliver = f.cfg.MaxDeliver },
		"backoff":     func() { cfg.Backoff = f.cfg.Backoff },
		"backoff-max": func() { cfg.BackoffMax = f.cfg.BackoffMax },
	} {
		if said.Changed(flag) {
			set()
		}
	}
	return cfg
}

// groupDoneJSON is what commands that change a consumer group print with --json.
type groupDoneJSON struct {
	Stream  string `json:"stream"`
	Group   string `json:"group"`
	Created *bool  `json:"created,omitempty"`
	Updated bool   `json:"updated,omitempty"`
	Removed bool   `json:"removed,omitempty"`
	Moved   bool   `json:"moved,omitempty"`
}

// groupDone says what was done.
func (a *app) groupDone(done groupDoneJSON, word string) error {
	return a.printObject(done, func(w io.Writer) {
		fmt.Fprintf(w, "consumer group %s of stream %s %s\n", done.Group, done.Stream, word)
	})
}

func (a *app) groupAddCommand() *cobra.Command {
	var s streamFlags
	var f groupConfigFlags
	var from string
	cmd := &cobra.Command{
		Use:   "add STREAM GROUP",
		Short: "Add a consumer group to a stream",
		Long: `Adds a consumer group to a stream, which begins where --from says. If it is there
and served in the same way that is success too, and it stays where it is; any other
difference is an error that names it.

` + groupConfigHelp + `

` + placeHelp,
		Example: `  eventnode consumer-groups add orders billing
  eventnode consumer-groups add orders mails --keyed --ack-wait 2m --max-deliver 5
  eventnode consumer-groups add orders alerts --from newest`,
		Args: args(2, 2, "STREAM or GROUP"),
		RunE: func(cmd *cobra.Command, args []string) error {
			start, err := parsePlace("from", from, time.Now())
			if err != nil {
				return err
			}
			if err := f.check(); err != nil {
				return err
			}
			var created bool
			err = a.ask(cmd, func(ctx context.Context, c cluster) (err error) {
				created, err = s.consumersOf(c).AddGroup(ctx, args[0], args[1], f.cfg, start)
				return err
			})
			if err != nil {
				return err
			}
			word := "is there"
			if created {
				word = "added"
			}
			return a.groupDone(groupDoneJSON{Stream: args[0], Group: args[1], Created: &created}, word)
		},
	}
	a.addAddr(cmd)
	s.add(cmd)
	f.add(cmd)
	cmd.Flags().StringVar(&from, "from", "oldest", "where it begins: oldest, newest, a position, a time or how long ago")
	return cmd
}

func (a *app) groupUpdateCommand() *cobra.Command {
	var s streamFlags
	var f groupConfigFlags
	cmd := &cobra.Command{
		Use:   "update STREAM GROUP",
		Short: "Change how a consumer group is served",
		Long: `Changes how a consumer group is served. What no flag says stays as it is; 0 is the
default again. What is delivered already keeps its ack wait.

` + groupConfigHelp,
		Example: `  eventnode consumer-groups update orders billing --max-deliver 5
  eventnode consumer-groups update orders billing --keyed=false --backoff 10s`,
		Args: args(2, 2, "STREAM or GROUP"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return err
			}
			err := a.ask(cmd, func(ctx context.Context, c cluster) error {
				consumers := s.consumersOf(c)
				info, err := consumers.Group(ctx, args[0], args[1])
				if err != nil {
					return err
				}
				return consumers.UpdateGroup(ctx, args[0], args[1], f.over(info.Config, cmd.Flags()))
			})
			if err != nil {
				return err
			}
			return a.groupDone(groupDoneJSON{Stream: args[0], Group: args[1], Updated: true}, "updated")
		},
	}
	a.addAddr(cmd)
	s.add(cmd)
	f.add(cmd)
	return cmd
}

func (a *app) groupRemoveCommand() *cobra.Command {
	var s streamFlags
	var sure bool
	cmd := &cobra.Command{
		Use:   "remove STREAM GROUP",
		Short: "Remove a consumer group from a stream",
		Long: `Removes a consumer group from a stream, with where it was and what it has pending.
Events that only it held are gone then. --yes says that you mean it.`,
		Example: `  eventnode consumer-groups remove orders billing --yes`,
		Args:    args(2, 2, "STREAM or GROUP"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !sure {
				return usagef("this forgets where consumer group %q is, and removes the events that only it held: say --yes if you mean it", args[1])
			}
			err := a.ask(cmd, func(ctx context.Context, c cluster) error {
				return s.consumersOf(c).RemoveGroup(ctx, args[0], args[1])
			})
			if err != nil {
				return err
			}
			return a.groupDone(groupDoneJSON{Stream: args[0], Group: args[1], Removed: true}, "removed")
		},
	}
	a.addAddr(cmd)
	s.add(cmd)
	cmd.Flags().BoolVar(&sure, "yes", false, "yes, remove it")
	return cmd
}

func (a *app) groupSeekCommand() *cobra.Command {
	var s streamFlags
	var to string
	cmd := &cobra.Command{
		Use:   "seek STREAM GROUP --to PLACE",
		Short: "Have a consumer group begin anew at another place",
		Long: `Has a consumer group begin anew at another place of the stream. What it has pending
is forgotten: who has it in hand is refused when they ack it. Events that are gone
from the stream do not come back.

` + placeHelp,
		Example: `  eventnode consumer-groups seek orders billing --to oldest
  eventnode consumer-groups seek orders billing --to 1h
  eventnode consumer-groups seek orders billing --to 1719500000000-0`,
		Args: args(2, 2, "STREAM or GROUP"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if to == "" {
				return usagef("--to is missing: where the group is to begin")
			}
			place, err := parsePlace("to", to, time.Now())
			if err != nil {
				return err
			}
			err = a.ask(cmd, func(ctx context.Context, c cluster) error {
				return s.consumersOf(c).Seek(ctx, args[0], args[1], place)
			})
			if err != nil {
				return err
			}
			return a.groupDone(groupDoneJSON{Stream: args[0], Group: args[1], Moved: true}, "begins anew at "+to)
		},
	}
	a.addAddr(cmd)
	s.add(cmd)
	cmd.Flags().StringVar(&to, "to", "", "oldest, newest, a position, a time or how long ago")
	return cmd
}
