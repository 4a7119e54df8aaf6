package faults_test

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/eventnode/eventnode"
)

// maxProblems bounds what is said of one kind of problem.
const maxProblems = 5

// findings collects what is wrong, a few of each kind.
type findings struct {
	list  []string
	count map[string]int
}

func (f *findings) add(kind, format string, args ...any) {
	if f.count == nil {
		f.count = map[string]int{}
	}
	if f.count[kind]++; f.count[kind] <= maxProblems {
		f.list = append(f.list, kind+": "+fmt.Sprintf(format, args...))
	}
}

func (f *findings) all() []string {
	for kind, n := range f.count {
		if n > maxProblems {
			f.list = append(f.list, fmt.Sprintf("%s: %d times in all", kind, n))
		}
	}
	return f.list
}

// check returns what is wrong with a history, given what is in the stream at the
// end.
func (h *history) check(final []seen) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := &findings{}
	for _, p := range h.problems {
		f.add("seen on the way", "%s", p)
	}
	checkPositions(f, final)
	at := places(f, final)
	checkOperations(f, h.operations, final, at)
	checkNothingElse(f, h.operations, final)
	checkOrderInTime(f, h.operations)
	checkOrderOfProducers(f, h.operations, at)
	for reader, list := range h.readers {
		checkReader(f, reader, list, final)
	}
	return f.all()
}

// checkPositions: they grow, and numbers have no hole.
func checkPositions(f *findings, final []seen) {
	for i, s := range final {
		if s.Number != uint64(i+1) || s.Lost != 0 {
			f.add("hole", "event %d of the stream is number %d, after %d lost ones", i+1, s.Number, s.Lost)
		}
		if i > 0 && s.Position.Compare(final[i-1].Position) <= 0 {
			f.add("position used again", "%v at %v, behind %v", s.Value, s.Position, final[i-1].Position)
		}
	}
}

// places is where each value stands in the stream.
func places(f *findings, final []seen) map[string]int {
	at := make(map[string]int, len(final))
	for i, s := range final {
		if j, twice := at[s.Value]; twice {
			f.add("there twice", "%s at %v and %v", s.Value, final[j].Position, s.Position)
		}
		at[s.Value] = i
	}
	return at
}

// checkOperations: what was acked is there as it was acked, what was refused is not
// there, what is unknown is there whole or not at all.
func checkOperations(f *findings, ops []operation, final []seen, at map[string]int) {
	for _, op := range ops {
		first, there := at[value(op.Producer, op.First)]
		found := 0
		for i := range op.Count {
			place, ok := at[value(op.Producer, op.First+i)]
			if !ok {
				continue
			}
			found++
			want := final[first].Position
			want.Seq += uint64(i)
			if there && (place != first+i || final[place].Position != want) {
				f.add("torn", "%s, event %d of a publish, is not next to the one before", value(op.Producer, op.First+i), i+1)
			}
		}
		switch {
		case op.Outcome == acked && found < op.Count:
			f.add("acked and lost", "%d of %d events, from %s at %v on, acked at time %v", op.Count-found, op.Count, value(op.Producer, op.First), op.Position, op.Ended)
		case op.Outcome == acked && final[first].Position != op.Position:
			f.add("elsewhere", "%s is at %v, the ack said %v", value(op.Producer, op.First), final[first].Position, op.Position)
		case op.Outcome == refused && found > 0:
			f.add("refused and there", "%s: %s", value(op.Producer, op.First), op.Error)
		case found > 0 && found < op.Count:
			f.add("torn", "%d of %d events, from %s on", found, op.Count, value(op.Producer, op.First))
		}
	}
}

// checkNothingElse: everything there was published.
func checkNothingElse(f *findings, ops []operation, final []seen) {
	published := make(map[string]bool, len(final))
	for _, op := range ops {
		for i := range op.Count {
			published[value(op.Producer, op.First+i)] = true
		}
	}
	for _, s := range final {
		if !published[s.Value] {
			f.add("never published", "%q at %v", s.Value, s.Position)
		}
	}
}

// checkOrderInTime: what began after an ack stands behind it.
func checkOrderInTime(f *findings, ops []operation) {
	var list []operation
	for _, op := range ops {
		if op.Outcome == acked {
			list = append(list, op)
		}
	}
	slices.SortFunc(list, func(a, b operation) int { return a.Position.Compare(b.Position) })
	var latest operation // of those before, the one that began last
	for i, op := range list {
		if i > 0 && op.Ended < latest.Begun {
			f.add("order in time", "%s was acked at %v, at time %v; %s began later, at %v, and stands before it, at %v",
				value(op.Producer, op.First), op.Position, op.Ended, value(latest.Producer, latest.First), latest.Begun, latest.Position)
		}
		if i == 0 || op.Begun > latest.Begun {
			latest = op
		}
	}
}

// checkOrderOfProducers: the acked values of one producer stand in their order. What
// is unknown may come late: it was given up while it was under way.
func checkOrderOfProducers(f *findings, ops []operation, at map[string]int) {
	last := map[string]operation{}
	for _, op := range ops { // those of one producer are in their order
		if op.Outcome != acked {
			continue
		}
		place, there := at[value(op.Producer, op.First)]
		if !there {
			continue // that is said elsewhere
		}
		before, some := last[op.Producer]
		if some && place < at[value(op.Producer, before.First)] {
			f.add("order of a producer", "%s stands before %s", value(op.Producer, op.First), value(op.Producer, before.First))
		}
		last[op.Producer] = op
	}
}

// checkReader: what a reader saw is what is in the stream now, from some place on,
// without a hole.
func checkReader(f *findings, reader string, list, final []seen) {
	for i, s := range list {
		if s.Number == 0 || s.Number > uint64(len(final)) || final[s.Number-1].Value != s.Value || final[s.Number-1].Position != s.Position {
			f.add("read and gone", "%s read %+v, which is not there", reader, s)
			return
		}
		if i > 0 && s.Number != list[i-1].Number+1 {
			f.add("reader missed", "%s read number %d after %d", reader, s.Number, list[i-1].Number)
		}
	}
}

// value is a producer's n-th value.
func value(producer string, n int) string { return producer + "/" + strconv.Itoa(n) }

// checkFresh says what is wrong with a read that began when something was acked.
func checkFresh(h *history, reader string, began time.Duration, ackedBefore eventnode.Position, got seen) {
	if got.Position.Compare(ackedBefore) < 0 {
		h.complain("%s, at time %v, read %v as the last, and %v had been acked before", reader, began, got.Position, ackedBefore)
	}
}
