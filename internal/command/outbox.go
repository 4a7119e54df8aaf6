package command

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/spf13/cobra"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/eventnode/eventnode/outbox"
)

// dsnVariable names the environment variable with the data source of an outbox. There is
// no flag for it: everybody on a machine can read command lines.
const dsnVariable = "EVENTNODE_OUTBOX_DSN"

const (
	// sqliteWait is how long SQLite waits for a writer, in milliseconds, unless the data
	// source says otherwise.
	sqliteWait = 10_000
	// databaseTimeout bounds connecting to PostgreSQL, unless the data source does.
	databaseTimeout = 5 * time.Second
)

// outboxCommand is `eventnode outbox`.
func (a *app) outboxCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "outbox",
		Short: "Publish what an application's database transactions have added",
		Long: `An application writes events to a table of its own database, in the transaction that
changes its data (package outbox, or a plain INSERT). "outbox relay" publishes them to a
stream: an event is published if and only if its transaction has committed, and again,
with the same ID, if it is not known whether that succeeded. The stream leaves out what
it has.

The database is PostgreSQL or SQLite. Its data source name stands in a file (--dsn-file)
or in the environment (` + dsnVariable + `), never on the command line.

In other languages insert the JSON of an event, with its key in a column of its own:
  INSERT INTO eventnode_outbox (key, event)
  VALUES ('user-1', '{"id": "<UUID>", "name": "user_created", "key": "user-1", "data": "..."}')`,
		Example: `  echo 'postgres://app@db.internal/app' > /etc/app/outbox.dsn
  eventnode outbox migrate --dsn-file /etc/app/outbox.dsn
  eventnode streams create users --dedupe-window 1h
  eventnode outbox relay --dsn-file /etc/app/outbox.dsn --stream users
  eventnode outbox status --dsn-file /etc/app/outbox.dsn`,
	}
	parent(cmd)
	cmd.AddCommand(a.outboxRelayCommand(), a.outboxMigrateCommand(), a.outboxStatusCommand(), a.outboxDeadCommand())
	return cmd
}

// outboxFlags say which outbox.
type outboxFlags struct{ dsnFile, driver, table string }

func (f *outboxFlags) add(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.dsnFile, "dsn-file", "", "file with the database's data source name (default: $"+dsnVariable+")")
	fs.StringVar(&f.driver, "driver", "", "postgres or sqlite (default: what the data source name looks like)")
	fs.StringVar(&f.table, "table", string(outbox.DefaultTable), "the outbox's table")
}

// outboxDB is an open outbox.
type outboxDB struct {
	db      *sql.DB
	dialect outbox.Dialect
	table   outbox.Table
	store   *outbox.SQLStore
}

// dsn reads the data source name.
func (f *outboxFlags) dsn(a *app) (string, error) {
	if f.dsnFile == "" {
		if dsn := strings.TrimSpace(a.getenv(dsnVariable)); dsn != "" {
			return dsn, nil
		}
		return "", usagef("which database? name a file with its data source name with --dsn-file, or set %s", dsnVariable)
	}
	text, err := os.ReadFile(f.dsnFile)
	if err != nil {
		return "", usagef("--dsn-file: %v", err)
	}
	dsn := strings.TrimSpace(string(text))
	if dsn == "" || strings.Contains(dsn, "\n") {
		return "", usagef("--dsn-file %s: it must hold one line, the data source name, such as postgres://app@db.internal/app", f.dsnFile)
	}
	return dsn, nil
}

// dialect is what --driver says, or the data source name. No error quotes that, for it may
// hold a password.
func (f *outboxFlags) dialect(dsn string) (outbox.Dialect, error) {
	if f.driver != "" {
		d, err := outbox.ParseDialect(f.driver)
		if err != nil {
			return "", usagef("--driver %q: use %s or %s", f.driver, outbox.PostgreSQL, outbox.SQLite)
		}
		return d, nil
	}
	path, _, _ := strings.Cut(dsn, "?")
	switch {
	case strings.HasPrefix(dsn, "postgres://"), strings.HasPrefix(dsn, "postgresql://"), strings.Contains(dsn, "host="), strings.Contains(dsn, "dbname="):
		return outbox.PostgreSQL, nil
	case strings.HasPrefix(dsn, "file:"), strings.HasSuffix(path, ".db"), strings.HasSuffix(path, ".sqlite"), strings.HasSuffix(path, ".sqlite3"):
		return outbox.SQLite, nil
	}
	return "", usagef("the data source name looks neither like PostgreSQL (postgres://...) nor like SQLite (file:...): say which with --driver")
}

// open opens the outbox; make says that an SQLite file may be made.
func (f *outboxFlags) open(a *app, create bool) (*outboxDB, error) {
	dsn, err := f.dsn(a)
	if err != nil {
		return nil, err
	}
	o := &outboxDB{table: outbox.Table(f.table)}
	if o.dialect, err = f.dialect(dsn); err != nil {
		return nil, err
	}
	if o.db, err = openDatabase(o.dialect, dsn, create); err != nil {
		return nil, err
	}
	if o.store, err = outbox.NewStore(o.db, o.dialect, outbox.WithTable(o.table)); err != nil {
		_ = o.db.Close()
		return nil, usageError{err}
	}
	return o, nil
}

// with opens the outbox, does something with it, and closes it.
func (f *outboxFlags) with(a *app, create bool, do func(o *outboxDB) error) error {
	o, err := f.open(a, create)
	if err != nil {
		return err
	}
	defer func() { _ = o.db.Close() }()
	return do(o)
}

func openDatabase(d outbox.Dialect, dsn string, create bool) (*sql.DB, error) {
	if d == outbox.SQLite {
		return sql.Open("sqlite", sqliteSource(dsn, create))
	}
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, usagef("the data source name: %v", err) // it leaves the password out
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = databaseTimeout
	}
	if cfg.RuntimeParams["application_name"] == "" {
		cfg.RuntimeParams["application_name"] = "eventnode-outbox"
	}
	return stdlib.OpenDB(*cfg), nil
}

// sqliteSource is a data source that waits for locks, and makes no file unless it is to.
func sqliteSource(dsn string, create bool) string {
	if !strings.HasPrefix(dsn, "file:") {
		path, query, _ := strings.Cut(dsn, "?")
		dsn = "file:" + strings.NewReplacer("%", "%25", "#", "%23").Replace(path) + "?" + query
	}
	path, query, _ := strings.Cut(dsn, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return dsn // the driver says what is wrong
	}
	if !strings.Contains(query, "busy_timeout") {
		values.Add("_pragma", fmt.Sprintf("busy_timeout(%d)", sqliteWait))
	}
	if !create && !values.Has("mode") {
		values.Set("mode", "rw")
	}
	return path + "?" + values.Encode()
}

// check fails if the outbox cannot be used, and says what to do.
func (o *outboxDB) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := o.store.Stats(ctx, 1)
	if err == nil {
		return nil
	}
	for _, text := range []string{"does not exist", "no such table"} {
		if strings.Contains(err.Error(), text) {
			return fmt.Errorf("%w: make the tables with \"eventnode outbox migrate\"", err)
		}
	}
	if strings.Contains(err.Error(), "unable to open database file") {
		return fmt.Errorf("%w: there is no such file: \"eventnode outbox migrate\" makes it", err)
	}
	return err
}
