package eventnode

import "strconv"

// NodeID is the name that an operator gives a node. It is unique in a cluster.
type NodeID string

// NodeRef is one life of a node: its name, and its epoch, which grows with each
// start. Of two lives with the same name the higher epoch is the present one.
type NodeRef struct {
	ID    NodeID
	Epoch uint64
}

// String returns "name#epoch".
func (r NodeRef) String() string {
	return string(r.ID) + "#" + strconv.FormatUint(r.Epoch, 10)
}

// MemberRef names a member in the whole cluster, for ever.
type MemberRef struct {
	// Node owns the member.
	Node NodeRef
	// Ref is the member's number there; it is never used again in that epoch.
	Ref uint64
}

// String returns "name#epoch/ref".
func (r MemberRef) String() string {
	return r.Node.String() + "/" + strconv.FormatUint(r.Ref, 10)
}
