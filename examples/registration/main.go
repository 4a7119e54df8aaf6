// Command registration registers users. Each user is saved together with the event that
// tells of it, in one transaction of SQLite; a relay publishes what has committed to a
// durable stream; and a mailer, which might be any other program, welcomes the user.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/bus"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/examples/nodes"
	"github.com/eventnode/eventnode/outbox"
)

// UserCreated tells that somebody has registered, with all that others need to know.
type UserCreated struct {
	UserID   int64  `json:"user_id"`
	Username string `json:"username"`
	Email    string `json:"email"`
}

// EventKey has the events of one user keep their order.
func (u UserCreated) EventKey() string { return fmt.Sprint("user:", u.UserID) }

var _ = event.Register[UserCreated]("user_created")

const stream = "example-users"

func main() { os.Exit(nodes.Main(run)) }

func run(ctx context.Context, out io.Writer, connect string) error {
	cluster, stop, err := nodes.Durable(ctx, connect, 1)
	if err != nil {
		return err
	}
	defer stop()
	c, err := client.Dial(ctx, []string{cluster[0].Address})
	if err != nil {
		return err
	}
	defer c.Close()
	dir, err := os.MkdirTemp("", "eventnode-registration-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	db, err := open(ctx, filepath.Join(dir, "app.db"))
	if err != nil {
		return err
	}
	defer db.Close()
	users := 0
	for _, u := range []UserCreated{{1, "ada", "ada@example.com"}, {2, "mallory", "ada@example.com"}, {3, "grace", "grace@example.com"}} {
		if err := register(ctx, db, u); err != nil {
			fmt.Fprintf(out, "web:    %s is not registered: %v\n", u.Username, err)
			continue
		}
		fmt.Fprintf(out, "web:    %s is registered\n", u.Username)
		users++
	}
	if err := relay(ctx, out, db, c.Streams(client.WithPatience(30*time.Second))); err != nil || users == 0 {
		return err
	}
	return mail(ctx, out, c, users)
}

// open makes a database with the table of the application, and those of the outbox.
func open(ctx context.Context, path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)")
	if err != nil {
		return nil, err
	}
	_, err = db.ExecContext(ctx, "CREATE TABLE users (id INTEGER PRIMARY KEY, username TEXT, email TEXT UNIQUE)")
	return db, errors.Join(err, outbox.Migrate(ctx, db, outbox.SQLite))
}

// register saves the event and the user that it is of: both, or nothing. The event of a
// user whose address is taken goes when the transaction is rolled back.
func register(ctx context.Context, db *sql.DB, u UserCreated) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing once it has committed
	e, err := event.Of(u)
	if err != nil {
		return err
	}
	if err := outbox.Add(ctx, tx, e); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO users VALUES ($1, $2, $3)", u.UserID, u.Username, u.Email); err != nil {
		return err
	}
	return tx.Commit()
}

// relay publishes what is in the outbox, until nothing is left. Without Drain it goes on,
// beside the program or as one of its own: `eventnode outbox relay`.
func relay(ctx context.Context, out io.Writer, db *sql.DB, streams eventnode.Streams) error {
	// What is published again stands in the stream once, as long as it remembers the ID.
	if _, err := streams.Declare(ctx, stream, eventnode.StreamConfig{DedupeWindow: time.Hour}); err != nil {
		return err
	}
	store, err := outbox.NewStore(db, outbox.SQLite)
	if err != nil {
		return err
	}
	r, err := outbox.NewRelay(outbox.Config{Store: store, Publisher: streams, Stream: stream, Drain: true})
	if err != nil {
		return err
	}
	err = r.Run(ctx)
	fmt.Fprintf(out, "relay:  %d events are published\n", r.Progress().Sent)
	return err
}

// mail welcomes so many users. A handler that fails gets its event again.
func mail(ctx context.Context, out io.Writer, c *client.Client, users int) error {
	mailer, err := bus.NewConsumer(bus.Config{Transport: bus.Stream{
		Consumers: c.Consumers(), Stream: stream, Group: "mailer", AddGroup: &eventnode.ConsumerGroupConfig{},
	}})
	if err != nil {
		return err
	}
	ctx, done := context.WithCancel(ctx)
	defer done()
	if _, err = bus.On(mailer, func(_ context.Context, u UserCreated) error {
		fmt.Fprintf(out, "mailer: to %s: welcome, %s!\n", u.Email, u.Username)
		if users--; users == 0 {
			done()
		}
		return nil
	}); err != nil {
		return err
	}
	return bus.With(ctx, mailer, mailer.Run)
}
