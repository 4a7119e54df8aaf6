package sessions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/eventnode/eventnode"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newManager(t testing.TB, cfg Config) *Manager {
	t.Helper()
	m, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func open(t testing.TB, m *Manager, who Identity) *Session {
	t.Helper()
	s, err := m.Open(who)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// send sends events whose payloads are their numbers.
func send(t testing.TB, s *Session, n int) {
	t.Helper()
	for range n {
		last := s.Seq()
		seq, err := s.Send(&Event{Type: "N", Data: json.RawMessage(fmt.Sprint(last + 1))})
		if err != nil || seq != last+1 {
			t.Fatalf("number %d behind %d: %v", seq, last, err)
		}
	}
}

// read reads events until the newest that is there, and checks what they are.
func read(t testing.TB, k *Socket, after uint64) {
	t.Helper()
	for last := k.Session().Seq(); after < last; {
		got, err := k.Next(t.Context(), nil, 7)
		if err != nil {
			t.Fatalf("behind %d: %v", after, err)
		}
		for _, sent := range got {
			if after++; sent.Seq != after || string(sent.Event.Data) != fmt.Sprint(after) {
				t.Fatalf("got %d, %s, want %d", sent.Seq, sent.Event.Data, after)
			}
		}
	}
}

func attach(t testing.TB, s *Session, seen uint64) *Socket {
	t.Helper()
	k, err := s.Attach(seen)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// A resume replays exactly what is behind what the client has seen: nothing again, the
// newest one too, after 251 events and after 10,000. What is not kept any more is a gap.
func TestResumeIsExact(t *testing.T) {
	for _, n := range []int{0, 1, 249, 250, 251, 399, 10_000} {
		t.Run(fmt.Sprint(n, " events"), func(t *testing.T) {
			s := open(t, newManager(t, Config{ReplayEvents: 250}), Identity{User: 1})
			send(t, s, n)
			oldest := max(n-250, 0)
			for _, seen := range []int{oldest, oldest + 1, n - 1, n} {
				if seen < oldest || seen > n {
					continue
				}
				k := attach(t, s, uint64(seen))
				if k.Replayed() != uint64(n) {
					t.Errorf("up to %d", k.Replayed())
				}
				read(t, k, uint64(seen))
				if more, err := k.Take(nil, 1); len(more) != 0 || err != nil {
					t.Errorf("behind the newest one: %v, %v", more, err)
				}
				k.Detach()
			}
			for _, seen := range []uint64{uint64(n) + 1, 1<<64 - 1} {
				if _, err := s.Attach(seen); !errors.Is(err, ErrAhead) {
					t.Errorf("ahead: %v", err)
				}
			}
			if oldest == 0 {
				return
			}
			_, err := s.Attach(uint64(oldest) - 1)
			if gap, ok := errors.AsType[*GapError](err); !ok || *gap != (GapError{uint64(oldest), 1}) {
				t.Errorf("one before the oldest: %v", err)
			}
			if s.Attached() {
				t.Error("a refused socket is there")
			}
		})
	}
}

// The log is bounded by bytes, too.
func TestReplayBytes(t *testing.T) {
	s := open(t, newManager(t, Config{ReplayBytes: 10_000}), Identity{User: 1})
	for range 100 {
		if _, err := s.Send(&Event{Type: "X", Data: make(json.RawMessage, 935)}); err != nil { // with 65
			t.Fatal(err)
		}
	}
	if n, bytes := s.Kept(); n != 10 || bytes != 10_000 {
		t.Errorf("%d events, %d bytes", n, bytes)
	}
}

// A session has one socket. What detaches it, or ends it, wakes who reads.
func TestOneSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(t, Config{})
		s := open(t, m, Identity{User: 1})
		k := attach(t, s, 0)
		if _, err := s.Attach(0); !errors.Is(err, ErrAttached) {
			t.Error(err)
		}
		for _, c := range []struct {
			do     func()
			want   error
			goesOn bool
		}{{k.Detach, ErrDetached, true}, {func() { m.End(s.ID()) }, ErrClosed, false}} {
			ended := make(chan error)
			go func() {
				_, err := k.Next(t.Context(), nil, 1)
				ended <- err
			}()
			synctest.Wait()
			c.do()
			if err := <-ended; !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			k.Detach() // once more changes nothing
			if c.goesOn {
				k = attach(t, s, 0)
			}
		}
		if _, err := s.Attach(0); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
		if _, err := s.Send(&Event{}); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("enough"))
		k = attach(t, open(t, m, Identity{User: 2}), 0)
		if _, err := k.Next(ctx, nil, 1); err == nil || err.Error() != "enough" {
			t.Error(err)
		}
	})
}

