package membership

import (
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/eventnode/eventnode"
)

// view is what this node shows of the cluster: itself, the table of the others,
// and the watchers. Its lock is held for computing only.
type view struct {
	metrics *metrics
	changed chan struct{} // set when this node's metadata changed
	stirred chan struct{} // set when nodes came or went

	mu       sync.Mutex
	self     Node
	meta     []byte
	table    *table
	watchers map[*Watcher]struct{}
	ended    bool
}

func newView(self Node, meta []byte, m *metrics) *view {
	m.nodes.Set(1)
	return &view{
		metrics:  m,
		changed:  make(chan struct{}, 1),
		stirred:  make(chan struct{}, 1),
		self:     self,
		meta:     meta,
		table:    newTable(),
		watchers: make(map[*Watcher]struct{}),
	}
}

func (v *view) selfNode() Node {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.self
}

func (v *view) metadata() []byte {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.meta
}

// change makes the view's own node what f makes of it, before gossip starts.
func (v *view) change(f func(self *Node)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f(&v.self)
}

// restart is the start of this node's next epoch: it knows nobody yet.
func (v *view) restart(epoch uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.self.Ref.Epoch = epoch
	v.table = newTable()
	for w := range v.watchers {
		w.overrun()
	}
}

// apply takes an observation of another node in. The error says that it is of
// another cluster than this one is by now; it is not shown then.
func (v *view) apply(o observation, now time.Time) error {
	v.mu.Lock()
	foreign := sameCluster(v.self, o.node)
	if foreign != nil {
		o.state = Lost
	}
	events := v.table.apply(o, now)
	if o.state == Alive && v.self.ClusterUUID == uuid.Nil && o.node.ClusterUUID != uuid.Nil {
		events = append(events, v.adopt(o.node.ClusterUUID))
	}
	woken := v.publish(events)
	v.mu.Unlock()
	wakeAll(woken)
	return foreign
}

// expire forgets and shows what time brings.
func (v *view) expire(now time.Time) {
	v.mu.Lock()
	woken := v.publish(v.table.expire(now))
	v.mu.Unlock()
	wakeAll(woken)
}

// setUUID is the birth of the cluster's UUID at this node.
func (v *view) setUUID(id uuid.UUID) error {
	v.mu.Lock()
	if v.self.ClusterUUID != uuid.Nil {
		defer v.mu.Unlock()
		if v.self.ClusterUUID != id {
			return eventnode.ErrForeignCluster
		}
		return nil
	}
	woken := v.publish([]Event{v.adopt(id)})
	v.mu.Unlock()
	wakeAll(woken)
	return nil
}

// adopt makes id this node's cluster UUID. New has made sure that the metadata
// has room for it. The caller holds v.mu.
func (v *view) adopt(id uuid.UUID) Event {
	v.self.ClusterUUID = id
	if meta, err := encodeMeta(v.self); err == nil {
		v.meta = meta
	}
	return Event{Kind: EventUpdated, Node: v.self}
}

// setReplica changes which replica gossip says this node has. It takes no more room
// than the one before; the first one comes with the configuration, where New sees
// that there is room.
func (v *view) setReplica(id uuid.UUID) {
	v.mu.Lock()
	if v.self.Replica == id {
		v.mu.Unlock()
		return
	}
	v.self.Replica = id
	if meta, err := encodeMeta(v.self); err == nil {
		v.meta = meta
	}
	woken := v.publish([]Event{{Kind: EventUpdated, Node: v.self}})
	v.mu.Unlock()
	wakeAll(woken)
}

// setTentative changes what gossip says of this node's right to its name, and
// reports whether that is news.
func (v *view) setTentative(tentative bool) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	news := v.self.Tentative != tentative
	v.self.Tentative = tentative
	if meta, err := encodeMeta(v.self); err == nil {
		v.meta = meta
	}
	return news
}

// publish queues events for all watchers and returns whom to wake. The caller
// holds v.mu.
func (v *view) publish(events []Event) []chan struct{} {
	if len(events) == 0 {
		return nil
	}
	v.metrics.nodes.Set(float64(1 + len(v.table.entries) - v.table.gone))
	for _, e := range events {
		v.metrics.events.WithLabelValues(e.Kind.String()).Inc()
	}
	woken := make([]chan struct{}, 0, len(v.watchers)+2)
	woken = append(woken, v.stirred)
	for w := range v.watchers {
		if w.push(events) {
			v.metrics.resyncs.Inc()
		}
		woken = append(woken, w.signal)
	}
	if slices.ContainsFunc(events, func(e Event) bool { return e.Node.Ref == v.self.Ref }) {
		woken = append(woken, v.changed)
	}
	return woken
}

// nodes returns the living ones, this one first. The caller holds v.mu.
func (v *view) nodes() []Node { return append([]Node{v.self}, v.table.living()...) }

// living returns the gossip addresses of the other living nodes.
func (v *view) living() map[string]bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	addrs := make(map[string]bool)
	for _, n := range v.table.living() {
		addrs[n.GossipAddress] = true
	}
	return addrs
}

// lost returns the gossip addresses of nodes to look for.
func (v *view) lost(now time.Time) []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var addrs []string
	for _, n := range v.table.lost(now) {
		addrs = append(addrs, n.GossipAddress)
	}
	return addrs
}

// end closes all watchers.
func (v *view) end() {
	v.mu.Lock()
	v.ended = true
	woken := make([]chan struct{}, 0, len(v.watchers))
	for w := range v.watchers {
		w.closed = true
		woken = append(woken, w.signal)
	}
	clear(v.watchers)
	v.mu.Unlock()
	wakeAll(woken)
}

// peers returns the gossip addresses of the other living nodes by their gossip
// names.
func (v *view) peers() map[string]string {
	v.mu.Lock()
	defer v.mu.Unlock()
	addrs := make(map[string]string)
	for _, n := range v.table.living() {
		addrs[n.Ref.String()] = n.GossipAddress
	}
	return addrs
}
