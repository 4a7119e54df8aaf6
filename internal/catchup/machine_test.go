package catchup

import (
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// story is a machine with a clock and a stream, for stories that are told step by
// step.
type story struct {
	*Machine
	t      testing.TB
	now    time.Time
	stream []eventnode.StreamEvent
	shown  int
	round  uint64
}

const topic = "topic:a"

func newStory(t testing.TB, cfg Config) *story {
	if cfg.Topics == nil {
		cfg.Topics = []string{topic}
	}
	s := &story{t: t, now: time.Unix(1_700_000_000, 0)}
	s.Machine = NewMachine(cfg, Place{}, s.now)
	return s
}

func (s *story) wait(d time.Duration) { s.now = s.now.Add(d) }

// made makes an event.
func made(name string) event.Event { return event.New(name, nil) }

// arrive has events arrive live.
func (s *story) arrive(evs ...event.Event) {
	for _, ev := range evs {
		s.Arrive(s.now, eventnode.Delivery{Topics: []string{topic}, Event: ev})
	}
}

func (s *story) arriveGap() {
	s.Arrive(s.now, eventnode.Delivery{Gap: &eventnode.Gap{Node: "n2", Count: 2, Known: true, Reason: eventnode.GapLinkLost}})
}

// record appends events to the stream.
func (s *story) record(topic string, evs ...event.Event) {
	for _, ev := range evs {
		n := uint64(len(s.stream) + 1)
		at := eventnode.Position{MS: int64(n)}
		s.stream = append(s.stream, eventnode.StreamEvent{Position: at, Number: n, Topics: []string{topic}, Event: ev})
	}
}

// end is where the stream ends.
func (s *story) end() Place {
	if len(s.stream) == 0 {
		return Place{}
	}
	last := s.stream[len(s.stream)-1]
	return Place{last.Position, last.Number}
}

// mark takes a mark if one is wanted.
func (s *story) mark() {
	if s.WantsMark(s.now) {
		s.Mark(s.now, s.end())
	}
}

// show shows what there is room for. It reports how many events were read anew.
func (s *story) show() (read int) {
	for {
		after, round, ok := s.Reading()
		if !ok {
			return read
		}
		if round != s.round {
			s.round, s.shown = round, 0
			for s.shown < len(s.stream) && s.stream[s.shown].Position.Compare(after) <= 0 {
				s.shown++
			}
		}
		if s.shown == len(s.stream) || !s.Room() {
			return read
		}
		s.Show(s.now, s.stream[s.shown])
		s.shown++
		read++
	}
}

// settle lets so much time pass in small steps.
func (s *story) settle(d time.Duration) {
	for end := s.now.Add(d); s.now.Before(end); s.wait(100 * time.Millisecond) {
		s.show()
		s.Tick(s.now)
		s.mark()
	}
}

// wants takes all there is, and compares.
func (s *story) wants(want ...string) {
	s.t.Helper()
	var got []string
	for {
		d, ok := s.Take()
		if !ok {
			break
		}
		if d.Gap != nil {
			got = append(got, "gap "+d.Gap.Reason.String())
			continue
		}
		got = append(got, d.Event.Name)
	}
	if len(got) != len(want) {
		s.t.Fatalf("got %q, want %q", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			s.t.Fatalf("got %q, want %q", got, want)
		}
	}
}

func (s *story) isLive(want bool) {
	s.t.Helper()
	if _, _, catching := s.Reading(); catching == want {
		s.t.Fatalf("live: %v, want %v", !catching, want)
	}
}

// What a gap tells of is read from the stream and comes in its place, once; then it is
// live again.
func TestGapIsFilled(t *testing.T) {
	s := newStory(t, Config{})
	a, b, c, d := made("a"), made("b"), made("c"), made("d")
	s.arrive(a)
	s.wants("a")
	s.record(topic, a, b)
	s.arriveGap()
	s.isLive(false)
	s.arrive(c) // is parked
	s.wants()
	s.show()
	s.wants("b")
	s.record(topic, c)
	s.show()
	s.arrive(c, b) // later than the stream
	s.wants("c")
	s.settle(6 * time.Second)
	s.isLive(true)
	s.arrive(d, c)
	s.wants("d")
}

// What is for other topics, and what was published to the stream by others, is passed
// over.
func TestOtherTopicsArePassedOver(t *testing.T) {
	s := newStory(t, Config{})
	s.arriveGap()
	s.record("topic:b", made("x"))
	s.record(topic, made("a"))
	s.stream = append(s.stream, eventnode.StreamEvent{Position: eventnode.Position{MS: 9}, Number: 3, Event: made("y")})
	s.settle(6 * time.Second)
	s.wants("a")
	s.isLive(true)
}

// What a pattern stands for is filled in, and what the filter does not want is not.
func TestPatternsAndFiltersAreThoseOfTheLiveOne(t *testing.T) {
	s := newStory(t, Config{Topics: []string{"topic:orders.*"}, Filter: eventnode.Filter{Names: []string{"a", "c"}}})
	s.arriveGap()
	s.record("topic:orders.eu", made("a"), made("b"))
	s.record("topic:orders.eu.paid", made("a"))
	s.record("topic:orders.us", made("c"))
	s.settle(6 * time.Second)
	s.wants("a", "c")
	s.isLive(true)
}

// What retention removed before it could be read is a gap at its place.
func TestTrimmedStreamIsAGap(t *testing.T) {
	s := newStory(t, Config{})
	s.arriveGap()
	s.record(topic, made("a"), made("b"), made("c"), made("d"), made("e"))
	s.stream = append(s.stream[1:2], s.stream[4])
	s.settle(6 * time.Second)
	s.wants("gap link_lost", "b", "gap link_lost", "e")
	s.isLive(true)
}

// What arrives while nobody records is held back for a while, and then comes behind
// the gap.
func TestNobodyRecords(t *testing.T) {
	s := newStory(t, Config{})
	s.arriveGap()
	s.arrive(made("a"), made("b"))
	s.settle(14 * time.Second)
	s.wants()
	s.settle(3 * time.Second)
	s.wants("gap link_lost", "a", "b")
	s.isLive(true)
}

// A stream that cannot be read holds nothing back for longer than that, either; and
// one that fails for good does not at all.
func TestStreamCannotBeRead(t *testing.T) {
	s := newStory(t, Config{})
	s.arriveGap()
	s.arrive(made("a"))
	for range 200 {
		s.wait(100 * time.Millisecond)
		s.Trouble(s.now)
		s.Tick(s.now)
	}
	s.wants("gap link_lost", "a")
	s.isLive(true)
	s.arriveGap()
	s.arrive(made("b"))
	s.Fail(s.now)
	s.wants("gap link_lost", "b")
}

// Without a connection nothing is given up.
func TestWithoutConnectionItWaits(t *testing.T) {
	s := newStory(t, Config{})
	s.arriveGap()
	for range 600 {
		s.wait(100 * time.Millisecond)
		s.Stall(s.now)
		s.Tick(s.now)
	}
	s.isLive(false)
	s.record(topic, made("a"))
	s.settle(6 * time.Second)
	s.wants("a")
	s.isLive(true)
}

// A slow owner loses nothing: what has no room in the queue, nor in the park, is read
// from the stream.
func TestSlowOwnerReadsTheStream(t *testing.T) {
	s := newStory(t, Config{QueueEvents: 4})
	var want []string
	for i := range 30 {
		ev := made(string(rune('a' + i)))
		want = append(want, ev.Name)
		s.record(topic, ev)
		s.arrive(ev)
		if i%3 == 0 {
			s.settle(200 * time.Millisecond)
		}
	}
	s.isLive(false)
	var got []string
	for range 400 {
		s.settle(100 * time.Millisecond)
		if d, ok := s.Take(); ok {
			if d.Gap != nil {
				t.Fatalf("a gap after %q", got)
			}
			got = append(got, d.Event.Name)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	s.isLive(true)
}

// Where too much was delivered since the newest mark to be remembered, the gap is told:
// nothing comes twice.
func TestTooMuchToRememberIsAGap(t *testing.T) {
	s := newStory(t, Config{MaxIDs: 8})
	var want []string
	for i := range 20 {
		ev := made(string(rune('a' + i)))
		s.record(topic, ev)
		s.wait(time.Millisecond)
		s.arrive(ev)
		want = append(want, ev.Name)
	}
	s.arriveGap()
	s.isLive(true)
	s.wants(append(want, "gap link_lost")...)
	s.mark()
	s.wait(time.Millisecond)
	x := made("x")
	s.arrive(x)
	s.record(topic, x, made("y"))
	s.arriveGap()
	s.settle(6 * time.Second)
	s.wants("x", "y")
	s.isLive(true)
}

// Memory is bounded by time: what is older than a gap can reach is forgotten.
func TestMemoryIsBoundedByTime(t *testing.T) {
	s := newStory(t, Config{})
	for range 1000 {
		s.wait(time.Second)
		s.arrive(made("a"))
		s.mark()
	}
	if n, most := len(s.memory.ids), 70; n > most || len(s.memory.list) > 2*most {
		t.Errorf("%d IDs of 1,000 are remembered, in %d places; want at most %d", n, len(s.memory.list), most)
	}
	if n := len(s.marks); n > 11 {
		t.Errorf("%d marks", n)
	}
	s.arriveGap()
	if s.from.at.After(s.now.Add(-45*time.Second)) || s.from.at.Before(s.now.Add(-60*time.Second)) {
		t.Errorf("reading begins %v before", s.now.Sub(s.from.at))
	}
}
