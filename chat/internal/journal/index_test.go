package journal

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

func nobody(string) ([]sessions.Snowflake, bool) { return nil, false }

func newIndex(c Config) *Index {
	if c.Window == 0 {
		c.Window = time.Minute
	}
	if c.Events == 0 {
		c.Events = 100
	}
	if c.Bytes == 0 {
		c.Bytes = 1 << 20
	}
	c.Audience = nobody
	return NewIndex(c)
}

// add adds what a queue has gathered, at a time.
func add(t testing.TB, x *Index, ms int64, q *Queue) {
	t.Helper()
	q.Alive()
	for i, e := range q.Entries() {
		data, err := proto.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if e, err = Decode(data); err != nil {
			t.Fatal(err)
		}
		x.Add(eventnode.Position{MS: ms, Seq: uint64(i)}, e)
	}
}

func opened(q *Queue, id string, number, seq uint64) {
	q.Opened(&storagev1.ChatOpened{
		SessionId: id, UserId: 7, Number: number, Generation: 1, Seq: seq, Complete: true,
		Record: &clusterv1.ChatRecord{Subscriptions: []*eventnodev1.ChatSubscription{{Topic: "room:1"}}},
	})
}

func made(n int) *sessions.Event {
	return &sessions.Event{Type: "MADE", Data: fmt.Appendf(nil, `"%d"`, n)}
}

// What an index does not have any more is a gap of the right size, and what a client
// claims too much is refused.
func TestGaps(t *testing.T) {
	x, q := newIndex(Config{Events: 10}), NewQueue(1, "n", 0, 100)
	opened(q, "s", 1, 0)
	for seq := range uint64(25) {
		q.Sent(1, seq+1, made(int(seq)))
	}
	q.Sent(1, 26, &sessions.Event{Type: "LARGE", Data: []byte(strings.Repeat(" ", 101))})
	q.Sent(1, 27, made(27))
	add(t, x, 1000, q)
	if log, _, err := x.Log("s", 26); err != nil || len(log) != 1 || string(log[0].Data) != `"27"` {
		t.Errorf("%v, %v", log, err)
	}
	for seen, missing := range map[uint64]uint64{25: 1, 20: 6, 3: 23} {
		_, _, err := x.Log("s", seen)
		if gap, ok := errors.AsType[*sessions.GapError](err); !ok || gap.First != seen+1 || gap.Missing != missing && seen != 3 {
			t.Errorf("behind %d: %v, want %d", seen, err, missing)
		}
	}
	if _, _, err := x.Log("s", 28); !errors.Is(err, sessions.ErrAhead) {
		t.Error("ahead:", err)
	}
	if _, _, err := x.Log("other", 0); !errors.Is(err, sessions.ErrNotFound) {
		t.Error("unknown:", err)
	}
	if _, _, ok := x.Session(8, "s"); ok {
		t.Error("it is somebody else's")
	}
}

// A session that has ended is not there any more, nor one of which nothing was said for a
// window; one that is told of again is, with the number up to which it was sent events.
func TestForget(t *testing.T) {
	x := newIndex(Config{Window: time.Second})
	q := NewQueue(1, "n", 0, 100)
	for n, id := range []string{"", "kept", "silent", "ended"} {
		if n > 0 {
			opened(q, id, uint64(n), 0)
			q.Sent(uint64(n), 1, made(n))
		}
	}
	add(t, x, 1000, q)
	q = NewQueue(1, "n", 0, 100)
	opened(q, "kept", 1, 1)
	q.Ended(3)
	add(t, x, 1900, q)
	add(t, x, 2500, NewQueue(2, "m", 0, 100))
	for id, want := range map[sessions.ID]bool{"kept": true, "silent": false, "ended": false} {
		if _, _, ok := x.Session(7, id); ok != want {
			t.Errorf("%s is there: %v", id, ok)
		}
	}
	if log, _, err := x.Log("kept", 1); err != nil || len(log) != 0 {
		t.Errorf("%v, %v", log, err)
	}
	if _, _, err := x.Log("kept", 0); err == nil {
		t.Error("what is gone was not missed")
	}
	if _, _, err := x.Log("kept", 2); !errors.Is(err, sessions.ErrAhead) {
		t.Error("ahead:", err)
	}
}

