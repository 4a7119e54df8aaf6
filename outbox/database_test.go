package outbox_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/pgserver/pgtest"
	"github.com/eventnode/eventnode/outbox"
)

// exec executes a statement in which $TABLE stands for the outbox's.
func (d *database) exec(t testing.TB, statement string, args ...any) {
	t.Helper()
	if _, err := d.db.ExecContext(t.Context(), strings.ReplaceAll(statement, "$TABLE", string(d.table)), args...); err != nil {
		t.Fatal(err)
	}
}

// quick is a relay's configuration for tests.
func (d *database) quick(p outbox.Publisher) outbox.Config {
	return outbox.Config{Store: d.store, Publisher: p, Poll: 5 * time.Millisecond, Lease: 2 * time.Second, RetryMin: 5 * time.Millisecond}
}

// The entity and its event are saved in one transaction. When publishing fails the row
// stays; when it succeeds it goes; each try has the same ID.
func TestA8_EntityAndEventTogether(t *testing.T) {
	each(t, func(t *testing.T, d *database) {
		d.exec(t, "CREATE TABLE users_$TABLE (id integer, name text)")
		save := func(id int, name string, commit bool) event.Event {
			t.Helper()
			tx, err := d.db.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			ev := event.New("user_created", []byte(name), event.WithKey(fmt.Sprint(id)))
			_, saved := tx.ExecContext(t.Context(), fmt.Sprintf("INSERT INTO users_%s VALUES ($1, $2)", d.table), id, name)
			if err := errors.Join(saved, d.table.Add(t.Context(), tx, ev)); err != nil {
				t.Fatal(err)
			}
			end := tx.Rollback
			if commit {
				end = tx.Commit
			}
			if err := end(); err != nil {
				t.Fatal(err)
			}
			return ev
		}
		ann := save(1, "ann", true)
		save(2, "bob", false)

		var ids []event.ID
		var mu sync.Mutex
		refused := true
		s := &sink{fail: func(_ context.Context, evs []event.Event) error {
			mu.Lock()
			defer mu.Unlock()
			for _, e := range evs {
				ids = append(ids, e.ID)
			}
			if refused {
				return eventnode.ErrUnavailable
			}
			return nil
		}}
		r, _ := start(t, d.quick(s))
		eventually(t, "publishing fails", func() bool { return r.Progress().Trouble != nil })
		if st := stats(t, d.store); st.Waiting != 1 {
			t.Fatalf("%+v", st)
		}
		mu.Lock()
		refused = false
		mu.Unlock()
		published(t, s, "user_created")
		eventually(t, "the row is gone", func() bool { return stats(t, d.store).Waiting == 0 })
		mu.Lock()
		defer mu.Unlock()
		for _, id := range ids {
			if id != ann.ID {
				t.Errorf("published as %v, want %v", id, ann.ID)
			}
		}
		events, _ := s.all()
		if len(ids) < 2 || string(events[0].Data) != "ann" || events[0].Key != "1" {
			t.Errorf("%v, %+v", ids, events)
		}
	})
}

// What is sent is deleted, or kept apart with its time.
func TestA9_DeleteOrKeep(t *testing.T) {
	each(t, func(t *testing.T, d *database) {
		for _, keep := range []time.Duration{0, time.Hour} {
			if err := d.table.Add(t.Context(), d.db, named("k", "a", "b")...); err != nil {
				t.Fatal(err)
			}
			cfg := d.quick(new(sink))
			cfg.KeepSent = keep
			_, stop := start(t, cfg)
			eventually(t, "all is sent", func() bool { return stats(t, d.store).Waiting == 0 })
			stop()
			var n int
			if err := d.db.QueryRow(fmt.Sprintf("SELECT count(*) FROM %s_sent WHERE sent >= added", d.table)).Scan(&n); err != nil || (n == 2) != (keep > 0) {
				t.Errorf("%d were kept, %v", n, err)
			}
		}
	})
}

