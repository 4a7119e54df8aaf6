// Package forming decides, once, who founds the durable plane of a cluster.
//
// Gossip proposes: when as many nodes with storage are there as the operator said
// to expect, the one with the lowest UUID asks all of them to promise the same
// founding: the UUID of the cluster, and the replicas that vote from the beginning.
// A node persists its promise before it answers, promises one thing only, and
// nothing if it belongs to a cluster already. When all have promised the same, each
// is told to begin, and begins with the very same voters. So there is never more
// than one cluster among them, in whatever order they start, whatever they see of
// each other, and whoever crashes: a founding that was not finished is finished by
// whichever of its voters is the lowest that lives.
//
// A promise that cannot be kept because one of its voters is gone for good, before
// anything was stored, is undone by the operator: by removing the data directories
// of all its voters.
//
// # Concurrency
//
// Functions are pure, but for Load and Store, which are for one goroutine.
package forming
