package hands

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// server is a node as a consumer sees it: a dumb one, event by event.
type server struct {
	t       testing.TB
	streams []string
	events  []*served // in the order in which they are delivered
	epoch   uint64
	wait    time.Duration
	keyed   bool
	oneKey  bool // keyed, and each stream is one key

	credit  amount
	given   int // messages with credit
	told    int // of which it was told that there is nothing
	down    []*Message
	results int
	settled uint64 // the last request to settle that it took
	closed  bool
}

// served is one event.
type served struct {
	stream     int
	number     uint64
	epoch      uint64 // in whose hands; 0: nobody's
	deliveries int
	acked      int
	dead       bool
	putOff     bool // it was nacked, and comes later
}

func newServer(t testing.TB, streams ...string) *server {
	return &server{t: t, streams: streams, wait: time.Minute}
}

// publish adds n events to a stream.
func (s *server) publish(stream, n int) {
	last := uint64(0)
	for _, e := range s.events {
		if e.stream == stream {
			last = max(last, e.number)
		}
	}
	for i := range n {
		s.events = append(s.events, &served{stream: stream, number: last + uint64(i) + 1})
	}
	s.told = -1
}

// open opens a call; what was on the way is lost.
func (s *server) open() {
	s.epoch++
	s.credit, s.given, s.told, s.settled, s.down = amount{}, 0, -1, 0, nil
}

// step delivers what there is credit for, or tells that there is nothing.
func (s *server) step() {
	out := s.fetch()
	if len(out) > 0 {
		s.told = -1
		s.deliver(out)
		return
	}
	if s.told != s.given && s.credit.events > 0 && s.credit.bytes > 0 {
		s.told = s.given
		s.send(&eventnodev1.ConsumeResponse{Idle: true}, nil)
	}
}

// fetch is what can be delivered now.
func (s *server) fetch() (out []*served) {
	if s.oneKey {
		return s.fetchKeyed()
	}
	for _, e := range s.events { // what was in hand is first
		if s.fits(len(out)) && e.epoch > 0 && e.epoch < s.epoch {
			out = append(out, e)
		}
	}
	for _, e := range s.events {
		if s.fits(len(out)) && e.epoch == 0 && e.acked == 0 && !e.dead {
			out = append(out, e)
		}
	}
	return out
}

// fetchKeyed leaves out what was put off, and what is behind an event of its key that
// nobody has in hand now.
func (s *server) fetchKeyed() (out []*served) {
	heldUp := map[int]bool{}
	for _, e := range s.events {
		switch {
		case e.acked > 0 || e.dead || e.epoch == s.epoch:
		case e.putOff || heldUp[e.stream] || !s.fits(len(out)):
			heldUp[e.stream] = true
		default:
			out = append(out, e)
		}
	}
	return out
}

func (s *server) fits(n int) bool { return n < min(s.credit.events, 7) && s.credit.bytes > 0 }

// deliver sends events, in the order of streams.
func (s *server) deliver(out []*served) {
	slices.SortStableFunc(out, func(a, b *served) int { return a.stream - b.stream })
	m := &eventnodev1.ConsumeResponse{}
	var records []byte
	for _, e := range out {
		e.epoch = s.epoch
		e.deliveries++
		m.Deliveries = append(m.Deliveries, &eventnodev1.Delivery{
			Stream: uint32(e.stream), Deliveries: uint32(e.deliveries), AckWait: durationpb.New(s.wait), Keyed: s.keyed, After: s.settled,
			Slices: []*eventnodev1.Slice{{First: &eventnodev1.Position{Ms: 1, Seq: e.number}, Count: 1, Number: e.number}},
		})
		ev := event.New(fmt.Sprintf("%d-%d", e.stream, e.number), nil)
		records = wire.AppendEnvelope(records, nil, &ev)
	}
	s.credit = s.credit.minus(amount{len(out), len(records)})
	s.send(m, records)
}

func (s *server) send(m *eventnodev1.ConsumeResponse, records []byte) {
	s.t.Helper()
	head, err := proto.Marshal(m)
	if err != nil {
		s.t.Fatal(err)
	}
	parsed, err := Parse(wire.Piece{Data: append(head, records...)})
	if err != nil {
		s.t.Fatal(err)
	}
	s.down = append(s.down, parsed)
}

// take takes a request.
func (s *server) take(req *eventnodev1.ConsumeRequest) {
	switch r := req.GetRequest().(type) {
	case *eventnodev1.ConsumeRequest_Credit:
		s.credit = s.credit.plus(amount{int(r.Credit.GetEvents()), int(r.Credit.GetBytes())})
		s.given++
	case *eventnodev1.ConsumeRequest_Settle:
		s.settle(r.Settle)
	case *eventnodev1.ConsumeRequest_Close:
		s.closed = true
	}
}

