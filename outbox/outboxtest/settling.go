package outboxtest

import (
	"context"
	"strings"
	"time"

	"github.com/eventnode/eventnode/outbox"
)

func sent(w *world) {
	w.add("a", "b", "c")
	rows := w.expect("a", "b", "c")
	w.settle(outbox.Settlement{Sent: []int64{rows[0].Seq, rows[2].Seq}})
	w.settle(outbox.Settlement{Sent: []int64{rows[0].Seq, rows[2].Seq}})
	w.expect("b")
	w.settle(outbox.Settlement{Sent: seqs(rows)})
	w.add("d") // no number comes twice
	if next := w.expect("d"); next[0].Seq <= rows[2].Seq {
		w.Fatalf("number %d after %d", next[0].Seq, rows[2].Seq)
	}
}

func kept(w *world) {
	w.add("a", "b", "c")
	rows := w.expect("a", "b", "c")
	w.settle(outbox.Settlement{Sent: seqs(rows), Keep: true})
	w.settle(outbox.Settlement{Sent: seqs(rows), Keep: true})
	w.expect()
	purge := func(age time.Duration, limit int) int {
		n, err := w.Store.Purge(w.Context(), age, limit)
		w.ok(err)
		return n
	}
	if n := purge(time.Hour, 100); n != 0 {
		w.Fatalf("%d were purged, and none is old", n)
	}
	w.eventually("two are purged", func() bool { return purge(0, 2) == 2 })
	w.eventually("the last one is purged", func() bool { return purge(0, 2) == 1 })
	if n := purge(0, 2); n != 0 {
		w.Fatalf("%d more were purged", n)
	}
}

func held(w *world) {
	w.add("k:1", "l:1", "k:2", "none")
	rows := w.expect("k:1", "l:1", "k:2", "none")
	w.settle(outbox.Settlement{Retry: []outbox.Retry{{Seq: rows[0].Seq, Attempts: 1, After: time.Hour}}})
	w.expect("l:1", "none")
	w.add("k:3", "m:1")
	w.expect("l:1", "none", "m:1")
	if st := w.stats(); st.Held != 1 || st.Waiting != 6 {
		w.Fatalf("%+v", st)
	}
	w.settle(outbox.Settlement{Sent: []int64{rows[1].Seq}, Retry: []outbox.Retry{{Seq: rows[0].Seq, Attempts: 7, After: time.Millisecond}}})
	w.eventually("the key goes on", func() bool { return len(w.fetch()) == 5 })
	rows = w.expect("k:1", "k:2", "none", "k:3", "m:1")
	if rows[0].Attempts != 7 || rows[1].Attempts != 0 {
		w.Fatalf("%+v", rows)
	}
}

func heldAlone(w *world) {
	w.add("a", "b")
	rows := w.expect("a", "b")
	w.settle(outbox.Settlement{Retry: []outbox.Retry{{Seq: rows[0].Seq, Attempts: 1, After: time.Hour}}})
	w.expect("b")
}

func deadLetters(w *world) {
	w.add("k:1", "k:2", "k:3", "l:1")
	rows := w.expect("k:1", "k:2", "k:3", "l:1")
	reason := strings.Repeat("ü", 900) + "\x00\xff"
	w.settle(outbox.Settlement{
		Sent: []int64{rows[3].Seq},
		Dead: []outbox.Death{{Seq: rows[0].Seq, Attempts: 3, Reason: reason}, {Seq: rows[1].Seq, Attempts: 1, Reason: "bad"}},
	})
	w.settle(outbox.Settlement{Dead: []outbox.Death{{Seq: rows[1].Seq, Attempts: 9, Reason: "again"}}})
	w.expect("k:3")
	list, err := w.Store.DeadLetters(w.Context(), 0, 10)
	w.ok(err)
	if len(list) != 2 || list[0].Number != rows[0].Seq || list[0].Attempts != 3 || !strings.HasPrefix(list[0].Reason, "üüü") ||
		list[1].Reason != "bad" || w.name(list[1].Event) != "k:2" || list[1].Died.Before(list[1].Added) || time.Since(list[1].Died) > time.Minute {
		w.Fatalf("%+v", list)
	}
	if some, err := w.Store.DeadLetters(w.Context(), list[0].Number, 10); err != nil || len(some) != 1 || some[0].Number != list[1].Number {
		w.Fatalf("%+v, %v", some, err)
	}
	if some, err := w.Store.DeadLetters(w.Context(), 0, 1); err != nil || len(some) != 1 {
		w.Fatalf("%+v, %v", some, err)
	}
	if n, err := w.Store.Replay(w.Context(), list[1].Number, 999_999); n != 1 || err != nil {
		w.Fatalf("%d replayed, %v", n, err)
	}
	again := w.expect("k:3", "k:2")
	if again[1].Attempts != 0 || again[1].Key != "k" {
		w.Fatalf("%+v", again[1])
	}
	if n, err := w.Store.Drop(w.Context(), list[0].Number, list[1].Number); n != 1 || err != nil {
		w.Fatalf("%d dropped, %v", n, err)
	}
	if st := w.stats(); st.Dead != 0 || st.Waiting != 2 {
		w.Fatalf("%+v", st)
	}
}

