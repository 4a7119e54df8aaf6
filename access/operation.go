package access

import (
	"slices"
	"strings"
)

// Operation is what a call does.
type Operation string

// The operations.
const (
	Dispatch  Operation = "dispatch"  // send live events to topics
	Subscribe Operation = "subscribe" // get the live events of topics
	Groups    Operation = "groups"    // join groups, see who is in them, send to them
	Publish   Operation = "publish"   // append events to streams
	Read      Operation = "read"      // read streams, and see how they and their consumer groups are
	Consume   Operation = "consume"   // be a consumer of streams
	Streams   Operation = "streams"   // make, change and remove streams and their consumer groups
	Locks     Operation = "locks"     // obtain, refresh, release and see locks
	Chat      Operation = "chat"      // the chat service: its topics, its directory and its sessions
	Sources   Operation = "sources"   // see event sources and what they have in their caches
	Inspect   Operation = "inspect"   // see how nodes, copies and subscriptions are
	Admin     Operation = "admin"     // change the cluster: leave, remove, scrub, backup, pools, shards
)

// all are the operations, in the order above.
func all() []Operation {
	return []Operation{Dispatch, Subscribe, Groups, Publish, Read, Consume, Streams, Locks, Chat, Sources, Inspect, Admin}
}

// Operations are all there are.
func Operations() []Operation { return all() }

// everything stands for all operations in a file.
const everything = "all"

// Kind is what an operation's names are of. Its text is the key of their prefixes.
type Kind string

// The kinds.
const (
	None      Kind = "" // the operation has no names
	OfTopics  Kind = "topics"
	OfStreams Kind = "streams"
	OfGroups  Kind = "groups"
	OfLocks   Kind = "locks"
	OfSources Kind = "sources"
)

// kinds are those that have names.
func kinds() []Kind { return []Kind{OfTopics, OfStreams, OfGroups, OfLocks, OfSources} }

// Kind is what the operation's names are of.
func (o Operation) Kind() Kind {
	switch o {
	case Dispatch, Subscribe, Chat:
		return OfTopics
	case Publish, Read, Consume, Streams:
		return OfStreams
	case Groups:
		return OfGroups
	case Locks:
		return OfLocks
	case Sources:
		return OfSources
	case Inspect, Admin:
		return None
	}
	return None
}

// known reports whether there is such an operation.
func (o Operation) known() bool { return slices.Contains(all(), o) }

// singular is the kind's word for one of them.
func (k Kind) singular() string {
	if k == None {
		return ""
	}
	return string(k[:len(k)-1])
}

// Use is one thing that a call does.
type Use struct {
	Operation Operation
	// Names are what it is done with: topics as they are written; streams and locks as
	// NAME or NAMESPACE/NAME; groups as SCOPE/GROUP. None: whether it may be done at all.
	// The empty name stands for all that there are.
	Names []string
}

// Group is how a group is named in a Use: SCOPE/GROUP, where a slash in the scope is
// written %2F, so that a prefix that ends with a slash is of one scope. Without a group it
// stands for all of the scope.
func Group(scope, group string) string {
	return strings.NewReplacer("%", "%25", "/", "%2F").Replace(scope) + "/" + group
}