// A client that does not read holds nobody up, falls out of its own log, and is told.
func TestSlowSocket(t *testing.T) {
	m := newManager(t, Config{ReplayEvents: 10})
	slow, fast := open(t, m, Identity{User: 1}), open(t, m, Identity{User: 2})
	k, f := attach(t, slow, 0), attach(t, fast, 0)
	for n := range uint64(25) {
		send(t, slow, 1)
		send(t, fast, 1)
		read(t, f, n)
	}
	_, err := k.Next(t.Context(), nil, 100)
	if gap, ok := errors.AsType[*GapError](err); !ok || *gap != (GapError{1, 15}) {
		t.Error(err)
	}
}

// Who reads with Notify and Take is told of each event, of those that were there before,
// and of the end.
func TestNotify(t *testing.T) {
	m := newManager(t, Config{})
	s := open(t, m, Identity{User: 1})
	k := attach(t, s, 0)
	told := 0
	expect := func(want, events int, end error) {
		t.Helper()
		got, err := k.Take(nil, 10)
		if told != want || len(got) != events || !errors.Is(err, end) {
			t.Errorf("told %d times, want %d; %d events, want %d; %v", told, want, len(got), events, err)
		}
	}
	k.Notify(func() { told++ })
	expect(0, 0, nil)
	send(t, s, 2)
	expect(2, 2, nil)
	k.Detach()
	expect(3, 0, ErrDetached)
	k.Notify(func() { told++ })
	expect(4, 0, ErrDetached)
	send(t, s, 3)
	k = attach(t, s, 2)
	k.Notify(func() { told++ })
	expect(5, 3, nil)
	m.End(s.ID())
	expect(6, 0, ErrClosed)
}

// What sums up the events before it is sent only if none came in between.
func TestSendBehind(t *testing.T) {
	m := newManager(t, Config{})
	s := open(t, m, Identity{User: 1})
	send(t, s, 3)
	for _, newest := range []uint64{0, 2, 4} {
		if _, ok := s.SendBehind(newest, &Event{}); ok || s.Seq() != 3 {
			t.Errorf("sent behind %d", newest)
		}
	}
	if seq, ok := s.SendBehind(3, &Event{}); !ok || seq != 4 || s.Seq() != 4 {
		t.Error(seq, ok)
	}
	m.End(s.ID())
	if _, ok := s.SendBehind(4, &Event{}); ok {
		t.Error("the session has ended")
	}
}

