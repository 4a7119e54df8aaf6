package outboxtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/outbox"
)

// World is an outbox with nothing in it.
type World struct {
	Store outbox.Store
	// Begin begins a transaction.
	Begin func(t *testing.T) Tx
	// OneWriter says that only one transaction at a time can have written something.
	OneWriter bool
}

// Tx is a transaction.
type Tx interface {
	// Add adds events.
	Add(ctx context.Context, events ...event.Event) error
	// AddText adds a row with any text for its event.
	AddText(ctx context.Context, key, text string) error
	// Commit makes it visible.
	Commit() error
	// Rollback undoes it.
	Rollback() error
}

// Run tests that stores behave. Each test opens a world of its own.
func Run(t *testing.T, open func(t *testing.T) World) {
	tests := []struct {
		name string
		test func(*world)
	}{
		{"rows come in their order, whole", inOrder},
		{"a transaction that is rolled back adds nothing", rolledBack},
		{"a row that commits late is not skipped", lateCommit},
		{"a fetch is bounded in events and bytes", bounded},
		{"what was sent is gone, and is so only once", sent},
		{"what was sent is kept until it is purged", kept},
		{"a retry holds its key, and no other", held},
		{"a retry without a key holds only itself", heldAlone},
		{"dead letters are listed, replayed and dropped", deadLetters},
		{"what is no event can be a dead letter", strangeText},
		{"one at a time has the lease", leased},
		{"a lease that is not renewed is over", leaseOver},
		{"statistics", statistics},
		{"what cannot be has no effect", nothing},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.test(&world{T: t, World: open(t)}) })
	}
}

// world is a World under test.
type world struct {
	*testing.T
	World
}

// many is no limit.
func many() outbox.Limit { return outbox.Limit{Events: 10_000, Bytes: 1 << 30} }

// add adds events of keys in a transaction that commits. Their names are those given.
func (w *world) add(names ...string) {
	w.Helper()
	w.commit(w.begin(names...))
}

// begin adds events in a transaction that is open. A name such as "k:e1" has a key.
func (w *world) begin(names ...string) Tx {
	w.Helper()
	tx := w.Begin(w.T)
	var events []event.Event
	for _, name := range names {
		key, _, found := strings.Cut(name, ":")
		if !found {
			key = ""
		}
		events = append(events, event.New(name, []byte(name), event.WithKey(key)))
	}
	w.ok(tx.Add(w.Context(), events...))
	return tx
}

func (w *world) commit(tx Tx) {
	w.Helper()
	w.ok(tx.Commit())
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// fetch fetches all that may be published now.
func (w *world) fetch() []outbox.Row {
	w.Helper()
	rows, err := w.Store.Fetch(w.Context(), many())
	w.ok(err)
	return rows
}

// name is that of an event in a row.
func (w *world) name(text []byte) string {
	w.Helper()
	var e event.Event
	w.ok(e.UnmarshalJSON(text))
	return e.Name
}

// expect fetches, and fails unless these come.
func (w *world) expect(names ...string) []outbox.Row {
	w.Helper()
	rows := w.fetch()
	var got []string
	for _, r := range rows {
		got = append(got, w.name(r.Event))
	}
	if !slices.Equal(got, names) {
		w.Fatalf("fetched %q, want %q", got, names)
	}
	return rows
}

// eventually is expect after a while.
func (w *world) eventually(what string, condition func() bool) {
	w.Helper()
	deadline := time.Now().Add(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		if time.Now().After(deadline) {
			w.Fatalf("not within 20 s: %s", what)
		}
		<-tick.C
	}
}

func (w *world) settle(s outbox.Settlement) {
	w.Helper()
	w.ok(w.Store.Settle(w.Context(), s))
}

func (w *world) stats() outbox.Stats {
	w.Helper()
	st, err := w.Store.Stats(w.Context(), 1000)
	w.ok(err)
	return st
}

// seqs are the numbers of rows.
func seqs(rows []outbox.Row) []int64 {
	var list []int64
	for _, r := range rows {
		list = append(list, r.Seq)
	}
	return list
}

func inOrder(w *world) {
	w.expect()
	ev := event.New("order_placed", []byte{0, 1, 0xff}, event.WithKey("ключ '\""), event.WithSource("/shop"),
		event.WithMeta(map[string]string{"a": "b", "c": "'; DROP TABLE x; --"}), event.WithDataType("application/x"))
	tx := w.Begin(w.T)
	w.ok(tx.Add(w.Context(), ev))
	w.commit(tx)
	rows := w.expect("order_placed")
	var got event.Event
	w.ok(got.UnmarshalJSON(rows[0].Event))
	if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", ev) || rows[0].Key != ev.Key || rows[0].Attempts != 0 || rows[0].Age < 0 || rows[0].Age > time.Minute {
		w.Fatalf("%+v, want %+v; %+v", got, ev, rows[0])
	}
	var names []string
	for i := range 250 { // more than one statement adds
		names = append(names, fmt.Sprintf("e%03d", i))
	}
	w.add(names...)
	w.add("last")
	rows = w.expect(slices.Concat([]string{"order_placed"}, names, []string{"last"})...)
	if !slices.IsSorted(seqs(rows)) {
		w.Fatal("the numbers do not grow")
	}
}

func rolledBack(w *world) {
	tx := w.begin("never")
	w.ok(tx.Rollback())
	w.add("a")
	w.expect("a")
}

func lateCommit(w *world) {
	if w.OneWriter {
		w.Skip("only one transaction at a time writes")
	}
	slow := w.begin("k:slow")
	w.add("l:fast")
	rows := w.expect("l:fast")
	w.settle(outbox.Settlement{Sent: seqs(rows)})
	w.expect()
	w.commit(slow)
	rows = w.expect("k:slow")
	if len(rows) != 1 || rows[0].Age < 0 {
		w.Fatalf("%+v", rows)
	}
}

func bounded(w *world) {
	w.add("a", "b", "c", "d")
	rows, err := w.Store.Fetch(w.Context(), outbox.Limit{Events: 3, Bytes: 1 << 20})
	w.ok(err)
	if len(rows) != 3 {
		w.Fatalf("%d rows, want 3", len(rows))
	}
	for bytes, want := range map[int]int{1: 1, len(rows[0].Event): 1, len(rows[0].Event) + 1: 2} {
		some, err := w.Store.Fetch(w.Context(), outbox.Limit{Events: 100, Bytes: bytes})
		w.ok(err)
		if len(some) != want {
			w.Fatalf("%d rows with %d bytes, want %d", len(some), bytes, want)
		}
	}
	others, err := w.Store.Fetch(w.Context(), outbox.Limit{Events: 100, Bytes: 1 << 20, Except: []int64{rows[0].Seq, rows[2].Seq}})
	w.ok(err)
	if len(others) != 2 || others[0].Seq != rows[1].Seq || others[1].Seq <= rows[2].Seq {
		w.Fatalf("%+v, want the second and the fourth", others)
	}
}
