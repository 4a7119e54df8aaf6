package faults_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/outbox"
	"github.com/eventnode/eventnode/test/cluster"
)

const (
	outboxAccounts = 24
	outboxWriters  = 16
	// outboxBatch bounds what a relay has under way.
	outboxBatch = 20
)

// outboxWorld is an application with an outbox, and relays that are processes.
type outboxWorld struct {
	*testing.T
	c       *cluster.Cluster
	rnd     *rand.Rand // the test's goroutine's
	stream  string
	table   outbox.Table
	dsnFile string
	lease   time.Duration // of relays
	db      *sql.DB
	store   *outbox.SQLStore

	relays []*relayProcess
	kills  int

	work  sync.WaitGroup
	stop  context.CancelFunc
	added atomic.Int64
	mu    sync.Mutex
	never map[event.ID]bool // of transactions that were rolled back
}

// relayProcess is a relay.
type relayProcess struct {
	cmd    *exec.Cmd
	output bytes.Buffer
	ended  chan struct{}
}

func newOutboxWorld(t *testing.T, c *cluster.Cluster, dsn, stream string, rnd *rand.Rand) *outboxWorld {
	t.Helper()
	w := &outboxWorld{
		T: t, c: c, rnd: rnd, stream: stream, table: outbox.Table("box_" + strings.ReplaceAll(stream, "-", "_")),
		dsnFile: filepath.Join(t.TempDir(), "dsn"), lease: 500 * time.Millisecond, never: map[event.ID]bool{},
	}
	w.ok(os.WriteFile(w.dsnFile, []byte(dsn), 0o600))
	var err error
	w.db, err = sql.Open("pgx", dsn)
	w.ok(err)
	t.Cleanup(func() { _ = w.db.Close() })
	w.db.SetMaxIdleConns(outboxWriters)
	w.ok(outbox.Migrate(t.Context(), w.db, outbox.PostgreSQL, outbox.WithTable(w.table)))
	w.store, err = outbox.NewStore(w.db, outbox.PostgreSQL, outbox.WithTable(w.table))
	w.ok(err)
	w.exec("CREATE TABLE accounts_$TABLE (id integer PRIMARY KEY, changes integer)")
	w.exec("INSERT INTO accounts_$TABLE SELECT g, 0 FROM generate_series(1, $1) g", outboxAccounts)
	t.Cleanup(func() {
		for _, r := range w.relays {
			_ = r.cmd.Process.Kill()
			<-r.ended
			if t.Failed() {
				t.Logf("a relay: %s", &r.output)
			}
		}
	})
	return w
}

func (w *outboxWorld) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *outboxWorld) exec(statement string, args ...any) {
	w.Helper()
	_, err := w.db.ExecContext(w.Context(), strings.ReplaceAll(statement, "$TABLE", string(w.table)), args...)
	w.ok(err)
}

// startRelay starts a relay at all nodes that there are.
func (w *outboxWorld) startRelay() {
	w.Helper()
	binary, err := cluster.Binary()
	w.ok(err)
	var addrs []string
	for _, i := range w.rnd.Perm(3) {
		addrs = append(addrs, w.c.Node(fmt.Sprint("n", i+1)).RPCAddress())
	}
	r := &relayProcess{ended: make(chan struct{})}
	r.cmd = exec.Command(binary, "outbox", "relay", "--dsn-file", w.dsnFile, "--table", string(w.table), "--stream", w.stream,
		"--addr", strings.Join(addrs, ","), "--batch", strconv.Itoa(outboxBatch), "--lease", w.lease.String(), "--poll", "20ms", "--log-level", "warn")
	r.cmd.Stdout, r.cmd.Stderr = &r.output, &r.output
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	w.ok(r.cmd.Start())
	go func() {
		defer close(r.ended)
		_ = r.cmd.Wait()
	}()
	w.relays = append(w.relays, r)
}

// leading is the number of the relay that leads, if one does.
func (w *outboxWorld) leading() (int, bool) {
	w.Helper()
	st, err := w.store.Stats(w.Context(), 1)
	w.ok(err)
	i := slices.IndexFunc(w.relays, func(r *relayProcess) bool {
		return strings.Contains(st.Holder, fmt.Sprintf("/%d#", r.cmd.Process.Pid))
	})
	return i, i >= 0
}

// replace puts a new relay in the place of one that has ended.
func (w *outboxWorld) replace(i int) {
	w.Helper()
	<-w.relays[i].ended
	w.relays = append(w.relays[:i], w.relays[i+1:]...)
	w.startRelay()
}

// killRelay kills a relay, mostly the one that leads, and starts another one.
func (w *outboxWorld) killRelay() {
	w.Helper()
	i, ok := w.leading()
	if !ok || w.rnd.IntN(5) == 0 {
		i = w.rnd.IntN(len(w.relays))
	}
	w.kills++
	w.ok(w.relays[i].cmd.Process.Kill())
	w.replace(i)
}

// stopRelay ends the relay that leads, which is to end well. One that does not lead yet
// may have been started just now, and a signal kills a program that has not begun.
func (w *outboxWorld) stopRelay() {
	w.Helper()
	var i int
	w.c.Eventually(60*time.Second, func() error {
		var ok bool
		if i, ok = w.leading(); !ok {
			return errors.New("no relay leads")
		}
		return nil
	})
	r := w.relays[i]
	w.ok(r.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-r.ended:
	case <-time.After(30 * time.Second):
		w.Fatalf("a relay does not end: %s", &r.output)
	}
	if code := r.cmd.ProcessState.ExitCode(); code != 0 {
		w.Errorf("a relay ended with %d: %s", code, &r.output)
	}
	w.replace(i)
}

