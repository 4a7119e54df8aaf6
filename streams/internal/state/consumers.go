package state

import (
	"fmt"
	"maps"
	"slices"

	"github.com/eventnode/eventnode"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
)

// A consumer is a number in a group. Its row is there while somebody holds its
// lease, or it has something in hand. A lease has no time: whether its holder lives
// is for the partition's leader to see, who ends it by its epoch. Epochs are used
// once in the partition, so whoever lost a lease is told so, whatever came after.

// MaxConsumers bounds the consumers of a group.
const MaxConsumers = 4096

// consumer is one that this turn is concerned with.
type consumer struct {
	number uint32
	row    *storagev1.ConsumerRow
	dirty  bool
	there  bool // it counts
	stored bool // it has a row in the store
}

// consumer returns a consumer, an empty one if it is not there.
func (t *turn) consumer(g *group, number uint32) (*consumer, error) {
	if c := g.consumers[number]; c != nil {
		return c, nil
	}
	id, group := g.id()
	c := &consumer{number: number, row: &storagev1.ConsumerRow{}}
	var err error
	if c.stored, err = load(t.batch, t.keys.consumer(id, group, number), c.row); err != nil {
		return nil, err
	}
	c.there = c.stored
	g.consumers[number] = c
	return c, nil
}

// know has a consumer's row be known that was read, unless it is.
func (g *group) know(e engine.Entry) error {
	number := consumerNumber(e.Key)
	if g.consumers[number] != nil {
		return nil
	}
	c := &consumer{number: number, row: &storagev1.ConsumerRow{}, there: true, stored: true}
	if err := decodeRow(e.Key, e.Value, c.row); err != nil {
		return &storeError{unwrap(err)}
	}
	g.consumers[number] = c
	return nil
}

// touch says that a consumer has changed.
func (g *group) touch(c *consumer) {
	c.dirty, g.dirty = true, true
	switch there := len(c.row.GetHolder()) > 0 || c.row.GetPending() > 0; {
	case there && !c.there:
		g.row.Consumers++
		c.there = true
	case !there && c.there:
		g.row.Consumers--
		c.there = false
	}
}

func (t *turn) endConsumers(g *group) error {
	id, group := g.id()
	for _, number := range slices.Sorted(maps.Keys(g.consumers)) {
		c := g.consumers[number]
		key := t.keys.consumer(id, group, number)
		switch {
		case !c.dirty:
		case c.there:
			if err := t.store(key, c.row); err != nil {
				return err
			}
		case c.stored:
			t.batch.Delete(key)
		}
	}
	return nil
}

// grant gives a consumer to a holder, on all streams or on none.
func (t *turn) grant(c *storagev1.GrantLease) (epoch uint64, err error) {
	switch {
	case c.GetConsumer() == 0:
		return 0, invalid("consumers are numbered from 1 on")
	case len(c.GetHolder()) != idBytes:
		return 0, invalid("a holder has %d bytes, not %d", idBytes, len(c.GetHolder()))
	case len(c.GetStreams()) == 0:
		return 0, invalid("a lease on no stream")
	}
	for _, id := range c.GetStreams() {
		if err := t.mayGrant(id, c); err != nil {
			return 0, err
		}
	}
	epoch = t.nextEpoch()
	for _, id := range c.GetStreams() {
		g, err := t.groupOf(id, c.GetGroup())
		if err != nil {
			return 0, err
		}
		co, err := t.consumer(g, c.GetConsumer())
		if err != nil {
			return 0, err
		}
		co.row.Holder, co.row.Epoch, co.row.GrantedMs, co.row.Old = c.GetHolder(), epoch, t.now, co.row.GetPending()
		g.touch(co)
	}
	return epoch, nil
}

