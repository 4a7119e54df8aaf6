package sdktest

import (
	"sync"
	"time"

	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// Cluster is nodes that share one memory.
type Cluster struct {
	mu      sync.Mutex
	nodes   map[string]*Node
	leader  string
	streams map[name]*stream
	pools   map[string]*eventnodev1.Pool // without the default one, until it is changed
	stamp   int64                        // of the last change
	moved   chan struct{}                // closed at the next change

	drops, unclear int
	breaks         int // events after which a read breaks; 0: never
	held           chan struct{}

	requests int

	leases      map[seat]*lease
	epoch       uint64
	settles     int
	dropResults int
	always      chan struct{} // closed
}

// Node is one of a Cluster. Its name is its rpc address.
type Node struct {
	eventnodev1.UnimplementedStreamServiceServer
	eventnodev1.UnimplementedConsumerServiceServer
	eventnodev1.UnimplementedLockServiceServer
	c    *Cluster
	name string
	// opened counts its PublishStreams.
	opened int
	// consumers counts its Consumes.
	consumers int
}

var _ eventnodev1.StreamServiceServer = (*Node)(nil)

type name struct{ namespace, name string }

func nameOf(n *eventnodev1.StreamName) name { return name{n.GetNamespace(), n.GetName()} }

func (n name) String() string {
	if n.namespace == "" {
		return n.name
	}
	return n.namespace + "/" + n.name
}

// NewCluster makes nodes. The first one leads.
func NewCluster(names ...string) *Cluster {
	c := &Cluster{nodes: make(map[string]*Node), leader: names[0], streams: make(map[name]*stream), pools: make(map[string]*eventnodev1.Pool), moved: make(chan struct{}), leases: make(map[seat]*lease), always: make(chan struct{})}
	close(c.always)
	for _, n := range names {
		c.nodes[n] = &Node{c: c, name: n}
	}
	return c
}

// Node returns a node.
func (c *Cluster) Node(name string) *Node { return c.nodes[name] }

// Lead makes a node the leader; "": nobody.
func (c *Cluster) Lead(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leader = name
	c.change()
}

// DropAnswers has the next n requests of producers applied and not answered: their
// streams break.
func (c *Cluster) DropAnswers(n int) { c.set(func() { c.drops = n }) }

// Unclear has the next n batches applied and answered as OUTCOME_UNKNOWN.
func (c *Cluster) Unclear(n int) { c.set(func() { c.unclear = n }) }

// BreakReads has reads break after n events; 0: never.
func (c *Cluster) BreakReads(n int) { c.set(func() { c.breaks = n }) }

// Hold has producers' requests wait, before they are applied, until the returned
// function is called.
func (c *Cluster) Hold() (release func()) {
	held := make(chan struct{})
	c.set(func() { c.held = held })
	return func() {
		c.set(func() { c.held = nil })
		close(held)
	}
}

// ForgetProducers has all streams lose count of their producers: what they know is a
// number that nobody sent.
func (c *Cluster) ForgetProducers() {
	c.set(func() {
		for _, s := range c.streams {
			for id := range s.producers {
				s.producers[id] = producer{number: 1 << 40}
			}
		}
	})
}

// Producers counts the producers of all streams.
func (c *Cluster) Producers() (n int) {
	c.set(func() {
		for _, s := range c.streams {
			n += len(s.producers)
		}
	})
	return n
}

// Requests counts the requests of producers that were applied.
func (c *Cluster) Requests() (n int) {
	c.set(func() { n = c.requests })
	return n
}

// Opened counts the PublishStreams that were opened at a node.
func (c *Cluster) Opened(node string) (n int) {
	c.set(func() { n = c.nodes[node].opened })
	return n
}

func (c *Cluster) set(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

// change tells those who follow. The caller holds mu.
func (c *Cluster) change() {
	close(c.moved)
	c.moved = make(chan struct{})
}

// now is the cluster's time, which does not go back. The caller holds mu.
func (c *Cluster) now() int64 {
	c.stamp = max(c.stamp, time.Now().UnixMilli())
	return c.stamp
}
