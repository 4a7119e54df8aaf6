package membership

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/memberlist"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

// Defaults of Config.
const (
	// DefaultGossipPort is the port for gossip, UDP and TCP.
	DefaultGossipPort = 7400
	// DefaultCluster is the cluster's name.
	DefaultCluster = "eventnode"
	// DefaultBindAddress is where gossip listens.
	DefaultBindAddress = "127.0.0.1:7400"
)

// Config says who this node is and how it finds the others.
type Config struct {
	// ID is this node's name: 1 to 63 characters of [A-Za-z0-9._-]. Required.
	ID eventnode.NodeID
	// Cluster is the cluster's name, at most 255 bytes. Nodes of another name are
	// not heard. Defaults to "eventnode".
	Cluster string
	// BindAddress is the HOST:PORT where gossip listens, UDP and TCP; the host
	// must be an IP address or empty for all interfaces. Defaults to
	// 127.0.0.1:7400.
	BindAddress string
	// AdvertiseAddress is the HOST:PORT at which others reach the gossip.
	// Defaults to BindAddress or, where that is all interfaces, to this machine's
	// private address.
	AdvertiseAddress string
	// RPCAddress is the HOST:PORT at which others reach the rpc listener.
	// Required.
	RPCAddress string
	// Zone is this node's failure domain. Defaults to none.
	Zone string
	// ClusterUUID is the cluster's, if this node knows that it belongs to one: it
	// then meets no other. Defaults to none.
	ClusterUUID uuid.UUID
	// Replica is the UUID of this node's data directory. Defaults to none: it has
	// no storage.
	Replica uuid.UUID
	// StorageLevel is the highest level of storage commands that it knows. Defaults
	// to 0: it has no storage.
	StorageLevel uint32
	// Labels are what is said of this node, for placement. Defaults to none.
	Labels map[string]string
	// Roles is what this node does. Defaults to nothing special.
	Roles []clusterv1.Role
	// Version is the program's version. Defaults to none.
	Version string
	// VersionMin and VersionMax are the link protocol versions spoken. Default to
	// 0, not said.
	VersionMin, VersionMax uint32
	// Seeds are where to look for other nodes: "HOST:PORT" (an IP address, or a
	// name that is looked up), "dns:NAME" or "dns:NAME:PORT" (all its A and AAAA
	// records), "srv:NAME" (its SRV records). This node itself may be among them.
	// Defaults to none: the node waits to be found.
	Seeds []string
	// SeedFile is a file with a seed a line, read again at each try; empty lines
	// and those that start with # are skipped. Defaults to none.
	SeedFile string
	// Resolver looks names up. Defaults to net.DefaultResolver.
	Resolver Resolver
	// SecretKey encrypts the gossip: 16, 24 or 32 bytes. Nodes with another one
	// are not heard. Defaults to none: not encrypted.
	SecretKey []byte
	// SecretKeys are several: the first one encrypts, all decrypt. They go before
	// SecretKey. Defaults to that one.
	SecretKeys [][]byte
	// DataDir keeps the epoch, so that it grows even if the clock goes back.
	// Defaults to none: the epoch is the time of the start.
	DataDir string
	// Transport carries the gossip. Run shuts it down. Defaults to UDP and TCP on
	// BindAddress.
	Transport memberlist.Transport
	// Timing changes intervals. Defaults to a LAN's.
	Timing Timing
	// Logger takes the log. Defaults to none.
	Logger *slog.Logger
	// Registerer takes the metrics. Defaults to none.
	Registerer prometheus.Registerer
	// Probe asks a node that gossip says is alive, and that has this node's name,
	// whether it is: nil means yes. It is called from one goroutine, with a
	// deadline. Defaults to a TCP dial of its rpc address.
	Probe func(ctx context.Context, node Node) error

	// keyring has SecretKeys, as they are now; New makes it. nil: none.
	keyring *memberlist.Keyring
}

// Resolver looks names up; *net.Resolver is one.
type Resolver interface {
	// LookupNetIP returns the addresses of host; network is "ip".
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	// LookupSRV returns the SRV records of name, if service and proto are empty.
	LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
}

// Timing holds the intervals. Zero fields take their defaults.
type Timing struct {
	// ProbeInterval is how often one other node is probed. Defaults to 1 s.
	ProbeInterval time.Duration
	// ProbeTimeout is how long a probe waits before others are asked to try.
	// Defaults to 500 ms.
	ProbeTimeout time.Duration
	// SuspicionMult scales how long a silent node may refute. Defaults to 6:
	// among three nodes that is 6 s, so that a flap of 3 s is outlived also by a
	// node that has just been through one, and probes slowly.
	SuspicionMult int
	// GossipInterval is how often news is passed on. Defaults to 200 ms.
	GossipInterval time.Duration
	// PushPullInterval is how often the whole state is exchanged with one other
	// node. Defaults to 30 s.
	PushPullInterval time.Duration
	// RejoinInterval is how often seeds and lost nodes are tried, give or take a
	// quarter. Defaults to 2 s.
	RejoinInterval time.Duration
	// DialTimeout bounds the opening of a gossip stream. Defaults to 2 s.
	DialTimeout time.Duration
	// NameGrace is how long a node that hears of a later life of its name waits
	// for that one to give up. Defaults to 5 s.
	NameGrace time.Duration
}

