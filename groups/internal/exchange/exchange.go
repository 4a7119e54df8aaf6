package exchange

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/groups/internal/table"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

// Bounds of the protocol, the same on every node.
const (
	MaxName  = 255     // bytes of a node's, scope's or group's name
	MaxMeta  = 1 << 16 // bytes of one membership's metadata
	MaxChunk = 256 << 10

	maxScopes   = 1 << 16 // heard of
	maxAssembly = 1 << 30 // bytes of a copy under way
	maxGraves   = 1 << 14 // node names remembered as gone
	maxOutbid   = 1 << 20 // versions beyond its own that an origin outbids
)

// TicksPerHash is how many calls of Tick make one interval.
const TicksPerHash = 4

// LocalPrefix starts the names of scopes that never leave their node.
const LocalPrefix = "local:"

// Local reports whether a scope never leaves its node.
func Local(scope string) bool { return strings.HasPrefix(scope, LocalPrefix) }

// Config configures an Exchange.
type Config struct {
	// Self is this life of this node.
	Self eventnode.NodeRef
	// LogLength and LogBytes bound the change sets that are kept of each origin
	// in each scope. Default to 512 and 256 KiB.
	LogLength, LogBytes int
	// Watched reports whether anybody is told what changes in a scope: if not,
	// differences that others' changes make are not put together. Defaults to
	// always.
	Watched func(scope string) bool
}

// Out is a message to send, an encoded clusterv1.Exchange. The bytes are shared
// with others that get it and with the log: they must not be changed.
type Out struct {
	To  eventnode.NodeRef
	Msg []byte
}

// Event is one change of one origin's part.
type Event struct {
	Scope  string
	Origin eventnode.NodeRef
	Diffs  []table.Diff
}

// Exchange is one node's side of the protocol.
type Exchange struct {
	cfg    Config
	scopes map[string]*scope
	tables atomic.Pointer[map[string]*table.Table] // for readers

	up     map[eventnode.NodeID]uint64 // epochs of those that can be sent to
	peers  []eventnode.NodeRef         // the same, by name
	alive  map[eventnode.NodeID]uint64 // epochs that membership holds alive
	graves graves

	sum    uint64 // of all parts, for Hash
	tick   uint64
	acks   map[part]struct{} // parts whose origin waits for Applied
	acked  part              // the one that came last
	out    []Out
	events []Event
	counts Counters
	slab   slab
	reader reader
}

// part names an origin's part of a scope.
type part struct {
	scope  string
	origin eventnode.NodeRef
}

// scope is one scope's table and what the protocol knows about its parts.
type scope struct {
	name   string
	local  bool
	head   []byte // encoded: this node's part of it
	table  *table.Table
	logs   map[eventnode.NodeID]*log
	pulls  map[eventnode.NodeID]*pull
	copies map[eventnode.NodeID]*assembly
	served served

	seen      map[eventnode.NodeRef]*seen // what peers have of this node's part
	changed   uint64                      // tick of this node's last change
	unsettled bool                        // somebody in seen may be behind
}

// New returns an Exchange that knows only its own, empty part.
func New(cfg Config) *Exchange {
	if cfg.LogLength <= 0 {
		cfg.LogLength = 512
	}
	if cfg.LogBytes <= 0 {
		cfg.LogBytes = 256 << 10
	}
	if cfg.Watched == nil {
		cfg.Watched = func(string) bool { return true }
	}
	x := &Exchange{
		cfg:    cfg,
		scopes: map[string]*scope{},
		up:     map[eventnode.NodeID]uint64{},
		alive:  map[eventnode.NodeID]uint64{},
		acks:   map[part]struct{}{},
		graves: graves{epochs: map[eventnode.NodeID]uint64{}},
	}
	x.tables.Store(&map[string]*table.Table{})
	return x
}

// scope returns a scope, made if need be.
func (x *Exchange) scope(name string) *scope {
	if s := x.scopes[name]; s != nil {
		return s
	}
	name = strings.Clone(name) // it may be a part of a message
	s := &scope{
		name:   name,
		local:  Local(name),
		table:  table.Named(name),
		logs:   map[eventnode.NodeID]*log{},
		pulls:  map[eventnode.NodeID]*pull{},
		copies: map[eventnode.NodeID]*assembly{},
		seen:   map[eventnode.NodeRef]*seen{},
	}
	x.scopes[name] = s
	tables := maps.Clone(*x.tables.Load())
	tables[name] = s.table
	x.tables.Store(&tables)
	return s
}

// names lists the scopes in order.
func (x *Exchange) names() []string { return slices.Sorted(maps.Keys(x.scopes)) }

// Tables returns the tables by scope, not to be changed. For any goroutine.
func (x *Exchange) Tables() map[string]*table.Table { return *x.tables.Load() }

// Table returns a scope's table, nil if there is none. For any goroutine.
func (x *Exchange) Table(scope string) *table.Table { return (*x.tables.Load())[scope] }

// Take returns what is to be sent and what changed since the last call, both
// in order.
func (x *Exchange) Take() ([]Out, []Event) {
	out, events := x.out, x.events
	x.out, x.events = nil, nil
	return out, events
}

// keptOut bounds the lists that are used again.
const keptOut = 1024

