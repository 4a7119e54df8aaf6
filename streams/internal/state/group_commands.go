package state

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
)

// doGroups applies a command of consumer groups or locks.
func (t *turn) doGroups(r *Result, c *storagev1.Command) (err error) {
	switch c := c.GetCommand().(type) {
	case *storagev1.Command_AddGroup:
		r.Created, err = t.addGroup(c.AddGroup)
	case *storagev1.Command_UpdateGroup:
		err = t.updateGroup(c.UpdateGroup)
	case *storagev1.Command_RemoveGroup:
		err = t.removeGroup(c.RemoveGroup)
	case *storagev1.Command_GrantLease:
		r.Epoch, err = t.grant(c.GrantLease)
	case *storagev1.Command_EndLease:
		r.Moved, err = t.endLease(c.EndLease)
	case *storagev1.Command_Fetch:
		r.Fetched, err = t.fetch(c.Fetch)
	case *storagev1.Command_Settle:
		r.Settled, err = t.settle(c.Settle)
	case *storagev1.Command_Claim:
		r.Moved, r.More, err = t.claim(c.Claim)
	case *storagev1.Command_Seek:
		err = t.seek(c.Seek)
	case *storagev1.Command_DeleteConsumer:
		r.Moved, err = t.deleteConsumer(c.DeleteConsumer)
	default:
		return t.doOthers(r, c)
	}
	return err
}

// doOthers applies a command of dead letters, of locks, or the passing of time.
func (t *turn) doOthers(r *Result, c any) (err error) {
	switch c := c.(type) {
	case *storagev1.Command_SettleDead:
		r.Moved, err = t.settleDead(c.SettleDead)
	case *storagev1.Command_ObtainLock:
		r.Lock, err = t.obtain(c.ObtainLock)
	case *storagev1.Command_RefreshLock:
		r.Lock, err = t.refresh(c.RefreshLock)
	case *storagev1.Command_ReleaseLock:
		err = t.release(c.ReleaseLock)
	case *storagev1.Command_Expire:
		r.Moved, r.More, err = t.expire(c.Expire)
	default:
		err = fmt.Errorf("%w: a command that this version does not know", ErrEntry)
	}
	return err
}

// nextEpoch is one that was never used in the partition.
func (t *turn) nextEpoch() uint64 {
	t.part.LastEpoch++
	return t.part.GetLastEpoch()
}

// sortedGroups is the groups of this turn, in the same order on every replica.
func (t *turn) sortedGroups() []groupKey {
	return slices.SortedFunc(maps.Keys(t.groups), func(a, b groupKey) int {
		return cmp.Or(cmp.Compare(a.stream, b.stream), cmp.Compare(a.name, b.name))
	})
}

func (t *turn) sortedStreams() []uint64 { return slices.Sorted(maps.Keys(t.streams)) }
