// Package node puts the parts together into one node that a program can embed,
// and that cmd/eventnode serves.
//
//	n, err := node.New(node.Config{ID: "n1", Seeds: []string{"10.0.0.2:7400"}})
//	if err != nil { ... }
//	go n.Run(ctx)
//	<-n.Ready()
//	sub, err := n.Subscribe(ctx, []string{"topic:orders"})
//
// # Guarantees
//
// A Node is an [eventnode.Live] and an [eventnode.Cluster]: what it does in
// process is what a client gets over gRPC, by the same code. New starts
// nothing. Run returns when every goroutine of the node has ended.
//
// # How the parts hang together
//
// The parts do not know each other; this package carries word between them:
//
//	membership: a node is alive   -> link.Add, groups.NodeAlive
//	membership: a node is gone    -> link.Remove, groups.NodeGone
//	link: its port refuses        -> groups.NodeGone, before gossip knows
//	link: up, down                -> groups.PeerUp, groups.PeerDown
//	link: group-table messages    -> groups.Receive
//	link: frames of events, gaps  -> dispatch
//	groups: interest in a topic   -> dispatch.SetInterest
//	dispatch: first subscriber    -> groups, one membership of this node
//	link: another node asks       -> chat, sources
//
// Nodes hold interest in topics as members of groups in a reserved scope, so
// there is one membership mechanism in the system.
//
// # Concurrency
//
// All methods are safe for concurrent use. Goroutines: one that follows
// membership, those of the parts' Run methods, the gRPC server's, and an HTTP
// server's if Config.HTTPAddress is set, which also takes CloudEvents if
// Config.HTTPIngest is set (package internal/ingest).
//
// # Failure
//
// If a part fails, Run stops the others and returns its error. A node whose
// name is taken, or whose cluster refuses it, ends so with an error that says
// what to do. When the context of Run ends, the node sends its clients to other nodes,
// says goodbye to its peers, which then know at once, and stops: stop.go has the order.
package node
