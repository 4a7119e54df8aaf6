package consuming

import (
	"slices"
	"time"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/replica"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// Decided takes note of what was applied, by whomever it was proposed: give it to the
// replica as OnDecided. It does not block.
func (d *Desk) Decided(p *replica.Proposal, r *state.Result) {
	if r.Err != nil {
		return
	}
	d.wake(r.Woken)
	switch c := p.Command.GetCommand().(type) {
	case *storagev1.Command_GrantLease:
		g := c.GrantLease
		d.mu.Lock()
		over := d.granted(newLease(g.GetGroup(), g.GetConsumer(), r.Epoch, slices.Clone(g.GetStreams())...), time.Now())
		d.mu.Unlock()
		fence(over)
	case *storagev1.Command_EndLease:
		d.leasesEnded(c.EndLease)
	case *storagev1.Command_DeleteConsumer:
		g := c.DeleteConsumer.GetGroup()
		d.mu.Lock()
		over := d.ended(g.GetGroup(), c.DeleteConsumer.GetConsumer(), g.GetStream(), 0)
		d.mu.Unlock()
		fence(over)
	case *storagev1.Command_Claim: // it is for one of them
		d.wakeAll(c.Claim.GetGroup().GetStream(), c.Claim.GetGroup().GetGroup())
	case *storagev1.Command_RemoveGroup: // who waits finds out
		d.wakeAll(c.RemoveGroup.GetGroup().GetStream(), c.RemoveGroup.GetGroup().GetGroup())
	case *storagev1.Command_DeleteStream:
		d.wakeAll(0, "")
	case *storagev1.Command_ReleaseLock:
		l := c.ReleaseLock.GetLock()
		d.released(state.Name{Namespace: l.GetNamespace(), Name: l.GetName()})
	}
}

func (d *Desk) leasesEnded(c *storagev1.EndLease) {
	var over []*Lease
	d.mu.Lock()
	for _, l := range c.GetLeases() {
		over = append(over, d.ended(c.GetGroup(), c.GetConsumer(), l.GetStream(), l.GetEpoch())...)
	}
	d.mu.Unlock()
	fence(over)
}
