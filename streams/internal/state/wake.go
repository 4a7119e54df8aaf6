package state

import (
	"encoding/binary"
	"fmt"

	"github.com/eventnode/eventnode/streams/internal/engine"
)

// What is to be done at a time is a row that begins with that time, so what is next
// is the first row, whatever else there is:
//
//	wake  kind ms what stream group first      pending entries: their wait is over
//	wake  kind ms what stream group consumer epoch   hands to be emptied, holder gone
//	wake  kind ms what stream                  chunks to let go, at the front
//	wake  kind ms what stream                  or in the middle
//	wake  kind ms what namespace 0 name        a lock ends
//
// A row may outlive what it is about. What is found then is not due at its time, or
// not there, and only the row goes.
type what byte

const (
	wakePending what = 1 + iota
	wakeHands
	wakeFront
	wakeSweep
	wakeLock
)

// wake begins the key of what is due at a time.
func (k keys) wake(ms int64, w what) []byte {
	b := binary.BigEndian.AppendUint64(k.of(kindWake, 8+1+8+8+8+8), uint64(max(ms, 0)))
	return append(b, byte(w))
}

// wakeBehind bounds what is due until a time, which is included.
func (k keys) wakeBehind(ms int64) []byte {
	return binary.BigEndian.AppendUint64(k.of(kindWake, 8), uint64(max(ms, 0))+1)
}

func (k keys) wakePending(ms int64, id, group, first uint64) []byte {
	return numbers(k.wake(ms, wakePending), id, group, first)
}

func (k keys) wakeHands(ms int64, id, group uint64, consumer uint32, epoch uint64) []byte {
	return numbers(k.wake(ms, wakeHands), id, group, uint64(consumer), epoch)
}

func (k keys) wakeLock(ms int64, n Name) []byte {
	return append(k.wake(ms, wakeLock), k.lock(n)[keyPrefix:]...)
}

func numbers(b []byte, all ...uint64) []byte {
	for _, n := range all {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return b
}

// wakeItem is what a key says.
type wakeItem struct {
	ms   int64
	what what
	n    []uint64 // stream, group, first; or stream, group, consumer, epoch; or stream
	lock []byte   // the rest of a lock's key
}

// decodeWake reads a key.
func decodeWake(key []byte) (wakeItem, error) {
	if len(key) < keyPrefix+9 {
		return wakeItem{}, damaged("row %x: nothing is due", key)
	}
	rest := key[keyPrefix:]
	d := wakeItem{ms: int64(binary.BigEndian.Uint64(rest)), what: what(rest[8])}
	rest = rest[9:]
	if d.what == wakeLock {
		d.lock = rest
		return d, nil
	}
	want := map[what]int{wakePending: 3, wakeHands: 4, wakeFront: 1, wakeSweep: 1}[d.what]
	if want == 0 || len(rest) != 8*want {
		return wakeItem{}, damaged("row %x: nobody knows what is due", key)
	}
	for ; len(rest) > 0; rest = rest[8:] {
		d.n = append(d.n, binary.BigEndian.Uint64(rest))
	}
	return d, nil
}

// NextDue is the first time, of those between two, both included, from which on an
// Expire does something; false if there is none. Nothing is ever due before the time at
// which it was put down, so who looks again and again begins where it ended before:
// what was done since need not be read over.
func (v View) NextDue(from, to int64) (ms int64, found bool, err error) {
	for e, err := range v.r.Scan(v.keys.wake(from, 0), v.keys.wakeBehind(to), engine.Ascending) {
		if err != nil {
			return 0, false, fmt.Errorf("read what is due: %w", err)
		}
		d, err := decodeWake(e.Key)
		return d.ms, err == nil, err
	}
	return 0, false, nil
}
