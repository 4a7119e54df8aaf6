package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/outbox"
	"github.com/eventnode/eventnode/outbox/outboxtest"
)

// in runs a test in virtual time, with an outbox in memory.
func in(t *testing.T, test func(t *testing.T, m *outboxtest.Memory, s *sink)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, new(outboxtest.Memory), new(sink)) })
}

func add(t *testing.T, m *outboxtest.Memory, events ...event.Event) {
	t.Helper()
	if err := m.Add(events...); err != nil {
		t.Fatal(err)
	}
}

func stats(t *testing.T, s outbox.Store) outbox.Stats {
	t.Helper()
	st, err := s.Stats(t.Context(), 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

var errStrange = errors.New("strange")

// What is added is published in its order, and then removed.
func TestRelayPublishesThenRemoves(t *testing.T) {
	in(t, func(t *testing.T, m *outboxtest.Memory, s *sink) {
		s.fail = func(context.Context, []event.Event) error {
			if stats(t, m).Waiting == 0 {
				t.Error("removed before it was published")
			}
			return nil
		}
		add(t, m, named("k", "a", "b", "c")...)
		r, _ := start(t, outbox.Config{Store: m, Publisher: s, Batch: 2})
		published(t, s, "a", "b", "c")
		add(t, m, named("k", "d")...)
		published(t, s, "a", "b", "c", "d")
		eventually(t, "all are removed", func() bool { return stats(t, m).Waiting == 0 })
		if p := r.Progress(); p.Sent != 4 || p.Known != 0 || p.Trouble != nil || !p.Leading {
			t.Errorf("%+v", p)
		}
	})
}

// An end finishes the batch under way, and gives the lease back: the next relay need not
// wait, and publishes nothing twice.
func TestEndSettles(t *testing.T) {
	in(t, func(t *testing.T, m *outboxtest.Memory, s *sink) {
		begun := make(chan struct{})
		s.fail = func(ctx context.Context, _ []event.Event) error {
			close(begun)
			select {
			case <-time.After(5 * time.Second):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		add(t, m, named("k", "a", "b")...)
		_, stop := start(t, outbox.Config{Store: m, Publisher: s, Batch: 1, Lease: 20 * time.Second})
		<-begun
		stop()
		if st := stats(t, m); st.Waiting != 1 || st.Holder != "" {
			t.Errorf("%+v", st)
		}
		s.mend()
		was := time.Now()
		start(t, outbox.Config{Store: m, Publisher: s})
		published(t, s, "a", "b")
		if s.twice() != 0 || time.Since(was) > time.Second {
			t.Errorf("%d doubled, after %v", s.twice(), time.Since(was))
		}
	})
}

// What takes longer than the grace is given up; then it may come twice, and stands once.
func TestEndDoesNotWaitForEver(t *testing.T) {
	in(t, func(t *testing.T, m *outboxtest.Memory, s *sink) {
		begun := make(chan struct{})
		s.after = func(ctx context.Context) error {
			close(begun)
			<-ctx.Done()
			return ctx.Err()
		}
		add(t, m, named("k", "a")...)
		_, stop := start(t, outbox.Config{Store: m, Publisher: s, Grace: 3 * time.Second})
		<-begun
		was := time.Now()
		stop()
		if took := time.Since(was); took != 3*time.Second {
			t.Errorf("it took %v", took)
		}
		s.mend()
		r, _ := start(t, outbox.Config{Store: m, Publisher: s})
		eventually(t, "all is removed", func() bool { return stats(t, m).Waiting == 0 })
		if p := r.Progress(); p.Known != 1 || p.Sent != 1 || len(s.names()) != 1 {
			t.Errorf("%+v", p)
		}
	})
}

// With Drain, Run ends when nothing is left, also not what is to be tried again.
func TestDrain(t *testing.T) {
	in(t, func(t *testing.T, m *outboxtest.Memory, s *sink) {
		failures := 3
		s.fail = func(_ context.Context, evs []event.Event) error {
			if evs[0].Name == "a" && failures > 0 {
				failures--
				return errStrange
			}
			return nil
		}
		add(t, m, named("k", "a", "b")...)
		r, err := outbox.NewRelay(outbox.Config{Store: m, Publisher: s, Stream: "orders", Drain: true, Batch: 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := s.names(); !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("%q", got)
		}
		if err := r.Run(t.Context()); !errors.Is(err, eventnode.ErrClosed) {
			t.Errorf("a second Run: %v", err)
		}
	})
}

// Who is woken need not wait for the poll; what is not told is found by it.
func TestWakeAndPoll(t *testing.T) {
	in(t, func(t *testing.T, m *outboxtest.Memory, s *sink) {
		listens := 0
		r, _ := start(t, outbox.Config{
			Store: m, Publisher: s, Poll: time.Hour, Lease: 24 * time.Hour,
			Listen: func(ctx context.Context, wake func()) error {
				if listens++; listens < 3 {
					return io.EOF // and it is called again
				}
				select {
				case <-time.After(10 * time.Minute):
					wake()
				case <-ctx.Done():
				}
				<-ctx.Done()
				return ctx.Err()
			},
		})
		time.Sleep(time.Minute)
		add(t, m, named("", "a")...)
		time.Sleep(8 * time.Minute)
		published(t, s)
		time.Sleep(2 * time.Minute)
		published(t, s, "a")
		add(t, m, named("", "b")...)
		r.Wake()
		time.Sleep(time.Second)
		published(t, s, "a", "b")
		add(t, m, named("", "c")...)
		time.Sleep(time.Hour)
		published(t, s, "a", "b", "c")
	})
}

// A batch ends at its bytes, and the next fetch reads no more than it needs.
func TestBatchBytes(t *testing.T) {
	in(t, func(t *testing.T, m *outboxtest.Memory, s *sink) {
		for range 40 {
			add(t, m, event.New("e", make([]byte, 1000), event.WithDataType("text/plain")))
		}
		start(t, outbox.Config{Store: m, Publisher: s, BatchBytes: 20_000})
		eventually(t, "all are published", func() bool { return len(s.names()) == 40 })
		synctest.Wait()
		for _, n := range s.batches {
			if n > 10 {
				t.Errorf("batches %v", s.batches)
			}
		}
	})
}

// A database that is lost is waited for; what was published then is settled, not
// published again.
func TestSettleIsRepeated(t *testing.T) {
	in(t, func(t *testing.T, m *outboxtest.Memory, s *sink) {
		until := time.Now().Add(time.Minute)
		m.Fail(func(op string) error {
			if op == "settle" && time.Now().Before(until) {
				return errStrange
			}
			return nil
		})
		add(t, m, named("k", "a")...)
		r, _ := start(t, outbox.Config{Store: m, Publisher: s})
		time.Sleep(30 * time.Second)
		if p := r.Progress(); !errors.Is(p.Trouble, errStrange) || p.Sent != 0 {
			t.Errorf("%+v", p)
		}
		time.Sleep(35 * time.Second)
		if st := stats(t, m); st.Waiting != 0 || s.twice() != 0 || r.Progress().Trouble != nil {
			t.Errorf("%+v, %d doubled, %+v", st, s.twice(), r.Progress())
		}
	})
}

// What was sent is kept for as long as was said.
func TestKeepSent(t *testing.T) {
	in(t, func(t *testing.T, m *outboxtest.Memory, s *sink) {
		add(t, m, named("k", "a", "b")...)
		_, stop := start(t, outbox.Config{Store: m, Publisher: s, KeepSent: time.Hour})
		time.Sleep(59 * time.Minute)
		stop()
		if n, err := m.Purge(t.Context(), 58*time.Minute, 1); n != 1 || err != nil {
			t.Errorf("%d, %v: it was not kept", n, err)
		}
		_, stop = start(t, outbox.Config{Store: m, Publisher: s, KeepSent: time.Hour})
		time.Sleep(2 * time.Minute)
		stop()
		if n, err := m.Purge(t.Context(), 0, 10); n != 0 || err != nil {
			t.Errorf("%d, %v: it was not purged", n, err)
		}
	})
}

// How the outbox is, is measured also by who does not lead.
func TestMetrics(t *testing.T) {
	in(t, func(t *testing.T, m *outboxtest.Memory, s *sink) {
		s.fail = func(context.Context, []event.Event) error { return eventnode.ErrStreamFull }
		if ok, err := m.Lead(t.Context(), "somebody", time.Hour); !ok || err != nil {
			t.Fatal(ok, err)
		}
		reg := prometheus.NewRegistry()
		add(t, m, named("k", "a", "b")...)
		start(t, outbox.Config{Store: m, Publisher: s, Registerer: reg})
		time.Sleep(time.Minute)
		synctest.Wait() // what is due at this moment is done
		want(t, reg, map[string]float64{"lag_events": 2, "oldest_age_seconds": 60, "leading": 0, "dead_letters": 0, "sent_events_total": 0})
		time.Sleep(time.Hour)
		synctest.Wait()
		want(t, reg, map[string]float64{"leading": 1})
		s.mend()
		time.Sleep(time.Minute)
		synctest.Wait()
		want(t, reg, map[string]float64{"lag_events": 0, "oldest_age_seconds": 0, "sent_events_total": 2, "known_events_total": 0, "age_seconds": 2})
		if _, err := outbox.NewRelay(outbox.Config{Store: m, Publisher: s, Stream: "x", Registerer: reg}); err == nil {
			t.Error("registered twice")
		}
	})
}

// want fails unless metrics have these values; of a histogram that is its count.
func want(t *testing.T, reg prometheus.Gatherer, values map[string]float64) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]float64)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			v := m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			got[strings.TrimPrefix(f.GetName(), "eventnode_outbox_")] += v
		}
	}
	for name, v := range values {
		if g, ok := got[name]; !ok || g < v-0.1 || g > v+5 || v == 0 && g != 0 {
			t.Errorf("%s is %v, want %v", name, g, v)
		}
	}
}

