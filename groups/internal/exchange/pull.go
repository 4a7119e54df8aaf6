package exchange

import (
	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/groups/internal/table"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

// patience is how many ticks without progress make a pull or a resending
// due again.
const patience = 2

// pull is one question under way: at most one a part.
type pull struct {
	from eventnode.NodeRef
	want uint64 // the highest version heard of
	tick uint64 // of the last progress
}

// pull asks a node for what is missing of a part, unless somebody is being
// asked already.
func (x *Exchange) pull(s *scope, from, origin eventnode.NodeRef, have, want uint64) {
	p, wait := s.pulls[origin.ID], uint64(patience)
	if have == 0 {
		wait *= 2 // a whole part takes its time to put together
	}
	if p != nil && x.tick-p.tick < wait {
		p.want = max(p.want, want)
		return
	}
	if x.send(from, KindPull, pullMessage(s.name, origin, have)) {
		s.pulls[origin.ID] = &pull{from: from, want: want, tick: x.tick}
	}
}

// receivePull answers with change sets if the log reaches back, else with a
// copy.
func (x *Exchange) receivePull(from eventnode.NodeRef, p *clusterv1.Pull) {
	ref := refOf(p.GetOrigin())
	s := x.scopes[p.GetScope()]
	if s == nil || s.local {
		x.counts.Refused[RefusedMalformed]++
		return
	}
	have, ok := s.table.Part(ref.ID)
	if !ok || have.Ref != ref || have.Version <= p.GetHave() {
		x.counts.Refused[RefusedStale]++
		return
	}
	if entries, ok := s.logs[ref.ID].since(p.GetHave(), have.Version); ok {
		for _, e := range entries {
			x.send(from, KindChangeSet, e)
		}
		return
	}
	for _, m := range x.serve(s, have) {
		x.send(from, KindSync, m)
	}
}

// served is the latest copy that was made, kept while it is asked for: many
// peers ask for the same one at the same time.
type served struct {
	origin  eventnode.NodeRef
	version uint64
	chunks  [][]byte
	tick    uint64
}

// serve returns the copy of a part, in chunks.
func (x *Exchange) serve(s *scope, p table.Part) [][]byte {
	if s.served.origin != p.Ref || s.served.version != p.Version {
		s.served = served{origin: p.Ref, version: p.Version, chunks: chunks(s, p)}
		x.counts.Copies++
	}
	s.served.tick = x.tick
	return s.served.chunks
}

// chunks encodes a part, in no order, as messages of at most MaxChunk bytes.
func chunks(s *scope, p table.Part) [][]byte {
	w := &chunker{head: encodeHead(s.name, p.Ref), version: p.Version}
	for group, members := range s.table.Each(p.Ref.ID) {
		w.group(group)
		for m := range members {
			w.member(m)
		}
		w.closeGroup()
	}
	return w.end()
}

// assembly is a copy under way: at most one a part.
type assembly struct {
	from    eventnode.NodeRef
	origin  eventnode.NodeRef
	version uint64
	tick    uint64 // of the last chunk
	bytes   int
	chunks  []letter // as they came: what they say is well-formed
}

// receiveSync gathers a copy and replaces the part when it is complete. One
// that brings nothing new is refused at its first chunk, before any work.
func (x *Exchange) receiveSync(from eventnode.NodeRef, body []byte) {
	l, ok := x.letter(from, KindSync, body)
	if !ok {
		return
	}
	s, ref := x.scope(l.scope), l.origin
	have, _ := s.table.Part(ref.ID)
	if l.version <= have.Version {
		x.counts.Refused[RefusedDouble]++
		x.settle(s, ref, have.Version)
		return
	}
	a := x.assembly(s, from, &l)
	if a == nil {
		x.counts.Refused[RefusedLate]++
		return
	}
	_, ok = x.reader.read(&l)
	if a.bytes += len(body); !ok || a.bytes > maxAssembly {
		delete(s.copies, ref.ID)
		x.counts.Refused[RefusedMalformed]++
		return
	}
	a.chunks, a.tick = append(a.chunks, l), x.tick
	if p := s.pulls[ref.ID]; p != nil {
		p.tick = x.tick
	}
	if l.last {
		x.replace(s, a)
	}
}

// assembly returns the copy that a chunk belongs to, nil if it belongs to none.
// A first chunk starts a copy. It ends one that is under way only if that comes
// from the same node or has stopped to come: else two nodes that were asked
// would keep each other's from ever being complete.
func (x *Exchange) assembly(s *scope, from eventnode.NodeRef, l *letter) *assembly {
	a := s.copies[l.origin.ID]
	if l.chunk == 0 && (a == nil || a.from == from || a.origin != l.origin || x.tick-a.tick >= patience) {
		a = &assembly{from: from, origin: l.origin, version: l.version, tick: x.tick}
		s.copies[l.origin.ID] = a
	}
	if a == nil || a.from != from || a.origin != l.origin || a.version != l.version || len(a.chunks) != int(l.chunk) {
		return nil
	}
	return a
}

// replace makes a complete copy the part. Its chunks are read once more, one
// after the other, into their places: nothing is made of the whole in between.
func (x *Exchange) replace(s *scope, a *assembly) {
	ref := a.origin
	delete(s.copies, ref.ID)
	delete(s.logs, ref.ID)
	x.reach(s, ref, a.version)
	x.event(s, ref, s.table.Replace(ref, a.version, func(yield func([]table.Delta) bool) {
		for i := range a.chunks {
			deltas, ok := x.reader.read(&a.chunks[i])
			a.chunks[i].body = nil
			if !ok || !yield(deltas) {
				return
			}
		}
	}, x.cfg.Watched(s.name)))
	x.settle(s, ref, a.version)
}
