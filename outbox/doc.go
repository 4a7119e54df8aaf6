// Package outbox publishes an event if and only if the database transaction that
// added it has committed.
//
// [Add] writes events to a table, in the transaction that changes the entity. A
// [Relay], in the same program or in one of its own (`eventnode outbox relay`), reads
// the table, publishes to a stream, and removes what the stream has acked.
//
// # Guarantees
//
//   - Every event whose transaction committed is published at least once; none of a
//     transaction that was rolled back is.
//   - However often an event is published, it has the same ID. The relay asks the stream
//     to leave out IDs that it remembers, so an event stands there once, effectively
//     once inside the stream's DedupeWindow: choose one that is longer than a relay may
//     be down.
//   - Events of one Key are published in the order in which they were added, also when
//     one of them fails and is tried again; the other keys go on meanwhile. A dead
//     letter lets the later events of its key pass. Events without a key ask for no
//     order.
//   - Nothing is skipped because a transaction that began earlier commits later: a relay
//     looks at all that is there, and remembers no place in the table.
//   - Any number of relays may run: one of them leads, by a lease in the database, and
//     another one takes over when that is given back or over.
//
// The order in which events of a key were added is that of their rows' numbers. Two
// transactions that add events of the same key at the same time get numbers in any
// order, and if the higher number commits first it may be published first. Where that
// matters let the writers of a key wait for each other: lock or update the entity's row
// before Add. Then the order is the order of the commits. On SQLite it always is.
//
// # Concurrency
//
// Add belongs to its transaction. A Relay is for one Run; its other methods may be
// called from anywhere. A [SQLStore] is safe for concurrent use.
//
// # Failure
//
// What is wrong with the stream or the way there is tried again for ever, by all events
// together. What is wrong with one event holds back its key, with a growing pause, and
// after Config.MaxAttempts, or at once if it cannot get better, makes a dead letter of
// it; [Judge] says which is which. When the database is lost the relay waits for it. A
// relay that was killed leaves at most one batch published and not removed: that is
// published again.
//
// # Example
//
//	tx, err := db.BeginTx(ctx, nil)
//	...
//	_, err = tx.ExecContext(ctx, "INSERT INTO users (name) VALUES ($1)", "ann")
//	err = outbox.Add(ctx, tx, event.New("user_created", data, event.WithKey("ann")))
//	err = tx.Commit()
//
//	store, err := outbox.NewStore(db, outbox.PostgreSQL)
//	relay, err := outbox.NewRelay(outbox.Config{Store: store, Publisher: c.Streams(), Stream: "users"})
//	err = relay.Run(ctx)
package outbox