// withDefaults fills in what is not set.
func (c Config) withDefaults() Config {
	c.Cluster = cmp.Or(c.Cluster, DefaultCluster)
	c.BindAddress = cmp.Or(c.BindAddress, DefaultBindAddress)
	if c.Resolver == nil {
		c.Resolver = net.DefaultResolver
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Probe == nil {
		c.Probe = dialRPC
	}
	if len(c.SecretKeys) == 0 && len(c.SecretKey) > 0 {
		c.SecretKeys = [][]byte{c.SecretKey}
	}
	c.Timing = c.Timing.withDefaults()
	return c
}

func (t Timing) withDefaults() Timing {
	lan := memberlist.DefaultLANConfig()
	return Timing{
		ProbeInterval:    cmp.Or(t.ProbeInterval, lan.ProbeInterval),
		ProbeTimeout:     cmp.Or(t.ProbeTimeout, lan.ProbeTimeout),
		SuspicionMult:    cmp.Or(t.SuspicionMult, 6),
		GossipInterval:   cmp.Or(t.GossipInterval, lan.GossipInterval),
		PushPullInterval: cmp.Or(t.PushPullInterval, lan.PushPullInterval),
		RejoinInterval:   cmp.Or(t.RejoinInterval, 2*time.Second),
		DialTimeout:      cmp.Or(t.DialTimeout, 2*time.Second),
		NameGrace:        cmp.Or(t.NameGrace, 5*time.Second),
	}
}

// dialRPC opens and closes a connection to the node's rpc address: whoever
// listens there is taken for that node.
func dialRPC(ctx context.Context, n Node) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", n.RPCAddress)
	if err != nil {
		return err
	}
	return conn.Close()
}

// check says what is wrong with a configuration that has its defaults.
func (c Config) check() error {
	if !validID(string(c.ID)) {
		return fmt.Errorf("%w: node ID %.100q: 1 to 63 characters of A-Z a-z 0-9 . _ - are needed", ErrConfig, c.ID)
	}
	if len(c.Cluster) > memberlist.LabelMaxSize {
		return fmt.Errorf("%w: the cluster's name is longer than %d bytes", ErrConfig, memberlist.LabelMaxSize)
	}
	if err := checkHostPort(c.RPCAddress); err != nil {
		return fmt.Errorf("%w: rpc address: %w", ErrConfig, err)
	}
	if c.VersionMin > c.VersionMax {
		return fmt.Errorf("%w: versions %d to %d", ErrConfig, c.VersionMin, c.VersionMax)
	}
	if err := checkKeys(c.SecretKeys); err != nil {
		return err
	}
	if _, _, err := splitIP(c.BindAddress); err != nil {
		return fmt.Errorf("%w: bind address: %w", ErrConfig, err)
	}
	return nil
}

// advertised returns the gossip address to advertise.
func (c Config) advertised() (string, error) {
	if c.AdvertiseAddress != "" {
		if _, _, err := net.SplitHostPort(c.AdvertiseAddress); err != nil {
			return "", fmt.Errorf("%w: advertise address %.100q is not HOST:PORT", ErrConfig, c.AdvertiseAddress)
		}
		return c.AdvertiseAddress, nil
	}
	if c.Transport == nil {
		return AdvertiseAddress(c.BindAddress)
	}
	ip, port, err := c.Transport.FinalAdvertiseAddr("", 0)
	if err != nil {
		return "", fmt.Errorf("address of the transport: %w", err)
	}
	return net.JoinHostPort(ip.String(), strconv.Itoa(port)), nil
}

// checkReach refuses a loopback address that nodes elsewhere would be told: addrs
// are where they are.
func checkReach(self Node, addrs []string) error {
	for _, own := range []string{self.GossipAddress, self.RPCAddress} {
		if !isLoopback(own) {
			continue
		}
		for _, a := range addrs {
			if !isLoopback(a) {
				return fmt.Errorf("%w: %s is advertised, but the seed %s is on another machine: set the advertised gossip and rpc addresses to ones that it can reach",
					ErrLoopback, own, a)
			}
		}
	}
	return nil
}

// literal returns the addresses among seeds that need no lookup.
func literal(seeds []seed) []string {
	var addrs []string
	for _, s := range seeds {
		if !s.srv && (net.ParseIP(s.host) != nil || isLoopbackHost(s.host)) {
			addrs = append(addrs, net.JoinHostPort(s.host, s.port))
		}
	}
	return addrs
}
