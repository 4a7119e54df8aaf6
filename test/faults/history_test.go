package faults_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
)

// outcome is what a client was told of a publish.
type outcome string

// The outcomes.
const (
	acked   outcome = "acked"
	refused outcome = "refused" // nothing was done
	unknown outcome = "unknown"
)

// operation is one publish of a producer: some events, next to each other.
type operation struct {
	Producer string
	// First is the number of its first value: the values are "PRODUCER/NUMBER".
	First, Count int
	// Begun and Ended are times of the history.
	Begun, Ended time.Duration
	Outcome      outcome
	// Position is that of the first event; only if it was acked.
	Position eventnode.Position
	Error    string `json:",omitempty"`
}

// seen is an event as somebody read it.
type seen struct {
	Value    string
	Position eventnode.Position
	Number   uint64
	Lost     uint64 `json:",omitempty"`
}

func seenOf(e eventnode.StreamEvent) seen {
	return seen{Value: e.Event.Name, Position: e.Position, Number: e.Number, Lost: e.Lost}
}

// history is everything that happened. It is safe for concurrent use.
type history struct {
	begun time.Time

	mu         sync.Mutex
	operations []operation
	lastAcked  eventnode.Position // the highest that was acked
	lastBegun  time.Duration      // the latest begin of an acked one
	readers    map[string][]seen
	problems   []string
}

func newHistory() *history { return &history{begun: time.Now(), readers: map[string][]seen{}} }

// now is the time of the history.
func (h *history) now() time.Duration { return time.Since(h.begun) }

// add records an operation that has ended.
func (h *history) add(op operation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.operations = append(h.operations, op)
	if op.Outcome != acked {
		return
	}
	h.lastBegun = max(h.lastBegun, op.Begun)
	last := op.Position
	last.Seq += uint64(op.Count) - 1
	if last.Compare(h.lastAcked) > 0 {
		h.lastAcked = last
	}
}

// ackedSince reports whether an operation was acked that had begun later.
func (h *history) ackedSince(t time.Duration) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lastBegun > t
}

// acked is the highest position that was acked until now.
func (h *history) acked() eventnode.Position {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lastAcked
}

// read records what a reader saw.
func (h *history) read(reader string, s seen) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.readers[reader] = append(h.readers[reader], s)
}

// complain records what is wrong whatever comes later.
func (h *history) complain(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.problems = append(h.problems, fmt.Sprintf(format, args...))
}

// save writes all operations and the events of the stream to a file.
func (h *history) save(t *testing.T, path string, final []seen) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	buffered := bufio.NewWriter(f)
	lines := json.NewEncoder(buffered)
	for _, op := range h.operations {
		_ = lines.Encode(op)
	}
	for _, s := range final {
		_ = lines.Encode(s)
	}
	if err := buffered.Flush(); err != nil {
		t.Error(err)
	}
}

// summary says what there was of everything.
func (h *history) summary(final []seen) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	count := map[outcome]int{}
	errs := map[string]int{}
	for _, op := range h.operations {
		count[op.Outcome]++
		if op.Error != "" {
			errs[op.Error]++
		}
	}
	read := 0
	for _, list := range h.readers {
		read += len(list)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%d publishes acked, %d refused, %d unknown; %d events, read %d times", count[acked], count[refused], count[unknown], len(final), read)
	for err, n := range errs {
		fmt.Fprintf(&text, "\n  %d x %.200s", n, err)
	}
	return text.String()
}
