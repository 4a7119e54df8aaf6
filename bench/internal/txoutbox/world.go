package txoutbox

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/bench/internal/proc"
	"github.com/eventnode/eventnode/bench/internal/server"
	"github.com/eventnode/eventnode/bench/internal/stream"
	"github.com/eventnode/eventnode/bench/internal/suite"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/pgserver"
	"github.com/eventnode/eventnode/outbox"
)

// startWait bounds how long servers may take.
const startWait = 30 * time.Second

// world is an outbox, and perhaps a cluster with a stream.
type world struct {
	env     *suite.Env
	dir     string
	pg      *pgserver.Server
	db      *sql.DB
	cluster *server.Cluster
	procs   []*proc.Process
}

// errVolatile says why nothing is measured.
var errVolatile = errors.New("what is written would be in memory, where an fsync is nothing: name a directory on a disk with --dir")

// open starts PostgreSQL and makes an outbox.
func open(ctx context.Context, env *suite.Env) (w *world, err error) {
	if env.Volatile && !env.Short {
		return nil, errVolatile
	}
	w = &world{env: env}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	// Beside the run's own directory, into which no other user may look.
	if w.dir, err = os.MkdirTemp(filepath.Dir(env.Dir), "bench-postgresql-"); err != nil {
		return nil, err
	}
	if err := os.Chmod(w.dir, 0o755); err != nil {
		return nil, err
	}
	if w.pg, err = pgserver.Start(ctx, pgserver.Config{Dir: filepath.Join(w.dir, "pg"), Sync: true}); err != nil {
		return nil, err
	}
	if w.db, err = sql.Open("pgx", w.dsn()); err != nil {
		return nil, err
	}
	return w, outbox.Migrate(ctx, w.db, outbox.PostgreSQL)
}

// openWithStream is open, and starts a cluster and makes a stream.
func openWithStream(ctx context.Context, env *suite.Env) (*world, error) {
	w, err := open(ctx, env)
	if err != nil {
		return nil, err
	}
	if w.cluster, err = server.StartDurable(ctx, env, suite.Eventnode); err != nil {
		w.close()
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	if err := stream.Create(ctx, stream.Conn{System: suite.Eventnode, Addrs: w.cluster.Addrs}); err != nil {
		w.close()
		return nil, fmt.Errorf("make a stream: %w", err)
	}
	return w, nil
}

func (w *world) close() {
	proc.StopAll(w.procs...)
	if w.cluster != nil {
		w.cluster.Stop()
	}
	if w.db != nil {
		_ = w.db.Close()
	}
	if w.pg != nil {
		w.pg.Stop()
	}
	if w.dir != "" {
		_ = os.RemoveAll(w.dir)
	}
}

func (w *world) dsn() string { return w.pg.DSN("postgres") }

// relay starts the program, and returns when it was started.
func (w *world) relay(ctx context.Context, more ...string) (*proc.Process, error) {
	args := append([]string{"outbox", "relay", "--json", "--stream", stream.Name, "--addr", strings.Join(w.cluster.Addrs, ",")}, more...)
	cmd := exec.Command(w.env.Eventnode, args...)
	cmd.Env = append(os.Environ(), "EVENTNODE_OUTBOX_DSN="+w.dsn())
	p, err := proc.Start(ctx, "relay", cmd, w.env.Log)
	if err == nil {
		w.procs = append(w.procs, p)
	}
	return p, err
}

// number is the data of an event: its number, and random bytes.
func number(rnd *rand.ChaCha8, n uint64) []byte {
	data := make([]byte, eventBytes)
	_, _ = rnd.Read(data[8:]) // never fails
	binary.LittleEndian.PutUint64(data, n)
	return data
}

// fill puts events into the outbox.
func (w *world) fill(ctx context.Context, events int) error {
	conn, err := pgx.Connect(ctx, w.dsn())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	rnd := rand.NewChaCha8([32]byte{1})
	_, err = conn.CopyFrom(ctx, pgx.Identifier{string(outbox.DefaultTable)}, []string{"key", "event"}, pgx.CopyFromSlice(events, func(i int) ([]any, error) {
		e := event.New("changed", number(rnd, uint64(i)), event.WithKey(strconv.Itoa(i%relayKeys)))
		text, err := e.MarshalJSON()
		return []any{e.Key, string(text)}, err
	}))
	if err != nil {
		return fmt.Errorf("fill the outbox: %w", err)
	}
	// As it would be for a table that is in use for long.
	_, err = conn.Exec(ctx, "VACUUM ANALYZE "+string(outbox.DefaultTable))
	return err
}

// check reads the stream, and fails unless each of so many events is there once, and those
// of a key in their order.
func (w *world) check(ctx context.Context, events int) error {
	seen := make([]bool, events)
	last := make(map[string]uint64)
	count := 0
	err := w.read(ctx, func(e eventnode.StreamEvent) error {
		n := binary.LittleEndian.Uint64(e.Event.Data)
		before, known := last[e.Event.Key]
		if n >= uint64(events) || seen[n] || known && before > n {
			return fmt.Errorf("event %d of key %s is there twice, out of order or strange", n, e.Event.Key)
		}
		seen[n], last[e.Event.Key] = true, n
		count++
		return nil
	})
	if err == nil && count != events {
		err = fmt.Errorf("%d of %d events are in the stream", count, events)
	}
	return err
}

// read calls f with each event of the stream, until its end unless an option says
// otherwise.
func (w *world) read(ctx context.Context, f func(eventnode.StreamEvent) error, opts ...eventnode.ReadOption) error {
	c, err := client.Dial(ctx, w.cluster.Addrs)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	for e, err := range c.Streams().Read(ctx, stream.Name, opts...) {
		if err == nil {
			err = f(e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
