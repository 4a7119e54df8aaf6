package consuming

import (
	"context"
	"time"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
)

// expireEvery is how often a leader looks for what has come of age.
const expireEvery = 50 * time.Millisecond

// past is up to where all that was due is known to be done, in one term.
type past struct {
	term    uint64
	sinceMS int64
}

// expire does what has come of age, as long as this node leads.
func (d *Desk) expire(ctx context.Context, p Partition) {
	tick := time.NewTicker(expireEvery)
	defer tick.Stop()
	for done := (past{}); ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if err := done.look(ctx, p); err != nil && ctx.Err() == nil {
			d.cfg.Logger.Warn("what has come of age waits for now", "error", err)
		}
	}
}

// look does what is due. Nothing is ever due before the stamp of the entry that puts it
// down, and none comes with an earlier stamp than the last that was applied: from there
// on the next look begins.
func (l *past) look(ctx context.Context, p Partition) error {
	term, now := p.Reign()
	if term != l.term {
		*l = past{term: term}
	}
	if term == 0 {
		return nil
	}
	v, done, err := p.Look()
	if err != nil {
		return err
	}
	part, err := v.Partition()
	due := false
	if err == nil {
		_, due, err = v.NextDue(l.sinceMS, now)
	}
	done()
	if err != nil {
		return err
	}
	for due {
		r, err := propose(ctx, p, &storagev1.Command{Command: &storagev1.Command_Expire{Expire: &storagev1.Expire{SinceMs: l.sinceMS}}})
		if err != nil {
			return err
		}
		due = r.More
	}
	l.sinceMS = max(l.sinceMS, min(part.GetStampMs(), now))
	return nil
}
