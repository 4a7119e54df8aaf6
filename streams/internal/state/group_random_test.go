package state

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine/enginetest"
	"github.com/eventnode/eventnode/streams/internal/ranges"
)

// opOf is a command that is no Publish.
func opOf(c any) op {
	cmd := &storagev1.Command{}
	m := cmd.ProtoReflect()
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		if f := fields.Get(i); f.Message() == c.(proto.Message).ProtoReflect().Descriptor() {
			m.Set(f, m.NewField(f))
			proto.Merge(m.Mutable(f).Message().Interface(), c.(proto.Message))
		}
	}
	return op{Command: cmd}
}

// someStream is one that is there, as a rule.
func (c chance) someStream() uint64 {
	if ids := slices.Sorted(maps.Keys(c.ids)); len(ids) > 0 && c.IntN(20) > 0 {
		return ids[c.IntN(len(ids))]
	}
	return c.stream()
}

// groupOp makes a command of consumer groups or locks. Few make dead letters: those
// come alone, for their order is the machine's to choose.
func (c chance) groupOp(alone bool) op {
	if alone {
		switch n := c.IntN(10); {
		case n < 3:
			return c.settle(pick(c, storagev1.Verb_VERB_NACK, storagev1.Verb_VERB_NACK, storagev1.Verb_VERB_TERMINATE))
		case n < 7:
			return opOf(&storagev1.Expire{})
		case n < 8:
			ref := c.ref()
			return opOf(&storagev1.DeleteConsumer{Group: ref, Consumer: c.consumer()})
		default:
			o := c.endLease()
			o.GetEndLease().Gone = true
			return o
		}
	}
	switch n := c.IntN(100); {
	case n < 10:
		return c.grouped()
	case n < 24:
		return opOf(&storagev1.GrantLease{Group: c.group(), Consumer: c.consumer(), Streams: pick(c, []uint64{c.someStream()}, []uint64{c.someStream()}, []uint64{1, 2}, nil), Holder: numberedID('h', c.IntN(3))})
	case n < 55:
		return c.fetchOp()
	case n < 80:
		return c.settle(pick(c, storagev1.Verb_VERB_ACK, storagev1.Verb_VERB_ACK, storagev1.Verb_VERB_ACK, storagev1.Verb_VERB_NACK_SILENT, storagev1.Verb_VERB_EXTEND))
	case n < 84:
		return opOf(&storagev1.Claim{Group: c.ref(), From: uint32(c.IntN(4)), To: c.consumer()})
	case n < 86:
		return c.endLease()
	case n < 90:
		return opOf(&storagev1.SettleDead{Stream: c.deadStream(), Ranges: ranges.From(uint64(c.IntN(5)), 2+uint64(c.IntN(9))).Encode(), Replay: c.IntN(2) == 0})
	case n < 94:
		return opOf(&storagev1.ObtainLock{Lock: lockName(c), Holder: numberedID('h', c.IntN(2)), TtlMs: uint64(c.IntN(40))})
	case n < 97:
		return opOf(&storagev1.RefreshLock{Lock: lockName(c), Token: c.epoch - uint64(c.IntN(2)), TtlMs: uint64(c.IntN(40))})
	default:
		return opOf(&storagev1.ReleaseLock{Lock: lockName(c), Token: c.epoch - uint64(c.IntN(2))})
	}
}

func lockName(c chance) *storagev1.LockName { return &storagev1.LockName{Name: pick(c, "l", "m")} }

func (c chance) group() string    { return pick(c, "g1", "g2", "k1", "k1", "k2", "none") }
func (c chance) consumer() uint32 { return uint32(1 + c.IntN(3)) }
func (c chance) ref() *storagev1.GroupRef {
	return &storagev1.GroupRef{Stream: c.someStream(), Group: c.group()}
}

func (c chance) deadStream() uint64 {
	for _, id := range slices.Sorted(maps.Keys(c.ids)) {
		if c.ids[id].deadOf > 0 && c.IntN(3) > 0 {
			return id
		}
	}
	return c.someStream()
}

