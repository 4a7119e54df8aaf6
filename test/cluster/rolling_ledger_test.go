package cluster_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// reorder is how far two events of one publisher may have changed places when it went to
// another node: no more are under way at once.
const reorder = 2 * batch

// memberLoad is the publisher whose events are for the member of the group.
const memberLoad = 100

// place is a gap's: for each publisher, which number was the highest before it, and the
// lowest behind it.
type place struct{ before, behind map[uint32]uint64 }

// numbersLedger is what one receiver got of several publishers, each of which numbers its
// events. It fails the test on an event that comes twice.
type numbersLedger struct {
	t      *testing.T
	name   string
	member bool // of the group, which memberLoad sends to, and nobody else

	mu      sync.Mutex
	seen    map[uint32]map[uint64]bool
	highest map[uint32]uint64
	gaps    []place
	reasons map[string]int
	got     int
}

func newNumbersLedger(t *testing.T, name string) *numbersLedger {
	return &numbersLedger{t: t, name: name, seen: map[uint32]map[uint64]bool{}, highest: map[uint32]uint64{}, reasons: map[string]int{}}
}

func (l *numbersLedger) gap(g eventnode.Gap) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gaps = append(l.gaps, place{before: maps.Clone(l.highest), behind: map[uint32]uint64{}})
	l.reasons[g.Reason.String()]++
}

func (l *numbersLedger) event(data []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k, n := binary.BigEndian.Uint32(data), binary.BigEndian.Uint64(data[4:])
	if l.seen[k] == nil {
		l.seen[k] = map[uint64]bool{}
	}
	if l.seen[k][n] {
		l.t.Errorf("%s: event %d of publisher %d came twice", l.name, n, k)
	}
	l.seen[k][n] = true
	l.highest[k] = max(l.highest[k], n)
	l.got++
	for _, g := range slices.Backward(l.gaps) {
		if _, known := g.behind[k]; known {
			return
		}
		g.behind[k] = n
	}
}

// covered reports whether a gap stands where event n of a publisher should be.
func (l *numbersLedger) covered(k uint32, n uint64) bool {
	for _, g := range l.gaps {
		behind, known := g.behind[k]
		if n+reorder > g.before[k] && (!known || n < behind+reorder) {
			return true
		}
	}
	return false
}

// missing is how many of the events that were accepted did not come; a hole without a gap
// in its place is the error.
func (l *numbersLedger) missing(accepted map[uint32][]uint64) (n int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k, numbers := range accepted {
		if l.member != (k == memberLoad) {
			continue
		}
		for _, number := range numbers {
			if l.seen[k][number] {
				continue
			}
			if n++; !l.covered(k, number) {
				return n, fmt.Errorf("%s: event %d of publisher %d did not come, and no gap tells", l.name, number, k)
			}
		}
	}
	return n, nil
}

func (l *numbersLedger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.got
}

// numberedBy is event n of a publisher.
func numberedBy(publisher uint32, n uint64) event.Event {
	data := binary.BigEndian.AppendUint32(nil, publisher)
	return event.New("numbered", binary.BigEndian.AppendUint64(data, n))
}