// Done gives back what Take, and Change, returned last: nobody looks at it any
// more.
func (x *Exchange) Done(out []Out, events []Event) {
	if x.out == nil && cap(out) <= keptOut {
		clear(out)
		x.out = out[:0]
	}
	for i := range events {
		x.scopes[events[i].Scope].table.Forget()
	}
	if x.events == nil && cap(events) <= keptOut {
		clear(events)
		x.events = events[:0]
	}
}

// Change makes a change of this node's own part and sends it to every peer. It
// returns the difference, which is empty if there was nothing to change.
func (x *Exchange) Change(scopeName string, deltas []table.Delta) []table.Diff {
	s := x.scope(scopeName)
	own, _ := s.table.Part(x.cfg.Self.ID)
	diffs := s.table.Apply(x.cfg.Self, own.Version, deltas)
	if len(diffs) == 0 {
		return nil
	}
	x.reach(s, x.cfg.Self, own.Version+1)
	x.event(s, x.cfg.Self, diffs)
	if s.local {
		return diffs
	}
	s.changed, s.unsettled = x.tick, true
	x.spread(s, own.Version+1, diffs)
	return diffs
}

// spread sends a change to all peers; one that is too large for a message is
// only announced, and fetched as a copy.
func (x *Exchange) spread(s *scope, version uint64, diffs []table.Diff) {
	if s.head == nil {
		s.head = encodeHead(s.name, x.cfg.Self)
	}
	size := sizeChange(s.head, version, diffs)
	if sizeBytes(size) > MaxChunk {
		x.announce(s)
		return
	}
	// Encoded once for all: the log and every peer share the bytes.
	msg := appendChange(x.slab.take(sizeBytes(size)), size, s.head, version, diffs)
	x.log(s, x.cfg.Self.ID).add(version, msg)
	for _, peer := range x.peers {
		x.send(peer, KindChangeSet, msg)
	}
}

// announce tells all peers which version this node's part has, and drops the
// log, so that they fetch a copy.
func (x *Exchange) announce(s *scope) {
	delete(s.logs, x.cfg.Self.ID)
	own, _ := s.table.Part(x.cfg.Self.ID)
	for _, peer := range x.peers {
		x.send(peer, KindDigest, digest([]*clusterv1.DigestEntry{entry(s.name, own)}, false))
	}
}

// reach says that a part has a new version, and keeps the sum.
func (x *Exchange) reach(s *scope, ref eventnode.NodeRef, version uint64) {
	old, _ := s.table.Part(ref.ID)
	s.table.SetVersion(ref, version)
	x.resum(s, old, table.Part{Ref: ref, Version: version})
}

// resum replaces a part's share of the sum.
func (x *Exchange) resum(s *scope, old, now table.Part) {
	if !s.local {
		x.sum += share(s.name, now) - share(s.name, old)
	}
}

func (x *Exchange) event(s *scope, origin eventnode.NodeRef, diffs []table.Diff) {
	if len(diffs) > 0 {
		x.events = append(x.events, Event{Scope: s.name, Origin: origin, Diffs: diffs})
	}
}

// send queues a message if there is a link.
func (x *Exchange) send(to eventnode.NodeRef, kind Kind, msg []byte) bool {
	if x.up[to.ID] != to.Epoch {
		return false
	}
	x.out = append(x.out, Out{To: to, Msg: msg})
	x.counts.Sent[kind]++
	return true
}

func (x *Exchange) log(s *scope, id eventnode.NodeID) *log {
	l := s.logs[id]
	if l == nil {
		l = &log{length: x.cfg.LogLength, limit: x.cfg.LogBytes}
		s.logs[id] = l
	}
	return l
}

// Peers lists the nodes with a link up, by name. The caller must not change it.
func (x *Exchange) Peers() []eventnode.NodeRef { return x.peers }

// Version is the version of this node's part of a scope.
func (x *Exchange) Version(scopeName string) uint64 {
	if s := x.scopes[scopeName]; s != nil {
		own, _ := s.table.Part(x.cfg.Self.ID)
		return own.Version
	}
	return 0
}

// OwnScopes counts the scopes that this node has ever changed.
func (x *Exchange) OwnScopes() int {
	n := 0
	for _, s := range x.scopes {
		if own, _ := s.table.Part(x.cfg.Self.ID); own.Version > 0 {
			n++
		}
	}
	return n
}

// Audience lists the nodes that ought to know what this node changes: those
// with a link and those that membership holds alive, by name.
func (x *Exchange) Audience() []eventnode.NodeRef {
	refs := slices.Clone(x.peers)
	for id, epoch := range x.alive {
		if ref := (eventnode.NodeRef{ID: id, Epoch: epoch}); x.up[id] != epoch && id != x.cfg.Self.ID {
			refs = append(refs, ref)
		}
	}
	slices.SortFunc(refs, byName)
	return refs
}

// Seen returns which version of this node's part of a scope a node has
// confirmed.
func (x *Exchange) Seen(scopeName string, by eventnode.NodeRef) uint64 {
	if s := x.scopes[scopeName]; s != nil {
		if v := s.seen[by]; v != nil {
			return v.version
		}
	}
	return 0
}

// Counters returns what was sent, received and refused so far.
func (x *Exchange) Counters() *Counters { return &x.counts }

func byName(a, b eventnode.NodeRef) int {
	return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Epoch, b.Epoch))
}