// grouped makes, changes or removes groups. Those that begin with k are keyed, at
// first.
func (c chance) grouped() op {
	ref := c.ref()
	cfg := &storagev1.GroupConfig{
		Keyed: ref.GetGroup()[0] == 'k', AckWaitMs: pick[uint64](c, 5, 40, 400), MaxDeliver: pick[uint32](c, 1, 2, 4, NoMaxDeliver),
		BackoffMs: 1, BackoffMaxMs: 1,
	}
	place := pick(c, nil, nil, &storagev1.Place{Place: &storagev1.Place_Newest{Newest: true}},
		&storagev1.Place{Place: &storagev1.Place_TimeMs{TimeMs: c.now + c.Int64N(20) - 15}},
		&storagev1.Place{Place: &storagev1.Place_Position{Position: &storagev1.Position{Ms: c.now + c.Int64N(20) - 18}}})
	switch n := c.IntN(20); {
	case n < 11:
		return opOf(&storagev1.AddGroup{Group: ref, Config: cfg, Start: place})
	case n < 15:
		if c.IntN(3) == 0 {
			cfg.Keyed = !cfg.Keyed
		}
		return opOf(&storagev1.UpdateGroup{Group: ref, Config: cfg})
	case n < 17:
		return opOf(&storagev1.RemoveGroup{Group: ref})
	default:
		return opOf(&storagev1.Seek{Group: ref, To: place})
	}
}

// lease is one that a consumer has, or once in a while has not.
func (c chance) lease(group string, consumer uint32, id uint64) *storagev1.StreamLease {
	l := &storagev1.StreamLease{Stream: id}
	if s := c.ids[id]; s != nil && s.groups[group] != nil && s.groups[group].cons[consumer] != nil {
		l.Epoch = s.groups[group].cons[consumer].epoch
	}
	if c.IntN(30) == 0 {
		l.Epoch -= min(l.Epoch, 1)
	}
	return l
}

// leasedConsumer is a consumer that is leased, as a rule.
func (c chance) leasedConsumer() (group string, consumer uint32, id uint64) {
	type leased struct {
		group    string
		consumer uint32
		id       uint64
	}
	var all []leased
	for _, id := range slices.Sorted(maps.Keys(c.ids)) {
		for _, name := range slices.Sorted(maps.Keys(c.ids[id].groups)) {
			for _, number := range slices.Sorted(maps.Keys(c.ids[id].groups[name].cons)) {
				if c.ids[id].groups[name].cons[number].holder != "" {
					all = append(all, leased{name, number, id})
				}
			}
		}
	}
	if len(all) == 0 || c.IntN(50) == 0 {
		return c.group(), c.consumer(), c.someStream()
	}
	l := all[c.IntN(len(all))]
	return l.group, l.consumer, l.id
}

func (c chance) endLease() op {
	group, consumer, id := c.leasedConsumer()
	return opOf(&storagev1.EndLease{Group: group, Consumer: consumer, Leases: []*storagev1.StreamLease{c.lease(group, consumer, id)}})
}

func (c chance) fetchOp() op {
	group, consumer, id := c.leasedConsumer()
	f := &storagev1.Fetch{Group: group, Consumer: consumer, MaxEvents: uint32(pick(c, 1, 2, 5, 30, 30, c.IntN(2))), Each: c.IntN(3) == 0, MaxBytes: uint64(pick(c, 0, 0, 1, 200))}
	f.Leases = append(f.Leases, c.lease(group, consumer, id))
	if other := uint64(1 + c.IntN(3)); c.IntN(4) == 0 && c.ids[other] != nil && c.ids[other].groups[group] != nil {
		f.Leases = append(f.Leases, c.lease(group, consumer, other))
	}
	return opOf(f)
}

// settle says something of what a consumer has, or of some range.
func (c chance) settle(verb storagev1.Verb) op {
	group, consumer, id := c.leasedConsumer()
	l := c.lease(group, consumer, id)
	var mine, some []uint64
	if s := c.ids[id]; s != nil && s.groups[group] != nil {
		for _, n := range slices.Sorted(maps.Keys(s.groups[group].pend)) {
			if p := s.groups[group].pend[n]; p.consumer == consumer {
				mine = append(mine, n)
				if c.IntN(3) > 0 {
					some = append(some, n)
				}
			}
		}
	}
	if len(some) == 0 && c.IntN(20) > 0 {
		some = []uint64{1 + c.Uint64N(60)}
	}
	if len(mine) == 0 {
		mine = some
	}
	set := pick(c, ranges.From(mine...), ranges.From(some...), ranges.From(some...), ranges.Of(uint64(c.IntN(20)), uint64(c.IntN(60))))
	s := &storagev1.Settle{Group: group, Consumer: consumer, Verb: verb, Reason: "why",
		Settlements: []*storagev1.Settlement{{Stream: id, Epoch: l.GetEpoch(), Ranges: set.Encode()}}}
	g := modelGroup{cfg: &storagev1.GroupConfig{}}
	if st := c.ids[id]; st != nil && st.groups[group] != nil {
		g = *st.groups[group]
	}
	if c.IntN(2) == 0 || g.cfg.GetBackoffMs() > 1 { // longer back-offs are of rows, not of events
		s.DelayMs = new(uint64(c.IntN(30)))
	}
	return opOf(s)
}

