package outbox_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	"go.uber.org/goleak"
	_ "modernc.org/sqlite"

	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/pgserver/pgtest"
	"github.com/eventnode/eventnode/outbox"
	"github.com/eventnode/eventnode/outbox/outboxtest"
)

// server is one PostgreSQL for all tests; each test has tables of its own.
var server pgtest.Shared

// tables counts the tables that were made in it.
var tables atomic.Int64

func TestMain(m *testing.M) {
	code := m.Run()
	server.Close()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// database is an outbox in a database.
type database struct {
	db      *sql.DB
	dialect outbox.Dialect
	table   outbox.Table
	store   *outbox.SQLStore
}

// open makes an outbox.
func open(t testing.TB, dialect outbox.Dialect) *database {
	t.Helper()
	d := &database{dialect: dialect, table: "eventnode_outbox"}
	driver, dsn := "sqlite", "file:"+filepath.Join(t.TempDir(), "outbox.db")+"?_pragma=busy_timeout(20000)&_pragma=journal_mode(WAL)"
	if dialect == outbox.PostgreSQL {
		driver, dsn = "pgx", server.DSN(t)
		d.table = outbox.Table(fmt.Sprintf("outbox_%d", tables.Add(1)))
	}
	var err error
	if d.db, err = sql.Open(driver, dsn); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.db.Close() })
	if err := outbox.Migrate(t.Context(), d.db, dialect, outbox.WithTable(d.table)); err != nil {
		t.Fatal(err)
	}
	if d.store, err = outbox.NewStore(d.db, dialect, outbox.WithTable(d.table)); err != nil {
		t.Fatal(err)
	}
	return d
}

// each runs a test on both databases.
func each(t *testing.T, test func(t *testing.T, d *database)) {
	for _, dialect := range []outbox.Dialect{outbox.PostgreSQL, outbox.SQLite} {
		t.Run(string(dialect), func(t *testing.T) { test(t, open(t, dialect)) })
	}
}

// dbTx is a transaction of a database.
type dbTx struct {
	*sql.Tx
	table outbox.Table
}

func (tx dbTx) Add(ctx context.Context, events ...event.Event) error {
	return tx.table.Add(ctx, tx.Tx, events...)
}

func (tx dbTx) AddText(ctx context.Context, key, text string) error {
	_, err := tx.ExecContext(ctx, fmt.Sprintf("INSERT INTO %s (key, event) VALUES ($1, $2)", tx.table), key, text)
	return err
}

func (d *database) begin(t *testing.T) outboxtest.Tx {
	t.Helper()
	tx, err := d.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return dbTx{tx, d.table}
}

// All stores do the same.
func TestStores(t *testing.T) {
	for _, dialect := range []outbox.Dialect{outbox.PostgreSQL, outbox.SQLite} {
		t.Run(string(dialect), func(t *testing.T) {
			outboxtest.Run(t, func(t *testing.T) outboxtest.World {
				d := open(t, dialect)
				return outboxtest.World{Store: d.store, Begin: d.begin, OneWriter: dialect == outbox.SQLite}
			})
		})
	}
	t.Run("memory", func(t *testing.T) {
		outboxtest.Run(t, func(*testing.T) outboxtest.World {
			m := new(outboxtest.Memory)
			return outboxtest.World{Store: m, Begin: func(*testing.T) outboxtest.Tx { return m.Begin() }}
		})
	})
}
