package dispatch

import (
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/pattern"
)

// The table says for each topic where its events go: which other nodes want
// them, and which subscriptions of this node. A pattern has a place like a topic, and
// stands in a tree besides, in which the patterns of a topic are found.
//
// It is read for each run of events and changed for each subscription. A reader
// takes a view, which never changes, under a read lock of one shard; a change
// makes a new view. Subscriptions stand in chunks, so that a topic with 10,000
// of them costs a change one chunk and a list of 40, not 10,000.

const (
	shardCount = 64
	chunkSize  = 256
)

// class is what somebody wants.
type class uint8

const (
	classUnknown class = iota // what is no topic here: of a kind that this node does not know
	classTopic
	classPattern
)

// view is where the events of one topic, or of those of a pattern, go. It never changes.
type view struct {
	topic  string
	class  class
	peers  []eventnode.NodeRef
	chunks [][]*Subscription // all full but the last
	queues []*view           // its queue groups; see queuegroup_table.go
	group  string            // not empty: this is a queue group's, and topic its key
}

// seat is a subscription's place in a topic.
type seat struct {
	topic string
	sub   *Subscription
	route *route
	index int // in route.seats; guarded by the shard
}

// route is the changing side of a topic. Its shard guards it.
type route struct {
	view  *view
	seats []*seat // in the order of view.chunks

	announced bool
	busy      chan struct{} // closed at the end of Announce or Withdraw; nil if neither is under way
	lingering bool          // in the queue of lingers
	emptied   time.Time     // when the last seat left

	base     *route // of a queue group: the topic's
	children int    // of a topic: the routes of its queue groups
}

// empty reports whether nobody needs the route any more.
func (r *route) empty() bool {
	return len(r.seats) == 0 && len(r.view.peers) == 0 && !r.announced && r.busy == nil && !r.lingering && r.children == 0
}

// shard is a part of the topics.
type shard struct {
	mu     sync.RWMutex
	routes map[string]*route
	tree   *pattern.Tree // the table's
	_      [24]byte      // a cache line each
}

// table is all topics.
type table struct {
	seed     maphash.Seed
	shards   [shardCount]shard
	patterns pattern.Tree // of the routes that are classPattern
}

// newTable makes an empty table.
func newTable() *table {
	t := &table{seed: maphash.MakeSeed()}
	for i := range t.shards {
		t.shards[i].routes = make(map[string]*route)
		t.shards[i].tree = &t.patterns
	}
	return t
}

// shard returns the part that has topic.
func (t *table) shard(topic string) *shard {
	return &t.shards[maphash.String(t.seed, topic)%shardCount]
}

// home is shard for a topic or a queue group's key.
func (t *table) home(key string) *shard {
	topic, _ := cutQueueKey(key)
	return t.shard(topic)
}

// find returns where topic goes; nil if nowhere.
func (t *table) find(topic string) *view {
	s := t.shard(topic)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if r := s.routes[topic]; r != nil {
		return r.view
	}
	return nil
}

// topics counts the topics that somebody wants.
func (t *table) topics() (n int) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.RLock()
		for _, r := range s.routes {
			if r.base == nil {
				n++
			}
		}
		s.mu.RUnlock()
	}
	return n
}

// views appends where the events of topic go: to who wants it, or a pattern of it. None
// is there twice.
func (t *table) views(views []*view, topic string) []*view {
	return t.appendViews(views, t.find(topic), topic)
}

// appendViews is views for a topic that was found; v is nil if nobody wants just it.
func (t *table) appendViews(views []*view, v *view, topic string) []*view {
	before := views // of other topics: what is found for one is never the same
	if v != nil && !hasTopic(before, v.topic) {
		views = append(views, v)
	}
	if t.patterns.Len() == 0 {
		return views
	}
	var buf [8]string
	for _, p := range t.patterns.Append(buf[:0], topic) {
		if v := t.find(p); v != nil && !hasTopic(before, p) {
			views = append(views, v)
		}
	}
	return views
}

