package outbox

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"strings"
)

//go:embed schema/*.sql
var schemas embed.FS

// StoreOption changes which outbox it is about.
type StoreOption func(*storeOptions)

type storeOptions struct{ table Table }

// WithTable names the table. Defaults to DefaultTable.
func WithTable(t Table) StoreOption { return func(o *storeOptions) { o.table = t } }

func newStoreOptions(d Dialect, opts []StoreOption) (storeOptions, error) {
	o := storeOptions{table: DefaultTable}
	for _, opt := range opts {
		opt(&o)
	}
	if _, err := ParseDialect(string(d)); err != nil {
		return o, err
	}
	if schema, _ := o.table.split(); schema != "" && d == SQLite {
		return o, configErrorf("table %.80q: SQLite knows no schemas, leave %q out", string(o.table), schema+".")
	}
	return o, o.table.check()
}

// Schema returns the statements that make the tables, for those who have a tool of their
// own for that. Each may be executed again, and then changes nothing.
func Schema(d Dialect, opts ...StoreOption) ([]string, error) {
	o, err := newStoreOptions(d, opts)
	if err != nil {
		return nil, err
	}
	text, err := schemas.ReadFile("schema/" + string(d) + ".sql")
	if err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	_, name := o.table.split()
	filled := strings.NewReplacer("{table}", o.table.quoted(""), "{dead}", o.table.quoted("_dead"), "{sent}", o.table.quoted("_sent"),
		"{lease}", o.table.quoted("_lease"), "{held}", o.table.quoted("_held"), "{notify}", o.table.quoted("_notify"), "{name}", name, "{channel}", o.table.Channel(),
	).Replace(strings.TrimSpace(string(text)))
	return strings.Split(filled, "\n\n"), nil
}

// migrateLock is a number that nobody else locks: "outbox", as bytes.
const migrateLock = 0x6f7574626f78

// Migrate makes the tables that are not there yet. It may be called at each start of a
// program, by several at once.
func Migrate(ctx context.Context, db *sql.DB, d Dialect, opts ...StoreOption) error {
	list, err := Schema(d, opts...)
	if err != nil {
		return err
	}
	run := func(e Tx) error {
		for _, statement := range list {
			if _, err := e.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("outbox: migrate: %w", err)
			}
		}
		return nil
	}
	// Each statement for itself: in a transaction of SQLite a statement that finds its table
	// there has only read, and one that writes behind it cannot wait for other writers any
	// more (SQLITE_BUSY whatever the busy_timeout). What was made half, the next call makes
	// whole.
	if d == SQLite {
		return run(db)
	}
	// Two who make the same table at once would be in each other's way.
	list = append([]string{fmt.Sprintf("SELECT pg_advisory_xact_lock(%d)", migrateLock)}, list...)
	return inTx(ctx, db, func(tx *sql.Tx) error { return run(tx) })
}

// inTx calls f in a transaction, which commits if f returns nil.
func inTx(ctx context.Context, db *sql.DB, f func(tx *sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("outbox: begin: %w", err)
	}
	if err := f(tx); err != nil {
		_ = tx.Rollback() // the error that counts is there
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("outbox: commit: %w", err)
	}
	return nil
}
