package exchange

import clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"

// seen is what a peer has confirmed of this node's part, and how often it was
// reminded of which version.
type seen struct {
	version  uint64
	reminded uint64
	tries    int
}

// maxTries is how often a silent peer is reminded; then it is left to the hash.
const maxTries = 8

// Tick is called TicksPerHash times an interval. rnd chooses the peer that gets
// the hash.
func (x *Exchange) Tick(rnd uint64) {
	x.tick++
	x.remind()
	for _, s := range x.scopes {
		if s.served.chunks != nil && x.tick-s.served.tick > 2*TicksPerHash {
			s.served = served{}
		}
	}
	if x.tick%TicksPerHash == 0 && len(x.peers) > 0 {
		peer := x.peers[rnd%uint64(len(x.peers))]
		x.send(peer, KindHash, encode(&clusterv1.Exchange{Message: &clusterv1.Exchange_Hash{Hash: &clusterv1.Hash{Sum: x.sum}}}))
	}
}

// remind tells peers that have not confirmed the latest version what it is:
// they pull or confirm. When all have, or were told often enough, nothing more
// is said.
func (x *Exchange) remind() {
	var due []*scope
	for _, name := range x.names() {
		if s := x.scopes[name]; s.unsettled && x.tick-s.changed >= patience {
			due = append(due, s)
		}
	}
	if len(due) == 0 {
		return
	}
	for _, s := range due {
		s.unsettled = false
	}
	for _, peer := range x.peers {
		var entries []*clusterv1.DigestEntry
		for _, s := range due {
			own, _ := s.table.Part(x.cfg.Self.ID)
			v := s.seen[peer]
			if v == nil {
				v = &seen{}
				s.seen[peer] = v
			}
			if v.due(own.Version) {
				s.unsettled = true
				entries = append(entries, entry(s.name, own))
			}
		}
		x.sendEntries(peer, entries, false)
	}
}

// due reports whether a peer is to be reminded of a version, and counts it.
func (v *seen) due(version uint64) bool {
	if v.reminded != version {
		v.reminded, v.tries = version, 0
	}
	if version <= v.version || v.tries >= maxTries {
		return false
	}
	v.tries++
	return true
}