func (t *turn) mayGrant(id uint64, c *storagev1.GrantLease) error {
	g, err := t.groupOf(id, c.GetGroup())
	if err != nil {
		return err
	}
	co, err := t.consumer(g, c.GetConsumer())
	switch {
	case err != nil:
		return err
	case len(co.row.GetHolder()) > 0 && string(co.row.GetHolder()) != string(c.GetHolder()):
		return &eventnode.StreamError{Stream: g.stream.name(), Err: eventnode.ErrLeaseTaken,
			Reason: fmt.Sprintf("consumer %d of group %q on stream %q is held by somebody else: use another number, or wait until that one has ended", c.GetConsumer(), c.GetGroup(), g.stream.name())}
	case !co.there && g.row.GetConsumers() >= MaxConsumers:
		return &eventnode.LimitError{Limit: "max_consumers_per_group", Max: MaxConsumers, Got: MaxConsumers + 1}
	}
	return nil
}

// leased returns a consumer that has this lease, or ErrFenced.
func (t *turn) leased(id uint64, group string, number uint32, epoch uint64) (*group, *consumer, error) {
	g, err := t.groupOf(id, group)
	if err != nil {
		return nil, nil, err
	}
	c, err := t.consumer(g, number)
	if err != nil {
		return nil, nil, err
	}
	if len(c.row.GetHolder()) == 0 || c.row.GetEpoch() != epoch {
		return nil, nil, &eventnode.StreamError{Stream: g.stream.name(), Err: eventnode.ErrFenced,
			Reason: fmt.Sprintf("lease %d of consumer %d of group %q on stream %q is over: what it has in hand is delivered again", epoch, number, group, g.stream.name())}
	}
	return g, c, nil
}

// endLease ends leases that are still the current ones. Of a holder that is gone the
// hands are emptied.
func (t *turn) endLease(c *storagev1.EndLease) (moved uint64, err error) {
	for _, l := range c.GetLeases() {
		g, co, err := t.leased(l.GetStream(), c.GetGroup(), c.GetConsumer(), l.GetEpoch())
		if fault(err) != nil {
			return moved, err
		}
		if err != nil { // it is over already, or what it was on is gone
			continue
		}
		co.row.Holder = nil
		g.touch(co)
		if c.GetGone() {
			n, err := t.empty(g, co, l.GetEpoch())
			if err != nil {
				return moved, err
			}
			moved += n
		}
	}
	return moved, nil
}

// deleteConsumer ends a lease, whoever has it, and empties the hands.
func (t *turn) deleteConsumer(c *storagev1.DeleteConsumer) (moved uint64, err error) {
	g, err := t.groupOf(c.GetGroup().GetStream(), c.GetGroup().GetGroup())
	if err != nil {
		return 0, err
	}
	co, err := t.consumer(g, c.GetConsumer())
	if err != nil || !co.there {
		return 0, err
	}
	co.row.Holder = nil
	g.touch(co)
	return t.empty(g, co, co.row.GetEpoch())
}

// empty has all that a consumer was handed up to an epoch delivered to others. What
// is too much for one command is due now.
func (t *turn) empty(g *group, c *consumer, epoch uint64) (moved uint64, err error) {
	firsts, err := t.turns(g, c.number, epoch+1, t.bounds.rows+1)
	if err != nil {
		return 0, err
	}
	if len(firsts) > t.bounds.rows {
		firsts = firsts[:t.bounds.rows]
		id, group := g.id()
		t.batch.Set(t.keys.wakeHands(t.now, id, group, c.number, epoch))
	}
	rows, err := t.mustHave(g, firsts)
	if err != nil {
		return 0, err
	}
	for _, p := range rows {
		moved += p.set.Count()
		if err := t.again(g, p, p.set, 0); err != nil {
			return moved, err
		}
	}
	return moved, nil
}

// emptyHands has all consumers of a group hold nothing, the rows being gone.
func (t *turn) emptyHands(g *group) error {
	id, group := g.id()
	var all []uint32
	for e, err := range t.batch.Scan(t.keys.consumer(id, group, 0), t.keys.pair(kindConsumer, id, group+1), engine.Ascending) {
		if err != nil {
			return &storeError{fmt.Errorf("read consumers of group %q: %w", g.name, err)}
		}
		all = append(all, consumerNumber(e.Key))
	}
	for number := range g.consumers {
		all = append(all, number)
	}
	for _, number := range all {
		c, err := t.consumer(g, number)
		if err != nil {
			return err
		}
		c.row.Pending, c.row.Old = 0, 0
		g.touch(c)
	}
	return nil
}
