package outbox_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/outbox"
)

// A transaction that began first, and so has lower numbers, commits last. Its events are
// published all the same.
func TestZ9x_LateCommit(t *testing.T) {
	d := open(t, outbox.PostgreSQL)
	s := new(sink)
	start(t, d.quick(s))
	slow := d.begin(t)
	if err := slow.Add(t.Context(), named("a", "late1", "late2")...); err != nil {
		t.Fatal(err)
	}
	if err := d.table.Add(t.Context(), d.db, named("b", "early")...); err != nil {
		t.Fatal(err)
	}
	published(t, s, "early")
	eventually(t, "it is removed", func() bool { return stats(t, d.store).Waiting == 0 })
	if err := slow.Commit(); err != nil {
		t.Fatal(err)
	}
	published(t, s, "early", "late1", "late2")
}

// Writers of a key who wait for each other, by a lock on its row, have their events
// published in the order of their commits, whatever other transactions do; and nothing of
// a transaction that was rolled back. With two and with five relays nothing comes twice.
func TestZ9x_OrderOfCommits(t *testing.T) {
	for _, relays := range []int{1, 2, 5} {
		t.Run(fmt.Sprint(relays, " relays"), func(t *testing.T) {
			each(t, func(t *testing.T, d *database) {
				seed := rand.Uint64()
				t.Logf("seed %d", seed)
				orderOfCommits(t, d, seed, relays)
			})
		})
	}
}

const (
	accounts = 8
	writers  = 16
)

func orderOfCommits(t *testing.T, d *database, seed uint64, relays int) {
	d.exec(t, "CREATE TABLE accounts_$TABLE (id integer PRIMARY KEY, changes integer)")
	for id := range accounts {
		d.exec(t, "INSERT INTO accounts_$TABLE VALUES ($1, 0)", id)
	}
	s := new(sink)
	for range relays {
		cfg := d.quick(s)
		cfg.Batch = 50
		cfg.Lease = time.Minute // among so many writers SQLite lets a renewal wait for seconds
		start(t, cfg)
	}
	changes := 25
	if testing.Short() {
		changes = 8
	}
	var all sync.WaitGroup
	for w := range writers {
		rnd := rand.New(rand.NewPCG(seed, uint64(w)))
		all.Go(func() {
			for range changes {
				if err := change(t.Context(), d, rnd); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	eventually(t, "the outbox is empty", func() bool { return stats(t, d.store).Waiting == 0 })
	events, doubled := s.all()
	got := make(map[string]int)
	for _, e := range events {
		if got[e.Key]++; e.Name != fmt.Sprint("change-", got[e.Key]) {
			t.Fatalf("%s of account %s as its event %d", e.Name, e.Key, got[e.Key])
		}
	}
	for id := range accounts {
		var changes int
		if err := d.db.QueryRow(fmt.Sprintf("SELECT changes FROM accounts_%s WHERE id = $1", d.table), id).Scan(&changes); err != nil {
			t.Fatal(err)
		}
		if got[fmt.Sprint(id)] != changes {
			t.Errorf("account %d: %d events of %d changes", id, got[fmt.Sprint(id)], changes)
		}
	}
	if doubled > 0 {
		t.Errorf("%d events came twice", doubled)
	}
}

// change changes an account and adds the event of it, with the number of the change; now
// and then it is rolled back.
func change(ctx context.Context, d *database, rnd *rand.Rand) error {
	id := rnd.IntN(accounts)
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	// The update locks the account's row, before the event has a number.
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("UPDATE accounts_%s SET changes = changes + 1 WHERE id = $1", d.table), id); err != nil {
		return err
	}
	var changes int
	if err := tx.QueryRowContext(ctx, fmt.Sprintf("SELECT changes FROM accounts_%s WHERE id = $1", d.table), id).Scan(&changes); err != nil {
		return err
	}
	if err := d.table.Add(ctx, tx, event.New(fmt.Sprint("change-", changes), nil, event.WithKey(fmt.Sprint(id)))); err != nil {
		return err
	}
	if d.dialect == outbox.PostgreSQL { // on SQLite everybody would wait
		select {
		case <-time.After(time.Duration(rnd.IntN(5)) * time.Millisecond):
		case <-ctx.Done():
		}
	}
	if rnd.IntN(4) == 0 {
		return nil
	}
	return tx.Commit()
}
