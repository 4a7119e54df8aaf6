package command

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/reload"
	"github.com/eventnode/eventnode/node"
)

// server is what serve needs of a node; *node.Node has it.
type server interface {
	Run(ctx context.Context) error
	Ready() <-chan struct{}
	Self() eventnode.NodeRef
	GossipAddress() string
	RPCAddress() string
	HTTPAddress() string
	GatewayAddress() string
	Revoke(when func(node.Call) bool)
	SetGossipKeys(keys [][]byte) error
}

var _ server = (*node.Node)(nil)

// newNode is app.newServer in the real program.
func newNode(cfg node.Config) (server, error) {
	n, err := node.New(cfg)
	if err != nil {
		return nil, err
	}
	return n, nil
}

// serveFlags are those of serve.
type serveFlags struct {
	cfg                 node.Config
	config              string
	name                string
	labels              []string
	logLevel, logFormat string
	chat                chatFlags
	security            securityFlags
}

// serveCommand is `eventnode serve`.
func (a *app) serveCommand() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run a node until ctrl-C",
		Long: `Runs one node of a cluster until ctrl-C or SIGTERM; it then hands over what it leads,
sends its clients to other nodes with what is queued for them (--stop-timeout), and says
goodbye to these. It stays a member of the cluster: "eventnode leave" is for good. A line on stdout says when it serves, and where; logs go to stderr.

A node has two ports: gossip (UDP and TCP, 7400 by default), by which nodes find
each other, and rpc (TCP, 7401), for clients and for the events between nodes. By
default both listen on 127.0.0.1. To be reached from other machines bind them to
an address of this one, or to all with 0.0.0.0, and say with --advertise-gossip
and --advertise-rpc what others should use where that is not the private address
of this machine.

--join names the gossip address of any node of the cluster, its own too: give
all nodes the same list. dns:NAME:PORT stands for all addresses of a name, and
srv:NAME for its SRV records. A node keeps trying, so nodes may start in any
order.

--name must be unique; it defaults to host name and rpc port. Without
--token-file whoever reaches the rpc port may do everything: keep it inside.

--data keeps what must outlive the process. A node that has it also keeps copies of
durable streams (--no-storage: it does not). Their cluster is founded once, by as
many such nodes as --bootstrap-expect says; give all the same number. A node
without --join founds one alone. --label says something of the node, such as
disk=ssd: copies can be kept on nodes that have it ("eventnode streams pools").

Each flag may also be given by the environment, --rpc as EVENTNODE_RPC, or by a YAML file
named with --config, as the key rpc; a flag goes before the environment, and that before
the file. "eventnode config" checks them, and docs/configuration.md lists them.

--http is for operators and their tools: metrics, health, profiles. With --http-ingest
it also takes CloudEvents, from anybody who reaches it, for any topic and stream:

  POST /v1/topics/TOPIC/events     dispatched: 202
  POST /v1/streams/STREAM/events   201 with the position, when they are durable

` + securityHelp() + `

` + chatHelp,
		Example: `  eventnode serve --name n1
  eventnode serve --name n2 --gossip 0.0.0.0:7400 --rpc 0.0.0.0:7401 --join 10.0.0.1:7400 --join 10.0.0.2:7400
  eventnode serve --join dns:eventnode.default.svc:7400 --data /var/lib/eventnode --bootstrap-expect 3 --http 127.0.0.1:7402
  eventnode serve --config /etc/eventnode/node.yaml
  eventnode serve --data /var/lib/eventnode --gateway 0.0.0.0:8080 --gateway-tokens tokens.txt --gateway-url wss://gateway.example.com`,
		Args: args(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.configured(cmd, f.config, func() error { return f.finish(cmd, a.stderr) }); err != nil {
				return err
			}
			return a.serve(cmd.Context(), f.cfg, &f.security)
		},
	}
	f.add(cmd)
	f.chat.add(cmd)
	return cmd
}

