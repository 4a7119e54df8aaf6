package command

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// devReadyTimeout bounds how long dev waits until its nodes know each other.
const devReadyTimeout = 30 * time.Second

// devNode is one node of a dev cluster, as others see it.
type devNode struct {
	Name   string `json:"name"`
	RPC    string `json:"rpc"`
	Gossip string `json:"gossip"`
	HTTP   string `json:"http"`
	// Gateway is empty without a chat service; Tokens is then, too.
	Gateway string `json:"gateway,omitempty"`
	Tokens  string `json:"tokens,omitempty"`
	// Source is that of a node which runs shards of a bot, with the token in Token, which
	// take events from From.
	Source string `json:"source,omitempty"`
	From   string `json:"from,omitempty"`
	Token  string `json:"token,omitempty"`

	Data string `json:"data"`
	Log  string `json:"log"`
	PID  int    `json:"pid,omitempty"`
}

// devReadyJSON is what dev --json prints when the cluster is ready.
type devReadyJSON struct {
	Ready bool      `json:"ready"`
	Nodes []devNode `json:"nodes"`
}

// devCommand is `eventnode dev`.
func (a *app) devCommand() *cobra.Command {
	var nodes int
	var data string
	var noChat, demo bool
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run a local cluster until ctrl-C",
		Long: `Runs a cluster on this machine, each node in a process of its own, until ctrl-C.
The nodes are called n1, n2, ... and listen on 127.0.0.1: n1 on the default ports
7400 and 7401, so that other commands find it without --addr, the others on those
that follow. If one of these is taken all get free ones, and what to type is
printed. Over HTTP (7601 for n1, 7602 for n2, ...) they serve metrics, and take
CloudEvents: POST /v1/topics/TOPIC/events and /v1/streams/STREAM/events.

Each node has a chat service and a gateway (7701 for n1, 7702 for n2, ...), where client
libraries of the Discord Gateway protocol connect with the tokens alice, bob and robot.
A guild with some channels is there soon after the start, unless there was one before.
--no-chat leaves all that out.

What the nodes keep and log is in a temporary directory, which is removed at the
end (but not after an error), or with --data in DIR, which is kept.

--demo shows shards of a bot: n1 has the gateway, and things happen in two guilds; the
other nodes run the bot's shards; and each event is printed, with what was before and
what is now, and where the shards are. It needs two nodes or more.

"eventnode dev kill n2" kills a node of the running cluster as a crash would, with
SIGKILL; "eventnode dev start n2" starts it again, at its addresses, with its data.`,
		Example: `  eventnode dev
  eventnode dev --nodes 5 --data ./cluster
  eventnode dev --demo
  eventnode dev kill n2
  eventnode dev start n2`,
	}
	parent(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if nodes < 1 || nodes > 64 {
			return usagef("--nodes must be 1 to 64")
		}
		if demo && (noChat || nodes < 2) {
			return usagef("--demo needs a chat service, and two nodes or more: leave out --no-chat, and say --nodes 3")
		}
		return a.dev(cmd.Context(), devKind{nodes, data, !noChat, demo})
	}
	cmd.Flags().IntVar(&nodes, "nodes", 3, "number of nodes")
	cmd.Flags().BoolVar(&noChat, "no-chat", false, "without chat service and gateways")
	cmd.Flags().BoolVar(&demo, "demo", false, "show shards of a bot, which take events from a gateway")
	cmd.PersistentFlags().StringVar(&data, "data", "", "directory for data and logs, which is kept (default: a temporary one)")
	cmd.AddCommand(a.devControlCommand("kill", "Kill a node of the running dev cluster",
		"Kills a node with SIGKILL: as in a crash, it does not say goodbye to the others.", &data),
		a.devControlCommand("start", "Start a node of the running dev cluster again",
			"Starts a node that was killed or ended, at the same addresses and with the same\ndata. Returns when it knows the others.", &data))
	return cmd
}

// devControlCommand is `eventnode dev kill` or `start`.
func (a *app) devControlCommand(op, short, long string, data *string) *cobra.Command {
	return &cobra.Command{
		Use:   op + " NODE",
		Short: short,
		Long: long + `

The cluster is the one that this user started last with "eventnode dev", or with
--data the one that keeps its data there.`,
		Example: "  eventnode dev " + op + " n2\n  eventnode dev " + op + " n2 --data ./cluster",
		Args:    args(1, 1, "NODE, such as n2,"),
		RunE: func(cmd *cobra.Command, args []string) error {
			answer, err := devAsk(cmd.Context(), *data, devRequest{Op: op, Node: args[0]})
			if err != nil {
				return err
			}
			return a.printObject(answer, func(w io.Writer) { fmt.Fprintln(w, answer.Done) })
		},
	}
}

