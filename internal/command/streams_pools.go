package command

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
)

// poolJSON is a line of streams pools list --json.
type poolJSON struct {
	Name     string            `json:"name"`
	Replicas int               `json:"replicas"`
	Labels   map[string]string `json:"labels,omitempty"`
}

// poolCreatedJSON is what streams pools create --json prints, and poolUpdatedJSON what
// update does.
type poolCreatedJSON struct {
	Pool    string `json:"pool"`
	Created bool   `json:"created"`
}

type poolUpdatedJSON struct {
	Pool    string `json:"pool"`
	Updated bool   `json:"updated"`
}

// poolsCommand is `eventnode streams pools`.
func (a *app) poolsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pools",
		Short: "Say on which nodes streams are kept",
		Long: `A pool is a placement that has a name: how many copies of streams there are, and what
the nodes that keep them have ("eventnode serve --label"). Each stream is in one pool,
"default" if nothing else is said.

In this version all streams share one partition, which the pool "default" places. Other
pools say nothing about their placement, or the same; one that asks for another is
refused. When "default" is changed, copies move one at a time, and none goes before
what takes its place has caught up.`,
		Example: `  eventnode streams pools list
  eventnode streams pools create second
  eventnode streams pools update default --replicas 3 --label disk=ssd`,
	}
	parent(cmd)
	cmd.AddCommand(a.poolsListCommand(), a.poolsCreateCommand(), a.poolsUpdateCommand())
	return cmd
}

func (a *app) poolsListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the pools and what they ask for",
		Long: `Lists the pools, sorted by name, with what each says of its placement; "-" is nothing:
as many copies as the nodes were told (serve --replicas), or any node.`,
		Example: `  eventnode streams pools list
  eventnode streams pools list --json | jq -r .name`,
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list []poolJSON
			err := a.ask(cmd, func(ctx context.Context, c cluster) error {
				pools, err := c.Streams().Pools(ctx)
				for _, p := range pools {
					list = append(list, poolJSON(p))
				}
				return err
			})
			if err != nil {
				return err
			}
			return printList(a, list, "POOL\tREPLICAS\tLABELS", poolRow)
		},
	}
	a.addAddr(cmd)
	return cmd
}

func poolRow(p poolJSON) string {
	replicas, words := "-", "-"
	if p.Replicas > 0 {
		replicas = fmt.Sprint(p.Replicas)
	}
	if len(p.Labels) > 0 {
		words = formatLabels(p.Labels)
	}
	return fmt.Sprintf("%s\t%s\t%s", p.Name, replicas, words)
}

// poolFlags describe a pool.
type poolFlags struct {
	replicas int
	labels   []string
}

func (f *poolFlags) add(cmd *cobra.Command) {
	cmd.Flags().IntVar(&f.replicas, "replicas", 0, "copies, 1 to 5 (default: as many as the nodes were told)")
	cmd.Flags().StringSliceVar(&f.labels, "label", nil, "KEY=VALUE that nodes with a copy have; may be given several times (default: any node)")
}

func (f *poolFlags) pool(name string) (p eventnode.Pool, err error) {
	if f.replicas < 0 || f.replicas > 5 {
		return p, usagef("--replicas %d: use 1 to 5", f.replicas)
	}
	set, err := parseLabels(f.labels)
	return eventnode.Pool{Name: name, Replicas: f.replicas, Labels: set}, err
}

func (a *app) poolsCreateCommand() *cobra.Command {
	var f poolFlags
	cmd := &cobra.Command{
		Use:   "create POOL",
		Short: "Make a pool, or see that it is there as described",
		Long: `Makes a pool. If there is one of that name that says the same, or if the flags say
nothing of the placement, that is success too. Any other difference is an error that
names it.`,
		Example: `  eventnode streams pools create second
  eventnode streams create orders --pool second`,
		Args: args(1, 1, "POOL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := f.pool(args[0])
			if err != nil {
				return err
			}
			var created bool
			err = a.ask(cmd, func(ctx context.Context, c cluster) (err error) {
				created, err = c.Streams().DeclarePool(ctx, p)
				return err
			})
			if err != nil {
				return err
			}
			return a.printObject(poolCreatedJSON{p.Name, created}, func(w io.Writer) {
				word := "is there"
				if created {
					word = "created"
				}
				fmt.Fprintf(w, "pool %s %s\n", p.Name, word)
			})
		},
	}
	a.addAddr(cmd)
	f.add(cmd)
	return cmd
}

func (a *app) poolsUpdateCommand() *cobra.Command {
	var f poolFlags
	cmd := &cobra.Command{
		Use:   "update POOL",
		Short: "Change where the streams of a pool are kept",
		Long: `Gives a pool the placement of the flags; what is not said becomes the default again.
Of "default" this moves copies: one at a time, and none goes before what takes its
place has caught up. Where too few nodes have the labels, copies stay where they are,
and "eventnode status" says so.`,
		Example: `  eventnode streams pools update default --replicas 5
  eventnode streams pools update default --label disk=ssd && eventnode raft status`,
		Args: args(1, 1, "POOL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := f.pool(args[0])
			if err != nil {
				return err
			}
			if err := a.ask(cmd, func(ctx context.Context, c cluster) error { return c.Streams().UpdatePool(ctx, p) }); err != nil {
				return err
			}
			return a.printObject(poolUpdatedJSON{p.Name, true}, func(w io.Writer) { fmt.Fprintf(w, "pool %s updated\n", p.Name) })
		},
	}
	a.addAddr(cmd)
	f.add(cmd)
	return cmd
}
