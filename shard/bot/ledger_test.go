package bot_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/eventnode/eventnode/source"
)

// ledger is what one shard was told by its gateway, and what consumers are to get of each
// payload by the model. It keeps the newest payloads.
type ledger struct {
	mu      sync.Mutex
	session string
	base    uint64 // the number of payload 0; 0: not known yet
	first   int    // the oldest kept
	entries []*entry
	model   *model
	counts  []uint8        // into how many events each payload is made, of the first telling
	total   uint64         // so many in all
	names   map[string]int // and which
	// A node that was killed has told from the beginning on; who resumed tells again from
	// fork on, of what it has seen itself.
	forked bool
	fork   int

	run handled

	moved   *sync.Cond // somebody has come further, or something has failed
	readers []*reader  // whom the gateway waits for
	failed  error
}

// handled is how far handlers have come, on whichever node.
type handled struct {
	node, part int
	seq        uint64
	dead       int // the node that was killed; -1: none
}

// entry is a payload, and who may tell what of it.
type entry struct {
	payload
	told [2]*telling
}

// telling is the events of one payload, and their text once it was compared.
type telling struct {
	events []told
	texts  [][]byte
}

const keptPayloads = 2_048

func newLedger() *ledger {
	l := &ledger{model: newModel(), names: map[string]int{}, run: handled{dead: -1}}
	l.moved = sync.NewCond(&l.mu)
	return l
}

// fail ends all waiting.
func (l *ledger) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed == nil {
		l.failed = err
	}
	l.moved.Broadcast()
}

// wait waits until something is so, which is asked with mu held.
func (l *ledger) wait(ctx context.Context, what string, so func() bool) error {
	defer context.AfterFunc(ctx, func() { l.fail(context.Cause(ctx)) })()
	l.mu.Lock()
	defer l.mu.Unlock()
	for !so() {
		if l.failed != nil {
			return fmt.Errorf("waiting until %s, of %d: %w; %s", what, l.first+len(l.entries), l.failed, l.progress())
		}
		l.moved.Wait()
	}
	return nil
}

// progress is for people.
func (l *ledger) progress() (text string) {
	for _, r := range l.readers {
		text += fmt.Sprintf("consumer at %d/%d, ", r.at, r.part)
	}
	return fmt.Sprintf("%snode %d at %d", text, l.run.node, int(l.run.seq-l.base))
}

// room waits until everybody whom the gateway waits for is less than so many payloads behind.
func (l *ledger) room(ctx context.Context, most int) error {
	return l.wait(ctx, "there is room", func() bool {
		for _, r := range l.readers {
			if l.first+len(l.entries)-r.at > most && r.between(l.first+len(l.entries), 0) > 0 {
				return false
			}
		}
		return true
	})
}

// caughtUp waits until everybody has everything.
func (l *ledger) caughtUp(ctx context.Context) error { return l.room(ctx, 0) }

// read makes a reader of what comes from now on. The gateway waits for it if it is to.
func (l *ledger) read(waits bool) *reader {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := &reader{ledger: l, at: l.first + len(l.entries) - 1}
	if r.begun = r.at >= 0; r.begun {
		r.part = max(0, l.parts(r.at)-1)
	}
	if waits {
		l.readers = append(l.readers, r)
	}
	return r
}

// leave has nobody wait for a reader.
func (l *ledger) leave(r *reader) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.readers = slices.DeleteFunc(l.readers, func(other *reader) bool { return other == r })
	l.moved.Broadcast()
}

func tellingOf(events []told) *telling {
	return &telling{events: events, texts: make([][]byte, len(events))}
}

// add notes what is about to be said.
func (l *ledger) add(p payload) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := &entry{payload: p}
	events := l.model.take(p.name, p.data)
	which := 0
	if l.forked {
		which = 1
	}
	e.told[which] = tellingOf(events)
	for _, one := range events {
		l.names[one.name]++
	}
	l.counts = append(l.counts, uint8(len(events)))
	l.total += uint64(len(events))
	l.entries = append(l.entries, e)
	if len(l.entries) >= 2*keptPayloads {
		l.first += keptPayloads
		l.entries = append([]*entry(nil), l.entries[keptPayloads:]...)
	}
}

// end is the number of payloads.
func (l *ledger) end() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first + len(l.entries)
}

// again has a node that knew nothing tell, from a payload on.
func (l *ledger) again(seq uint64) {
	l.forked, l.fork, l.model = true, int(seq-l.base), newModel()
	for i := l.fork; i < l.first+len(l.entries); i++ {
		e := l.entries[i-l.first]
		e.told[1] = tellingOf(l.model.take(e.name, e.data))
	}
}

// handle notes that a node has handled an event: it is one node's turn, and each event's once.
func (l *ledger) handle(node int, e source.Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := &l.run
	switch {
	case l.session == "" || e.Origin.Session != l.session || e.Origin.Seq < l.base || node == r.dead:
		return nil
	case r.dead >= 0 && !l.forked:
		l.again(e.Origin.Seq)
	case e.Origin.Seq < r.seq: // one that was under way when a lease was lost may come again
		return fmt.Errorf("node %d handles %s %d/%d after %d/%d on node %d", node, e.Name, e.Origin.Seq, e.Place.Part, r.seq, r.part, r.node)
	}
	r.node, r.seq, r.part = node, e.Origin.Seq, e.Place.Part
	return nil
}

