package exchange

// Refusal is why a message, or an entry of one, changed nothing.
type Refusal int

// The refusals.
const (
	RefusedUnknownPeer Refusal = iota // neither linked nor alive
	RefusedUnknownKind                // from a later version
	RefusedMalformed                  // out of range, or about nothing
	RefusedNoWord                     // not the sender's to say
	RefusedStale                      // about an earlier life, or not held here
	RefusedDouble                     // nothing new
	RefusedLate                       // a chunk of no copy under way
	RefusedLimit                      // too many scopes
	Refusals                          // how many there are
)

var refusalNames = [Refusals]string{
	"unknown_peer", "unknown_kind", "malformed", "no_word", "stale", "double", "late", "limit",
}

// String returns the refusal as a word.
func (r Refusal) String() string { return refusalNames[r] }

// Kind is a kind of message: its field number in clusterv1.Exchange.
type Kind int

// The kinds.
const (
	KindOther Kind = iota
	KindChangeSet
	KindApplied
	KindHash
	KindDigest
	KindPull
	KindSync
	Kinds // how many there are
)

var kindNames = [Kinds]string{"other", "change_set", "applied", "hash", "digest", "pull", "sync"}

// String returns the kind as a word.
func (k Kind) String() string { return kindNames[k] }

// Counters only grow.
type Counters struct {
	Sent, Received [Kinds]uint64
	Refused        [Refusals]uint64
	// HashesDiffered counts hashes received that differed.
	HashesDiffered uint64
	// Copies counts copies made to answer pulls.
	Copies uint64
}
