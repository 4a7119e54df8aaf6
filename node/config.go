package node

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/membership"
)

// DefaultRPCPort is where a node serves gRPC if nothing else is said.
const DefaultRPCPort = 7401

// Config of a Node. The zero value is a node on loopback with the default
// ports, in a cluster named "eventnode", which knows no seeds.
type Config struct {
	// ID is the node's name, unique in the cluster. Defaults to the host name
	// and the rpc port, "host-7401".
	ID eventnode.NodeID
	// Cluster is the cluster's name: nodes of another name are not heard.
	// Defaults to "eventnode".
	Cluster string
	// GossipAddress is the HOST:PORT to bind for gossip, UDP and TCP.
	// Defaults to 127.0.0.1:7400.
	GossipAddress string
	// RPCAddress is the HOST:PORT to bind for gRPC: clients and links.
	// Defaults to 127.0.0.1:7401.
	RPCAddress string
	// AdvertiseGossip is the HOST:PORT that other nodes reach GossipAddress
	// at. Defaults to the bound address, or to the private address of this
	// machine if bound to all interfaces.
	AdvertiseGossip string
	// AdvertiseRPC is the same for RPCAddress.
	AdvertiseRPC string
	// Seeds are gossip addresses of other nodes: HOST:PORT, "dns:NAME:PORT" or
	// "srv:NAME". The node's own may be among them.
	Seeds []string
	// SeedFile names a file with a seed a line, read anew at each try.
	SeedFile string
	// DataDir keeps what must outlive the process: the epoch, and the copies of
	// durable streams. Defaults to none: the clock gives the epoch, and the node has
	// no storage.
	DataDir string
	// Storage is about the copies of durable streams.
	Storage Storage
	// Zone is the failure domain, for placement. May be empty.
	Zone string
	// Labels are what is said of this node, for placement: a pool may ask for them.
	// 16 at most, 160 bytes. Defaults to none.
	Labels map[string]string
	// Version is the program's version, shown to others.
	Version string

	// HTTPAddress serves /metrics, /livez, /readyz and /debug/pprof. Empty:
	// off. It has no access control: bind it where only operators come.
	HTTPAddress string
	// HTTPIngest takes CloudEvents at HTTPAddress, for topics and streams; the Authorizer
	// sees each request as the call that does the same. Off unless asked for: whoever
	// reaches the address may publish, if there is no Authorizer.
	HTTPIngest bool
	// HTTPTLS has HTTPAddress speak TLS, with the certificate of rpc. Off unless asked
	// for: what scrapes metrics may not know the signer.
	HTTPTLS bool

	// Chat is about sessions of clients, chat topics and the gateway. Off unless asked for.
	Chat Chat

	// Sources are bots whose shards this node runs, with all other nodes that have them.
	Sources []Source

	// GossipKey encrypts gossip and is what links prove to know: 16, 24 or 32
	// bytes. Empty: gossip in the clear, and any node may link.
	GossipKey []byte
	// GossipKeys are several, 16 at most: the first one encrypts and is proved, any is
	// good. They go before GossipKey; see Node.SetGossipKeys. Defaults to that one.
	GossipKeys [][]byte
	// TLS secures rpc. Nil: in the clear.
	TLS *TLS
	// Authorizer decides on each public call. Nil: all are allowed.
	Authorizer Authorizer

	// StopTimeout bounds how long a node that stops waits for clients, which it has told
	// to go to other nodes, until they have gone and were sent what is queued for them.
	// Clients go at once; longer helps slow subscribers, and those of other programs that
	// do not go by themselves. Defaults to 3 s.
	StopTimeout time.Duration

	// Limits bound what one node holds. Its zero value has the defaults.
	Limits Limits

	// Logger takes the node's log. Defaults to none.
	Logger *slog.Logger
	// Registry takes the node's metrics. Defaults to a registry of its own.
	Registry *prometheus.Registry

	// TracerProvider takes spans of what this Node dispatches, publishes and handles, of
	// calls to it that have one answer, and of events that are posted to it: see package
	// tracing. Defaults to none.
	TracerProvider trace.TracerProvider

	// Network is what the node talks over. Nil: the machine's network. Tests
	// give one in memory.
	Network Network
}

// TLS secures the rpc port.
type TLS struct {
	// Server is used on the listener. For links to be mutual it needs
	// ClientCAs; ClientAuth is raised to VerifyClientCertIfGiven, so that
	// clients without a certificate may still call the public API.
	Server *tls.Config
	// Client is used to dial other nodes; it needs a certificate.
	Client *tls.Config
	// Current, if set, goes before both, and is asked for them at each handshake: for
	// certificates that are renewed while the node runs. It is called concurrently.
	Current func() (server, client *tls.Config)
}

// Network is the seam to the network. What it returns keeps the contracts of
// package net; a dial that is refused wraps syscall.ECONNREFUSED.
type Network interface {
	// Listen opens the rpc listener.
	Listen(address string) (net.Listener, error)
	// Dial opens a connection to another node's rpc listener.
	Dial(ctx context.Context, address string) (net.Conn, error)
	// Gossip opens the transport of memberlist on an address.
	Gossip(address string) (memberlist.Transport, error)
}

// Limits bound what one node holds. Reaching one is an error to the caller that
// names the limit.
type Limits struct {
	// MaxEventBytes bounds an encoded event. Defaults to 1 MiB.
	MaxEventBytes int
	// MaxSubscriptions bounds subscriptions on this node. Defaults to
	// 1,000,000.
	MaxSubscriptions int
	// MaxGroups bounds the groups of a scope that this node's members are in.
	// Defaults to 1,000,000.
	MaxGroups int
	// MaxMembersPerGroup bounds a group's memberships, of all nodes. Defaults
	// to 4,000,000.
	MaxMembersPerGroup int
	// MaxMetaBytes bounds the metadata of a membership. Defaults to 1,024.
	MaxMetaBytes int
}

// DefaultStopTimeout is the default of Config.StopTimeout.
const DefaultStopTimeout = 3 * time.Second

// drainTimeout bounds saying goodbye to peers, so that a stop is prompt even when they
// are stuck.
const drainTimeout = 2 * time.Second

// moveTimeout bounds how long a stopping node waits for the last calls of clients,
// which were told to go elsewhere; they do at once.
const moveTimeout = 500 * time.Millisecond

// refusalLogInterval is how often refused connections are logged.
const refusalLogInterval = time.Minute

// withDefaults fills in what depends on nothing but the configuration.
func (c Config) withDefaults() Config {
	if c.Cluster == "" {
		c.Cluster = "eventnode"
	}
	if c.GossipAddress == "" {
		c.GossipAddress = net.JoinHostPort("127.0.0.1", strconv.Itoa(membership.DefaultGossipPort))
	}
	if c.RPCAddress == "" {
		c.RPCAddress = net.JoinHostPort("127.0.0.1", strconv.Itoa(DefaultRPCPort))
	}
	if len(c.GossipKeys) == 0 && len(c.GossipKey) > 0 {
		c.GossipKeys = [][]byte{c.GossipKey}
	}
	if c.StopTimeout <= 0 {
		c.StopTimeout = DefaultStopTimeout
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
	}
	if c.Network == nil {
		c.Network = systemNetwork{}
	}
	return c
}

// defaultID is the host's name and the rpc port.
func defaultID(rpcAddress string) eventnode.NodeID {
	host, err := os.Hostname()
	if err != nil {
		host = "node"
	}
	_, port, err := net.SplitHostPort(rpcAddress)
	if err != nil {
		return eventnode.NodeID(host)
	}
	return eventnode.NodeID(host + "-" + port)
}