func strangeText(w *world) {
	tx := w.Begin(w.T)
	w.ok(tx.AddText(w.Context(), "", "{no event"))
	w.commit(tx)
	rows := w.fetch()
	if len(rows) != 1 || string(rows[0].Event) != "{no event" {
		w.Fatalf("%+v", rows)
	}
	w.settle(outbox.Settlement{Dead: []outbox.Death{{Seq: rows[0].Seq, Attempts: 0, Reason: "no event"}}})
	if list, err := w.Store.DeadLetters(w.Context(), 0, 10); err != nil || len(list) != 1 || string(list[0].Event) != "{no event" {
		w.Fatalf("%+v, %v", list, err)
	}
}

// lead asks for the lease.
func (w *world) lead(holder string, ttl time.Duration) bool {
	w.Helper()
	ok, err := w.Store.Lead(w.Context(), holder, ttl)
	w.ok(err)
	return ok
}

func leased(w *world) {
	if w.stats().Holder != "" || !w.lead("a", time.Hour) || w.lead("b", time.Hour) || !w.lead("a", time.Hour) {
		w.Fatal("it is not a's alone")
	}
	if h := w.stats().Holder; h != "a" {
		w.Fatalf("%q has it", h)
	}
	if w.lead("b", 0) || w.lead("b", time.Hour) {
		w.Fatal("b gave back what was a's")
	}
	if w.lead("a", 0) || w.stats().Holder != "" || !w.lead("b", time.Hour) || w.lead("a", time.Hour) {
		w.Fatal("a gave it back, and b has it not")
	}
}

func leaseOver(w *world) {
	if !w.lead("a", 50*time.Millisecond) {
		w.Fatal("nobody has it")
	}
	w.eventually("b has it", func() bool { return w.lead("b", time.Hour) })
	if w.lead("a", time.Hour) {
		w.Fatal("a renewed what b has")
	}
}

func statistics(w *world) {
	if st := w.stats(); st != (outbox.Stats{}) {
		w.Fatalf("%+v", st)
	}
	w.add("a", "b", "c")
	w.eventually("it grows old", func() bool { return w.stats().Oldest > 0 })
	st, err := w.Store.Stats(w.Context(), 2)
	w.ok(err)
	if st.Waiting != 2 || st.Held != 0 || st.Dead != 0 {
		w.Fatalf("%+v", st)
	}
}

func nothing(w *world) {
	w.settle(outbox.Settlement{})
	w.settle(outbox.Settlement{Sent: []int64{42}, Keep: true, Retry: []outbox.Retry{{Seq: 43}}, Dead: []outbox.Death{{Seq: 44, Reason: "x"}}})
	for _, f := range []func(context.Context, ...int64) (int, error){w.Store.Replay, w.Store.Drop} {
		for _, numbers := range [][]int64{nil, {1, 2, 3}} {
			if n, err := f(w.Context(), numbers...); n != 0 || err != nil {
				w.Fatalf("%d, %v", n, err)
			}
		}
	}
	if st := w.stats(); st != (outbox.Stats{}) {
		w.Fatalf("%+v", st)
	}
	ctx, cancel := context.WithCancel(w.Context())
	cancel()
	if _, err := w.Store.Fetch(ctx, many()); err == nil {
		w.Fatal("a fetch whose context has ended")
	}
	if err := w.Store.Settle(ctx, outbox.Settlement{Sent: []int64{1}}); err == nil {
		w.Fatal("a settlement whose context has ended")
	}
}
