package command

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
)

// raftCommand is `eventnode raft`.
func (a *app) raftCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "raft",
		Short: "See how the copies of durable streams agree",
		Long: `Durable streams have copies on several nodes, which agree on each write with Raft:
one copy leads, and a write counts when a majority of the voters has fsynced it.`,
		Example: `  eventnode raft status`,
	}
	parent(cmd)
	cmd.AddCommand(a.raftStatusCommand())
	return cmd
}

func (a *app) raftStatusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say how each copy of durable streams is",
		Long: `Asks all nodes with storage how their copy is, and says what is wrong. Any node
may be asked. The exit code is 0 if there is a leader and all voters are well, 4 if
not, and 1 if no node answers.

ROLE is voter, nonvoter (it is catching up) or none. STATE is running, opening (it
reads its files), stopped, waiting (it belongs to no cluster yet) or silent (its
node does not answer). A running one may be slow, for half a minute after its disk was,
or full (its disk has too little room): neither should lead. TERM to APPLIED are about entries of the log: the last one
DURABLE (fsynced) here, COMMITTED (by a majority, as far as it knows), and APPLIED
(it changed the state; some change nothing). LAG is how many committed entries are
not durable here yet. LOG and STATE are what its files hold, FREE is what is free on
that disk. SNAPSHOT is the entry up to which it needs no log. CHAIN is a hash over
all that was ever written to the state: copies with the same APPLIED have the same.`,
		Example: `  eventnode raft status
  eventnode raft status --addr 10.0.0.5:7401 >/dev/null || page-somebody
  eventnode raft status --json | jq '.replicas[] | {node, lag}'`,
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.ask(cmd, func(ctx context.Context, c cluster) error {
				s, err := c.StorageStatus(ctx)
				if err != nil {
					return err
				}
				return a.printStorageStatus(s)
			})
		},
	}
	a.addAddr(cmd)
	return cmd
}

// printStorageStatus prints s and makes its health the error.
func (a *app) printStorageStatus(s eventnode.StorageStatus) error {
	if err := a.printObject(s, func(w io.Writer) { writeStorageStatus(w, s) }); err != nil {
		return err
	}
	if !s.Healthy {
		return failf(exitUnhealthy, "the copies of durable streams are not well: %s", plural(len(s.Problems), "problem"))
	}
	return nil
}

// writeStorageStatus prints s for people.
func writeStorageStatus(w io.Writer, s eventnode.StorageStatus) {
	leader := "nobody leads"
	if s.Leader != "" {
		leader = string(s.Leader) + " leads"
	}
	fmt.Fprintf(w, "cluster %s %s: %s\n", s.Cluster, s.ClusterUUID, leader)
	for _, p := range s.Problems {
		fmt.Fprintf(w, "  problem: %s\n", p)
	}
	for _, r := range s.Replicas {
		if r.Sick {
			fmt.Fprintf(w, "  %s should not lead: %s\n", r.Node, r.Why)
		}
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NODE\tROLE\tSTATE\tTERM\tDURABLE\tCOMMITTED\tAPPLIED\tLAG\tLOG\tSTATE\tFREE\tSNAPSHOT\tTIME\tCHAIN\tREPLICA")
	for _, r := range s.Replicas {
		fmt.Fprintln(table, replicaRow(r))
	}
	_ = table.Flush() // its writer gathers
}

// replicaRow is a row of the table.
func replicaRow(r eventnode.ReplicaInfo) string {
	node, state := string(r.Node), r.State
	if node == "" {
		node = "?"
	}
	if r.Leads {
		state = "leads"
	}
	switch {
	case r.Full:
		state += ", full"
	case r.Sick:
		state += ", slow"
	}
	if r.State != "running" {
		return fmt.Sprintf("%s\t%s\t%s\t-\t-\t-\t-\t-\t-\t-\t-\t-\t-\t-\t%s", node, r.Role, state, r.ID)
	}
	return fmt.Sprintf("%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t%s\t%d\t%s\t%s\t%s",
		node, r.Role, state, r.Term, r.Durable, r.Committed, r.Applied, r.Lag,
		sized(r.LogBytes), sized(r.StateBytes), sized(r.FreeBytes), r.Snapshot, r.Stamp.UTC().Format(time.RFC3339), r.Chain, r.ID)
}
