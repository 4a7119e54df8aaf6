package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
)

// shardJSON is a line of shards list --json.
type shardJSON struct {
	Source   string           `json:"source"`
	Shard    int              `json:"shard"`
	Shards   int              `json:"shards"`
	State    string           `json:"state"`
	Node     eventnode.NodeID `json:"node,omitempty"`
	Pin      eventnode.NodeID `json:"pin,omitempty"`
	Session  string           `json:"session,omitempty"`
	Seq      uint64           `json:"seq,omitempty"`
	Kept     string           `json:"kept,omitempty"`
	KeptBy   eventnode.NodeID `json:"kept_by,omitempty"`
	Since    string           `json:"since,omitempty"`
	Restarts uint64           `json:"restarts"`
	Error    string           `json:"error,omitempty"`
}

// shardsCommand is `eventnode shards`.
func (a *app) shardsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "shards",
		Short: "Shards of bots: list, stop, start, move",
		Long: `A bot that takes events from a gateway ("shard run") has shards, each of which runs on
one node at a time. When it moves, or its node stops, the next node goes on with its
session, and no event is lost.

Any node may be asked.`,
		Example: `  eventnode shards list
  eventnode shards move helper 3 --to n2
  eventnode shards stop helper 3`,
	}
	parent(cmd)
	cmd.AddCommand(a.shardsListCommand(),
		a.shardCommand("start", "Have a shard run again that was stopped, or has failed",
			`Returns when it is connected. If it fails again the error says why.`, eventnode.Sources.StartShard, "%s: shard %d is connected\n"),
		a.shardCommand("stop", "Have a shard not run until it is started",
			`Returns when it surely does not run. It stays so, also when all nodes are started anew.`, eventnode.Sources.StopShard, "%s: shard %d is stopped\n"),
		a.shardsMoveCommand())
	return cmd
}

func (a *app) shardsListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list [SOURCE]",
		Short: "Say where shards are, and how",
		Long: `Lists the shards of a source, or of all that nodes run. SEQ is up to where
events were handled when that was last kept: from there another node goes on if this one
is killed. PIN is the node that a shard was moved to.`,
		Example: `  eventnode shards list
  eventnode shards list helper --json | jq -r 'select(.state != "connected")'`,
		Args: args(0, 1, ""),
		RunE: func(cmd *cobra.Command, names []string) error {
			return a.ask(cmd, func(ctx context.Context, c cluster) (err error) {
				if len(names) == 0 {
					if names, err = c.Sources().Sources(ctx); err != nil {
						return err
					}
				}
				list := []shardJSON{}
				for _, name := range names {
					shards, err := c.Sources().Shards(ctx, name)
					if err != nil {
						return err
					}
					for _, s := range shards {
						list = append(list, toShardJSON(name, s))
					}
				}
				if len(names) == 0 {
					a.notice(map[string]any{"notice": "no source"}, "no node runs a source: \"eventnode shard run\" does")
				}
				return printList(a, list, "SOURCE\tSHARD\tSTATE\tNODE\tPIN\tSEQ\tRESTARTS\tSINCE\tERROR", shardRow)
			})
		},
	}
	a.addAddr(cmd)
	return cmd
}

func toShardJSON(source string, s eventnode.ShardStatus) shardJSON {
	return shardJSON{
		Source: source, Shard: s.Shard, Shards: s.Shards, State: s.State, Node: s.Node, Pin: s.Pin, Session: s.Session, Seq: s.Seq,
		Kept: timeText(s.Kept), KeptBy: s.KeptBy, Since: timeText(s.Since), Restarts: s.Restarts, Error: s.Err,
	}
}

func shardRow(s shardJSON) string {
	return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\t%s", s.Source, shardText(uint32(s.Shard), uint32(s.Shards)), s.State, s.Node, s.Pin, s.Seq, s.Restarts, s.Since, s.Error)
}

// movedJSON is what shards start, stop and move --json print.
type movedJSON struct {
	Source string `json:"source"`
	Shard  int    `json:"shard"`
	Done   bool   `json:"done"`
}

// shardCommand is a command about one shard.
func (a *app) shardCommand(word, short, long string, do func(s eventnode.Sources, ctx context.Context, source string, shard int) error, done string) *cobra.Command {
	var wait time.Duration
	cmd := &cobra.Command{
		Use: word + " SOURCE SHARD", Short: short, Long: long + "\n\n" + writtenDown,
		Example: "  eventnode shards " + word + " helper 3",
		Args:    args(2, 2, "SOURCE SHARD"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.commandShard(cmd, args, wait, done, do)
		},
	}
	a.addAddr(cmd)
	addShardWait(cmd, &wait)
	return cmd
}

// writtenDown is what is true of all these commands.
const writtenDown = `What is asked is written down first: if --wait is over before it is done the command
fails and says what it waits for, and it will be done all the same.`

func addShardWait(cmd *cobra.Command, wait *time.Duration) {
	cmd.Flags().DurationVar(wait, "wait", 30*time.Second, "how long to wait until it is done")
}

func (a *app) shardsMoveCommand() *cobra.Command {
	var to string
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "move SOURCE SHARD",
		Short: "Have a shard run on another node",
		Long: `Moves a shard with its session: no event is lost, and what is cached of its guilds comes
with it. It stays on that node as long as that runs the bot. Without --to it may be
wherever there is room again.

` + writtenDown,
		Example: `  eventnode shards move helper 3 --to n2
  eventnode shards move helper 3`,
		Args: args(2, 2, "SOURCE SHARD"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.commandShard(cmd, args, wait, "%s: shard %d is connected where it is to be\n", func(s eventnode.Sources, ctx context.Context, source string, shard int) error {
				return s.MoveShard(ctx, source, shard, eventnode.NodeID(to))
			})
		},
	}
	a.addAddr(cmd)
	addShardWait(cmd, &wait)
	cmd.Flags().StringVar(&to, "to", "", "the node it is to run on (default: any)")
	return cmd
}

// commandShard does something with a shard and says that it was done.
func (a *app) commandShard(cmd *cobra.Command, args []string, wait time.Duration, done string, do func(s eventnode.Sources, ctx context.Context, source string, shard int) error) error {
	shard, err := strconv.ParseUint(args[1], 10, 16)
	if err != nil {
		return usagef("SHARD %.40q: use its number, from 0 on", args[1])
	}
	if wait <= 0 {
		return usagef("--wait must be more than 0")
	}
	return a.connected(cmd, func(ctx context.Context, c cluster) error {
		ctx, cancel := context.WithTimeoutCause(ctx, wait, errors.New("--wait is over"))
		defer cancel()
		if err := do(c.Sources(), ctx, args[0], int(shard)); err != nil {
			return err
		}
		return a.printObject(movedJSON{args[0], int(shard), true}, func(w io.Writer) { fmt.Fprintf(w, done, args[0], shard) })
	})
}
