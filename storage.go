package eventnode

import (
	"context"
	"io"
	"iter"
	"time"
)

// Storage is for operators: how the copies of durable streams are, whether their
// files are sound, and a copy to keep elsewhere.
type Storage interface {
	// StorageStatus says how each replica is.
	StorageStatus(ctx context.Context) (StorageStatus, error)
	// Scrub has replicas read all that they have on disk, one node after the other.
	// Damage is no error: it stands in the progress. An error is the last pair.
	Scrub(ctx context.Context, opts ScrubOptions) iter.Seq2[ScrubProgress, error]
	// Backup writes a copy of everything to w, of one moment: what was acked before
	// the call is in it. Every byte is verified before the call returns nil; after an
	// error what was written is of no use.
	Backup(ctx context.Context, w io.Writer, opts BackupOptions) (BackupInfo, error)
}

// StorageStatus is how the copies of durable streams are. It is printed as JSON by
// the command line: the names of its fields are stable.
type StorageStatus struct {
	Cluster     string   `json:"cluster"`
	ClusterUUID string   `json:"cluster_uuid,omitempty"`
	Leader      NodeID   `json:"leader,omitempty"` // empty: there is none
	Healthy     bool     `json:"healthy"`          // there is a leader, and all voters are well
	Problems    []string `json:"problems,omitempty"`
	// Replicas are sorted by node.
	Replicas []ReplicaInfo `json:"replicas"`
}

// ReplicaInfo is how a replica is. Indexes are those of entries of the partition's
// log. Of one that does not run only who it is, State and Why are known.
type ReplicaInfo struct {
	Node      NodeID `json:"node"` // empty: no node that is known has it
	Partition uint32 `json:"partition"`
	ID        string `json:"id"`    // its UUID
	Role      string `json:"role"`  // voter, nonvoter, none
	State     string `json:"state"` // running, opening, stopped, waiting, silent
	Why       string `json:"why,omitempty"`
	Leads     bool   `json:"leads"`
	// Sick is one that runs, and should not lead, Full one whose disk has too little
	// room; Why says why.
	Sick bool `json:"sick"`
	Full bool `json:"full"`

	Term      uint64 `json:"term"`
	Last      uint64 `json:"last"`
	Durable   uint64 `json:"durable"`
	Committed uint64 `json:"committed"`
	Applied   uint64 `json:"applied"`
	// Lag is how many entries that a majority has it has not fsynced yet.
	Lag        uint64    `json:"lag"`
	LogBytes   uint64    `json:"log_bytes"`
	StateBytes uint64    `json:"state_bytes"`
	FreeBytes  uint64    `json:"free_bytes"`
	Snapshot   uint64    `json:"snapshot"`
	Stamp      time.Time `json:"stamp"`
	Chain      string    `json:"chain,omitempty"`
}

// ScrubOptions say what to look at, and how fast.
type ScrubOptions struct {
	// Nodes are the nodes to look at. Defaults to all with storage.
	Nodes []NodeID
	// BytesPerSecond is how much a node reads. Defaults to 64 MiB.
	BytesPerSecond uint64
	// Repair has a copy that is damaged rebuilt from its peers, before the next node
	// is looked at. Where the others are no majority without it, it is not done, and
	// the node's Error says so.
	Repair bool
}

// ScrubProgress is how far a node has come, and what it found. Numbers are those of
// the node so far.
type ScrubProgress struct {
	Node    NodeID `json:"node"`
	Read    uint64 `json:"read_bytes"`
	Total   uint64 `json:"total_bytes"` // about how many there are
	Rows    uint64 `json:"rows"`
	Events  uint64 `json:"events"`
	Entries uint64 `json:"entries"`
	// Damages were found since the progress before; Damaged is how many in all, also
	// those that are not told because there are so many.
	Damages []Damage `json:"damages,omitempty"`
	Damaged uint64   `json:"damaged"`
	// Done says that the node has been looked at, or, with Error, that it was not, or
	// not to the end.
	Done  bool   `json:"done"`
	Error string `json:"error,omitempty"`
	// Repaired says that the copy was damaged, and was rebuilt.
	Repaired bool `json:"repaired,omitempty"`
}

// Damage is something that is not what was written.
type Damage struct {
	Part string `json:"part"` // log, state, snapshot, identity, founding
	Text string `json:"text"`
}

// BackupOptions say how a backup is made.
type BackupOptions struct {
	// BytesPerSecond is how much the node reads, first to verify its copy and then to
	// send it. Defaults to no limit.
	BytesPerSecond uint64
	// Progress is called now and then, from the goroutine of the call. Defaults to
	// nothing.
	Progress func(BackupProgress)
}

// BackupProgress is how far a backup has come: first the copy is verified where it
// is, then sent.
type BackupProgress struct {
	Verified, Sent uint64 // bytes
	Total          uint64 // about how many there are
}

// BackupInfo is what a backup says of itself: the head of the file, as JSON. The
// names of its fields are stable.
type BackupInfo struct {
	Cluster     string    `json:"cluster"`
	ClusterUUID string    `json:"cluster_uuid"`
	Node        NodeID    `json:"node"`    // whose copy it is
	Time        time.Time `json:"time"`    // when it was made, by that node's clock
	Version     string    `json:"version"` // of the program
	Partition   uint32    `json:"partition"`
	// Index and Term are of the last entry in it, Chain is the hash over the state
	// there, and Stamp the partition's time.
	Index uint64    `json:"index"`
	Term  uint64    `json:"term"`
	Chain string    `json:"chain"`
	Stamp time.Time `json:"stamp"`
	// Streams and Events are how many there are, Bytes what the events take.
	Streams uint64 `json:"streams"`
	Events  uint64 `json:"events"`
	Bytes   uint64 `json:"bytes"`
	// Content is the size of the copy, in bytes; the file has some 0.01 % more.
	Content uint64 `json:"content_bytes"`
}
