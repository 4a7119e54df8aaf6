package command

import (
	"context"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/node"
)

// cluster is what commands need of a connection; a connection has it.
type cluster interface {
	eventnode.Live
	eventnode.Recorder
	eventnode.Cluster
	eventnode.Administration
	eventnode.Storage
	// Streams returns the durable streams of a namespace.
	Streams(opts ...client.StreamsOption) eventnode.Streams
	// Consumers returns the consumer groups of a namespace's streams.
	Consumers(opts ...client.StreamsOption) eventnode.Consumers
	// Locks returns the locks of a namespace.
	Locks(opts ...client.StreamsOption) eventnode.Locks
	// Chat returns the chat service.
	Chat() chatService
	// Sources returns the cluster's event sources.
	Sources() eventnode.Sources
	// Cache returns what is cached of a source.
	Cache(source string) eventnode.Cache
	// Close ends the connection.
	Close() error
}

var _ cluster = connection{}

// app is what the commands share: the streams, the ways to the outside, and the
// flags that all have.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer

	dial      func(ctx context.Context, addrs []string, name string) (cluster, error)
	newServer func(node.Config) (server, error)
	getenv    func(string) string
	environ   func() []string // nil: empty

	addrs    []string
	security clientSecurity
	json     bool
}

// run is the whole program. It returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{
		stdin: stdin, stdout: stdout, stderr: stderr,
		getenv:  os.Getenv,
		environ: os.Environ,
	}
	t, err := openTraces(ctx, a.getenv, stderr)
	if err != nil {
		return a.report(a.rootCommand(), err)
	}
	defer t.close()
	a.dial, a.newServer = a.secured(t.dial), t.newServer
	return a.run(ctx, args)
}

// run parses args, runs the command and reports its error.
func (a *app) run(ctx context.Context, args []string) int {
	// Before flags are parsed: a malformed flag is to be reported as JSON too.
	// What is behind -- is somebody else's.
	ours := args
	if i := slices.Index(args, "--"); i >= 0 {
		ours = args[:i]
	}
	a.json = slices.Contains(ours, "--json")
	root := a.rootCommand()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	return a.report(cmd, err)
}

// rootCommand makes the tree of commands.
func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "eventnode",
		Short: "A cluster of nodes that delivers events to whoever subscribes",
		Long: `eventnode runs nodes and speaks to them.

Nodes find each other by gossip and share one table of who is interested in
what. An event dispatched on any node reaches the subscribers of every node, at
most once, in order per publisher; whoever misses some is told so. What must not be
lost is published to a stream, which is replicated over the nodes with storage.

Start with "eventnode dev", which runs a cluster on this machine.`,
		Example: `  # a local cluster, then in two other terminals
  eventnode dev
  eventnode subscribe topic:greetings
  eventnode dispatch topic:greetings --data hello`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.CompletionOptions.HiddenDefaultCmd = true
	root.PersistentFlags().BoolVar(&a.json, "json", a.json, "print JSON, one object a line")
	parent(root)
	root.AddCommand(
		a.devCommand(), a.serveCommand(), a.configCommand(),
		a.subscribeCommand(), a.dispatchCommand(), a.requestCommand(), a.replyCommand(), a.groupsCommand(),
		a.streamsCommand(), a.publishCommand(),
		a.consumeCommand(), a.consumerGroupsCommand(), a.pendingCommand(), a.claimCommand(), a.deadCommand(),
		a.locksCommand(), a.outboxCommand(), a.chatCommand(), a.sessionsCommand(), a.sourceCommand(), a.shardsCommand(), a.cacheCommand(),
		a.raftCommand(), a.scrubCommand(), a.backupCommand(), a.restoreCommand(),
		a.membersCommand(), a.leaveCommand(), a.recoverCommand(),
		a.subscriptionsCommand(), a.statusCommand(),
		a.benchCommand(), a.versionCommand(), exitCodesTopic(), topicsTopic(),
	)
	return root
}

// parent makes cmd, which has subcommands, print its help when called alone and
// refuse what it does not know.
func parent(cmd *cobra.Command) {
	cmd.SuggestionsMinimumDistance = 2
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		hint := ""
		if s := cmd.SuggestionsFor(args[0]); len(s) > 0 {
			hint = ": did you mean " + strings.Join(s, " or ") + "?"
		}
		return usagef("unknown command %q for %q%s", args[0], cmd.CommandPath(), hint)
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
}

// args checks the number of arguments and names what is missing. most < 0 means
// any number.
func args(least, most int, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usagef("%s is missing", what)
		case most >= 0 && len(args) > most:
			return usagef("unexpected argument %q", args[most])
		}
		return nil
	}
}