// hasTopic reports whether views has the one of a topic or a pattern, by its name: it may
// have been replaced since it was found.
func hasTopic(views []*view, topic string) bool {
	return slices.ContainsFunc(views, func(v *view) bool { return v.topic == topic })
}

// subscriptions lists those of views, each once.
func subscriptions(views []*view) (subs []*Subscription) {
	for i, v := range views {
		for _, q := range append([]*view{v}, v.queues...) {
			for _, s := range slices.Concat(q.chunks...) {
				if !s.wants(views[:i]) {
					subs = append(subs, s)
				}
			}
		}
	}
	return subs
}

// topicRoute returns topic's route, which it makes if necessary. The caller holds
// the lock.
func (s *shard) topicRoute(topic string, c class) *route {
	r := s.routes[topic]
	if r == nil {
		r = &route{view: &view{topic: topic}}
		s.routes[topic] = r
	}
	if r.view.class == classUnknown && c != classUnknown {
		v := *r.view
		v.class = c
		r.view = &v
		if c == classPattern {
			s.tree.Add(topic)
		}
	}
	return r
}

// drop forgets a route that nobody needs. The caller holds the lock.
func (s *shard) drop(r *route) {
	if !r.empty() {
		return
	}
	delete(s.routes, r.view.topic)
	if r.view.class == classPattern {
		s.tree.Remove(r.view.topic)
	}
	if r.base != nil {
		r.base.children--
		s.drop(r.base)
	}
}

// setPeer adds or removes a node.
func (t *table) setPeer(topic string, c class, node eventnode.NodeRef, wants bool) {
	s := t.home(topic)
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.route(topic, c)
	v := *r.view
	i := slices.Index(v.peers, node)
	switch {
	case wants && i < 0:
		v.peers = append(slices.Clip(v.peers), node)
		r.set(&v)
	case !wants && i >= 0:
		v.peers = slices.Delete(slices.Clone(v.peers), i, i+1)
		r.set(&v)
	}
	s.drop(r)
}

// sit adds a subscription to a topic or a pattern.
func (t *table) sit(topic string, c class, sub *Subscription) *seat {
	s := t.home(topic)
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.route(topic, c)
	st := &seat{topic: topic, sub: sub, route: r, index: len(r.seats)}
	r.seats = append(r.seats, st)
	v := *r.view
	v.chunks = slices.Clone(v.chunks)
	if last := len(v.chunks) - 1; last >= 0 && len(v.chunks[last]) < chunkSize {
		// Views that stand keep their length: they do not see what is written
		// behind it. Only the newest view is appended to.
		v.chunks[last] = append(v.chunks[last], sub)
	} else {
		v.chunks = append(v.chunks, []*Subscription{sub})
	}
	r.set(&v)
	return st
}

// leave removes a subscription from a topic. The last one takes its place. It
// reports whether the topic has none any more and its interest has to linger.
func (t *table) leave(st *seat, now time.Time) (linger bool) {
	s := t.home(st.topic)
	s.mu.Lock()
	defer s.mu.Unlock()
	r := st.route
	last := len(r.seats) - 1
	moved := r.seats[last]
	r.seats[st.index], moved.index = moved, st.index
	r.seats[last] = nil
	r.seats = r.seats[:last]
	r.set(r.view.without(st.index, last, moved.sub))
	if last > 0 {
		return false
	}
	r.emptied = now
	linger = r.announced && !r.lingering
	r.lingering = r.lingering || linger
	s.drop(r)
	return linger
}

// without returns the view with moved at place i and place last gone.
func (v *view) without(i, last int, moved *Subscription) *view {
	w := *v
	w.chunks = slices.Clone(v.chunks)
	hole, end := i/chunkSize, last/chunkSize
	w.chunks[hole] = slices.Clone(w.chunks[hole])
	w.chunks[hole][i%chunkSize] = moved
	if last%chunkSize == 0 {
		w.chunks = w.chunks[:end:end]
	} else {
		w.chunks[end] = slices.Clone(w.chunks[end][:last%chunkSize])
	}
	return &w
}
