package node

import "github.com/google/uuid"

// Replica is the replica of the durable plane that this node has.
func (n *Node) Replica() uuid.UUID { return n.parts.storage.streams.Replica() }

// Voters are the replicas that vote, as far as this node knows.
func (n *Node) Voters() (ids []uuid.UUID) {
	st, _ := n.parts.storage.streams.Status()
	for _, m := range st.Members {
		if m.Voter {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// Durable is the last entry that is durable on this node.
func (n *Node) Durable() uint64 {
	st, _ := n.parts.storage.streams.Status()
	return st.Durable
}

// NodeOf is the name of the node that has a replica, as the replicas have agreed on.
func (n *Node) NodeOf(id uuid.UUID) string { return n.parts.storage.streams.NodeOf(id) }

// Served are the full names of all methods that the node serves, by whether they are one
// request and one answer.
func (n *Node) Served() map[string]bool {
	served := map[string]bool{}
	server := n.parts.server()
	for service, info := range server.GetServiceInfo() {
		for _, m := range info.Methods {
			served["/"+service+"/"+m.Name] = !m.IsClientStream && !m.IsServerStream
		}
	}
	return served
}

// Ruled are the methods that callers need no right for (false), or some (true).
func Ruled() map[string]bool {
	ruled := map[string]bool{}
	for name, m := range methods() {
		ruled[name] = m.operation != everybody
	}
	return ruled
}
