package exchange

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/groups/internal/table"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

func originOf(ref eventnode.NodeRef) *clusterv1.Origin {
	return &clusterv1.Origin{Node: string(ref.ID), Epoch: ref.Epoch}
}

func refOf(o *clusterv1.Origin) eventnode.NodeRef {
	return eventnode.NodeRef{ID: eventnode.NodeID(o.GetNode()), Epoch: o.GetEpoch()}
}

// validName accepts names of scopes and groups. "" is the default scope; a group
// needs a name.
func validName(name string) bool { return len(name) <= MaxName && utf8.ValidString(name) }

func validOrigin(ref eventnode.NodeRef) bool {
	return ref.ID != "" && len(ref.ID) <= MaxName && ref.Epoch > 0
}

// changeSet encodes a change.
func changeSet(scopeName string, ref eventnode.NodeRef, version uint64, diffs []table.Diff) []byte {
	head := encodeHead(scopeName, ref)
	return appendChange(nil, sizeChange(head, version, diffs), head, version, diffs)
}

func applied(scopeName string, epoch, version uint64) []byte {
	return encode(&clusterv1.Exchange{Message: &clusterv1.Exchange_Applied{
		Applied: &clusterv1.Applied{Scope: scopeName, Epoch: epoch, Version: version},
	}})
}

func pullMessage(scopeName string, origin eventnode.NodeRef, have uint64) []byte {
	return encode(&clusterv1.Exchange{Message: &clusterv1.Exchange_Pull{
		Pull: &clusterv1.Pull{Scope: scopeName, Origin: originOf(origin), Have: have},
	}})
}

func entry(scopeName string, p table.Part) *clusterv1.DigestEntry {
	return &clusterv1.DigestEntry{Scope: scopeName, Origin: originOf(p.Ref), Version: p.Version}
}

func digest(entries []*clusterv1.DigestEntry, reply bool) []byte {
	return encode(&clusterv1.Exchange{Message: &clusterv1.Exchange_Digest{
		Digest: &clusterv1.Digest{Entries: entries, Reply: reply},
	}})
}

// sendDigest sends everything that this node has.
func (x *Exchange) sendDigest(to eventnode.NodeRef, reply bool) {
	var entries []*clusterv1.DigestEntry
	for _, name := range x.names() {
		s := x.scopes[name]
		if s.local {
			continue
		}
		for _, p := range s.table.Parts() {
			if p.Version > 0 {
				entries = append(entries, entry(name, p))
			}
		}
	}
	if len(entries) == 0 && reply {
		x.send(to, KindDigest, digest(nil, true))
		return
	}
	x.sendEntries(to, entries, reply)
}

// sendEntries cuts a digest into messages of at most MaxChunk bytes: each entry
// stands for itself. The last one asks for the reply.
func (x *Exchange) sendEntries(to eventnode.NodeRef, entries []*clusterv1.DigestEntry, reply bool) {
	for len(entries) > 0 {
		n, size := 0, 0
		for n < len(entries) && size < MaxChunk-2*MaxName-64 {
			size += len(entries[n].GetScope()) + len(entries[n].GetOrigin().GetNode()) + 40
			n++
		}
		x.send(to, KindDigest, digest(entries[:n:n], reply && n == len(entries)))
		entries = entries[n:]
	}
}

// share is one part's share of the sum over all parts: the sum does not depend
// on their order, and changes by one share when one part does.
func share(scopeName string, p table.Part) uint64 {
	if p.Version == 0 {
		return 0
	}
	b := make([]byte, 0, 128)
	b = binary.AppendUvarint(b, uint64(len(scopeName)))
	b = append(b, scopeName...)
	b = binary.AppendUvarint(b, uint64(len(p.Ref.ID)))
	b = append(b, p.Ref.ID...)
	b = binary.LittleEndian.AppendUint64(b, p.Ref.Epoch)
	b = binary.LittleEndian.AppendUint64(b, p.Version)
	return xxhash.Sum64(b)
}

func sortedParts(set map[part]struct{}) []part {
	return slices.SortedFunc(maps.Keys(set), func(a, b part) int {
		return cmp.Or(cmp.Compare(a.scope, b.scope), byName(a.origin, b.origin))
	})
}
