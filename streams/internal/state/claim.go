package state

import (
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
)

// isReady has a row delivered to whoever fetches next.
func isReady(row *storagev1.PendingRow) { row.State, row.DueMs = ready, 0 }

// claim moves what is in one consumer's hands to another's. Its rows are of no epoch
// then, so the other one has them delivered with its next fetch, also while it runs,
// and the first one is told that they are not its own any more.
func (t *turn) claim(c *storagev1.Claim) (moved uint64, more bool, err error) {
	switch {
	case c.GetFrom() == 0 || c.GetTo() == 0:
		return 0, false, invalid("consumers are numbered from 1 on")
	case c.GetFrom() == c.GetTo():
		return 0, false, invalid("consumer %d claims from itself", c.GetTo())
	}
	g, err := t.groupOf(c.GetGroup().GetStream(), c.GetGroup().GetGroup())
	if err != nil {
		return 0, false, err
	}
	from, err := t.consumer(g, c.GetFrom())
	if err != nil {
		return 0, false, err
	}
	firsts, err := t.turns(g, c.GetFrom(), from.row.GetEpoch()+1, t.bounds.rows+1)
	if err != nil {
		return 0, false, err
	}
	more = len(firsts) > t.bounds.rows
	rows, err := t.mustHave(g, firsts[:min(len(firsts), t.bounds.rows)])
	if err != nil {
		return 0, false, err
	}
	for _, p := range rows {
		moved += p.set.Count()
		if err := t.change(g, p, p.set, func(row *storagev1.PendingRow) {
			row.Consumer, row.Epoch, row.DueMs = c.GetTo(), 0, t.after(g.row.GetConfig().GetAckWaitMs())
		}); err != nil {
			return moved, false, err
		}
	}
	return moved, more, nil
}
