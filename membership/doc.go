// Package membership knows who is in the cluster: gossip (memberlist: SWIM with
// Lifeguard) behind a few values, and a watch.
//
// # Guarantees
//
//   - Of each NodeID at most one life is presented, the one with the highest
//     epoch heard. A restarted node is therefore a new node at once, also at a
//     new address, and its former life is reported lost in the same breath.
//   - A watcher sees a snapshot, then each change in order. If it falls behind it
//     gets a new snapshot marked Resync; it never misses a change unawares.
//   - The presented epochs of a NodeID do not go back, unless a higher one has
//     been gone for two minutes.
//   - A node that has left is never presented again in the same epoch.
//   - A node keeps trying its seeds and the nodes that it lost in the last hour,
//     so the start order does not matter and a healed split becomes one cluster.
//
// # On the wire
//
// memberlist's protocol, with the cluster's name as label and, with a key,
// encrypted. A member's name is NAME#EPOCH, its metadata a clusterv1.NodeMeta. A
// node that leaves tells each other one "left NAME#EPOCH" in a message of its own,
// as gossip does not tell leaving from dying. Nothing else is added: the group
// table does not travel here.
//
// # Concurrency
//
// All methods are safe for concurrent use. Run owns every goroutine. What gossip
// tells is handed to one owner goroutine through a queue that holds the newest
// state of each node, so gossip never waits.
//
// # Failure
//
// Run ends with eventnode.ErrNameTaken if another living node has this name, and
// with ErrLoopback if it advertises a loopback address to nodes elsewhere. Nodes
// of another cluster, with another key or with malformed metadata are not heard,
// and counted. Contacts tells who was refused or cannot be joined, and why; UDPFailed,
// which nodes are reached without UDP only.
//
//	m, err := membership.New(membership.Config{ID: "n1", RPCAddress: "10.0.0.1:7401", Seeds: []string{"10.0.0.2:7400"}})
//	go m.Run(ctx)
//	w := m.Watch(0)
//	defer w.Close()
//	ev, err := w.Next(ctx)
package membership