// startWriters starts those who change accounts.
func (w *outboxWorld) startWriters() {
	ctx, stop := context.WithCancel(w.Context())
	w.stop = stop
	for range outboxWriters {
		rnd := rand.New(rand.NewPCG(w.rnd.Uint64(), 1))
		w.work.Go(func() {
			for ctx.Err() == nil {
				if err := w.write(rnd); err != nil {
					w.Error(err)
					return
				}
				select {
				case <-time.After(time.Duration(rnd.IntN(30)) * time.Millisecond):
				case <-ctx.Done():
				}
			}
		})
	}
}

func (w *outboxWorld) stopWriters() {
	w.stop()
	w.work.Wait()
}

// write changes one or two accounts, adds an event of each change with its number, and
// commits after a while, or not.
func (w *outboxWorld) write(rnd *rand.Rand) error {
	ctx := w.Context()
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	var events []event.Event
	first := 1 + rnd.IntN(outboxAccounts)
	for id := first; id <= min(first+rnd.IntN(2), outboxAccounts); id++ { // upwards: nobody waits in a circle
		var n int
		update := fmt.Sprintf("UPDATE accounts_%s SET changes = changes + 1 WHERE id = $1 RETURNING changes", w.table)
		if err := tx.QueryRowContext(ctx, update, id).Scan(&n); err != nil {
			return err
		}
		e := event.New("changed", []byte(strconv.Itoa(n)), event.WithKey(strconv.Itoa(id)))
		if err := w.table.Add(ctx, tx, e); err != nil {
			return err
		}
		events = append(events, e)
	}
	time.Sleep(time.Duration(rnd.IntN(10)) * time.Millisecond)
	if rnd.IntN(5) == 0 {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, e := range events {
			w.never[e.ID] = true
		}
		return nil
	}
	w.added.Add(int64(len(events)))
	return tx.Commit()
}

// awaitSent waits until something is published that was added after the call.
func (w *outboxWorld) awaitSent() {
	w.Helper()
	var last int64
	w.ok(w.db.QueryRowContext(w.Context(), fmt.Sprintf("SELECT COALESCE(max(seq), 0) FROM %s", w.table)).Scan(&last))
	w.c.Eventually(60*time.Second, func() error {
		var first, most sql.NullInt64
		err := w.db.QueryRowContext(w.Context(), fmt.Sprintf("SELECT min(seq), max(seq) FROM %s", w.table)).Scan(&first, &most)
		switch {
		case err != nil:
			return err
		case first.Valid && first.Int64 <= last:
			return fmt.Errorf("row %d is not sent, %d are the last ones", first.Int64, most.Int64)
		}
		return nil
	})
}

// pause waits a part of some milliseconds.
func (w *outboxWorld) pause(most int) { time.Sleep(time.Duration(w.rnd.IntN(most)) * time.Millisecond) }

// drain waits until the outbox is empty.
func (w *outboxWorld) drain() {
	w.Helper()
	w.c.Eventually(60*time.Second, func() error {
		st, err := w.store.Stats(w.Context(), 1_000_000)
		if err == nil && st.Waiting > 0 {
			return fmt.Errorf("%+v", st)
		}
		return err
	})
}

// check reads the stream and compares it with the accounts. If it is once, no event is to
// be there twice.
func (w *outboxWorld) check(once bool) {
	w.Helper()
	ids := map[event.ID]bool{}
	firsts := map[string]int{} // the last change of an account that came for the first time
	changes := map[string]event.ID{}
	doubled := 0
	for e, err := range w.c.Leader(w.stream).Streams().Read(w.Context(), w.stream) {
		w.ok(err)
		ev := e.Event
		change := ev.Key + "/" + string(ev.Data)
		switch {
		case w.never[ev.ID]:
			w.Errorf("change %s was rolled back", change)
		case ids[ev.ID]:
			doubled++
			continue
		case changes[change] != event.ID{}:
			w.Errorf("change %s has two IDs", change)
		}
		ids[ev.ID], changes[change] = true, ev.ID
		firsts[ev.Key]++
		if want := strconv.Itoa(firsts[ev.Key]); string(ev.Data) != want {
			w.Errorf("account %s: change %s at the place of %s", ev.Key, ev.Data, want)
		}
	}
	if len(ids) != int(w.added.Load()) {
		w.Errorf("%d events in the stream, %d committed", len(ids), w.added.Load())
	}
	if got := w.accounts(); !maps.Equal(got, firsts) {
		w.Errorf("events %v, changes %v", firsts, got)
	}
	if once && doubled > 0 || doubled > w.kills*outboxBatch {
		w.Errorf("%d events are there twice, %d relays were killed", doubled, w.kills)
	}
	if st, err := w.store.Stats(w.Context(), 10); err != nil || st.Dead > 0 {
		w.Errorf("%+v, %v", st, err)
	}
	w.Logf("%d events, %d of them twice, %d kills, %d transactions' events rolled back", len(ids), doubled, w.kills, len(w.never))
}

// accounts is how often each account was changed, of those that were.
func (w *outboxWorld) accounts() map[string]int {
	w.Helper()
	rows, err := w.db.QueryContext(w.Context(), fmt.Sprintf("SELECT id, changes FROM accounts_%s WHERE changes > 0", w.table))
	w.ok(err)
	defer rows.Close()
	got := map[string]int{}
	for rows.Next() {
		var id, n int
		w.ok(rows.Scan(&id, &n))
		got[strconv.Itoa(id)] = n
	}
	w.ok(rows.Err())
	return got
}
