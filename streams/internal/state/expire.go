package state

import (
	"bytes"
	"fmt"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/engine"
)

// expire does what is due, of so many rows. What one of them leaves is due now, and
// counts as more.
func (t *turn) expire(c *storagev1.Expire) (done uint64, more bool, err error) {
	var keys [][]byte
	for e, err := range t.batch.Scan(t.keys.wake(min(c.GetSinceMs(), t.now), 0), t.keys.wakeBehind(t.now), engine.Ascending) {
		if err != nil {
			return 0, false, &storeError{fmt.Errorf("read what is due: %w", err)}
		}
		keys = append(keys, bytes.Clone(e.Key))
		if len(keys) == t.bounds.rows {
			break
		}
	}
	for _, key := range keys {
		t.batch.Delete(key)
		d, err := decodeWake(key)
		if err == nil {
			err = t.wake(d)
		}
		if err != nil {
			return done, false, storeFault(err)
		}
		done++
	}
	_, more, err = t.view().NextDue(c.GetSinceMs(), t.now)
	return done, more, storeFault(err)
}

// wake does what one row says.
func (t *turn) wake(d wakeItem) error {
	switch d.what {
	case wakeFront, wakeSweep:
		return t.wakeStream(d)
	case wakeLock:
		return t.unlock(d)
	default:
		return t.wakeGroup(d)
	}
}

// wakeGroup does what is due of a group.
func (t *turn) wakeGroup(d wakeItem) error {
	g, err := t.numberedGroup(d.n[0], d.n[1])
	if err != nil || g == nil {
		return ifThere(err)
	}
	if d.what == wakeHands {
		c, err := t.consumer(g, uint32(d.n[2]))
		if err == nil {
			_, err = t.empty(g, c, d.n[3])
		}
		return err
	}
	p, found, err := t.pendingAt(g, d.n[2])
	switch {
	case err != nil || !found || p.GetDueMs() != d.ms:
		return err
	case p.GetState() == dying:
		return t.bury(g, p)
	case p.GetState() == waiting:
		return t.change(g, p, p.set, isReady)
	default:
		return t.again(g, p, p.set, 0)
	}
}

// wakeStream does what is due of a stream.
func (t *turn) wakeStream(d wakeItem) error {
	s, err := t.stream(d.n[0])
	switch {
	case err != nil || s == nil:
		return err
	case d.what == wakeSweep && s.head.GetSweepMs() == d.ms:
		return t.sweep(s)
	}
	s.freed = true
	return nil
}

// ifThere is err, but nil if it says that there is no such stream or group any more:
// a row that is due may outlive them.
func ifThere(err error) error {
	if fault(err) != nil {
		return err
	}
	return nil
}