// Clients that lose their sockets again and again, while others send, see each event once
// and in order.
func TestResumeWhileSending(t *testing.T) {
	s := open(t, newManager(t, Config{ReplayEvents: 100_000, ReplayBytes: 1 << 30}), Identity{User: 1})
	const senders, each = 4, 2_000
	var sending sync.WaitGroup
	for range senders {
		sending.Go(func() {
			for range each {
				if _, err := s.Send(&Event{Type: "X"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	seen := uint64(0)
	for seen < senders*each {
		k := attach(t, s, seen)
		for range 1 + seen%5 {
			if seen == senders*each {
				break
			}
			got, err := k.Next(t.Context(), nil, 1+int(seen%50))
			if err != nil {
				t.Fatal(err)
			}
			for _, sent := range got {
				if seen++; sent.Seq != seen {
					t.Fatalf("got %d, want %d", sent.Seq, seen)
				}
			}
		}
		k.Detach()
	}
	sending.Wait()
}

// Sessions without a socket expire after the TTL, those with one do not; a socket that
// comes in between begins the time anew.
func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var ended []string
		m := newManager(t, Config{TTL: time.Minute, OnEnd: func(s *Session, why Reason) {
			ended = append(ended, fmt.Sprintf("%v %v %v", s.User, why, time.Since(begun)))
		}})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- m.Run(ctx) }()
		never, again, stays := open(t, m, Identity{User: 1}), open(t, m, Identity{User: 2}), open(t, m, Identity{User: 3})
		attach(t, stays, 0)
		time.Sleep(50 * time.Second)
		k := attach(t, again, 0)
		time.Sleep(50 * time.Second)
		k.Detach()
		k.Detach()
		if _, err := m.Session(never.ID()); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
		time.Sleep(59 * time.Second)
		if s, err := m.Session(again.ID()); err != nil || s != again {
			t.Error(s, err)
		}
		time.Sleep(time.Hour)
		if m.Len() != 1 || !stays.Attached() {
			t.Errorf("%d sessions are left", m.Len())
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if want := []string{"1 expired 1m0s", "2 expired 2m40s"}; !slices.Equal(ended, want) {
			t.Errorf("%v, want %v", ended, want)
		}
	})
}

// A socket that comes at the moment when its session expires has it, or is told that it
// is gone; it is never taken away.
func TestAttachAtExpiry(t *testing.T) {
	var ends atomic.Int64
	m := newManager(t, Config{TTL: time.Nanosecond, OnEnd: func(*Session, Reason) { ends.Add(1) }})
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = m.Run(ctx) })
	defer running.Wait()
	defer stop()
	kept := 0
	for range 2_000 {
		s := open(t, m, Identity{User: 1})
		k, err := s.Attach(0)
		switch {
		case err == nil:
			if _, err := m.SessionOf(1, s.ID()); err != nil {
				t.Fatal("it has a socket, and:", err)
			}
			if _, err := s.Send(&Event{}); err != nil {
				t.Fatal(err)
			}
			kept++
			m.End(s.ID())
			k.Detach()
		case !errors.Is(err, ErrClosed):
			t.Fatal(err)
		}
	}
	stop()
	running.Wait()
	if n := m.Len(); int(ends.Load())+n != 2_000 {
		t.Errorf("%d ended, %d are there, %d were kept", ends.Load(), n, kept)
	}
}

// Sessions are found by user, and by guild as their shards have it; a member without any
// is offline.
func TestIndexes(t *testing.T) {
	m := newManager(t, Config{})
	all := open(t, m, Identity{User: 1})
	even, odd := open(t, m, Identity{User: 1, Shard: Shard{0, 2}}), open(t, m, Identity{User: 1, Shard: Shard{1, 2}})
	const evenGuild, oddGuild = Snowflake(4 << 22), Snowflake(5<<22 | 1)
	if got := m.OfUser(1); !slices.Equal(got, []*Session{all, even, odd}) {
		t.Error(got)
	}
	if got := m.OfGuild(1, evenGuild); !slices.Equal(got, []*Session{all, even}) {
		t.Error(got)
	}
	if got := m.OfGuild(1, oddGuild); !slices.Equal(got, []*Session{all, odd}) {
		t.Error(got)
	}
	var users []Snowflake
	for user, sessions := range m.OfMembers(slices.Values([]Snowflake{1, 2}), evenGuild) {
		users = append(users, user)
		if len(sessions) != map[Snowflake]int{1: 2, 2: 0}[user] {
			t.Errorf("user %v has %d", user, len(sessions))
		}
	}
	if !slices.Equal(users, []Snowflake{1, 2}) {
		t.Error(users)
	}
	if _, err := m.SessionOf(2, all.ID()); !errors.Is(err, ErrNotFound) {
		t.Errorf("somebody else's: %v", err)
	}
	if !m.End(even.ID()) || m.End(even.ID()) {
		t.Error("it ends once")
	}
	if got := m.OfUser(1); !slices.Equal(got, []*Session{all, odd}) {
		t.Error(got)
	}
	if len(m.All()) != 2 {
		t.Error(m.All())
	}
}

// gathered is the metrics, by name and label.
func gathered(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, metric := range f.GetMetric() {
			words := []string{strings.TrimPrefix(f.GetName(), "eventnode_sessions_")}
			for _, l := range metric.GetLabel() {
				words = append(words, l.GetValue())
			}
			got[strings.Join(words, " ")] = metric.GetCounter().GetValue() + metric.GetGauge().GetValue()
		}
	}
	return got
}

