package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode/bench/internal/edge"
	"github.com/eventnode/eventnode/bench/internal/intake"
	"github.com/eventnode/eventnode/bench/internal/load"
	"github.com/eventnode/eventnode/bench/internal/relay"
	"github.com/eventnode/eventnode/bench/internal/stream"
	"github.com/eventnode/eventnode/bench/internal/table"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := &cobra.Command{
		Use:           "bench",
		Short:         "Measure eventnode beside NATS, Redis and Erlang pg, on this machine",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(runCommand(), reportCommand(), loadCommand(), streamCommand(), relayCommand(), tableCommand(), edgeCommand(), intakeCommand())
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// loadCommand is how the bench starts itself as a publisher or subscriber.
func loadCommand() *cobra.Command {
	var profile string
	cmd := &cobra.Command{
		Use:    "load ROLE",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return load.Main(cmd.Context(), args[0], profile, os.Stdin, os.Stdout)
		},
	}
	cmd.Flags().StringVar(&profile, "profile", "", "write a CPU profile to this file")
	return cmd
}

// streamCommand is how the bench starts itself as a publisher or reader of a stream.
func streamCommand() *cobra.Command {
	var profile string
	cmd := &cobra.Command{
		Use:    "stream ROLE",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return stream.Main(cmd.Context(), args[0], profile, os.Stdin, os.Stdout)
		},
	}
	cmd.Flags().StringVar(&profile, "profile", "", "write a CPU profile to this file")
	return cmd
}

// relayCommand is how the bench starts itself as a part of the bare relay.
func relayCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "relay",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE:   func(cmd *cobra.Command, _ []string) error { return relay.Main(cmd.Context(), os.Stdin, os.Stdout) },
	}
}

// tableCommand is how the bench starts itself as a node of the group table.
func tableCommand() *cobra.Command {
	return &cobra.Command{
		Use:                "table-node",
		Hidden:             true,
		DisableFlagParsing: true,
		RunE:               func(_ *cobra.Command, args []string) error { return table.NodeMain(args, os.Stdin, os.Stdout) },
	}
}

// edgeCommand is how the bench starts itself as a node with a gateway, as the peer beside it,
// or as clients.
func edgeCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "edge ROLE",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return edge.Main(cmd.Context(), args[0], os.Stdin, os.Stdout)
		},
	}
}

// intakeCommand is how the bench starts itself as a gateway that plays a recording, or as who
// takes that in.
func intakeCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "intake ROLE",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return intake.Main(cmd.Context(), args[0], os.Stdin, os.Stdout)
		},
	}
}