// add adds the flags of every node.
func (f *serveFlags) add(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.config, "config", "", "YAML file with a key for each flag that is not given (default: $"+configVariable+")")
	fs.StringVar(&f.name, "name", "", "name of the node, unique in the cluster (default: host name and rpc port)")
	fs.StringVar(&f.cfg.GossipAddress, "gossip", "", "HOST:PORT to bind for gossip (default 127.0.0.1:7400)")
	fs.StringVar(&f.cfg.RPCAddress, "rpc", "", "HOST:PORT to bind for rpc (default "+defaultAddr()+")")
	fs.StringVar(&f.cfg.AdvertiseGossip, "advertise-gossip", "", "HOST:PORT that other nodes use for --gossip")
	fs.StringVar(&f.cfg.AdvertiseRPC, "advertise-rpc", "", "HOST:PORT that other nodes use for --rpc")
	fs.StringSliceVar(&f.cfg.Seeds, "join", nil, "gossip address of a node: HOST:PORT, dns:NAME:PORT or srv:NAME; may be given several times")
	fs.StringVar(&f.cfg.SeedFile, "join-file", "", "file with an address for --join a line, read anew at each try")
	fs.StringVar(&f.cfg.Cluster, "cluster", "", "name of the cluster; nodes of another are not heard (default eventnode)")
	fs.StringVar(&f.cfg.DataDir, "data", "", "directory for what must outlive the process (default: none)")
	fs.IntVar(&f.cfg.Storage.BootstrapExpect, "bootstrap-expect", 0, "nodes with storage that found the durable plane, 1 to 5 (default: 1 without --join, else none)")
	fs.IntVar(&f.cfg.Storage.Replicas, "replicas", 3, "copies of durable streams, 1 to 5")
	fs.BoolVar(&f.cfg.Storage.Off, "no-storage", false, "keep no copies of durable streams, in spite of --data")
	fs.StringSliceVar(&f.labels, "label", nil, "KEY=VALUE that is said of the node, for pools of streams; may be given several times")
	fs.StringVar(&f.cfg.Zone, "zone", "", "failure domain, such as a data centre")
	fs.StringVar(&f.cfg.HTTPAddress, "http", "", "HOST:PORT for /metrics, /livez, /readyz and /debug/pprof (default: off)")
	fs.BoolVar(&f.cfg.HTTPIngest, "http-ingest", false, "take CloudEvents at --http, from whoever reaches it")
	f.security.add(fs, &f.cfg)
	fs.DurationVar(&f.cfg.StopTimeout, "stop-timeout", node.DefaultStopTimeout, "how long a node that stops waits for clients, which it has told to go to other nodes")
	fs.StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error")
	fs.StringVar(&f.logFormat, "log-format", "text", "text or json")
}

// finish turns the flags that are not strings of Config into its fields.
func (f *serveFlags) finish(cmd *cobra.Command, logs io.Writer) (err error) {
	f.cfg.ID = eventnode.NodeID(f.name)
	f.cfg.Version = readVersion().Version
	if f.cfg.HTTPIngest && f.cfg.HTTPAddress == "" {
		return usagef("--http-ingest needs --http HOST:PORT: where to take events")
	}
	if f.cfg.StopTimeout <= 0 {
		return usagef("--stop-timeout %v: give a time above 0, such as 5s", f.cfg.StopTimeout)
	}
	if cmd.Flags().Lookup("chat") != nil {
		if f.cfg.Chat, err = f.chat.config(cmd); err != nil {
			return err
		}
	}
	if err := f.security.config(&f.cfg); err != nil {
		return err
	}
	if f.cfg.Labels, err = parseLabels(f.labels); err != nil {
		return err
	}
	if f.cfg.Logger, err = newLogger(logs, f.logLevel, f.logFormat); err != nil {
		return err
	}
	return nil
}

// newLogger makes the logger of a node.
func newLogger(w io.Writer, level, format string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, usagef("--log-level %q: use debug, info, warn or error", level)
	}
	opts := &slog.HandlerOptions{Level: l}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, opts)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	}
	return nil, usagef("--log-format %q: use text or json", format)
}

// servingJSON is what serve --json prints when the node serves.
type servingJSON struct {
	Serving eventnode.NodeID `json:"serving"`
	Epoch   uint64           `json:"epoch"`
	RPC     string           `json:"rpc"`
	Gossip  string           `json:"gossip"`
	HTTP    string           `json:"http,omitempty"`
	Gateway string           `json:"gateway,omitempty"`
}

// serve runs a node until ctx ends or it fails, and looks at the files that it was made
// of.
func (a *app) serve(ctx context.Context, cfg node.Config, security *securityFlags) error {
	n, err := a.newServer(cfg)
	if err != nil {
		return usageError{err}
	}
	security.attach(n, cfg.Logger)
	looking, stop := context.WithCancel(ctx)
	var looker sync.WaitGroup
	looker.Go(func() { reload.Run(looking, fileLook, cfg.Logger, security.watch...) })
	defer looker.Wait()
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	select {
	case err := <-ended:
		return err
	case <-n.Ready():
	}
	s := servingJSON{n.Self().ID, n.Self().Epoch, n.RPCAddress(), n.GossipAddress(), n.HTTPAddress(), n.GatewayAddress()}
	err = a.printObject(s, func(w io.Writer) {
		fmt.Fprintf(w, "%s serves: rpc %s, gossip %s", s.Serving, s.RPC, s.Gossip)
		if s.HTTP != "" {
			fmt.Fprintf(w, ", http %s", s.HTTP)
		}
		if s.Gateway != "" {
			fmt.Fprintf(w, ", gateway %s", s.Gateway)
		}
		fmt.Fprintln(w)
	})
	if err != nil {
		cfg.Logger.Warn("stdout cannot be written", "error", err)
	}
	return <-ended
}