// What is missing or wrong in a configuration is said at once.
func TestConfig(t *testing.T) {
	m, s := new(outboxtest.Memory), new(sink)
	for name, cfg := range map[string]outbox.Config{
		"store": {Publisher: s, Stream: "x"}, "publisher": {Store: m, Stream: "x"}, "stream": {Store: m, Publisher: s},
		"lease": {Store: m, Publisher: s, Stream: "x", Lease: time.Millisecond}, "batch": {Store: m, Publisher: s, Stream: "x", Batch: -1},
		"poll": {Store: m, Publisher: s, Stream: "x", Poll: -1},
	} {
		if _, err := outbox.NewRelay(cfg); !errors.Is(err, outbox.ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestJudge(t *testing.T) {
	for err, want := range map[error]outbox.Verdict{
		&eventnode.LimitError{}:     outbox.VerdictDead,
		eventnode.ErrInvalidEvent:   outbox.VerdictDead,
		eventnode.ErrUnavailable:    outbox.VerdictWait,
		eventnode.ErrOutcomeUnknown: outbox.VerdictWait,
		eventnode.ErrStreamFull:     outbox.VerdictWait,
		eventnode.ErrStreamNotFound: outbox.VerdictWait,
		context.DeadlineExceeded:    outbox.VerdictWait,
		io.ErrUnexpectedEOF:         outbox.VerdictWait,
		errStrange:                  outbox.VerdictRetry,
	} {
		if got := outbox.Judge(fmt.Errorf("publish: %w", err)); got != want {
			t.Errorf("%v: %v, want %v", err, got, want)
		}
	}
}
