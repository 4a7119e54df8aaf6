package command

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode/node"
)

// recoverFlags are those of recover.
type recoverFlags struct {
	data            string
	inspect, accept bool
}

// recoverCommand is `eventnode recover`.
func (a *app) recoverCommand() *cobra.Command {
	var f recoverFlags
	cmd := &cobra.Command{
		Use:   "recover --data DIR",
		Short: "Begin anew with one copy of the streams when a majority is lost",
		Long: `For the day when a majority of the nodes that keep copies of the streams is lost for
good, so that no leader can be elected ever again. It makes one copy that is left a
cluster of its own, to which other nodes then join, with EMPTY data directories.

THIS CAN LOSE EVENTS THAT WERE ACKNOWLEDGED: those that only the lost nodes had. If
one of them can be brought back, do that instead. Never let a node of the old cluster
run beside the new one: what clients publish to it is not in the new one.

Step by step, with all nodes stopped:

  1. On each node that is left:   eventnode recover --data DIR --inspect
     Choose the copy with the greatest LAST TERM; among equals, with the greatest
     LAST INDEX.
  2. On that node only:           eventnode recover --data DIR --accept-loss
     and start it. It has a new cluster UUID.
  3. Move the data directories of all other nodes away and start these: they join.
     Keep what you moved away until you are sure.

--inspect changes nothing, but that it removes, as every start does, what a crash left
half written. The node must not run.`,
		Example: `  eventnode recover --data /var/lib/eventnode --inspect
  eventnode recover --data /var/lib/eventnode --inspect --json | jq '[.last_term, .last_index]'
  eventnode recover --data /var/lib/eventnode --accept-loss`,
		Args: args(0, 0, ""),
		RunE: func(*cobra.Command, []string) error { return a.recover(f) },
	}
	fs := cmd.Flags()
	fs.StringVar(&f.data, "data", "", "data directory of the node, as given to serve")
	fs.BoolVar(&f.inspect, "inspect", false, "only say what the copy has, to compare it with others")
	fs.BoolVar(&f.accept, "accept-loss", false, "do it: what this copy does not have is lost")
	return cmd
}

// copyJSON is what recover --json prints.
type copyJSON struct {
	Recovered bool        `json:"recovered"` // by this command
	Replica   uuid.UUID   `json:"replica"`
	Cluster   uuid.UUID   `json:"cluster"`
	LastTerm  uint64      `json:"last_term"`
	LastIndex uint64      `json:"last_index"`
	Term      uint64      `json:"term"`
	Applied   uint64      `json:"applied"`
	Voters    []uuid.UUID `json:"other_voters"`
	Others    []uuid.UUID `json:"other_replicas,omitempty"`
	Before    string      `json:"note,omitempty"`
}

func (a *app) recover(f recoverFlags) error {
	switch {
	case f.data == "":
		return usagef("--data is missing: name the data directory of the node")
	case f.inspect && f.accept:
		return usagef("--inspect and --accept-loss: give one of them")
	}
	logger := slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if f.accept {
		c, err := node.RecoverData(f.data, logger)
		if err != nil {
			return err
		}
		logger.Warn("recovered", "what", c.Recovered)
		return a.printCopy(c, true)
	}
	c, err := node.InspectData(f.data, logger)
	if err == nil {
		err = a.printCopy(c, false)
	}
	if err == nil && !f.inspect {
		err = usageError{errors.New("nothing was changed: read the help, compare the copies with --inspect, and type --accept-loss to go on with this one")}
	}
	return err
}

// printCopy prints what a copy has, and what to do next.
func (a *app) printCopy(c node.DataCopy, done bool) error {
	j := copyJSON{
		Recovered: done, Replica: c.Replica, Cluster: c.Cluster, LastTerm: c.LastTerm, LastIndex: c.Last,
		Term: c.Term, Applied: c.Applied, Voters: append([]uuid.UUID{}, c.Voters...), Others: c.Others, Before: c.Recovered,
	}
	return a.printObject(j, func(w io.Writer) {
		fmt.Fprintf(w, "replica       %v\ncluster       %v\nLAST TERM     %d\nLAST INDEX    %d\nterm          %d\nstate at      %d\nother voters  %d\n",
			c.Replica, c.Cluster, c.LastTerm, c.Last, c.Term, c.Applied, len(c.Voters))
		for _, id := range c.Voters {
			fmt.Fprintf(w, "              %v\n", id)
		}
		if c.Recovered != "" {
			fmt.Fprintf(w, "note          %s\n", c.Recovered)
		}
		if done {
			fmt.Fprintf(w, "\nThis copy is a cluster of its own now. Start its node; then move the data directories\nof all other nodes away, and start these: they join it.\n")
		}
	})
}