func (s *server) settle(m *eventnodev1.SettleEvents) {
	s.settled = m.GetRequest()
	res := &eventnodev1.SettleResult{Request: m.GetRequest()}
	for _, se := range m.GetEvents() {
		for _, r := range se.GetNumbers() {
			for n := r.GetFrom(); n <= r.GetTo(); n++ {
				e := s.find(int(se.GetStream()), n)
				switch {
				case e.epoch == s.epoch:
					res.Settled++
					s.say(e, m.GetVerb())
				case e.acked > 0 || e.dead:
					res.Already++
				default:
					res.Missed++
				}
			}
		}
	}
	if res.Settled+res.Already == 0 {
		res.ErrorReason = "NOT_PENDING"
	}
	s.results++
	s.send(&eventnodev1.ConsumeResponse{Results: []*eventnodev1.SettleResult{res}}, nil)
}

func (s *server) say(e *served, verb eventnodev1.Verb) {
	switch verb {
	case eventnodev1.Verb_VERB_ACK:
		e.acked, e.epoch = e.acked+1, 0
	case eventnodev1.Verb_VERB_TERMINATE:
		e.dead, e.epoch = true, 0
	case eventnodev1.Verb_VERB_NACK:
		e.epoch, e.putOff = 0, s.oneKey
	case eventnodev1.Verb_VERB_NACK_SILENT:
		e.epoch = 0
		e.deliveries--
	default:
	}
}

func (s *server) find(stream int, number uint64) *served {
	for _, e := range s.events {
		if e.stream == stream && e.number == number {
			return e
		}
	}
	s.t.Fatalf("no event %d of stream %d", number, stream)
	return nil
}

// world is a consumer and its node.
type world struct {
	*server
	h       *Hands
	now     time.Time
	refused []error
}

func newWorld(t testing.TB, cfg Config, streams ...string) *world {
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = 1 << 20
	}
	w := &world{server: newServer(t, streams...), h: New(cfg), now: time.Unix(1000, 0)}
	w.open()
	return w
}

func (w *world) open() {
	w.server.open()
	w.h.Open(w.streams, w.epoch)
}

// up passes on what the consumer says, n requests at most.
func (w *world) up(n int) (step Step) {
	for ; n > 0; n-- {
		var req *eventnodev1.ConsumeRequest
		if req, step = w.h.Next(); step != Send {
			return step
		}
		w.take(req)
	}
	return Send
}

// downOne passes on one message of the node.
func (w *world) downOne() bool {
	w.t.Helper()
	if len(w.down) == 0 {
		return false
	}
	m := w.down[0]
	w.down = w.down[1:]
	refused, err := w.h.Receive(m, w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	w.refused = append(w.refused, refused...)
	return true
}

// settleDown has both sides say all they have to say.
func (w *world) settleDown() {
	w.t.Helper()
	for range 10_000 {
		w.up(100)
		w.step()
		if !w.downOne() {
			if _, step := w.h.Next(); step != Wait {
				w.t.Fatal("more to say")
			}
			return
		}
	}
	w.t.Fatal("they never stop talking")
}

// batch takes the batch that must be there.
func (w *world) batch() (*Batch, []*eventnode.StreamDelivery) {
	w.t.Helper()
	if !w.h.Ready() {
		w.t.Fatal("there is no batch")
	}
	b := w.h.Take()
	var d wire.Decoder
	events, bad := b.Decode(&d, nil)
	if len(bad) > 0 || len(events) != b.Count() {
		w.t.Fatalf("%d events and %d bad ones of %d", len(events), len(bad), b.Count())
	}
	return b, events
}

func names(events []*eventnode.StreamDelivery) (out []string) {
	for _, d := range events {
		out = append(out, d.Event().Name)
	}
	return out
}

// next wants a batch of these events, and leaves it to be worked on.
func (w *world) next(want ...string) (*Batch, []*eventnode.StreamDelivery) {
	w.t.Helper()
	b, events := w.batch()
	if got := names(events); !slices.Equal(got, want) {
		w.t.Errorf("got %v, want %v", got, want)
	}
	return b, events
}

// state is how often events were acked.
func (w *world) wantAcked(times ...int) {
	w.t.Helper()
	var got []int
	for _, e := range w.events {
		got = append(got, e.acked)
	}
	if !slices.Equal(got, times) {
		w.t.Errorf("acked %v times, want %v", got, times)
	}
}
