package state

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/ranges"
)

// desk is a replica with streams a, b, ... that have the group g, and some words for
// what tests do with it. Each word is an entry of its own.
type desk struct {
	*replica
	now    int64
	epochs map[uint32]uint64 // of the last lease of each consumer
}

// newDesk makes streams with so many events each, in chunks of ten.
func newDesk(t *testing.T, cfg *storagev1.GroupConfig, events ...int) *desk {
	d := &desk{inMemory(t), 1000, map[uint32]uint64{}}
	for i, n := range events {
		d.do(declareOp(Name{"", string(rune('a' + i))}, nil, true), opOf(&storagev1.AddGroup{Group: d.ref(uint64(i + 1)), Config: cfg}))
		for ; n > 0; n -= 10 {
			d.do(repeat(min(n, 10), 1, 1)(0)[0].to(uint64(i + 1)))
		}
	}
	return d
}

func (o op) to(stream uint64) op {
	o.Command = proto.CloneOf(o.Command)
	o.GetPublish().Stream = stream
	return o
}

func (d *desk) ref(stream uint64) *storagev1.GroupRef {
	return &storagev1.GroupRef{Stream: stream, Group: "g"}
}

// do applies an entry and returns its last result. All must succeed.
func (d *desk) do(ops ...op) Result {
	d.Helper()
	res := d.play(entryOf(d, d.now, ops...))
	for _, r := range res {
		if r.Err != nil {
			d.Fatal(r.Err)
		}
	}
	if err := checkRows(d.store); err != nil {
		d.Fatal(err)
	}
	return res[len(res)-1]
}

// fails applies a command that is refused, and changes nothing.
func (d *desk) fails(want error, o op) error {
	d.Helper()
	d.do(opOf(&storagev1.Tick{})) // the time is part of the rows
	before := d.snapshot()
	res := d.play(entryOf(d, d.now, o))[0]
	if !errors.Is(res.Err, want) {
		d.Errorf("%v: %v, want %v", o.Command, res.Err, want)
	}
	if d.snapshot() != before {
		d.Errorf("%v: refused, and has changed something", o.Command)
	}
	return res.Err
}

// snapshot is all rows.
func (d *desk) snapshot() string {
	var b strings.Builder
	for e, err := range d.store.Scan(nil, nil, false) {
		if err != nil {
			d.Fatal(err)
		}
		fmt.Fprintf(&b, "%x=%x\n", e.Key, e.Value)
	}
	return b.String()
}

func (d *desk) lease(consumer uint32, streams ...uint64) {
	d.Helper()
	d.epochs[consumer] = d.do(opOf(&storagev1.GrantLease{Group: "g", Consumer: consumer, Streams: streams, Holder: numberedID('h', int(consumer))})).Epoch
}

func (d *desk) fetchOp(consumer uint32, most int, streams ...uint64) op {
	f := &storagev1.Fetch{Group: "g", Consumer: consumer, MaxEvents: uint32(most)}
	for _, s := range streams {
		f.Leases = append(f.Leases, leaseOf(s, d.epochs[consumer])...)
	}
	return opOf(f)
}

// fetch is what a consumer is handed of stream 1, in words: 1-3 x2 is events 1 to 3,
// delivered for the second time.
func (d *desk) fetch(consumer uint32, most int) string {
	d.Helper()
	return words(d.do(d.fetchOp(consumer, most, 1)).Fetched)
}

func words(all []Fetched) string {
	var w []string
	for _, f := range all {
		for _, del := range f.Deliveries {
			w = append(w, fmt.Sprintf("%s x%d", span(del.Events), del.Deliveries))
		}
		if len(f.Lost) > 0 {
			w = append(w, "lost "+span(f.Lost))
		}
	}
	return strings.Join(w, ", ")
}

func span(set ranges.Set) string {
	var w []string
	for _, r := range set {
		if r.From == r.To {
			w = append(w, fmt.Sprint(r.From))
		} else {
			w = append(w, fmt.Sprintf("%d-%d", r.From, r.To))
		}
	}
	return strings.Join(w, "+")
}

func (d *desk) say(consumer uint32, verb storagev1.Verb, delay int, set ranges.Set) op {
	s := &storagev1.Settle{Group: "g", Consumer: consumer, Verb: verb, Settlements: []*storagev1.Settlement{{Stream: 1, Epoch: d.epochs[consumer], Ranges: set.Encode()}}}
	if delay >= 0 {
		s.DelayMs = new(uint64(delay))
	}
	return opOf(s)
}

func (d *desk) ack(consumer uint32, from, to uint64) Settled {
	d.Helper()
	return d.do(d.say(consumer, storagev1.Verb_VERB_ACK, -1, ranges.Of(from, to))).Settled
}

// pass lets time pass, and does what is due.
func (d *desk) pass(ms int64) {
	d.Helper()
	d.now += ms
	for d.do(opOf(&storagev1.Expire{})).More {
		continue
	}
}

func (d *desk) want(got, want string) {
	d.Helper()
	if got != want {
		d.Errorf("%q, want %q", got, want)
	}
}

func (d *desk) group(name string) Group {
	d.Helper()
	s, err := d.view().Stream(Name{"", name})
	if err != nil {
		d.Fatal(err)
	}
	g, err := d.view().Group(s, "g")
	if err != nil {
		d.Fatal(err)
	}
	return g
}

func (d *desk) events(stream uint64) (n int) {
	d.Helper()
	for s, err := range d.view().Read(stream, 0, NoLimit) {
		if err != nil {
			d.Fatal(err)
		}
		n += s.Count
	}
	return n
}

// pendingOf is how many entries a consumer has in its hands.
func (d *desk) pendingOf(consumer uint32) uint64 {
	d.Helper()
	s, err := d.view().Stream(Name{"", "a"})
	if err != nil {
		d.Fatal(err)
	}
	for c, err := range d.view().Consumers(s, d.group("a"), consumer-1) {
		if err != nil || c.Number != consumer {
			return 0
		}
		return c.Row.GetPending()
	}
	return 0
}