// devKind is which cluster dev runs.
type devKind struct {
	nodes      int
	data       string
	chat, demo bool
}

// dev runs a cluster until ctx ends.
func (a *app) dev(ctx context.Context, kind devKind) error {
	dir, remove, err := devDirectory(kind.data)
	if err != nil {
		return err
	}
	nodes, standard, err := devNodes(kind, dir)
	if err != nil {
		return err
	}
	if !standard {
		a.notice(map[string]any{"notice": "default ports are taken"}, "the default ports are taken: the nodes get free ones")
	}
	s := newSupervisor(a, nodes, dir, kind.data != "")
	s.then = func(ctx context.Context) { a.devThen(ctx, kind, nodes) }
	err = s.run(ctx, func(running []devNode) error {
		return a.printObject(devReadyJSON{true, running}, func(w io.Writer) { writeDevReady(w, running, standard) })
	})
	if err == nil { // else the error names a log in it
		remove()
	}
	return err
}

// devThen is what is done with the nodes when they are ready.
func (a *app) devThen(ctx context.Context, kind devKind, nodes []devNode) {
	if kind.chat {
		a.devFill(ctx, []string{nodes[0].RPC})
	}
	if kind.demo {
		a.demo(ctx, nodes)
	}
}

// devNodes says where the nodes will be.
func devNodes(kind devKind, dir string) (nodes []devNode, standard bool, err error) {
	addrs, standard, err := devPorts(kind.nodes)
	if err != nil {
		return nil, false, err
	}
	tokens, token := "", ""
	if kind.chat {
		if tokens, err = devTokenFile(dir); err != nil {
			return nil, false, err
		}
	}
	if kind.demo {
		if token, err = demoTokenFile(dir); err != nil {
			return nil, false, err
		}
	}
	for i, at := range addrs {
		name := fmt.Sprintf("n%d", i+1)
		n := devNode{
			Name: name, RPC: at.rpc, Gossip: at.gossip, HTTP: at.http,
			Data: filepath.Join(dir, name), Log: filepath.Join(dir, name+".log"),
		}
		switch {
		case kind.demo && i > 0:
			n.Source, n.From, n.Token = demoSource, "ws://"+addrs[0].gateway, token
		case kind.chat:
			n.Gateway, n.Tokens = at.gateway, tokens
		}
		nodes = append(nodes, n)
	}
	return nodes, standard, nil
}

// devDirectory makes the directory for data and logs, and returns what to do
// with it at the end.
func devDirectory(data string) (dir string, remove func(), err error) {
	if data == "" {
		dir, err = os.MkdirTemp("", "eventnode-dev-")
		return dir, func() { _ = os.RemoveAll(dir) }, err
	}
	if dir, err = filepath.Abs(data); err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	return dir, func() {}, err
}

// writeDevReady says where the nodes are and what to type next.
func writeDevReady(w io.Writer, nodes []devNode, standard bool) {
	fmt.Fprintf(w, "ready: %s\n\n", plural(len(nodes), "node"))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NODE\tRPC (--addr)\tGOSSIP\tHTTP\tGATEWAY\tLOG")
	for _, n := range nodes {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", n.Name, n.RPC, n.Gossip, n.HTTP, cmp.Or(n.Gateway, "-"), n.Log)
	}
	_ = table.Flush() // w keeps its error
	last, addr := nodes[len(nodes)-1], ""
	if last.Source != "" {
		writeDemoNext(w, nodes)
		return
	}
	if !standard {
		addr = " --addr " + nodes[0].RPC
	}
	fmt.Fprintf(w, `
next, in other terminals:
  eventnode subscribe topic:greetings --addr %s
  eventnode dispatch topic:greetings --data hello%s
  eventnode streams create orders --group billing%s
  eventnode consume --group billing%s
  eventnode publish orders --data hello%s
  eventnode streams info orders%s
  eventnode members%s
  eventnode dev kill %s
  eventnode dev start %s
`, last.RPC, addr, addr, addr, addr, addr, addr, last.Name, last.Name)
	if last.Gateway != "" {
		fmt.Fprintf(w, `
chat, for client libraries with the tokens alice, bob and robot (see %s):
  curl http://%s/gateway
  curl -H 'Authorization: Bot robot' http://%s/gateway/bot
  eventnode chat dispatch channel:1101 MESSAGE_CREATE '{"channel_id":"1101","content":"hello"}'%s
  eventnode sessions list%s
`, last.Tokens, nodes[0].Gateway, last.Gateway, addr, addr)
	}
	fmt.Fprint(w, "\nctrl-C stops all\n")
}
