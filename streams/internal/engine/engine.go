package engine

import (
	"context"
	"fmt"
	"iter"
	"time"
)

// Applied is a position in the Raft log: the last entry whose writes are in.
// The zero value is the position before the first entry.
type Applied struct {
	Index, Term uint64
}

// Chain is a hash over all writes that ever went into a store, in order, with
// the entries they came from. Replicas compare theirs at the same Applied.
//
// It is 64 bits of xxHash: two values are compared, at one index, so a
// difference stays unseen once in 2^64, and nobody gains by making two equal (all
// replicas are given the same entries). It takes 2 % of the time of writing
// batches of 1 MiB, so there is no reason for a weaker one either.
type Chain uint64

// String is the hash in hexadecimal.
func (c Chain) String() string { return fmt.Sprintf("%016x", uint64(c)) }

// Entry is one key and its value, as Scan hands them out.
type Entry struct {
	Key, Value []byte
}

// Order is the direction of a Scan.
type Order bool

// The two directions.
const (
	Ascending  Order = false
	Descending Order = true
)

// Keys begin with a byte from MinKey to MaxKey. What is outside is the
// engine's own: it is neither written nor seen through this package.
const (
	MinKey = 0x01
	MaxKey = 0xfe
)

// Reader sees keys in the order of their bytes.
type Reader interface {
	// Get calls use with the value of key, if there is one, and returns what use
	// returned. The value is not a copy: it is valid until use returns, and must
	// not be changed. Use may read, and write to the batch it was called from.
	Get(key []byte, use func(value []byte) error) (found bool, err error)
	// Scan yields what lies in [lower, upper), as it was when the loop began; nil
	// leaves that end open. Key and value are valid until the next turn, and must
	// not be changed. An error ends the scan; it comes with an empty Entry.
	Scan(lower, upper []byte, order Order) iter.Seq2[Entry, error]
	// Applied says which entries this reader sees, and the hash over them.
	Applied() (Applied, Chain)
}

// Batch gathers the writes of one or more log entries. The first error of a
// write or a Seal is kept, and Commit returns it.
type Batch interface {
	// Reader sees the store with the writes of this batch. Its Applied is the
	// last entry that was sealed.
	Reader
	// Set gives key a value: its parts, one after the other (a head and a body
	// need not be joined first). All are copied.
	Set(key []byte, value ...[]byte)
	// Delete removes key, if it is there.
	Delete(key []byte)
	// DeleteRange removes what lies in [lower, upper). Neither may be nil. It
	// costs the same for one key and for a million.
	DeleteRange(lower, upper []byte)
	// Size is about how many bytes the batch holds.
	Size() int
	// Seal says that the writes since the one before belong to this entry. The
	// index must grow and the term must not shrink.
	Seal(entry Applied)
	// Commit seals what is not sealed yet under last, or takes last as the entry
	// that was sealed last, and makes the batch visible, with its position and
	// its chain. An entry without writes counts too. It does not wait for the
	// disk to have it. The batch is used up, also after an error.
	Commit(last Applied) error
	// Close discards what was not committed. It may be called again, and after
	// Commit.
	Close()
}

// Snapshot is a view of one moment. It blocks no writer, but keeps what it sees
// on disk: hold it for seconds, not for hours.
type Snapshot interface {
	Reader
	// Close ends it.
	Close() error
}

// View reads a checkpoint, without any effect on the store that it was made of.
type View interface {
	Reader
	// Size is what its files take, in bytes.
	Size() int64
	// Close ends it.
	Close() error
}

// Store is one partition's state.
type Store interface {
	// Reader sees what was committed last.
	Reader
	// NewBatch begins a batch. Only the writer calls it, and only when it is done
	// with the batch before.
	NewBatch() Batch
	// Snapshot takes a view of this moment.
	Snapshot() (Snapshot, error)
	// Flush returns when everything that was committed before it is durable, and
	// says up to which index. When ctx ends first, the work goes on without it.
	Flush(ctx context.Context) (durable uint64, err error)
	// Durable is the index up to which everything survives a crash now.
	Durable() uint64
	// Checkpoint makes a copy in dir, which must not exist, on the same file
	// system, and says what it holds: everything that was committed before the
	// call, and exactly that if nothing is committed meanwhile. The copy is
	// durable, shares no fate with the store, and opens like one.
	Checkpoint(ctx context.Context, dir string) (Applied, error)
	// Size is an estimate of the bytes on disk, without checkpoints.
	Size() int64
	// Reading is for how long the read of one key or block has been under way that
	// began first; 0: none is. A disk that hangs shows there, and a search in what is
	// damaged.
	Reading() time.Duration
	// Failed is closed when the store cannot go on.
	Failed() <-chan struct{}
	// Err is why it cannot, or nil.
	Err() error
	// Close waits for calls under way and then ends the store; later calls are
	// ErrClosed. What was not flushed is lost to the store: it is in the log.
	// Snapshots that are still open end too.
	Close() error
}
