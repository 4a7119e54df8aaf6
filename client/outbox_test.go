package client

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// The outbox against a plain account, over random schedules of adding, sending,
// answering, refusing and breaking: each event ends once, as what it was; each
// is sent at most once, in order; numbers begin with 1 on each stream.
func TestOutboxAccountsForEveryEvent(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	for run := range uint64(150) {
		newOutboxModel(t, rand.New(rand.NewPCG(seed, run))).run()
	}
}

type outboxModel struct {
	t      *testing.T
	random *rand.Rand
	out    *outbox

	added   int
	sent    []string // names, in order
	stream  []string // of them, on the present stream
	handled int      // of them, answered

	refused, unknown int // to be reported
	waiters          map[int]*waiter
	fate             map[int]string // of those with waiters
}

func newOutboxModel(t *testing.T, random *rand.Rand) *outboxModel {
	return &outboxModel{t: t, random: random, out: newOutbox(20_000), waiters: map[int]*waiter{}, fate: map[int]string{}}
}

func (m *outboxModel) run() {
	m.out.begin()
	for range 200 {
		switch m.random.IntN(10) {
		case 0, 1, 2, 3:
			m.add()
		case 4, 5, 6:
			m.send()
		case 7, 8:
			m.answer()
		case 9:
			m.breakUp()
		}
	}
	m.breakUp()
	for m.send() {
	}
	for m.handled < len(m.stream) {
		m.answer()
	}
	m.check()
}

func (m *outboxModel) add() {
	var w *waiter
	opts := eventnode.DispatchOptions{Receipt: m.random.IntN(5) == 0}
	if opts.Receipt || m.random.IntN(4) == 0 {
		w = &waiter{receipt: opts.Receipt, done: make(chan struct{})}
	}
	ev := event.New(fmt.Sprint(m.added), make([]byte, m.random.IntN(2000)))
	room, err := m.out.add([]string{"topic:a"}, &ev, opts, w)
	if err != nil {
		m.t.Fatal(err)
	}
	if room != nil {
		if m.out.held < m.out.window {
			m.t.Fatalf("full with %d of %d bytes", m.out.held, m.out.window)
		}
		return
	}
	if w != nil {
		m.waiters[m.added] = w
	}
	m.added++
}

func (m *outboxModel) send() bool {
	b := m.out.take()
	if b == nil {
		return false
	}
	var req eventnodev1.DispatchStreamRequest
	if err := proto.Unmarshal(*b, &req); err != nil {
		m.t.Fatal(err)
	}
	if len(req.GetTracked()) > 0 && len(req.GetEnvelopes()) > 0 {
		m.t.Fatal("a frame has both kinds")
	}
	for _, e := range req.GetTracked() {
		m.stream = append(m.stream, e.GetEnvelope().GetEvent().GetName())
	}
	for _, e := range req.GetEnvelopes() {
		m.stream = append(m.stream, e.GetEvent().GetName())
	}
	return true
}

// answer handles some of what was sent, refuses some of that, and gives
// receipts.
func (m *outboxModel) answer() {
	n := m.random.IntN(len(m.stream) - m.handled + 1)
	r := &eventnodev1.DispatchStreamResponse{Handled: uint64(m.handled + n)}
	for i := m.handled; i < m.handled+n; i++ {
		var id int
		_, _ = fmt.Sscan(m.stream[i], &id)
		w := m.waiters[id]
		number := uint64(i + 1)
		switch {
		case m.random.IntN(5) == 0:
			r.Refusals = append(r.Refusals, &eventnodev1.Refusal{Number: number, Reason: "BAD_TOPIC", Message: m.stream[i]})
			if m.fate[id] = "refused"; w == nil {
				m.refused++
			}
		case w != nil && w.receipt:
			r.Receipts = append(r.Receipts, &eventnodev1.NumberedReceipt{Number: number, Receipt: &eventnodev1.Receipt{Reached: uint64(id)}})
			m.fate[id] = "receipt"
		default:
			m.fate[id] = "accepted"
		}
	}
	m.handled += n
	if err := m.out.answer(r); err != nil {
		m.t.Fatal(err)
	}
}

func (m *outboxModel) breakUp() {
	for _, name := range m.stream[m.handled:] {
		var id int
		_, _ = fmt.Sscan(name, &id)
		if m.fate[id] = "unknown"; m.waiters[id] == nil {
			m.unknown++
		}
	}
	m.sent = append(m.sent, m.stream...)
	m.stream, m.handled = nil, 0
	m.out.broken(errors.New("cable"))
	m.out.begin()
}

