package raftlog

import (
	"errors"
	"fmt"
	"sync"

	"github.com/hashicorp/raft"
)

// maxAheadBytes bounds the entries that were begun and are not durable yet. Who begins
// more waits for them.
const maxAheadBytes = 32 << 20

// ahead is the entries at the end of the log that are not durable yet.
type ahead struct {
	mu      sync.Mutex
	entries []*raft.Log // contiguous
	bytes   int
	writing bool          // a goroutine writes them
	moved   chan struct{} // closed and replaced when some became durable
}

func newAhead() *ahead { return &ahead{moved: make(chan struct{})} }

// Begin appends entries like StoreLogs, and returns before they are fsynced: they can
// be read at once, and Await tells when they are durable. One goroutine writes what was
// begun, in order, and as much at a time as there is. If it fails, or is late, the log
// is dead. What writes besides, StoreLogs and Set among it, first waits for what was
// begun.
//
// So the leader of a partition fsyncs an entry while it sends it (Ongaro, Consensus:
// Bridging Theory and Practice, 10.2.1). It must not count its own copy before Await
// has returned.
func (l *Log) Begin(entries []*raft.Log) error {
	if len(entries) == 0 {
		return nil
	}
	if err := l.admit(entries); err != nil {
		return err
	}
	last, err := l.LastIndex()
	if err := errors.Join(err, l.life.failure()); err != nil {
		return err
	}
	if last > 0 && entries[0].Index != last+1 {
		return fmt.Errorf("%w: entry %d after %d", ErrNotContiguous, entries[0].Index, last)
	}
	if l.ahead.add(entries) > maxAheadBytes {
		return l.Await(entries[len(entries)-1].Index, nil)
	}
	if l.ahead.start() {
		go l.writeAhead()
	}
	return nil
}

// Await returns nil when everything up to index is durable that was begun. It returns
// why if that will never be, and ErrGivenUp when give is closed before.
func (l *Log) Await(index uint64, give <-chan struct{}) error {
	for {
		has, moved := l.ahead.has(index)
		if !has {
			return nil
		}
		select {
		case <-moved:
		case <-l.life.dead:
			return l.life.failure()
		case <-give:
			return ErrGivenUp
		}
	}
}

// settle waits for all that was begun.
func (l *Log) settle() error { return l.Await(^uint64(0), nil) }

// writeAhead writes what was begun, until there is nothing.
func (l *Log) writeAhead() {
	for batch := l.ahead.next(); len(batch) > 0; batch = l.ahead.next() {
		if err := l.store(batch); err != nil {
			// Raft was told that they are there: this log is not what it takes it for.
			l.life.fail(fmt.Errorf("store: %w", err))
			return
		}
		l.ahead.done(batch)
	}
}

// add appends entries, and returns how many bytes are not durable now.
func (a *ahead) add(entries []*raft.Log) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range entries {
		a.bytes += encodedLen(e)
	}
	a.entries = append(a.entries, entries...)
	return a.bytes
}

// start reports whether the caller has to start writing.
func (a *ahead) start() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	start := !a.writing
	a.writing = true
	return start
}

// next is what is to be written; nothing: writing has ended.
func (a *ahead) next() []*raft.Log {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.writing = len(a.entries) > 0
	return a.entries[:len(a.entries):len(a.entries)]
}

// done takes note that entries are durable.
func (a *ahead) done(batch []*raft.Log) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range batch {
		a.bytes -= encodedLen(e)
	}
	a.entries = append([]*raft.Log(nil), a.entries[len(batch):]...)
	close(a.moved)
	a.moved = make(chan struct{})
}

// has reports whether entries up to index are not durable yet, and what is closed when
// that may have changed.
func (a *ahead) has(index uint64) (bool, <-chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.entries) > 0 && a.entries[0].Index <= index, a.moved
}

// get reads an entry that is not durable yet.
func (a *ahead) get(index uint64, to *raft.Log) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.entries) == 0 || index < a.entries[0].Index || index-a.entries[0].Index >= uint64(len(a.entries)) {
		return false
	}
	*to = *a.entries[index-a.entries[0].Index]
	return true
}

// ends are the first and the last index; 0: there is none.
func (a *ahead) ends() (first, last uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.entries) == 0 {
		return 0, 0
	}
	return a.entries[0].Index, a.entries[len(a.entries)-1].Index
}
