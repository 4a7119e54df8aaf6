package exchange

import (
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/groups/internal/table"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

// Receive takes one encoded message from a node; its bytes must not change
// afterwards. Confirmations wait for Flush, so that a burst is confirmed once.
func (x *Exchange) Receive(from eventnode.NodeRef, msg []byte) {
	kind, body, ok := open(msg)
	x.counts.Received[kind]++
	switch {
	case from.ID == x.cfg.Self.ID || !x.known(from):
		x.counts.Refused[RefusedUnknownPeer]++
	case !ok:
		x.counts.Refused[RefusedMalformed]++
	case kind == KindChangeSet:
		x.receiveChangeSet(from, msg, body)
	case kind == KindSync:
		x.receiveSync(from, body)
	case kind == KindOther:
		x.counts.Refused[RefusedUnknownKind]++
	default:
		x.receiveRare(from, msg)
	}
}

// receiveRare takes a message of the kinds that are not read by hand.
func (x *Exchange) receiveRare(from eventnode.NodeRef, msg []byte) {
	var m clusterv1.Exchange
	if err := proto.Unmarshal(msg, &m); err != nil {
		x.counts.Refused[RefusedMalformed]++
		return
	}
	switch {
	case m.GetApplied() != nil:
		x.receiveApplied(from, m.GetApplied())
	case m.GetHash() != nil:
		x.receiveHash(from, m.GetHash())
	case m.GetDigest() != nil:
		x.receiveDigest(from, m.GetDigest())
	case m.GetPull() != nil:
		x.receivePull(from, m.GetPull())
	}
}

// Flush confirms what was applied since the last Flush to its origins.
func (x *Exchange) Flush() {
	if len(x.acks) == 0 {
		return
	}
	for _, p := range sortedParts(x.acks) {
		if s := x.scopes[p.scope]; s != nil {
			if known, _ := s.table.Part(p.origin.ID); known.Ref == p.origin {
				x.send(p.origin, KindApplied, applied(p.scope, p.origin.Epoch, known.Version))
			}
		}
	}
	clear(x.acks)
	x.acked = part{}
}

// ack has Flush confirm a part. It is the same one many times on end.
func (x *Exchange) ack(p part) {
	if x.acked != p {
		x.acks[p], x.acked = struct{}{}, p
	}
}

// about checks what a message says it is about, and whether the sender's word
// counts for it. It does not make the scope.
func (x *Exchange) about(from eventnode.NodeRef, scopeName string, ref eventnode.NodeRef, version uint64) bool {
	if !validName(scopeName) || Local(scopeName) || !validOrigin(ref) || version == 0 {
		x.counts.Refused[RefusedMalformed]++
		return false
	}
	if x.scopes[scopeName] == nil && len(x.scopes) >= maxScopes {
		x.counts.Refused[RefusedLimit]++
		return false
	}
	if !x.believes(from, ref) {
		x.counts.Refused[RefusedNoWord]++
		return false
	}
	return true
}

// letter reads a change set or a copy that counts. What it says of the origin
// may be kept, its groups may not.
func (x *Exchange) letter(from eventnode.NodeRef, kind Kind, body []byte) (letter, bool) {
	l, ok := readLetter(kind, body)
	if !ok {
		x.counts.Refused[RefusedMalformed]++
		return l, false
	}
	if !x.about(from, l.scope, l.origin, l.version) {
		return l, false
	}
	if l.origin == from { // nearly always: no copy of the name is needed
		l.origin = from
	} else {
		l.origin.ID = eventnode.NodeID(strings.Clone(string(l.origin.ID)))
	}
	return l, true
}

// receiveChangeSet applies exactly the next version and pulls what is missing.
func (x *Exchange) receiveChangeSet(from eventnode.NodeRef, msg, body []byte) {
	l, ok := x.letter(from, KindChangeSet, body)
	if !ok {
		return
	}
	deltas, ok := x.reader.read(&l)
	if !ok {
		x.counts.Refused[RefusedMalformed]++
		return
	}
	s, ref := x.scope(l.scope), l.origin
	have, _ := s.table.Part(ref.ID)
	switch {
	case l.version <= have.Version:
		x.counts.Refused[RefusedDouble]++
		x.ack(part{s.name, ref})
	case l.version > have.Version+1:
		x.pull(s, from, ref, have.Version, l.version)
	default:
		x.reach(s, ref, l.version)
		x.event(s, ref, s.table.Apply(ref, l.version, deltas))
		// A copy: the message may be a small part of something large.
		x.log(s, ref.ID).add(l.version, x.slab.copy(msg))
		x.settle(s, ref, l.version)
	}
}

// settle follows a part that has reached a version: its origin is told, and
// what was asked for or under way up to there is no longer wanted.
func (x *Exchange) settle(s *scope, ref eventnode.NodeRef, version uint64) {
	x.ack(part{s.name, ref})
	if p := s.pulls[ref.ID]; p != nil {
		p.tick = x.tick
		if p.want <= version {
			delete(s.pulls, ref.ID)
		}
	}
	if c := s.copies[ref.ID]; c != nil && c.version <= version {
		delete(s.copies, ref.ID)
	}
}

// receiveApplied notes what a peer has of this node's part.
func (x *Exchange) receiveApplied(from eventnode.NodeRef, a *clusterv1.Applied) {
	s := x.scopes[a.GetScope()]
	if s == nil || s.local || a.GetEpoch() != x.cfg.Self.Epoch {
		x.counts.Refused[RefusedMalformed]++
		return
	}
	x.confirm(s, from, a.GetVersion())
}

// confirm notes that a peer has a version of this node's part. A version that
// this node never made means that somebody spoke in its name: it takes the
// next higher one, and everybody replaces what they have.
func (x *Exchange) confirm(s *scope, by eventnode.NodeRef, version uint64) {
	own, _ := s.table.Part(x.cfg.Self.ID)
	if version > own.Version {
		x.counts.Refused[RefusedNoWord]++
		if version-own.Version < maxOutbid {
			x.reach(s, x.cfg.Self, version+1)
			s.changed, s.unsettled = x.tick, true
			x.announce(s)
		}
		return
	}
	v := s.seen[by]
	if v == nil {
		v = &seen{}
		s.seen[by] = v
	}
	if version > v.version {
		v.version = version
	}
}

// receiveHash answers one that differs with the digest.
func (x *Exchange) receiveHash(from eventnode.NodeRef, h *clusterv1.Hash) {
	if h.GetSum() != x.sum {
		x.counts.HashesDiffered++
		x.sendDigest(from, true)
	}
}

// receiveDigest pulls what the sender has newer.
func (x *Exchange) receiveDigest(from eventnode.NodeRef, d *clusterv1.Digest) {
	for _, e := range d.GetEntries() {
		x.receiveEntry(from, e)
	}
	if d.GetReply() {
		x.sendDigest(from, false)
	}
}

func (x *Exchange) receiveEntry(from eventnode.NodeRef, e *clusterv1.DigestEntry) {
	if ref := refOf(e.GetOrigin()); ref.ID == x.cfg.Self.ID {
		if s := x.scopes[e.GetScope()]; ref == x.cfg.Self && s != nil && !s.local {
			x.confirm(s, from, e.GetVersion())
		}
		return
	}
	ref := refOf(e.GetOrigin())
	if !x.about(from, e.GetScope(), ref, e.GetVersion()) {
		return
	}
	var have table.Part
	s := x.scopes[e.GetScope()]
	if s != nil {
		have, _ = s.table.Part(ref.ID)
	}
	switch {
	case e.GetVersion() > have.Version:
		x.pull(x.scope(e.GetScope()), from, ref, have.Version, e.GetVersion())
	case from == ref:
		x.ack(part{s.name, ref})
	}
}