// begin notes the session and its number that payload 0 has.
func (l *ledger) begin(e source.Event) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.base == 0 && e.Name == l.entries[0].told[0].events[0].name && bytes.Contains(e.Data, []byte(`"voice_states":[]`)) &&
		equal(e.Data, l.entries[0].told[0].events[0].data) {
		l.base, l.session = e.Origin.Seq, e.Origin.Session
	}
	return l.base > 0 && e.Origin.Session == l.session && e.Origin.Seq >= l.base
}

// reader is how far one consumer has come in a ledger.
type reader struct {
	*ledger
	begun   bool
	at      int // the payload; -1: none
	part    int
	events  uint64
	repeats uint64
	missed  uint64 // events that were left out, where a gap was told
	excused bool   // a gap was told, and nothing has come since
}

// take takes an event in, and says what is wrong with it.
func (r *reader) take(e source.Event, seen source.Seen) error {
	if !r.begin(e) {
		return nil // of before
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	i := int(e.Origin.Seq - r.base)
	if i >= r.first+len(r.entries) {
		return fmt.Errorf("%s %d: the gateway has said %d payloads", e.Name, i, r.first+len(r.entries))
	}
	if i >= r.first { // else it is too long ago, for somebody slow
		entry := r.entries[i-r.first]
		if err := entry.check(e); err != nil {
			return fmt.Errorf("payload %d, %s, of %s: %w", i, entry.name, entry.sent, err)
		}
	}
	if r.begun && (i < r.at || i == r.at && e.Place.Part <= r.part) {
		if r.forked && i < r.fork || !r.forked && i < r.at || seen != source.Repeat {
			return fmt.Errorf("payload %d, part %d, came after %d, part %d, as %v", i, e.Place.Part, r.at, r.part, seen)
		}
		r.repeats++
		return nil
	}
	skipped := r.between(i, e.Place.Part)
	if seen == source.First && r.events == 0 {
		seen = source.Next
		if skipped > 0 {
			seen = source.Gap
		}
	}
	switch {
	case skipped > 0 && !r.excused:
		return fmt.Errorf("%d events before payload %d are missing, behind %d, part %d: and nobody has told (%v); forked %v at %d; %s", skipped, i, r.at, r.part, seen, r.forked, r.fork, r.listing(r.at+1, i))
	case skipped == 0 && seen != source.Next && !r.excused:
		return fmt.Errorf("payload %d, part %d, right behind %d, part %d, is told as %v", i, e.Place.Part, r.at, r.part, seen)
	case skipped > 0 && seen != source.Gap && seen != source.Unknown:
		return fmt.Errorf("payload %d, part %d, behind %d, part %d, is told as %v", i, e.Place.Part, r.at, r.part, seen)
	}
	r.missed += skipped
	r.begun = true
	r.at, r.part, r.excused = i, e.Place.Part, false
	if r.events++; r.events%64 == 0 || i >= r.first+len(r.entries)-64 {
		r.moved.Broadcast()
	}
	return nil
}

// between is how many events are between the newest and another one.
func (r *reader) between(i, part int) (n uint64) {
	if r.begun && i == r.at {
		return uint64(part - r.part - 1)
	}
	next := 0
	if r.begun {
		n, next = uint64(max(r.parts(r.at)-r.part-1, 0)), r.at+1
	}
	for j := next; j < i; j++ {
		n += uint64(r.parts(j))
	}
	return n + uint64(part)
}

// parts is how many events are told of a payload, where two tell it, the fewer.
func (l *ledger) parts(i int) int {
	if i < l.first {
		return int(l.counts[i])
	}
	e := l.entries[i-l.first]
	switch {
	case e.told[0] == nil:
		return len(e.told[1].events)
	case e.told[1] == nil:
		return len(e.told[0].events)
	}
	return min(len(e.told[0].events), len(e.told[1].events))
}

// listing is some payloads, with how many events each is to become.
func (l *ledger) listing(from, to int) (text string) {
	for i := max(from, l.first); i < min(to, from+20); i++ {
		text += fmt.Sprintf("%d %s %d, ", i, l.entries[i-l.first].sent, l.parts(i))
	}
	return text
}

// check compares an event with what is to be told.
func (e *entry) check(got source.Event) (err error) {
	for _, t := range e.told {
		if t == nil {
			continue
		}
		part := got.Place.Part
		switch {
		case got.Place.Parts != max(1, len(t.events)) || part >= len(t.events):
			err = fmt.Errorf("%s is part %d of %d, want %d", got.Name, part, got.Place.Parts, len(t.events))
		case t.events[part].name != got.Name:
			err = fmt.Errorf("%s came, want %s", got.Name, t.events[part].name)
		case t.texts[part] != nil && bytes.Equal(t.texts[part], got.Data):
			return nil
		case equal(got.Data, t.events[part].data):
			t.texts[part] = got.Data
			return nil
		default:
			want, _ := json.Marshal(t.events[part].data)
			err = fmt.Errorf("%s is\n%s, want\n%s", got.Name, got.Data, want)
		}
	}
	return err
}

func equal(text []byte, want any) bool {
	var got any
	return json.Unmarshal(text, &got) == nil && reflect.DeepEqual(got, want)
}
