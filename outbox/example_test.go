package outbox_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"

	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/outbox"
)

// A user is saved together with the event of it; a relay publishes what has committed.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "outbox-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "app.db")+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer db.Close()
	if err := outbox.Migrate(ctx, db, outbox.SQLite); err != nil {
		fmt.Println(err)
		return
	}
	if _, err := db.ExecContext(ctx, "CREATE TABLE users (name TEXT)"); err != nil {
		fmt.Println(err)
		return
	}

	save := func(name string, commit bool) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		if _, err := tx.ExecContext(ctx, "INSERT INTO users VALUES ($1)", name); err != nil {
			return err
		}
		if err := outbox.Add(ctx, tx, event.New("user_created", []byte(name), event.WithKey(name))); err != nil {
			return err
		}
		if !commit {
			return nil
		}
		return tx.Commit()
	}
	fmt.Println(save("ann", true), save("bob", false))

	store, err := outbox.NewStore(db, outbox.SQLite)
	if err != nil {
		fmt.Println(err)
		return
	}
	stream := new(sink) // client.Client's Streams, or those of a node
	relay, err := outbox.NewRelay(outbox.Config{Store: store, Publisher: stream, Stream: "orders", Drain: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(relay.Run(ctx))
	for _, e := range stream.events {
		fmt.Printf("%s %s\n", e.Name, e.Data)
	}
	// Output:
	// <nil> <nil>
	// <nil>
	// user_created ann
}
