package txoutbox

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eventnode/eventnode/bench/internal/suite"
	"github.com/eventnode/eventnode/outbox"
)

// events is how many a run relays.
func events(env *suite.Env) int {
	if env.Short {
		return relayEvents / 100
	}
	return relayEvents
}

// relay measures how fast a relay empties an outbox.
func relay(ctx context.Context, env *suite.Env) (out suite.Outcome, err error) {
	w, err := openWithStream(ctx, env)
	if err != nil {
		return out, err
	}
	defer w.close()
	if err := w.fill(ctx, events(env)); err != nil {
		return out, err
	}
	began := time.Now()
	p, err := w.relay(ctx, "--drain")
	if err != nil {
		return out, err
	}
	var done struct {
		Sent int `json:"sent"`
	}
	if err := p.Receive(ctx, &done); err != nil {
		return out, err
	}
	took := time.Since(began)
	if done.Sent != events(env) {
		return out, fmt.Errorf("the relay published %d of %d events", done.Sent, events(env))
	}
	out.Values = map[string]float64{relayed.Name: float64(done.Sent) / took.Seconds()}
	return out, w.check(ctx, events(env))
}

// loop measures how fast a plain loop empties an outbox, without publishing anything.
func loop(ctx context.Context, env *suite.Env) (out suite.Outcome, err error) {
	w, err := open(ctx, env)
	if err != nil {
		return out, err
	}
	defer w.close()
	if err := w.fill(ctx, events(env)); err != nil {
		return out, err
	}
	conn, err := pgx.Connect(ctx, w.dsn())
	if err != nil {
		return out, err
	}
	defer func() { _ = conn.Close(ctx) }()
	began, removed := time.Now(), 0
	for {
		n, err := removeSome(ctx, conn)
		if err != nil {
			return out, err
		}
		if n == 0 {
			break
		}
		removed += n
	}
	took := time.Since(began)
	if removed != events(env) {
		return out, fmt.Errorf("the loop removed %d of %d events", removed, events(env))
	}
	out.Values = map[string]float64{relayed.Name: float64(removed) / took.Seconds()}
	return out, nil
}

// removeSome reads and deletes a batch in one transaction.
func removeSome(ctx context.Context, conn *pgx.Conn) (int, error) {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return 0, err
	}
	table := string(outbox.DefaultTable)
	rows, err := tx.Query(ctx, "SELECT seq, key, event FROM "+table+" ORDER BY seq LIMIT $1 FOR UPDATE SKIP LOCKED", outbox.DefaultBatch)
	if err != nil {
		return 0, errors.Join(err, tx.Rollback(ctx))
	}
	var seqs []int64
	var seq int64
	var key, text string
	_, err = pgx.ForEachRow(rows, []any{&seq, &key, &text}, func() error {
		if strings.TrimSpace(text) == "" {
			return errors.New("a row without an event")
		}
		seqs = append(seqs, seq)
		return nil
	})
	if err == nil {
		_, err = tx.Exec(ctx, "DELETE FROM "+table+" WHERE seq = ANY($1)", seqs)
	}
	if err != nil {
		return 0, errors.Join(err, tx.Rollback(ctx))
	}
	return len(seqs), tx.Commit(ctx)
}