// Limits are named; a manager that stops accepting keeps what it has, a closed one
// nothing.
func TestRefusals(t *testing.T) {
	var ended []Reason
	reg := prometheus.NewRegistry()
	m := newManager(t, Config{MaxSessions: 3, MaxPerUser: 2, Registerer: reg, OnEnd: func(_ *Session, why Reason) { ended = append(ended, why) }})
	s := open(t, m, Identity{User: 1})
	open(t, m, Identity{User: 1})
	limit := func(err error, name string) {
		t.Helper()
		if got, ok := errors.AsType[*eventnode.LimitError](err); !ok || got.Limit != name {
			t.Errorf("%v, want %s", err, name)
		}
	}
	_, err := m.Open(Identity{User: 1})
	limit(err, "max_sessions_per_user")
	open(t, m, Identity{User: 2})
	_, err = m.Open(Identity{User: 3})
	limit(err, "max_sessions")
	if _, err := m.Open(Identity{User: 3, Shard: Shard{2, 2}}); !errors.Is(err, eventnode.ErrInvalidArgument) {
		t.Error(err)
	}
	m.StopAccepting()
	if _, err := m.Open(Identity{User: 3}); !errors.Is(err, ErrNotAccepting) {
		t.Error(err)
	}
	attach(t, s, 0).Detach()
	m.Close()
	if _, err := m.Open(Identity{User: 3}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if _, err := m.Session(s.ID()); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if !slices.Equal(ended, []Reason{Closed, Closed, Closed}) || m.Len() != 0 {
		t.Error(ended)
	}
	want := map[string]float64{
		"sessions": 0, "detached": 0, "attaches_total ok": 1, "ended_total closed": 3,
		"refused_total max_sessions": 1, "refused_total max_per_user": 1, "refused_total not_accepting": 1, "refused_total closed": 1,
	}
	if got := gathered(t, reg); !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if _, err := New(Config{TTL: -1}); !errors.Is(err, eventnode.ErrInvalidArgument) {
		t.Error(err)
	}
	if _, err := New(Config{MaxSessions: -1}); !errors.Is(err, eventnode.ErrInvalidArgument) {
		t.Error(err)
	}
}

// Each form of an event is made once, whoever asks first and for which.
func TestEncodedOnce(t *testing.T) {
	const forms = 6
	e := &Event{Type: "X", Data: json.RawMessage("1")}
	var made [forms]atomic.Int64
	var asking sync.WaitGroup
	for first := range 8 {
		asking.Go(func() {
			for i := range forms {
				f := Form((first + i) % forms)
				b, err := e.Encoded(f, func(e *Event) ([]byte, error) {
					made[f].Add(1)
					return append([]byte{byte(f)}, e.Data...), nil
				})
				if string(b) != string(rune(f))+"1" || err != nil {
					t.Error(f, b, err)
				}
			}
		})
	}
	asking.Wait()
	for f := range made {
		if n := made[f].Load(); n != 1 {
			t.Errorf("form %d was made %d times", f, n)
		}
	}
}

// A form that cannot be made fails for all who ask for it, and for nobody else.
func TestEncodedFails(t *testing.T) {
	e, made := &Event{}, 0
	for range 2 {
		_, err := e.Encoded(3, func(*Event) ([]byte, error) { made++; return nil, ErrClosed })
		if !errors.Is(err, ErrClosed) || made != 1 {
			t.Error(err, made)
		}
	}
	if _, err := e.Encoded(4, func(*Event) ([]byte, error) { return nil, nil }); err != nil {
		t.Error(err)
	}
}

// An event that nobody encodes has a pointer for all its forms.
func TestFormsAreSmall(t *testing.T) {
	if n := unsafe.Sizeof(Event{}.forms); n != unsafe.Sizeof(uintptr(0)) {
		t.Errorf("%d bytes", n)
	}
}

// BenchmarkSend is one event to 10,000 sessions that are attached.
func BenchmarkSend(b *testing.B) {
	m := newManager(b, Config{})
	var all []*Session
	for range 10_000 {
		s := open(b, m, Identity{User: 1 + Snowflake(len(all))})
		attach(b, s, 0)
		all = append(all, s)
	}
	for b.Loop() {
		e := &Event{Type: "X", Data: json.RawMessage(`{}`)}
		for _, s := range all {
			if _, err := s.Send(e); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// Statuses are words in JSON, and what is no status is refused by name.
func TestStatus(t *testing.T) {
	for _, s := range []Status{Offline, Invisible, DoNotDisturb, Idle, Online} {
		b, err := json.Marshal(Presence{Status: s})
		var got Presence
		if err != nil || json.Unmarshal(b, &got) != nil || got.Status != s {
			t.Errorf("%v became %s, %v, and that %v", s, b, err, got.Status)
		}
	}
	if err := json.Unmarshal([]byte(`{"status":"asleep"}`), &Presence{}); err == nil || !strings.Contains(err.Error(), "asleep") {
		t.Error(err)
	}
}

// What a client is told in the beginning is kept until it was taken, whatever the bounds, and
// no longer; what comes after it has bounds of its own, and who falls out of these is told.
func TestGreet(t *testing.T) {
	m := newManager(t, Config{ReplayEvents: 3})
	greeted := func() *Session {
		s := open(t, m, Identity{User: 7})
		for i := range 10 {
			s.Greet(&Event{Type: "G", Data: json.RawMessage(fmt.Sprint(i + 1))})
		}
		send(t, s, 3)
		return s
	}
	s := greeted()
	k := attach(t, s, 0)
	if got, err := k.Take(nil, 4); err != nil || len(got) != 4 {
		t.Fatal(got, err)
	}
	k.Detach()
	k = attach(t, s, 4)
	if got, err := k.Take(nil, 100); err != nil || len(got) != 9 {
		t.Fatal(got, err)
	}
	if n, _ := s.Kept(); n != 3 {
		t.Errorf("%d are kept", n)
	}
	s = greeted()
	k = attach(t, s, 0)
	send(t, s, 1)
	if _, err := k.Take(nil, 1); err == nil {
		t.Error("who is too slow is told of no gap")
	}
	m.End(s.ID())
	s.Greet(&Event{})
	if n := s.Seq(); n != 14 {
		t.Errorf("a session that has ended was greeted: %d", n)
	}
}

// Taken waits until a socket has taken an event, and no longer than the socket, the session
// or the caller is there.
func TestTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(t, Config{})
		s := open(t, m, Identity{User: 7})
		send(t, s, 3)
		if err := s.Taken(t.Context(), 1); !errors.Is(err, ErrDetached) {
			t.Error("without a socket:", err)
		}
		k := attach(t, s, 0)
		var got error
		var done atomic.Bool
		wait := func(ctx context.Context) {
			done.Store(false)
			go func() { got = s.Taken(ctx, 3); done.Store(true) }()
			synctest.Wait()
		}
		take := func(n int) {
			if _, err := k.Take(nil, n); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		wait(t.Context())
		if take(2); done.Load() {
			t.Error("it did not wait:", got)
		}
		if take(1); !done.Load() || got != nil {
			t.Error("it was taken:", got)
		}
		send(t, s, 1)
		k.Detach()
		k = attach(t, s, 0)
		ctx, cancel := context.WithCancel(t.Context())
		wait(ctx)
		cancel()
		if synctest.Wait(); !errors.Is(got, context.Canceled) {
			t.Error("the caller left:", got)
		}
		wait(t.Context())
		k.Detach()
		k = attach(t, s, 0)
		if synctest.Wait(); !errors.Is(got, ErrDetached) {
			t.Error("another socket:", got)
		}
		wait(t.Context())
		m.End(s.ID())
		if synctest.Wait(); !errors.Is(got, ErrClosed) {
			t.Error("it ended:", got)
		}
	})
}