// An index stays within its bytes, and holds nothing when all is old.
func TestBytes(t *testing.T) {
	x := newIndex(Config{Bytes: 10_000, Window: time.Second})
	q := NewQueue(1, "n", 0, 1000)
	opened(q, "s", 1, 0)
	for n := range uint64(500) {
		o := sessions.Origin{Node: 1, Number: n + 1}
		q.Dispatched(o.Number, &eventnodev1.ChatServiceDispatchRequest{Topics: []string{"room:1"}, Data: make([]byte, 100)})
		q.Sent(1, n+1, &sessions.Event{Origin: o})
		q.Handled(o)
	}
	add(t, x, 1000, q)
	if x.Bytes() > 10_000 || x.Bytes() < 5_000 {
		t.Errorf("%d bytes", x.Bytes())
	}
	if log, _, err := x.Log("s", 490); err != nil || len(log) != 10 {
		t.Errorf("%d of the newest: %v", len(log), err)
	}
	if len(x.Unsent("s")) != 0 {
		t.Error("handled events are unsent")
	}
	add(t, x, 10_000, NewQueue(2, "m", 0, 100))
	if x.Bytes() != 0 || len(x.things)+len(x.byTopic)+len(x.byUser)+len(x.sessions)+len(x.oldest) != 0 {
		t.Errorf("%d bytes are left", x.Bytes())
	}
}

// What is said twice counts once, and what was sent without a word of what came before is
// not taken for the next event.
func TestSaidTwice(t *testing.T) {
	x, q := newIndex(Config{}), NewQueue(1, "n", 0, 100)
	opened(q, "s", 1, 0)
	for _, seq := range []uint64{1, 2, 1, 2, 3} {
		q.Sent(1, seq, made(int(seq)))
	}
	add(t, x, 1000, q)
	if log, _, err := x.Log("s", 0); err != nil || len(log) != 3 || string(log[2].Data) != `"3"` {
		t.Errorf("%v, %v", log, err)
	}
	q = NewQueue(1, "n", 0, 100)
	q.Sent(1, 9, made(9))
	add(t, x, 1001, q)
	if _, _, err := x.Log("s", 3); err == nil {
		t.Error("a hole was not seen")
	}
	if log, _, err := x.Log("s", 8); err != nil || len(log) != 1 {
		t.Errorf("%v, %v", log, err)
	}
}

// Whatever the bytes are, an entry of them is refused or read, without harm to the index.
func FuzzDecode(f *testing.F) {
	q := NewQueue(1, "n", 5, 100)
	opened(q, "s", 1, 0)
	q.Dispatched(1, &eventnodev1.ChatServiceDispatchRequest{Topics: []string{"room:1"}})
	q.Sent(1, 1, made(1))
	q.Sent(1, 2, &sessions.Event{Origin: sessions.Origin{Node: 1, Number: 1}})
	q.Handled(sessions.Origin{Node: 1, Number: 2})
	q.Ended(2)
	data, err := proto.Marshal(q.Entries()[0])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data, data)
	f.Fuzz(func(t *testing.T, a, b []byte) {
		x := newIndex(Config{Events: 3, Bytes: 1000})
		for i, data := range [][]byte{a, b, a} {
			e, err := Decode(data)
			if err != nil {
				if !errors.Is(err, eventnode.ErrInvalidArgument) {
					t.Fatal(err)
				}
				continue
			}
			x.Add(eventnode.Position{MS: int64(i * 1000)}, e)
		}
		for id, p := range x.sessions {
			for seen := range uint64(5) {
				log, _, err := x.Log(id, seen)
				if err == nil && len(log) > len(p.events) {
					t.Fatalf("%d of %d events", len(log), len(p.events))
				}
			}
			x.Unsent(id)
		}
		if x.Bytes() < 0 {
			t.Fatal(x.Bytes())
		}
	})
}

// BenchmarkStorm is an index of 10,000 sessions and 100,000 events, and what each of the
// sessions is to be sent.
func BenchmarkStorm(b *testing.B) {
	const many = 10_000
	q := NewQueue(1, "n", 0, 1000)
	for n := range uint64(many) {
		opened(q, fmt.Sprint("s", n), n, 0)
	}
	for n := range uint64(10 * many) {
		o := sessions.Origin{Node: 2, Number: n + 1}
		q.Sent(n%many, n/many+1, &sessions.Event{Origin: o})
		q.Handled(o)
	}
	other := NewQueue(2, "m", 0, 1000)
	for n := range uint64(10 * many) {
		other.Dispatched(n+1, &eventnodev1.ChatServiceDispatchRequest{Topics: []string{fmt.Sprint("room:", n%100)}, Type: "X", Data: make([]byte, 128)})
	}
	for b.Loop() {
		x := newIndex(Config{Bytes: 1 << 30, Slack: time.Second})
		add(b, x, 1000, q)
		add(b, x, 1001, other)
		for n := range many {
			id := sessions.ID(fmt.Sprint("s", n))
			if log, _, err := x.Log(id, 5); err != nil || len(log) != 5 {
				b.Fatal(len(log), err)
			}
			x.Unsent(id)
		}
	}
}
