package wire

import (
	"bytes"

	"github.com/eventnode/eventnode"
)

// Checks is what a Scanner verifies of each record besides its structure.
type Checks struct {
	// Events makes it call CheckEvent: for what comes from outside the cluster.
	Events bool
	// MaxEventBytes bounds an encoded event. 0 is no bound.
	MaxEventBytes int
}

// of returns why a record with this encoded event is refused.
func (c Checks) of(event []byte) error {
	if c.MaxEventBytes > 0 && len(event) > c.MaxEventBytes {
		return &eventnode.LimitError{Limit: "max_event_bytes", Max: c.MaxEventBytes, Got: len(event)}
	}
	if c.Events {
		return CheckEvent(event)
	}
	return nil
}

// Run is a sequence of consecutive records with the same topics.
type Run struct {
	// Data is the records, as they came.
	Data []byte
	// Count is the number of records.
	Count int
	// Topics is where they go. Perhaps none: callers refuse that, and lists
	// longer than MaxTopics.
	Topics Topics
	// Err, if set, says why the one record of this run is refused:
	// ErrInvalidEvent, a *TopicError or a *LimitError. If it is ErrMalformed,
	// Count is 0 and Data is the unreadable rest; that does not happen to what
	// Split returned.
	Err error
}

// Scanner divides records into the longest runs that go to the same place, so
// that a topic is looked up once a run. It does not allocate, unless an
// envelope is written in an unusual order or refused.
type Scanner struct {
	data   []byte
	pos    int // where the next run starts
	checks Checks

	// ahead is the record at pos, if it was read to see that the last run ended
	// before it; Raw is empty if it was not.
	ahead    Record
	aheadErr error
}

// NewScanner scans records as Split returns them.
func NewScanner(envelopes []byte, checks Checks) Scanner {
	return Scanner{data: envelopes, checks: checks}
}

// Next returns the next run; false at the end.
func (s *Scanner) Next() (Run, bool) {
	start := s.pos
	if start == len(s.data) {
		return Run{}, false
	}
	if !s.peek() {
		s.pos = len(s.data)
		return Run{Data: s.data[start:], Err: ErrMalformed}, true
	}
	run := Run{Count: 1, Topics: s.ahead.Topics, Err: s.aheadErr}
	s.take()
	if run.Err == nil {
		run.Count += s.takeSame(run.Topics)
	}
	run.Data = s.data[start:s.pos:s.pos]
	return run, true
}

// peek reads the record at pos, if there is one.
func (s *Scanner) peek() bool {
	if len(s.ahead.Raw) > 0 {
		return true
	}
	rec, _, err := NextRecord(s.data[s.pos:])
	if len(rec.Raw) == 0 {
		return false
	}
	if err == nil {
		err = s.checks.of(rec.Event)
	}
	s.ahead, s.aheadErr = rec, err
	return true
}

// take goes past the record that peek has read.
func (s *Scanner) take() {
	s.pos += len(s.ahead.Raw)
	s.ahead, s.aheadErr = Record{}, nil
}

// takeSame goes past the good records with these topics and counts them.
func (s *Scanner) takeSame(topics Topics) int {
	n := 0
	for {
		event, size := NextSame(s.data[s.pos:], topics)
		if size > 0 && s.checks.of(event) == nil {
			s.pos += size
		} else if s.peek() && s.aheadErr == nil && bytes.Equal(s.ahead.Topics.raw, topics.raw) {
			s.take()
		} else {
			return n
		}
		n++
	}
}
