package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/outbox"
	"github.com/eventnode/eventnode/outbox/outboxtest"
)

// While nothing can be published everything waits, uncounted, and in its order.
func TestRelayWaits(t *testing.T) {
	in(t, func(t *testing.T, m *outboxtest.Memory, s *sink) {
		until := time.Now().Add(time.Hour)
		tries := 0
		s.fail = func(context.Context, []event.Event) error {
			if tries++; time.Now().Before(until) {
				return fmt.Errorf("append: %w", eventnode.ErrUnavailable)
			}
			return nil
		}
		add(t, m, named("", "a", "b")...)
		r, _ := start(t, outbox.Config{Store: m, Publisher: s})
		time.Sleep(30 * time.Minute)
		if p := r.Progress(); !errors.Is(p.Trouble, eventnode.ErrUnavailable) || p.Sent != 0 {
			t.Errorf("%+v", p)
		}
		if st := stats(t, m); st.Waiting != 2 || st.Held != 0 || st.Dead != 0 {
			t.Errorf("%+v", st)
		}
		time.Sleep(30*time.Minute + 5*time.Second)
		published(t, s, "a", "b")
		synctest.Wait()
		if tries < 1000 || tries > 10_000 {
			t.Errorf("%d tries in an hour", tries)
		}
		if p := r.Progress(); p.Trouble != nil || p.Retried != 0 {
			t.Errorf("%+v", p)
		}
	})
}

// An event that fails by itself holds back its key, and no other one; then it is a dead
// letter, and its key goes on.
func TestFailingKeyHoldsBackNoOther(t *testing.T) {
	in(t, func(t *testing.T, m *outboxtest.Memory, s *sink) {
		var tried []time.Time
		s.fail = func(_ context.Context, evs []event.Event) error {
			if i := slices.IndexFunc(evs, func(e event.Event) bool { return e.Name == "k2" }); i < 0 {
				return nil
			}
			if len(evs) == 1 {
				tried = append(tried, time.Now())
			}
			return errStrange
		}
		var events []event.Event
		for i := range 4 {
			events = append(events, named("k", fmt.Sprint("k", i+1))...)
			events = append(events, named(fmt.Sprint("other", i), fmt.Sprint("o", i+1))...)
		}
		add(t, m, events...)
		r, _ := start(t, outbox.Config{Store: m, Publisher: s, MaxAttempts: 6, RetryMin: time.Second, RetryMax: 20 * time.Second})
		published(t, s, "k1", "o1", "o2", "o3", "o4")
		if st := stats(t, m); st.Waiting != 3 || st.Held != 1 {
			t.Errorf("%+v", st)
		}
		time.Sleep(5 * time.Minute)
		published(t, s, "k1", "o1", "o2", "o3", "o4", "k3", "k4")
		synctest.Wait()
		letters, err := m.DeadLetters(t.Context(), 0, 10)
		if err != nil || len(letters) != 1 || letters[0].Attempts != 6 || !strings.Contains(letters[0].Reason, "tried 6 times: strange") {
			t.Fatalf("%+v, %v", letters, err)
		}
		if len(tried) != 6 {
			t.Errorf("tried %d times", len(tried))
		}
		for i := 1; i < len(tried); i++ {
			if pause := tried[i].Sub(tried[i-1]); pause < time.Second || pause > 21*time.Second {
				t.Errorf("%v before try %d", pause, i+1)
			}
		}
		if p := r.Progress(); p.Retried != 5 || p.Dead != 1 || p.Sent != 7 {
			t.Errorf("%+v", p)
		}
	})
}

// What can never be published is a dead letter at once, wherever it stands in a batch;
// replayed, it is published behind what is there.
func TestDeadAtOnce(t *testing.T) {
	in(t, func(t *testing.T, m *outboxtest.Memory, s *sink) {
		s.fail = func(_ context.Context, evs []event.Event) error {
			if slices.ContainsFunc(evs, func(e event.Event) bool { return len(e.Data) > 10 }) {
				return &eventnode.LimitError{Limit: "max_event_bytes", Max: 10}
			}
			return nil
		}
		var want []string
		for i := range 100 {
			e := named("k", fmt.Sprint("e", i))[0]
			if i%33 == 7 {
				e.Data = make([]byte, 11)
			} else {
				want = append(want, e.Name)
			}
			add(t, m, e)
		}
		tx := m.Begin()
		if err := errors.Join(tx.AddText(t.Context(), "k", "{}"), tx.Commit()); err != nil {
			t.Fatal(err)
		}
		start(t, outbox.Config{Store: m, Publisher: s})
		published(t, s, want...)
		eventually(t, "the outbox is empty", func() bool { return stats(t, m).Waiting == 0 })
		letters, err := m.DeadLetters(t.Context(), 0, 10)
		if err != nil || len(letters) != 4 || letters[0].Attempts != 1 || letters[3].Attempts != 0 || !strings.Contains(letters[3].Reason, "id is missing") {
			t.Fatalf("%+v, %v", letters, err)
		}
		s.mend()
		if n, err := m.Replay(t.Context(), letters[0].Number); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		published(t, s, append(want, "e7")...)
	})
}

// Of many events that fail by themselves a turn finds some, the next turn others: when
// everything fails, the tries are bounded.
func TestManyFail(t *testing.T) {
	in(t, func(t *testing.T, m *outboxtest.Memory, s *sink) {
		tries := 0
		s.fail = func(context.Context, []event.Event) error { tries++; return errStrange }
		for i := range 1000 {
			add(t, m, named(fmt.Sprint(i), "e")...)
		}
		first, triesThen := uint64(0), 0
		r, _ := start(t, outbox.Config{Store: m, Publisher: s, RetryMin: time.Hour, RetryMax: time.Hour, OnProgress: func(p outbox.Progress) {
			if first == 0 {
				first, triesThen = p.Retried, tries
			}
		}})
		was := time.Now()
		eventually(t, "a turn is over", func() bool { return r.Progress().Retried > 0 })
		synctest.Wait()
		if first != 16 || triesThen > 16*11 {
			t.Errorf("%d events failed in %d tries", first, triesThen)
		}
		time.Sleep(3 * time.Minute)
		if n := r.Progress().Retried; n != 1000 || time.Since(was) < time.Minute {
			t.Errorf("%d were tried, in %v", n, time.Since(was))
		}
	})
}
