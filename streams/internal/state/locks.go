package state

import (
	"fmt"

	"github.com/eventnode/eventnode"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
)

// A lock is a row while somebody has it. It ends by the partition's time, whether or
// not anybody has looked since; the row goes with the next Expire. Each holder gets a
// token greater than all before: what the lock guards refuses smaller ones.

// Lock is a lock that somebody has.
type Lock struct {
	// Token is greater than that of any holder before.
	Token uint64
	// UntilMS is when it ends, by the partition's time, and TTLMS how long that is
	// from now.
	UntilMS, TTLMS int64
}

// lockOf reads a lock; the row is empty if nobody has it now.
func (t *turn) lockOf(l *storagev1.LockName) (Name, *storagev1.LockRow, error) {
	n := Name{l.GetNamespace(), l.GetName()}
	if err := checkWord("lock name", n.Name); err != nil {
		return n, nil, err
	}
	if err := checkWord("namespace", n.Namespace); err != nil && n.Namespace != "" {
		return n, nil, err
	}
	row := &storagev1.LockRow{}
	_, err := load(t.batch, t.keys.lock(n), row)
	return n, row, err
}

// obtain takes a lock that is free, or that the holder has already.
func (t *turn) obtain(c *storagev1.ObtainLock) (Lock, error) {
	n, row, err := t.lockOf(c.GetLock())
	switch {
	case err != nil:
		return Lock{}, err
	case len(c.GetHolder()) != idBytes:
		return Lock{}, invalid("a holder has %d bytes, not %d", idBytes, len(c.GetHolder()))
	}
	free := row.GetUntilMs() <= t.now || !checkLock
	if !free && string(row.GetHolder()) != string(c.GetHolder()) {
		return Lock{}, &eventnode.StreamError{Err: eventnode.ErrLockTaken,
			Reason: fmt.Sprintf("lock %v is taken for %d ms more", n, row.GetUntilMs()-t.now)}
	}
	next := &storagev1.LockRow{Holder: c.GetHolder(), Token: row.GetToken(), ObtainedMs: row.GetObtainedMs()}
	if err := checkTTL(c.GetTtlMs()); err != nil {
		return Lock{}, err
	}
	if free {
		next.Token, next.ObtainedMs = t.nextEpoch(), t.now
	}
	return t.keep(n, row, next, c.GetTtlMs())
}

// refresh has a lock end later, or sooner.
func (t *turn) refresh(c *storagev1.RefreshLock) (Lock, error) {
	n, row, err := t.lockOf(c.GetLock())
	if err == nil {
		err = checkTTL(c.GetTtlMs())
	}
	if err != nil {
		return Lock{}, err
	}
	if row.GetUntilMs() <= t.now || row.GetToken() != c.GetToken() {
		return Lock{}, &eventnode.StreamError{Err: eventnode.ErrLockLost, Reason: fmt.Sprintf("lock %v is lost: its time was over", n)}
	}
	return t.keep(n, row, &storagev1.LockRow{Holder: row.GetHolder(), Token: row.GetToken(), ObtainedMs: row.GetObtainedMs()}, c.GetTtlMs())
}

// release gives a lock back. One that the caller has no more is left as it is.
func (t *turn) release(c *storagev1.ReleaseLock) error {
	n, row, err := t.lockOf(c.GetLock())
	if err != nil || row.GetToken() == 0 || row.GetToken() != c.GetToken() {
		return err
	}
	t.batch.Delete(t.keys.lock(n))
	t.batch.Delete(t.keys.wakeLock(row.GetUntilMs(), n))
	return nil
}

// checkTTL fails if a time to live is none.
func checkTTL(ms uint64) error {
	switch {
	case ms == 0:
		return invalid("a ttl must be higher than zero")
	case ms > MaxMS:
		return overLimit("ttl_ms", MaxMS, ms)
	}
	return nil
}

// keep writes a lock that ends so long from now.
func (t *turn) keep(n Name, was, now *storagev1.LockRow, ttl uint64) (Lock, error) {
	now.UntilMs = t.after(ttl)
	if was.GetToken() > 0 {
		t.batch.Delete(t.keys.wakeLock(was.GetUntilMs(), n))
	}
	t.batch.Set(t.keys.wakeLock(now.GetUntilMs(), n))
	return lockFrom(now, t.now), t.store(t.keys.lock(n), now)
}

func lockFrom(row *storagev1.LockRow, now int64) Lock {
	return Lock{Token: row.GetToken(), UntilMS: row.GetUntilMs(), TTLMS: row.GetUntilMs() - now}
}

// unlock removes a lock whose time is over.
func (t *turn) unlock(d wakeItem) error {
	key := append(t.keys.of(kindLock, len(d.lock)), d.lock...)
	row := &storagev1.LockRow{}
	found, err := load(t.batch, key, row)
	if err == nil && found && row.GetUntilMs() == d.ms {
		t.batch.Delete(key)
	}
	return err
}

// Lock returns a lock that somebody has at a time; false if nobody has.
func (v View) Lock(n Name, nowMS int64) (Lock, bool, error) {
	row := &storagev1.LockRow{}
	found, err := load(v.r, v.keys.lock(n), row)
	return lockFrom(row, nowMS), found && err == nil && row.GetUntilMs() > nowMS, unwrap(err)
}
