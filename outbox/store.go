package outbox

import (
	"context"
	"time"
)

// Store is where a relay finds events. A [SQLStore] is one; package outboxtest has one
// in memory, and the tests that each must pass. Calls of a relay may overlap.
type Store interface {
	// Lead takes the lease for holder, or renews it, and reports whether holder has it
	// for ttl, counted by the store from a moment during the call. With a ttl of 0 or
	// less it gives the lease back.
	Lead(ctx context.Context, holder string, ttl time.Duration) (bool, error)
	// Fetch returns the first rows in their order: at most limit.Events, and none behind
	// the one with which limit.Bytes are reached. It leaves out rows that wait for a
	// retry, and the others of their keys, and limit.Except.
	Fetch(ctx context.Context, limit Limit) ([]Row, error)
	// Settle notes what became of rows, all of it or nothing. Rows that are gone are
	// passed over.
	Settle(ctx context.Context, s Settlement) error
	// Stats says how the outbox is. It counts no further than upTo.
	Stats(ctx context.Context, upTo int) (Stats, error)
	// Purge removes up to limit of the rows that were kept when they were sent, at least
	// age ago, and returns how many.
	Purge(ctx context.Context, age time.Duration, limit int) (int, error)

	// DeadLetters returns up to limit dead letters with numbers above after, by number.
	DeadLetters(ctx context.Context, after int64, limit int) ([]DeadLetter, error)
	// Replay adds dead letters to the outbox again, behind what is there, and returns how
	// many: numbers that are not there are passed over.
	Replay(ctx context.Context, numbers ...int64) (int, error)
	// Drop removes dead letters for good, and returns how many.
	Drop(ctx context.Context, numbers ...int64) (int, error)
}

// Limit bounds a Fetch.
type Limit struct {
	Events int
	// Bytes is of the events as they are stored.
	Bytes int
	// Except are rows that are left out, by their numbers: they are being published.
	Except []int64
}

// Row is an event that is to be published.
type Row struct {
	// Seq is its number: rows are published in this order.
	Seq int64
	// Key is that of the event. Empty: no order.
	Key string
	// Event is its JSON.
	Event []byte
	// Attempts is how often publishing it has failed.
	Attempts int
	// Age is how long ago it was added.
	Age time.Duration
}

// Settlement is what became of rows.
type Settlement struct {
	// Sent are those that are in the stream.
	Sent []int64
	// Keep keeps these, apart from the others, until they are purged.
	Keep bool
	// Retry are to be tried again later.
	Retry []Retry
	// Dead are given up.
	Dead []Death
}

// empty reports whether there is nothing to settle.
func (s *Settlement) empty() bool { return len(s.Sent)+len(s.Retry)+len(s.Dead) == 0 }

// Retry is a row that is to be tried again.
type Retry struct {
	Seq int64
	// Attempts is how often it has failed now.
	Attempts int
	// After is how long it, and its key, are to wait.
	After time.Duration
}

// Death is a row that is given up.
type Death struct {
	Seq      int64
	Attempts int
	Reason   string
}

// DeadLetter is an event that was given up.
type DeadLetter struct {
	// Number is that of its row.
	Number int64
	// Event is its JSON; perhaps that is what is wrong with it.
	Event []byte
	// Attempts is how often it was tried.
	Attempts int
	// Added is when it came into the outbox, and Died when it was given up.
	Added, Died time.Time
	// Reason is why.
	Reason string
}

// Stats is how an outbox is.
type Stats struct {
	// Waiting is how many events are not published yet: the lag.
	Waiting int
	// Oldest is the age of the first of them; 0 if there is none.
	Oldest time.Duration
	// Held is how many of them have failed and wait to be tried again.
	Held int
	// Dead is how many dead letters there are.
	Dead int
	// Holder is the relay that leads; empty: none.
	Holder string
}