// groupEntry is an entry of publishes and commands of groups.
func (c chance) groupEntry() (stamp int64, ops []op) {
	stamp = c.now + pick(c, 0, 0, 1, 2, c.Int64N(8), c.Int64N(60), sweepAfterMS)
	if c.IntN(3) == 0 {
		return stamp, []op{c.groupOp(true)}
	}
	for range 1 + c.IntN(4) {
		switch n := c.IntN(100); {
		case len(c.ids) < 3:
			ops = append(ops, declareOp(Name{"", pick(c, "a", "b", "c")}, &storagev1.StreamConfig{Groups: []string{"g1", "g2"}[:c.IntN(3)]}, false))
		case n < 22:
			ops = append(ops, c.keyedPublish())
		case n < 24:
			ops = append(ops, declareOp(Name{"", pick(c, "a", "b", "c")}, &storagev1.StreamConfig{Groups: []string{"g1", "g2"}[:c.IntN(3)]}, false))
		case n < 25:
			cfg := &storagev1.StreamConfig{}
			if c.IntN(3) == 0 {
				cfg = &storagev1.StreamConfig{Retain: storagev1.Retain_RETAIN_LIMITS, MaxCount: uint64(1 + c.IntN(40))}
			}
			ops = append(ops, updateOp(Name{"", pick(c, "a", "b", "c")}, cfg))
		case n < 26 && c.IntN(6) == 0:
			if s := c.ids[c.someStream()]; s != nil {
				ops = append(ops, deleteOp(s.name))
			}
		default:
			ops = append(ops, c.groupOp(false))
		}
	}
	return stamp, ops
}

func (c chance) keyedPublish() op {
	var events []string
	var slots []byte
	for i := range 1 + c.IntN(3)*c.IntN(4) {
		events = append(events, anEvent(fmt.Sprint("e", i), c.IntN(9)))
		slots = binary.BigEndian.AppendUint16(slots, [...]uint16{0, 1, 2, 3, 4, KeySlots}[c.IntN(6)])
	}
	o := publishOp(c.someStream(), events...)
	if c.IntN(5) > 0 {
		o.GetPublish().KeySlots = slots
	}
	return o
}

// groupBounds let a step do all there is to do, so that the model need not know rows.
func groupBounds() bounds {
	return bounds{producers: 4, chunks: 3, forget: 5, acked: 3, rows: 100_000, ahead: 9, bury: 100_000}
}

// Consumer groups answer, hold and lose what the model does, whatever comes.
func TestGroupsModel(t *testing.T) {
	commands := 100_000
	if testing.Short() {
		commands = 5_000
	}
	seed := enginetest.Seed(t)
	r := inMemory(t)
	r.bounds = groupBounds()
	c := chance{newRand(seed), newModel(r.bounds)}
	first := []op{declareOp(Name{"", "a"}, &storagev1.StreamConfig{Groups: []string{"g1", "g2"}}, true), declareOp(Name{"", "b"}, &storagev1.StreamConfig{Groups: []string{"g1"}}, true)}
	r.play(entryOf(t, 1, first...))
	c.model.entry(1, first)
	seen := map[string]int{}
	for done := 0; done < commands; {
		stamp, ops := c.groupEntry()
		got := r.play(entryOf(t, stamp, ops...))
		err := c.follow(r.view(), stamp, ops, got, seen)
		done += len(ops)
		for _, id := range slices.Sorted(maps.Keys(c.ids)) {
			if err == nil && (done%20 < len(ops) || c.IntN(4) == 0) {
				err = sameStream(r.view(), c.ids[id], c.Rand)
			}
			if err == nil {
				err = sameGroups(r.view(), c.ids[id])
			}
		}
		if due, found, derr := r.view().NextDue(0, maxStamp); err == nil {
			if ms, is := c.soonest(); derr != nil || is && (!found || due > ms) {
				err = fmt.Errorf("%d is due, should be %d (%v, %w)", due, ms, is, derr)
			}
		}
		if err == nil && done%50 < len(ops) {
			err = checkRows(r.store)
		}
		if err != nil {
			t.Fatalf("after %d commands, at %d: %v\n%v", done, c.now, err, ops)
		}
		c.forget(r)
	}
	t.Logf("answers: %v", seen)
}

