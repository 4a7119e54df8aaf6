package raftlog

import (
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
)

// maxBatch bounds one StoreLogs: raft-wal counts bytes of a file in 32 bits.
const maxBatch = 1 << 30

// IsMonotonic tells raft that there are no gaps between entries.
func (l *Log) IsMonotonic() bool { return true }

// FirstIndex returns the index of the first entry, 0 if there is none.
func (l *Log) FirstIndex() (uint64, error) {
	begun, _ := l.ahead.ends() // before: they go from there into the log
	first, err := closedError(l.wal.FirstIndex())
	if first == 0 && err == nil {
		first = begun
	}
	return first, err
}

// LastIndex returns the index of the last entry, 0 if there is none.
func (l *Log) LastIndex() (uint64, error) {
	_, begun := l.ahead.ends()
	last, err := closedError(l.wal.LastIndex())
	return max(last, begun), err
}

func closedError(n uint64, err error) (uint64, error) {
	if errors.Is(err, wal.ErrClosed) {
		err = ErrClosed
	}
	return n, err
}

// GetLog reads one entry, from the cache or from the disk. What comes from the
// disk is verified; what is in the cache was when it was stored. An index that
// is not in the log gives raft.ErrLogNotFound.
func (l *Log) GetLog(index uint64, to *raft.Log) error {
	// In this order: what was begun goes into the cache before it is durable.
	if l.cache.get(index, to) || l.ahead.get(index, to) || l.cache.get(index, to) {
		l.metrics.hits.Inc()
		return nil
	}
	l.metrics.misses.Inc()
	var got raft.Log
	first, err := l.wal.FirstIndex()
	if err == nil {
		err = l.wal.GetLog(index, &got)
	}
	switch {
	case err == nil && index < first:
		return raft.ErrLogNotFound // deleted, but raft-wal still finds it
	case err == nil:
		err = l.verifyRead(index, &got)
	case errors.Is(err, wal.ErrNotFound):
		return raft.ErrLogNotFound // raft compares it with ==
	case errors.Is(err, wal.ErrClosed):
		return ErrClosed
	default:
		err = l.readError(index, err)
	}
	if err != nil {
		return err
	}
	*to = got
	return nil
}

func (l *Log) verifyRead(index uint64, got *raft.Log) error {
	if got.Index != index {
		return l.damaged(&DamageError{Index: index, Term: got.Term, Where: l.cfg.Dir,
			Reason: fmt.Sprintf("holds entry %d", got.Index)})
	}
	if reason := mismatch(got); reason != "" {
		return l.damaged(&DamageError{Index: index, Term: got.Term, Where: l.cfg.Dir, Reason: reason})
	}
	return nil
}

// readError tells damage from an error of the disk, which ends the log just so:
// raft cannot go on without the entry.
func (l *Log) readError(index uint64, err error) error {
	damage := &DamageError{Index: index, Where: l.cfg.Dir, Reason: err.Error()}
	if found := (*DamageError)(nil); errors.As(err, &found) {
		damage.Term, damage.Where, damage.Reason = found.Term, found.Where, found.Reason
	}
	return l.damaged(damage)
}

func (l *Log) damaged(err *DamageError) error {
	l.metrics.damaged.Inc()
	l.logger.Error("log is damaged", "dir", l.cfg.Dir, "index", err.Index, "reason", err.Reason)
	l.life.fail(err)
	return err
}

// StoreLog stores one entry.
func (l *Log) StoreLog(entry *raft.Log) error { return l.StoreLogs([]*raft.Log{entry}) }

// StoreLogs appends entries, which get a checksum if they have none, and returns
// when they are fsynced. An entry whose checksum does not match gives ErrDamaged,
// and nothing is stored; the log goes on. The entries' data must not be changed
// from now on.
func (l *Log) StoreLogs(entries []*raft.Log) error {
	if len(entries) == 0 {
		return nil
	}
	if err := l.admit(entries); err != nil {
		return err
	}
	if err := l.settle(); err != nil {
		return err
	}
	return l.store(entries)
}

// store appends entries, and returns when they are fsynced.
func (l *Log) store(entries []*raft.Log) error {
	start := time.Now()
	err := l.write("store", func() error { return l.append(entries) })
	l.metrics.storeSeconds.Observe(time.Since(start).Seconds())
	return err
}

// admit gives entries their checksums, and says what is wrong with them.
func (l *Log) admit(entries []*raft.Log) error {
	if err := stamp(entries); err != nil {
		l.metrics.refused.Inc()
		return err
	}
	return checkBatch(entries)
}

func checkBatch(entries []*raft.Log) error {
	sum := 0
	for i, e := range entries {
		if e.Index != entries[0].Index+uint64(i) || e.Index == 0 {
			return fmt.Errorf("%w: entry %d after %d", ErrNotContiguous, e.Index, entries[0].Index+uint64(i)-1)
		}
		n := encodedLen(e)
		if sum += n + frameLen; n > maxEntry || sum > maxBatch {
			return fmt.Errorf("%w: entry %d has %d bytes, its batch %d up to it", ErrTooLarge, e.Index, n, sum)
		}
	}
	return nil
}

// append is StoreLogs' turn to write.
func (l *Log) append(entries []*raft.Log) error {
	l.filer.settle()
	last, err := l.wal.LastIndex()
	if err := errors.Join(err, l.life.failure()); err != nil {
		return err
	}
	if last > 0 && entries[0].Index != last+1 {
		return fmt.Errorf("%w: entry %d after %d", ErrNotContiguous, entries[0].Index, last)
	}
	if err := l.wal.StoreLogs(entries); err != nil {
		return err
	}
	// A caller that was told that this is late may have changed the entries.
	l.codec.whileOpen(func() {
		for _, e := range entries {
			n := encodedLen(e) + frameLen
			l.sizes.add(e.Index, n)
			l.metrics.bytes.Add(float64(n))
		}
		l.cache.add(entries)
		l.metrics.entries.Add(float64(len(entries)))
		l.durable.Store(entries[len(entries)-1].Index)
	})
	return nil
}

// DeleteRange deletes entries at the front or at the end of the log, both
// indexes included.
func (l *Log) DeleteRange(lo, hi uint64) error {
	if lo > hi {
		return nil
	}
	if err := l.settle(); err != nil {
		return err
	}
	return l.write("delete", func() error { return l.deleteRange(lo, hi) })
}

func (l *Log) deleteRange(lo, hi uint64) error {
	l.filer.settle()
	first, err1 := l.wal.FirstIndex()
	last, err2 := l.wal.LastIndex()
	if err := errors.Join(err1, err2, l.life.failure()); err != nil {
		return err
	}
	if first == 0 || hi < first || lo > last {
		return nil
	}
	if lo > first && hi < last {
		return fmt.Errorf("%w: delete %d to %d from %d to %d", ErrNotContiguous, lo, hi, first, last)
	}
	// Before, because raft-wal keeps the end in the meta file while it deletes.
	switch {
	case lo <= first && hi >= last:
		l.durable.Store(0)
	case hi >= last:
		l.durable.Store(lo - 1)
	}
	l.cache.drop(lo, hi)
	if err := l.wal.DeleteRange(lo, hi); err != nil {
		return err
	}
	if hi >= last {
		l.sizes.dropBack(max(lo, first))
	} else {
		l.sizes.dropFront(hi)
	}
	return nil
}

// TruncateFront deletes all entries up to an index, included. Space on disk
// comes back when a whole segment is gone.
func (l *Log) TruncateFront(upTo uint64) error { return l.DeleteRange(0, upTo) }
