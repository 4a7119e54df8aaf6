package outbox_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/outbox"
)

// exampleDB is an SQLite database with an outbox, for an example.
func exampleDB(opts ...outbox.StoreOption) (ctx context.Context, db *sql.DB, store *outbox.SQLStore, remove func()) {
	dir, err := os.MkdirTemp("", "outbox-")
	mustDo(err)
	ctx = context.Background()
	db, err = sql.Open("sqlite", "file:"+filepath.Join(dir, "app.db")+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)")
	mustDo(err)
	mustDo(outbox.Migrate(ctx, db, outbox.SQLite, opts...))
	store, err = outbox.NewStore(db, outbox.SQLite, opts...)
	mustDo(err)
	return ctx, db, store, func() {
		mustDo(db.Close())
		mustDo(os.RemoveAll(dir))
	}
}

// mustDo ends an example that went wrong.
func mustDo(err error) {
	if err != nil {
		panic(err)
	}
}

// Events are added in the transaction of what they tell about. One that no stream would
// take is refused before anything is written.
func ExampleAdd() {
	ctx, db, store, remove := exampleDB()
	defer remove()
	tx, err := db.BeginTx(ctx, nil)
	mustDo(err)
	// ... what it is about is written with the same tx
	mustDo(outbox.Add(ctx, tx, event.New("order_placed", nil, event.WithKey("order:1")), event.New("order_paid", nil, event.WithKey("order:1"))))
	fmt.Println(errors.Is(outbox.Add(ctx, tx, event.New("", nil)), eventnode.ErrInvalidEvent))
	mustDo(tx.Commit())

	st, err := store.Stats(ctx, 100)
	fmt.Println("waiting:", st.Waiting, err)
	// Output:
	// true
	// waiting: 2 <nil>
}

// pgxTx has a method like that of a transaction of pgx, which is not that of database/sql.
type pgxTx struct{ tx *sql.Tx }

func (t pgxTx) Exec(ctx context.Context, query string, args ...any) (string, error) {
	_, err := t.tx.ExecContext(ctx, query, args...)
	return "INSERT 0 1", err
}

// Any method that executes a statement will do.
func ExampleExecFunc() {
	ctx, db, store, remove := exampleDB()
	defer remove()
	begun, err := db.BeginTx(ctx, nil)
	mustDo(err)
	tx := pgxTx{begun}
	mustDo(outbox.Add(ctx, outbox.ExecFunc(tx.Exec), event.New("order_placed", nil)))
	mustDo(begun.Commit())
	st, err := store.Stats(ctx, 100)
	fmt.Println("waiting:", st.Waiting, err)
	// Output: waiting: 1 <nil>
}

// An event that cannot be published holds back its key only, and ends as a dead letter, to
// be replayed when what was wrong is repaired.
func ExampleRelay() {
	ctx, db, store, remove := exampleDB()
	defer remove()
	for _, name := range []string{"order_placed", "order_broken", "order_paid"} {
		mustDo(outbox.Add(ctx, db, event.New(name, nil))) // a transaction each
	}
	stream := &sink{fail: func(_ context.Context, evs []event.Event) error { // client.Client's Streams, or a node's
		for _, e := range evs {
			if e.Name == "order_broken" {
				return fmt.Errorf("%s: %w", e.Name, eventnode.ErrLimit)
			}
		}
		return nil
	}}
	relay := func() {
		r, err := outbox.NewRelay(outbox.Config{
			Store: store, Publisher: stream, Stream: "orders",
			Drain: true, // ends when nothing is left; else with ctx
		})
		mustDo(err)
		mustDo(r.Run(ctx))
		p := r.Progress()
		fmt.Println("sent:", p.Sent, "dead:", p.Dead)
	}
	relay()
	letters, err := store.DeadLetters(ctx, 0, 100)
	mustDo(err)
	fmt.Println("dead:", letters[0].Number, letters[0].Reason)

	stream.mend()
	replayed, err := store.Replay(ctx, letters[0].Number) // or Drop
	fmt.Println("replayed:", replayed, err)
	relay()
	fmt.Println(stream.names())
	// Output:
	// sent: 2 dead: 1
	// dead: 2 order_broken: limit
	// replayed: 1 <nil>
	// sent: 1 dead: 0
	// [order_placed order_paid order_broken]
}

// What is sent may be kept for a while, to look at, and is purged then.
func ExampleConfig() {
	ctx, db, store, remove := exampleDB()
	defer remove()
	mustDo(outbox.Add(ctx, db, event.New("order_placed", nil)))
	relay, err := outbox.NewRelay(outbox.Config{
		Store: store, Publisher: new(sink), Stream: "orders", Drain: true,
		KeepSent: time.Hour,
		Batch:    100,
		Poll:     time.Second, // when there was nothing; Wake is sooner
	})
	mustDo(err)
	mustDo(relay.Run(ctx))
	var name string
	mustDo(db.QueryRowContext(ctx, "SELECT json_extract(event, '$.name') FROM eventnode_outbox_sent").Scan(&name))
	fmt.Println("kept:", name)
	purged, err := store.Purge(ctx, 0, 100)
	fmt.Println("purged:", purged, err)

	_, err = outbox.NewRelay(outbox.Config{Store: store})
	fmt.Println(err)
	// Output:
	// kept: order_placed
	// purged: 1 <nil>
	// outbox configuration: a relay needs a Store and a Publisher
}

// An outbox of another name, beside others in the same database; and its tables for a
// migration tool of one's own.
func ExampleWithTable() {
	const table outbox.Table = "billing_outbox"
	ctx, db, store, remove := exampleDB(outbox.WithTable(table))
	defer remove()
	mustDo(table.Add(ctx, db, event.New("bill_sent", nil)))
	st, err := store.Stats(ctx, 100)
	fmt.Println("waiting:", st.Waiting, err)

	statements, err := outbox.Schema(outbox.PostgreSQL, outbox.WithTable(table))
	first, _, _ := strings.Cut(statements[0], " (")
	fmt.Println(first, err)
	// Output:
	// waiting: 1 <nil>
	// CREATE TABLE IF NOT EXISTS "billing_outbox" <nil>
}

// Judge says what an error of publishing means: that the event cannot be published, that
// nothing can now, or that it is to be tried again.
func ExampleJudge() {
	for _, err := range []error{eventnode.ErrLimit, eventnode.ErrUnavailable, errors.New("strange")} {
		switch outbox.Judge(err) {
		case outbox.VerdictDead:
			fmt.Println(err, "- a dead letter at once")
		case outbox.VerdictWait:
			fmt.Println(err, "- all wait")
		case outbox.VerdictRetry:
			fmt.Println(err, "- this one is tried again, and its key waits")
		}
	}
	// Output:
	// limit - a dead letter at once
	// unavailable - all wait
	// strange - this one is tried again, and its key waits
}
