package memnet

import (
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Any stands for every host in Delay and Loss.
const Any = "*"

// Config says how the network is when no fault is switched on.
type Config struct {
	// Seed decides what is random. Defaults to 0, a seed as good as any other.
	Seed uint64
	// StreamBuffer bounds each direction of a stream, in bytes written and not
	// yet read. Defaults to 256 KiB.
	StreamBuffer int
	// PacketQueue bounds a datagram socket's receive queue, in datagrams; what
	// arrives at a full one is lost. Defaults to 1,024.
	PacketQueue int
	// DialTimeout ends a dial that gets no answer. Defaults to 3 s.
	DialTimeout time.Duration
}

func (c Config) withDefaults() Config {
	if c.StreamBuffer <= 0 {
		c.StreamBuffer = 256 << 10
	}
	if c.PacketQueue <= 0 {
		c.PacketQueue = 1024
	}
	if c.DialTimeout <= 0 {
		c.DialTimeout = 3 * time.Second
	}
	return c
}

// Network holds hosts and the faults between them.
type Network struct {
	cfg Config

	mu      sync.Mutex
	hosts   map[string]*Host // the present life of each machine
	known   map[string]bool  // machines that were ever there
	paths   map[pair]*path
	rules   []rule         // what was said with Any, in order
	groups  map[string]int // the partition; nil if none
	sockets uint64         // number of the last socket
	changed chan struct{}  // closed at the next change that a dial waits for
}

// pair is an ordered pair of hosts.
type pair struct{ from, to string }

// rule is a Delay or Loss for more than one pair.
type rule struct {
	pair
	apply func(*path)
}

func (r pair) matches(p pair) bool {
	return (r.from == Any || r.from == p.from) && (r.to == Any || r.to == p.to)
}

// socket is what a host holds open.
type socket interface {
	// kick looks again at whether it can go on.
	kick()
	// crash ends it as the death of its process does.
	crash()
}

// New returns a network without hosts.
func New(cfg Config) *Network {
	return &Network{
		cfg:     cfg.withDefaults(),
		hosts:   make(map[string]*Host),
		known:   make(map[string]bool),
		paths:   make(map[pair]*path),
		changed: make(chan struct{}),
	}
}

// Host returns the machine with the IP address name, and makes it if needed.
func (n *Network) Host(name string) *Host {
	name = canonical(name)
	h, made := n.host(name)
	if made {
		n.changes()
	}
	return h
}

func (n *Network) host(name string) (h *Host, made bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if h := n.hosts[name]; h != nil {
		return h, false
	}
	h = &Host{
		net:       n,
		name:      name,
		sockets:   make(map[uint64]socket),
		listeners: make(map[int]*listener),
		packets:   make(map[int]*packetConn),
		port:      firstEphemeral,
	}
	n.hosts[name], n.known[name] = h, true
	return h, true
}

// Cut stops what from sends to to; the other direction stays.
func (n *Network) Cut(from, to string) { n.setCut(from, to, true) }

// Mend ends a Cut.
func (n *Network) Mend(from, to string) { n.setCut(from, to, false) }

func (n *Network) setCut(from, to string, cut bool) {
	n.mu.Lock()
	p := n.path(canonical(from), canonical(to))
	p.cut = cut
	n.settle(p)
	n.mu.Unlock()
	n.kickAll()
}

// Partition cuts, both ways, all hosts of different groups from each other.
// Hosts in no group are together in one more. It replaces an earlier partition.
func (n *Network) Partition(groups ...[]string) {
	part := make(map[string]int)
	for i, g := range groups {
		for _, name := range g {
			part[canonical(name)] = i + 1
		}
	}
	n.repartition(part, false)
}

// Heal ends all cuts and the partition; delay and loss stay.
func (n *Network) Heal() { n.repartition(nil, true) }

func (n *Network) repartition(part map[string]int, mend bool) {
	n.mu.Lock()
	n.groups = part
	for _, p := range n.paths {
		p.cut = p.cut && !mend
		n.settle(p)
	}
	n.mu.Unlock()
	n.kickAll()
}

// Delay makes what from sends to to arrive between min and max later. Either
// host may be Any.
func (n *Network) Delay(from, to string, min, max time.Duration) {
	n.apply(from, to, func(p *path) { p.setDelay(min, max) })
}

// Loss makes datagrams from from to to vanish with this probability. Either host
// may be Any.
func (n *Network) Loss(from, to string, prob float64) {
	n.apply(from, to, func(p *path) { p.setLoss(prob) })
}

func (n *Network) apply(from, to string, f func(*path)) {
	want := pair{canonical(from), canonical(to)}
	n.mu.Lock()
	defer n.mu.Unlock()
	if want.from != Any && want.to != Any {
		f(n.path(want.from, want.to))
		return
	}
	n.rules = append(n.rules, rule{want, f})
	for at, p := range n.paths {
		if want.matches(at) {
			f(p)
		}
	}
}

// Crash ends a host as kill -9 ends a process: its connections are reset, its
// ports refuse. What still runs on it gets errors from all its sockets.
func (n *Network) Crash(host string) {
	name := canonical(host)
	n.mu.Lock()
	h := n.hosts[name]
	delete(n.hosts, name)
	n.mu.Unlock()
	if h == nil {
		return
	}
	h.dead.Store(true) // all at once: from here on nothing of it gets out
	for _, s := range h.list() {
		s.crash()
	}
	n.changes()
}

// Pause stops a host as SIGSTOP stops a process: its ports accept and buffer,
// but none of its calls returns until Resume.
func (n *Network) Pause(host string) { n.setPaused(host, true) }

// Resume ends a Pause.
func (n *Network) Resume(host string) { n.setPaused(host, false) }

func (n *Network) setPaused(host string, paused bool) {
	n.Host(host).paused.Store(paused)
	n.kickAll()
}

// Close crashes all hosts.
func (n *Network) Close() {
	n.mu.Lock()
	names := slices.Sorted(maps.Keys(n.hosts))
	n.mu.Unlock()
	for _, name := range names {
		n.Crash(name)
	}
}

// path returns the one way from from to to. The caller holds n.mu.
func (n *Network) path(from, to string) *path {
	at := pair{from, to}
	if p := n.paths[at]; p != nil {
		return p
	}
	p := newPath(n.cfg.Seed, at)
	for _, r := range n.rules {
		if r.matches(at) {
			r.apply(p)
		}
	}
	n.settle(p)
	n.paths[at] = p
	return p
}

// settle works out whether p is open. The caller holds n.mu.
func (n *Network) settle(p *path) {
	open := p.from == p.to || (!p.cut && n.groups[p.from] == n.groups[p.to])
	p.open.Store(open)
}

// between returns both ways between two hosts.
func (n *Network) between(a, b string) (there, back *path) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.path(a, b), n.path(b, a)
}

// kickAll makes every socket look again, always in the same order.
func (n *Network) kickAll() {
	n.mu.Lock()
	hosts := make([]*Host, 0, len(n.hosts))
	for _, name := range slices.Sorted(maps.Keys(n.hosts)) {
		hosts = append(hosts, n.hosts[name])
	}
	n.mu.Unlock()
	for _, h := range hosts {
		for _, s := range h.list() {
			s.kick()
		}
	}
	n.changes()
}

// changes wakes the dials that wait.
func (n *Network) changes() {
	n.mu.Lock()
	old := n.changed
	n.changed = make(chan struct{})
	n.mu.Unlock()
	close(old)
}

// change returns what the next call of changes closes.
func (n *Network) change() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.changed
}

// canonical makes one text of all that name the same IP address.
func canonical(name string) string {
	if ip, err := netip.ParseAddr(name); err == nil {
		return ip.Unmap().String()
	}
	return name
}

func tcpAddr(host string, port int) *net.TCPAddr {
	return &net.TCPAddr{IP: net.ParseIP(host), Port: port}
}

func udpAddr(host string, port int) *net.UDPAddr {
	return &net.UDPAddr{IP: net.ParseIP(host), Port: port}
}