// What is not valid, and what no stream takes, is refused before anything is written.
func TestAddRefuses(t *testing.T) {
	each(t, func(t *testing.T, d *database) {
		good := event.New("good", nil)
		for name, bad := range map[string]event.Event{
			"no name":  {ID: event.NewID()},
			"no ID":    {Name: "x"},
			"reserved": event.New("x", nil, event.WithMeta(map[string]string{eventnode.ReservedMeta + "x": "1"})),
		} {
			if err := d.table.Add(t.Context(), d.db, good, bad); !errors.Is(err, eventnode.ErrInvalidEvent) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := outbox.Table("x; DROP").Add(t.Context(), d.db, good); !errors.Is(err, outbox.ErrConfig) {
			t.Errorf("%v", err)
		}
		if err := outbox.Table("nowhere").Add(t.Context(), d.db, good); err == nil {
			t.Error("added to a table that is not there")
		}
		if err := d.table.Add(t.Context(), d.db); err != nil {
			t.Error(err)
		}
		if st := stats(t, d.store); st.Waiting != 0 {
			t.Errorf("%+v", st)
		}
	})
}

// Each text that an event may have comes back as it was.
func TestAddKeepsEveryText(t *testing.T) {
	each(t, func(t *testing.T, d *database) {
		ev := event.New("n", []byte("\x00\xff"), event.WithKey("a\x00b"), event.WithSource("s\x00"), event.WithMeta(map[string]string{"k\x00": "\u2028"}))
		if err := d.table.Add(t.Context(), d.db, ev); err != nil {
			t.Fatal(err)
		}
		s := new(sink)
		start(t, d.quick(s))
		published(t, s, "n")
		events, _ := s.all()
		if got := events[0]; fmt.Sprintf("%+q", got) != fmt.Sprintf("%+q", ev) {
			t.Errorf("%+q, want %+q", got, ev)
		}
	})
}

// Add works with a transaction of pgx.
func TestAddWithPgx(t *testing.T) {
	d := open(t, outbox.PostgreSQL)
	conn, err := pgx.Connect(t.Context(), server.DSN(t))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for i, end := range []func(pgx.Tx, context.Context) error{pgx.Tx.Rollback, pgx.Tx.Commit} {
		tx, err := conn.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(d.table.Add(t.Context(), outbox.ExecFunc(tx.Exec), named("k", fmt.Sprint("e", i))...), end(tx, t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	s := new(sink)
	start(t, d.quick(s))
	published(t, s, "e1")
}

// Several programs make the tables at once, and again, and what is in them stays.
func TestMigrateAtOnce(t *testing.T) {
	each(t, func(t *testing.T, d *database) {
		table := d.table + "_m"
		for range 2 {
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					if err := outbox.Migrate(t.Context(), d.db, d.dialect, outbox.WithTable(table)); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			if err := table.Add(t.Context(), d.db, named("k", "e")...); err != nil {
				t.Error(err)
			}
		}
		store, err := outbox.NewStore(d.db, d.dialect, outbox.WithTable(table))
		if err != nil {
			t.Fatal(err)
		}
		if st := stats(t, store); st.Waiting != 2 {
			t.Errorf("%+v", st)
		}
	})
}

// A table may be in a schema of PostgreSQL.
func TestSchema(t *testing.T) {
	d := open(t, outbox.PostgreSQL)
	d.exec(t, "CREATE SCHEMA shop_$TABLE")
	d.table = outbox.Table(fmt.Sprintf("shop_%s.box", d.table))
	if err := outbox.Migrate(t.Context(), d.db, d.dialect, outbox.WithTable(d.table)); err != nil {
		t.Fatal(err)
	}
	var err error
	if d.store, err = outbox.NewStore(d.db, d.dialect, outbox.WithTable(d.table)); err != nil {
		t.Fatal(err)
	}
	s := new(sink)
	cfg := d.quick(s)
	cfg.Poll, cfg.Listen = time.Hour, d.listen
	start(t, cfg)
	if err := d.table.Add(t.Context(), d.db, named("k", "e")...); err != nil {
		t.Fatal(err)
	}
	published(t, s, "e")
	for _, name := range []outbox.Table{"", "A", "a b", "a.b.c", `a"`, "a.", outbox.Table(strings.Repeat("x", 49))} {
		if _, err := outbox.NewStore(d.db, d.dialect, outbox.WithTable(name)); !errors.Is(err, outbox.ErrConfig) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := outbox.NewStore(d.db, outbox.SQLite, outbox.WithTable("a.b")); !errors.Is(err, outbox.ErrConfig) {
		t.Errorf("%v", err)
	}
	if _, err := outbox.NewStore(d.db, "mysql"); !errors.Is(err, outbox.ErrConfig) {
		t.Errorf("%v", err)
	}
	if _, err := outbox.NewStore(nil, outbox.SQLite); !errors.Is(err, outbox.ErrConfig) {
		t.Errorf("%v", err)
	}
}

// listen is a Config.Listen with pgx.
func (d *database) listen(ctx context.Context, wake func()) error {
	conn, err := d.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	return conn.Raw(func(dc any) error {
		c := dc.(*stdlib.Conn).Conn()
		if _, err := c.Exec(ctx, "LISTEN "+pgx.Identifier{d.table.Channel()}.Sanitize()); err != nil {
			return err
		}
		for {
			wake()
			if _, err := c.WaitForNotification(ctx); err != nil {
				return err
			}
		}
	})
}

// A commit wakes the relay, which does not poll.
func TestNotified(t *testing.T) {
	d := open(t, outbox.PostgreSQL)
	s := new(sink)
	cfg := d.quick(s)
	cfg.Poll, cfg.Listen = time.Hour, d.listen
	start(t, cfg)
	var names []string
	for i := range 20 {
		name := fmt.Sprint("e", i)
		names = append(names, name)
		if err := d.table.Add(t.Context(), d.db, named("k", name)...); err != nil {
			t.Fatal(err)
		}
		published(t, s, names...)
	}
}

// Connections that are cut, and a server that is killed and comes back, hold the relay up,
// and do not end it.
func TestDatabaseIsLost(t *testing.T) {
	own := pgtest.Own(t, "fsync=on", "synchronous_commit=on")
	db, err := sql.Open("pgx", own.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	d := &database{db: db, dialect: outbox.PostgreSQL, table: outbox.DefaultTable}
	if err := outbox.Migrate(t.Context(), db, d.dialect); err != nil {
		t.Fatal(err)
	}
	if d.store, err = outbox.NewStore(db, d.dialect); err != nil {
		t.Fatal(err)
	}
	s := new(sink)
	cfg := d.quick(s)
	cfg.Listen, cfg.Poll = d.listen, 100*time.Millisecond
	r, stop := start(t, cfg)
	// The relay is to lose its connections; who adds has a new one each time.
	app, err := sql.Open("pgx", own.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer app.Close()
	app.SetMaxIdleConns(-1)
	var names []string
	add := func(name string) {
		t.Helper()
		names = append(names, name)
		if err := d.table.Add(t.Context(), app, named("k", name)...); err != nil {
			t.Fatal(err)
		}
	}
	add("a")
	published(t, s, names...)
	d.exec(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'")
	add("b")
	published(t, s, names...)
	own.Kill()
	eventually(t, "it is noticed", func() bool { return r.Progress().Trouble != nil || !r.Progress().Leading })
	if err := own.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "somebody can add", func() bool { return app.PingContext(t.Context()) == nil })
	add("c")
	published(t, s, names...)
	stop()
}
