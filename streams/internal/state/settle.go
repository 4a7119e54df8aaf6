package state

import (
	"fmt"

	"github.com/eventnode/eventnode"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/ranges"
)

const (
	// MaxSettle bounds the events of one Settle, of each stream.
	MaxSettle = 65_536
	// maxParts bounds how far apart they are: each part takes a look-up.
	maxParts = 1024
	// MaxReason bounds the words of a terminate, in bytes.
	MaxReason = 1024
	// MaxDeliverReason is why an event died that was delivered too often.
	MaxDeliverReason = "max_deliver"
)

// Settled is what a Settle found, in events.
type Settled struct {
	// Settled were in the consumer's hands, or had been and were not handed to
	// anybody else since.
	Settled uint64
	// Already are not pending any more, nor new: they were acked before. So an ack
	// that is sent again is answered.
	Already uint64
	// Missed are in the hands of others, or were not delivered.
	Missed uint64
}

// settling is a Settle of one stream.
type settling struct {
	g     *group
	c     *consumer
	epoch uint64
	parts []ranges.Set // what is near each other
}

// settle does with events in a consumer's hands what the consumer says. All of its
// leases must be good.
func (t *turn) settle(c *storagev1.Settle) (done Settled, err error) {
	if err := checkSettle(c); err != nil {
		return done, err
	}
	var all []settling
	for _, m := range c.GetSettlements() {
		set, err := decodeNumbers(m.GetRanges(), MaxSettle)
		if err != nil {
			return done, err
		}
		parts := set.Spans(maxSpan)
		if len(parts) > maxParts {
			return done, invalid("%d events are too far apart: settle fewer at once", set.Count())
		}
		g, co, err := t.leased(m.GetStream(), c.GetGroup(), c.GetConsumer(), m.GetEpoch())
		if err != nil {
			return done, err
		}
		all = append(all, settling{g, co, m.GetEpoch(), parts})
	}
	for _, s := range all {
		for _, part := range s.parts {
			if err := t.settlePart(s, part, c, &done); err != nil {
				return done, err
			}
		}
	}
	if done.Settled+done.Already == 0 {
		g := all[0].g
		return done, &eventnode.StreamError{Stream: g.stream.name(), Err: eventnode.ErrNotPending, Reason: fmt.Sprintf(
			"none of %d events of stream %q is in the hands of consumer %d of group %q: others have them, or nobody yet", done.Missed, g.stream.name(), c.GetConsumer(), c.GetGroup())}
	}
	return done, nil
}

func checkSettle(c *storagev1.Settle) error {
	switch {
	case c.GetVerb() < storagev1.Verb_VERB_ACK || c.GetVerb() > storagev1.Verb_VERB_EXTEND:
		return invalid("unknown verb %d", c.GetVerb())
	case c.GetConsumer() == 0:
		return invalid("consumers are numbered from 1 on")
	case len(c.GetSettlements()) == 0:
		return invalid("nothing is settled")
	case c.GetDelayMs() > MaxMS:
		return overLimit("delay_ms", MaxMS, c.GetDelayMs())
	case c.DelayMs != nil && c.GetDelayMs() == 0 && c.GetVerb() == storagev1.Verb_VERB_EXTEND:
		return invalid("extended by nothing")
	case len(c.GetReason()) > MaxReason:
		return &eventnode.LimitError{Limit: "max_reason_bytes", Max: MaxReason, Got: len(c.GetReason())}
	}
	return nil
}

// decodeNumbers reads ranges of a command.
func decodeNumbers(b []byte, most uint64) (ranges.Set, error) {
	set, err := ranges.Decode(b)
	switch {
	case err != nil:
		return nil, invalid("%v", err)
	case len(set) == 0:
		return nil, invalid("no event is named")
	case set.Count() > most:
		return nil, invalid("%d events at once: at most %d", set.Count(), most)
	}
	return set, nil
}

// settlePart settles numbers that are near each other.
func (t *turn) settlePart(s settling, set ranges.Set, c *storagev1.Settle, done *Settled) error {
	rows, missed, left, err := t.inHand(s, set)
	if err != nil {
		return err
	}
	for _, p := range rows {
		part, _ := p.set.Split(set)
		done.Settled += part.Count()
		if err := t.say(s.g, p, part, c); err != nil {
			return err
		}
	}
	passed, err := t.notDelivered(s.g, left)
	done.Missed += missed + passed
	done.Already += left.Count() - passed
	return err
}

