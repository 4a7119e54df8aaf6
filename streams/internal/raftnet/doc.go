// Package raftnet carries Raft between the replicas of a partition, over the
// node's rpc port, so that a request reaches the replica it is meant for or
// nobody.
//
// # Guarantees
//
//   - A replica's address is the UUID that was born with its data directory.
//     hashicorp/raft names no target in its requests and remembers votes by
//     address; a host and port would let an emptied disk at an old address vote,
//     and be elected, in the name of what was lost.
//   - A connection carries Raft only after both ends have agreed on the cluster's
//     name and UUID, the partition and the target's UUID, and have proved that
//     they know the cluster secret. What the caller gets for a refusal is a
//     *RefusedError that wraps one of this package's sentinels.
//   - No proof is good twice: each covers a nonce of both ends.
//
// # The preamble
//
// The dialler speaks first; integers are big endian.
//
//	dialler → called  hello: preface (8), lowest and highest version (1 + 1),
//	                  length of the rest (2), length of the cluster's name (1),
//	                  name, cluster UUID (16), partition (4), sender UUID (16),
//	                  target UUID (16), nonce (16); later versions append
//	called → dialler  challenge: code 0 (1), version (1), length (2), nonce (16),
//	                  proof (32)
//	dialler → called  proof (32)
//	called → dialler  welcome: code 0 (1), version (1), length 0 (2)
//
// In the place of the challenge or the welcome the called end may send a refusal:
// a code other than 0 and up to 256 bytes of text. A proof is HMAC-SHA256 under
// the secret over the end's label, the hello as it was sent, the called end's nonce
// and the chosen version, each with its length. After the welcome the connection is
// hashicorp/raft's. As on links, the proof does not bind what follows: against
// somebody who can change packets on the way there is TLS.
//
// # Concurrency
//
// Everything is safe for concurrent use. Server.Run owns the goroutines of
// connections that have not said yet whom they are for; it ends when all of them
// have. A Transport has the goroutines of hashicorp/raft, and Close of it, or of
// the Layer below it, ends them by closing their connections.
//
// # Failure
//
// A preamble that is not complete after Config.PreambleTimeout is refused, and so
// is the oldest unfinished one when more than Config.MaxPending wait: who means it
// needs milliseconds. A write that makes no progress, and a request that stops in
// the middle, end their connection after Config.StallTimeout. A machine that
// vanished is noticed by TCP's keep-alive, which whoever makes the listener and the
// dialler sets. A process that ended is told from one that is silent: Layer.Ended and
// Layer.Refused.
//
//	s, err := raftnet.New(raftnet.Config{Cluster: "prod", Secret: key, Resolve: addressOf})
//	raftConns := mux.Register(raftnet.Protocol(), listener.Addr())
//	go s.Run(ctx, raftConns)
//	layer, err := s.Open(raftnet.Identity{Cluster: clusterUUID, Partition: 1, Replica: replicaUUID})
//	transport := raftnet.NewTransport(layer, raftnet.TransportConfig{})
package raftnet
