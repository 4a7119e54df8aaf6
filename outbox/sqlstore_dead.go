package outbox

import (
	"context"
	"database/sql"
	"time"
)

// DeadLetters implements Store.
func (s *SQLStore) DeadLetters(ctx context.Context, after int64, limit int) ([]DeadLetter, error) {
	rows, err := s.db.QueryContext(ctx, s.sql.letters, after, limit)
	if err != nil {
		return nil, wrap("list dead letters", err)
	}
	defer func() { _ = rows.Close() }()
	var list []DeadLetter
	for rows.Next() {
		var d DeadLetter
		var added, died int64
		if err := rows.Scan(&d.Number, &d.Event, &d.Attempts, &added, &died, &d.Reason); err != nil {
			return nil, wrap("list dead letters", err)
		}
		d.Added, d.Died = time.UnixMilli(added).UTC(), time.UnixMilli(died).UTC()
		list = append(list, d)
	}
	return list, wrap("list dead letters", rows.Err())
}

// Replay implements Store. Two who replay the same number at once replay it once.
func (s *SQLStore) Replay(ctx context.Context, numbers ...int64) (n int, err error) {
	list := s.words.list(numbers)
	err = inTx(ctx, s.db, func(tx *sql.Tx) error {
		if n, err = affected(tx.ExecContext(ctx, s.sql.replay, list)); err != nil {
			return err
		}
		for _, statement := range s.sql.replayMore {
			if _, err := tx.ExecContext(ctx, statement, list); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, wrap("replay dead letters", err)
	}
	return n, nil
}

// Drop implements Store.
func (s *SQLStore) Drop(ctx context.Context, numbers ...int64) (int, error) {
	n, err := affected(s.db.ExecContext(ctx, s.sql.drop, s.words.list(numbers)))
	return n, wrap("drop dead letters", err)
}
