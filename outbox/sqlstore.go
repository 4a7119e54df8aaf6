package outbox

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
)

// SQLStore is a store in a database.
type SQLStore struct {
	db    *sql.DB
	words words
	sql   statements
}

var _ Store = (*SQLStore)(nil)

// NewStore makes a store of the tables in a database that [Migrate] has made. It asks
// the database for nothing yet.
//
// A database of SQLite has to wait for its lock (busy_timeout), and should have a
// write-ahead log (journal_mode WAL), so that writers and relay do not hold each other
// up.
func NewStore(db *sql.DB, d Dialect, opts ...StoreOption) (*SQLStore, error) {
	o, err := newStoreOptions(d, opts)
	if err != nil {
		return nil, err
	}
	if db == nil {
		return nil, configErrorf("a store needs a database")
	}
	return &SQLStore{db: db, words: d.words(), sql: newStatements(d, o.table)}, nil
}

// Lead implements Store. The clock is that of the database.
func (s *SQLStore) Lead(ctx context.Context, holder string, ttl time.Duration) (bool, error) {
	if ttl <= 0 {
		_, err := s.db.ExecContext(ctx, s.sql.release, holder)
		return false, wrap("give the lease back", err)
	}
	n, err := affected(s.db.ExecContext(ctx, s.sql.lead, holder, ttl.Milliseconds()))
	return n > 0, wrap("take the lease", err)
}

// Fetch implements Store.
func (s *SQLStore) Fetch(ctx context.Context, limit Limit) ([]Row, error) {
	rows, err := s.db.QueryContext(ctx, s.sql.fetch, limit.Events, s.words.list(limit.Except))
	if err != nil {
		return nil, wrap("fetch", err)
	}
	defer func() { _ = rows.Close() }() // what was read is right
	var list []Row
	for bytes := 0; bytes < limit.Bytes && rows.Next(); {
		var r Row
		var age int64
		if err := rows.Scan(&r.Seq, &r.Key, &r.Event, &r.Attempts, &age); err != nil {
			return nil, wrap("fetch", err)
		}
		r.Age = millis(age)
		bytes += len(r.Event)
		list = append(list, r)
	}
	return list, wrap("fetch", rows.Err())
}

// Settle implements Store.
func (s *SQLStore) Settle(ctx context.Context, done Settlement) error {
	if len(done.Retry)+len(done.Dead) == 0 && !done.Keep { // by far the most
		_, err := s.db.ExecContext(ctx, s.sql.remove, s.words.list(done.Sent))
		return wrap("settle", err)
	}
	return wrap("settle", inTx(ctx, s.db, func(tx *sql.Tx) error { return s.settle(ctx, tx, done) }))
}

func (s *SQLStore) settle(ctx context.Context, tx *sql.Tx, done Settlement) error {
	gone := done.Sent
	if done.Keep && len(done.Sent) > 0 {
		if _, err := tx.ExecContext(ctx, s.sql.keep, s.words.list(done.Sent)); err != nil {
			return err
		}
	}
	for _, d := range done.Dead {
		if _, err := tx.ExecContext(ctx, s.sql.bury, d.Attempts, cleanReason(d.Reason), d.Seq); err != nil {
			return err
		}
		gone = append(gone[:len(gone):len(gone)], d.Seq)
	}
	for _, r := range done.Retry {
		if _, err := tx.ExecContext(ctx, s.sql.retry, r.Attempts, r.After.Milliseconds(), r.Seq); err != nil {
			return err
		}
	}
	if len(gone) > 0 {
		if _, err := tx.ExecContext(ctx, s.sql.remove, s.words.list(gone)); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, s.sql.tidy) // what was held once and is gone now
	return err
}

// Stats implements Store.
func (s *SQLStore) Stats(ctx context.Context, upTo int) (st Stats, err error) {
	var oldest int64
	err = s.db.QueryRowContext(ctx, s.sql.stats, upTo).Scan(&st.Waiting, &oldest, &st.Held, &st.Dead, &st.Holder)
	st.Oldest = millis(oldest)
	return st, wrap("stats", err)
}

// Purge implements Store.
func (s *SQLStore) Purge(ctx context.Context, age time.Duration, limit int) (int, error) {
	n, err := affected(s.db.ExecContext(ctx, s.sql.purge, -age.Milliseconds(), limit))
	return n, wrap("purge", err)
}

// maxReason bounds the reason of a dead letter, in bytes.
const maxReason = 1000

// cleanReason makes a text of an error's that a database takes.
func cleanReason(reason string) string {
	reason = strings.ToValidUTF8(reason[:min(len(reason), maxReason)], "\uFFFD")
	return strings.ReplaceAll(reason, "\x00", "\uFFFD")
}

// millis is a duration of milliseconds; clocks that were set back do not make it less
// than none.
func millis(n int64) time.Duration { return time.Duration(max(n, 0)) * time.Millisecond }

// affected is how many rows a statement has changed.
func affected(r sql.Result, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	n, err := r.RowsAffected()
	return int(n), err
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("outbox: %s: %w", what, err)
}