// follow has the model do what the machine did.
func (c chance) follow(v View, stamp int64, ops []op, got []Result, seen map[string]int) error {
	c.now = max(c.now, stamp)
	for i, o := range ops {
		want := c.do(o, got[i])
		seen[want.reason]++
		if o.GetExpire() != nil {
			got[i].Moved = 0
		}
		if err := sameResults(got[i:i+1], []modelResult{want}); err != nil {
			return fmt.Errorf("command %d: %w", i, err)
		}
		if err := c.adopt(v); err != nil {
			return fmt.Errorf("command %d: %w", i, err)
		}
	}
	c.letGo()
	return nil
}

// forget removes a stream that has grown too large to be compared each time.
func (c chance) forget(r *replica) {
	for _, id := range slices.Sorted(maps.Keys(c.ids)) {
		if s := c.ids[id]; len(s.events()) > 150 || s.last > 2000 {
			o := deleteOp(s.name)
			r.play(entryOf(r, c.now, o))
			c.model.entry(c.now, []op{o})
		}
	}
}

// sameGroups compares everything there is of a stream's groups with the model's.
func sameGroups(v View, s *modelStream) error {
	st, err := v.Stream(s.name)
	if err != nil {
		return err
	}
	var names []string
	for got, err := range v.Groups(st, "") {
		if err != nil {
			return err
		}
		names = append(names, got.Name)
		if g := s.groups[got.Name]; g != nil {
			if err := sameGroup(v, st, got, s, g); err != nil {
				return fmt.Errorf("stream %v, group %s: %w", s.name, got.Name, err)
			}
		}
	}
	if !slices.Equal(names, slices.Sorted(maps.Keys(s.groups))) {
		return fmt.Errorf("groups %v, want %v", names, s.cfg.GetGroups())
	}
	return nil
}

func sameGroup(v View, st Stream, got Group, s *modelStream, g *modelGroup) error {
	states := map[storagev1.PendingState]uint64{}
	for _, p := range g.pend {
		states[p.state]++
	}
	row := got.Row
	lag := uint64(len(s.there(g.next)) + len(g.skipped))
	if row.GetId() != g.id || !proto.Equal(row.GetConfig(), g.cfg) || row.GetNext() != g.next || row.GetFloor() != g.floor() || got.Lag != lag ||
		row.GetPending() != uint64(len(g.pend)) || row.GetReady() != states[ready] || row.GetWaiting() != states[waiting] || row.GetSkipped() != uint64(len(g.skipped)) || int(row.GetConsumers()) != len(g.cons) {
		return fmt.Errorf("%v, lag %d, want floor %d, lag %d, %+v", row, got.Lag, g.floor(), lag, g)
	}
	n := 0
	for p, err := range v.Pending(st, got, 0) {
		if err != nil {
			return err
		}
		for _, number := range p.Events.All() {
			n++
			w, r := g.pend[number], p.Row
			if w == nil || (modelPending{r.GetState(), r.GetConsumer(), r.GetEpoch(), r.GetDeliveries(), r.GetDueMs()}) != *w {
				return fmt.Errorf("%d is pending as %v, want %+v", number, r, w)
			}
		}
	}
	if n != len(g.pend) {
		return fmt.Errorf("%d are pending, want %d", n, len(g.pend))
	}
	for c, err := range v.Consumers(st, got, 0) {
		if err != nil {
			return err
		}
		w := g.cons[c.Number]
		all, old := g.has(c.Number)
		if w == nil || w.holder != string(c.Row.GetHolder()) || w.epoch != c.Row.GetEpoch() || all != c.Row.GetPending() || old != c.Row.GetOld() {
			return fmt.Errorf("consumer %d is %v, want %+v with %d, %d", c.Number, c.Row, w, all, old)
		}
	}
	return nil
}