// inHand is the rows with any of these numbers that are the consumer's, how many
// numbers are in others, and those that are in none.
func (t *turn) inHand(s settling, set ranges.Set) (mine []pending, missed uint64, left ranges.Set, err error) {
	id, number := s.g.id()
	left = set
	low := max(s.g.low, set.First()-min(set.First(), maxSpan))
	for e, err := range t.batch.Scan(t.keys.pending(id, number, low), t.keys.pending(id, number, max(low, set.Last()+1)), engine.Descending) {
		if err != nil {
			return nil, 0, nil, &storeError{fmt.Errorf("read what is pending in group %q: %w", s.g.name, err)}
		}
		if lastNumber(e.Key)+maxSpan <= left.First() {
			break
		}
		p, err := decodePending(e)
		if err != nil {
			return nil, 0, nil, err
		}
		inside, _ := left.Split(p.set)
		if len(inside) == 0 {
			continue
		}
		its := p.GetConsumer() == s.c.number && p.GetEpoch() == s.epoch
		if (its || !checkHands) && (p.GetState() == held || p.GetState() == ready) {
			mine = append(mine, p)
		} else {
			missed += inside.Count()
		}
		if _, left = left.Split(inside); len(left) == 0 {
			break
		}
	}
	return mine, missed, left, nil
}

// notDelivered is how many of numbers that are not pending were never delivered.
func (t *turn) notDelivered(g *group, set ranges.Set) (uint64, error) {
	if len(set) == 0 {
		return 0, nil
	}
	_, before := set.Split(ranges.Of(g.row.GetNext(), set.Last()))
	n := set.Count() - before.Count()
	if g.row.GetSkipped() == 0 {
		return n, nil
	}
	skipped, err := t.skippedOf(g)
	inside, _ := before.Split(skipped.set)
	return n + inside.Count(), err
}

// say does what the consumer says with a part of a row.
func (t *turn) say(g *group, p pending, part ranges.Set, c *storagev1.Settle) error {
	cfg := g.row.GetConfig()
	switch c.GetVerb() {
	case storagev1.Verb_VERB_ACK:
		return t.acked(g, p, part)
	case storagev1.Verb_VERB_NACK:
		delay := c.GetDelayMs()
		if c.DelayMs == nil {
			delay = backoff(cfg, p.GetDeliveries(), part.First())
		}
		return t.again(g, p, part, delay)
	case storagev1.Verb_VERB_NACK_SILENT:
		return t.change(g, p, part, func(row *storagev1.PendingRow) {
			row.Deliveries -= min(row.GetDeliveries(), 1)
			later(row, t.now, c.GetDelayMs())
		})
	case storagev1.Verb_VERB_TERMINATE:
		return t.kill(g, p, part, c.GetReason())
	default: // extend
		wait := cfg.GetAckWaitMs()
		if c.DelayMs != nil {
			wait = c.GetDelayMs()
		}
		return t.change(g, p, part, func(row *storagev1.PendingRow) { row.State, row.DueMs = held, t.after(wait) })
	}
}

// after is a time from now on, at least 1: 0 says that there is none.
func (t *turn) after(ms uint64) int64 { return max(t.now+int64(min(ms, MaxMS)), 1) }

// later has a row delivered again after some time.
func later(row *storagev1.PendingRow, now int64, ms uint64) {
	row.State, row.DueMs = ready, 0
	if ms > 0 {
		row.State, row.DueMs = waiting, max(now+int64(min(ms, MaxMS)), 1)
	}
}

// acked lets a part of a row go.
func (t *turn) acked(g *group, p pending, part ranges.Set) error {
	g.freed = true
	g.ackedTo = max(g.ackedTo, part.Last())
	_, rest := p.set.Split(part)
	if err := t.take(g, p); err != nil {
		return err
	}
	return t.put(g, p.part(rest))
}

// again has a part of a row delivered again after some time, if that is not once
// too often.
func (t *turn) again(g *group, p pending, part ranges.Set, delay uint64) error {
	most := g.row.GetConfig().GetMaxDeliver()
	if most != NoMaxDeliver && p.GetDeliveries() >= most && g.stream.row.GetDeadOf() == 0 {
		return t.kill(g, p, part, MaxDeliverReason)
	}
	return t.change(g, p, part, func(row *storagev1.PendingRow) { later(row, t.now, delay) })
}

// change gives a part of a row another fate.
func (t *turn) change(g *group, p pending, part ranges.Set, how func(*storagev1.PendingRow)) error {
	_, rest := p.set.Split(part)
	if err := t.take(g, p); err != nil {
		return err
	}
	if err := t.put(g, p.part(rest)); err != nil {
		return err
	}
	row := p.part(part)
	how(row.PendingRow)
	return t.put(g, row)
}

// kill has a part of a row never delivered again. As many as one entry may bury
// become dead letters now, the others soon. A dead letter is just gone.
func (t *turn) kill(g *group, p pending, part ranges.Set, reason string) error {
	if g.stream.row.GetDeadOf() > 0 {
		return t.acked(g, p, part)
	}
	if err := t.change(g, p, part, func(row *storagev1.PendingRow) {
		row.State, row.Reason, row.DueMs = dying, reason, max(t.now, 1)
	}); err != nil {
		return err
	}
	for _, set := range part.Spans(maxSpan) {
		body, found, err := t.pendingAt(g, set.First())
		if err == nil && found {
			err = t.bury(g, body)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