func (m *outboxModel) check() {
	m.sent = append(m.sent, m.stream...)
	want := make([]string, m.added)
	for i := range want {
		want[i] = fmt.Sprint(i)
	}
	if !slices.Equal(m.sent, want) {
		m.t.Fatalf("sent %v of %d", m.sent, m.added)
	}
	for id, w := range m.waiters {
		select {
		case <-w.done:
		default:
			m.t.Fatalf("event %d (%s): still waits", id, m.fate[id])
		}
		got := "accepted"
		switch {
		case errors.Is(w.err, eventnode.ErrBadTopic):
			got = "refused"
		case errors.Is(w.err, eventnode.ErrOutcomeUnknown):
			got = "unknown"
		case w.receipt && w.got.Reached == id:
			got = "receipt"
		}
		if got != m.fate[id] {
			m.t.Fatalf("event %d: %s (%v), want %s", id, got, w.err, m.fate[id])
		}
	}
	if m.out.held != 0 || m.out.answered != uint64(m.added) || len(m.out.receipts) != 0 {
		m.t.Fatalf("left: %d bytes, answered %d of %d, %d receipts", m.out.held, m.out.answered, m.added, len(m.out.receipts))
	}
	if m.out.refused.Count != m.refused || m.out.unknown != m.unknown {
		m.t.Fatalf("to be reported: %d refused, %d unknown, want %d, %d", m.out.refused.Count, m.out.unknown, m.refused, m.unknown)
	}
}

// A node that answers what was not sent does not speak the protocol.
func TestOutboxAnswersOutOfRange(t *testing.T) {
	out := newOutbox(1 << 20)
	out.begin()
	ev := event.New("n", nil)
	if _, err := out.add([]string{"topic:a"}, &ev, eventnode.DispatchOptions{}, nil); err != nil {
		t.Fatal(err)
	}
	for _, handled := range []uint64{1, 2, 1 << 63} { // nothing was sent yet
		if err := out.answer(&eventnodev1.DispatchStreamResponse{Handled: handled}); err == nil {
			t.Errorf("handled %d of 0: no error", handled)
		}
	}
	out.take()
	for _, r := range []*eventnodev1.DispatchStreamResponse{
		{Handled: 1},
		{Receipts: []*eventnodev1.NumberedReceipt{{Number: 77}, {}}}, // receipts alone, for nobody
		{Handled: 1, Refusals: []*eventnodev1.Refusal{{Number: 99}}},
	} {
		if err := out.answer(r); err != nil {
			t.Errorf("%v: %v", r, err)
		}
	}
}

// BenchmarkDispatchEncode is what Dispatch costs an event up to the frame:
// checks, encoding, account.
func BenchmarkDispatchEncode(b *testing.B) {
	for _, size := range []int{16, 128, 1024} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			out := newOutbox(1 << 40)
			ev := event.New("user_created", make([]byte, size))
			topics := []string{"topic:a"}
			handled := 0
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				if err := errors.Join(checkTopics(topics), ev.Validate()); err != nil {
					b.Fatal(err)
				}
				if _, err := out.add(topics, &ev, eventnode.DispatchOptions{}, nil); err != nil {
					b.Fatal(err)
				}
				if handled++; handled%1000 == 0 {
					for out.take() != nil {
					}
					_ = out.answer(&eventnodev1.DispatchStreamResponse{Handled: uint64(handled)})
				}
			}
		})
	}
}

// A receipt that comes before its event is said to be handled is not lost.
func TestOutboxReceiptBeforeHandled(t *testing.T) {
	out := newOutbox(1 << 20)
	out.begin()
	ev := event.New("n", nil)
	w := &waiter{receipt: true, done: make(chan struct{})}
	if _, err := out.add([]string{"topic:a"}, &ev, eventnode.DispatchOptions{Receipt: true}, w); err != nil {
		t.Fatal(err)
	}
	out.take()
	for _, r := range []*eventnodev1.DispatchStreamResponse{
		{Receipts: []*eventnodev1.NumberedReceipt{{Number: 1, Receipt: &eventnodev1.Receipt{Reached: 3}}}},
		{Handled: 1},
	} {
		if err := out.answer(r); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-w.done:
		if w.got.Reached != 3 || w.err != nil {
			t.Errorf("got %+v, %v", w.got, w.err)
		}
	default:
		t.Error("still waiting")
	}
}
