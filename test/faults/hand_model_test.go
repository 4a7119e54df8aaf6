package faults_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/anishathalye/porcupine"
)

// What becomes of one event of a stream in one consumer group is a small machine: it is
// in nobody's hands, in the hands of a consumer under a lease, or acked. Porcupine looks
// for an order of all that was done and answered which explains the answers. Some things
// happen unseen: an ack wait is over, a lease ends, an event is handed to somebody whose
// connection has gone. They take an event out of somebody's hands, and count as
// deliveries; they never bring one back from the acked, nor into the hands of a lease.

// handVerb is what was done.
type handVerb string

const (
	handOpen    handVerb = "open"    // a consumer was granted under a new epoch
	handDeliver handVerb = "deliver" // the event was handed to it
	handAck     handVerb = "ack"     // it acked it
	handClaim   handVerb = "claim"   // all in the hands of Consumer goes to To
	handDelete  handVerb = "delete"  // the consumer was ended
)

// handInput is what was asked for.
type handInput struct {
	Verb     handVerb
	Consumer uint32
	To       uint32 `json:",omitempty"`
	// Epoch is that of the lease under which it was said, or that was granted.
	Epoch uint64 `json:",omitempty"`
	// Event is its number; 0: it is about all events.
	Event uint64 `json:",omitempty"`
	// Deliveries is how often it was delivered, as it was delivered.
	Deliveries uint32 `json:",omitempty"`
}

// handAnswer is what was said to it.
type handAnswer string

const (
	handDone    handAnswer = "done"    // it was done; an ack settled
	handAlready handAnswer = "already" // it had been acked
	handMissed  handAnswer = "missed"  // it is not in its hands
	handFenced  handAnswer = "fenced"  // the lease is over
	handUnknown handAnswer = "unknown"
	handNothing handAnswer = "nothing" // a claim moved nothing
)

// handConsumers is how many consumers there are, numbered from 1 on.
const handConsumers = 3

// handState is an event, and the leases.
type handState struct {
	acked      bool
	deliveries uint32
	consumer   uint32 // whose hands; 0: nobody's, or it is not known
	epoch      uint64
	leases     [handConsumers + 1]uint64 // by consumer; 0: none
	last       uint64                    // the greatest epoch
}

// holds reports whether a consumer has the event in its hands under a lease that lasts.
func (s handState) holds(in handInput) bool {
	return !s.acked && s.consumer == in.Consumer && s.epoch == in.Epoch && s.leases[in.Consumer] == in.Epoch
}

// handStep returns the states that an operation may lead to; none if it cannot have had
// that answer.
func handStep(s handState, in handInput, out handAnswer) []any {
	switch in.Verb {
	case handOpen:
		return s.open(in)
	case handDeliver:
		return s.deliver(in)
	case handAck:
		return s.ack(in, out)
	case handClaim:
		return s.claim(in, out)
	case handDelete:
		gone := s
		gone.leases[in.Consumer] = 0
		if out == handUnknown {
			return []any{s, gone}
		}
		return []any{gone}
	}
	return nil
}

func (s handState) open(in handInput) []any {
	if in.Epoch <= s.last {
		return nil
	}
	s.leases[in.Consumer], s.last = in.Epoch, in.Epoch
	return []any{s}
}

func (s handState) deliver(in handInput) []any {
	if s.acked || s.leases[in.Consumer] != in.Epoch || in.Deliveries <= s.deliveries {
		return nil
	}
	s.deliveries, s.consumer, s.epoch = in.Deliveries, in.Consumer, in.Epoch
	return []any{s}
}

func (s handState) ack(in handInput, out handAnswer) []any {
	done := s
	done.acked = true
	switch {
	case out == handFenced:
		return []any{s} // a lease may end unseen
	case out == handUnknown && s.holds(in):
		return []any{s, done}
	case out == handUnknown:
		return []any{s}
	case s.leases[in.Consumer] != in.Epoch:
		return nil // it is over, and was not refused
	case out == handAlready:
		if s.acked {
			return []any{s}
		}
	case out == handDone:
		if s.holds(in) {
			return []any{done}
		}
	case out == handMissed && !s.acked:
		if s.holds(in) { // it was handed to somebody else, unseen
			s.consumer, s.epoch = 0, 0
		}
		return []any{s}
	}
	return nil
}

func (s handState) claim(in handInput, out handAnswer) []any {
	if s.acked || s.consumer != in.Consumer || out == handNothing {
		return []any{s}
	}
	moved := s
	moved.consumer, moved.epoch = in.To, 0 // of no lease until it is delivered
	return []any{s, moved}
}

// handModel is what porcupine checks the operations about one event against.
func handModel() porcupine.Model {
	model := porcupine.NondeterministicModel{
		Init: func() []any { return []any{handState{}} },
		Step: func(state, input, output any) []any {
			return handStep(state.(handState), input.(handInput), output.(handAnswer))
		},
		DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v: %v", input, output) },
		DescribeState:     func(state any) string { return fmt.Sprintf("%+v", state) },
	}
	return model.ToModel()
}

// The model tells right from wrong.
func TestHandModel(t *testing.T) {
	type step struct {
		in  handInput
		out handAnswer
	}
	open := func(c uint32, epoch uint64) step {
		return step{in: handInput{Verb: handOpen, Consumer: c, Epoch: epoch}, out: handDone}
	}
	deliver := func(c uint32, epoch uint64, times uint32) step {
		return step{in: handInput{Verb: handDeliver, Consumer: c, Epoch: epoch, Event: 1, Deliveries: times}, out: handDone}
	}
	ack := func(c uint32, epoch uint64, out handAnswer) step {
		return step{in: handInput{Verb: handAck, Consumer: c, Epoch: epoch, Event: 1}, out: out}
	}
	claim := step{in: handInput{Verb: handClaim, Consumer: 1, To: 2}, out: handDone}
	ended := step{in: handInput{Verb: handDelete, Consumer: 1}, out: handDone}
	for name, c := range map[string]struct {
		steps []step
		want  bool
	}{
		"delivered and acked":                   {[]step{open(1, 1), deliver(1, 1, 1), ack(1, 1, handDone), ack(1, 1, handAlready)}, true},
		"acked twice":                           {[]step{open(1, 1), deliver(1, 1, 1), ack(1, 1, handDone), ack(1, 1, handDone)}, false},
		"delivered after its ack":               {[]step{open(1, 1), deliver(1, 1, 1), ack(1, 1, handDone), deliver(1, 1, 2)}, false},
		"already acked, and was not":            {[]step{open(1, 1), deliver(1, 1, 1), ack(1, 1, handAlready)}, false},
		"acked, and not pending":                {[]step{open(1, 1), deliver(1, 1, 1), ack(1, 1, handDone), ack(1, 1, handMissed)}, false},
		"acked, and never delivered":            {[]step{open(1, 1), ack(1, 1, handDone)}, false},
		"delivered again to another":            {[]step{open(1, 1), open(2, 2), deliver(1, 1, 1), deliver(2, 2, 2), ack(1, 1, handMissed), ack(2, 2, handDone)}, true},
		"acked by who has it no more":           {[]step{open(1, 1), open(2, 2), deliver(1, 1, 1), deliver(2, 2, 2), ack(1, 1, handDone)}, false},
		"handed to somebody unseen":             {[]step{open(1, 1), open(2, 2), deliver(1, 1, 1), ack(1, 1, handMissed), deliver(2, 2, 3)}, true},
		"a delivery that does not count":        {[]step{open(1, 1), open(2, 2), deliver(1, 1, 1), deliver(2, 2, 1)}, false},
		"a stale ack":                           {[]step{open(1, 1), deliver(1, 1, 1), open(1, 2), ack(1, 1, handDone)}, false},
		"a stale ack that is refused":           {[]step{open(1, 1), deliver(1, 1, 1), open(1, 2), ack(1, 1, handFenced)}, true},
		"a stale delivery":                      {[]step{open(1, 1), open(1, 2), deliver(1, 1, 1)}, false},
		"an epoch that is used again":           {[]step{open(1, 2), open(2, 2)}, false},
		"an old delivery acked under a new one": {[]step{open(1, 1), deliver(1, 1, 1), open(1, 2), ack(1, 2, handDone)}, false},
		"an ended consumer is served":           {[]step{open(1, 1), ended, deliver(1, 1, 1)}, false},
		"claimed, and acked by who has it now":  {[]step{open(1, 1), open(2, 2), deliver(1, 1, 1), claim, deliver(2, 2, 2), ack(2, 2, handDone)}, true},
		"claimed, and acked by who had it":      {[]step{open(1, 1), open(2, 2), deliver(1, 1, 1), claim, deliver(2, 2, 2), ack(1, 1, handDone)}, false},
		"an unknown ack that came":              {[]step{open(1, 1), open(2, 2), deliver(1, 1, 1), ack(1, 1, handUnknown), open(1, 3), ack(1, 3, handAlready)}, true},
		"an unknown ack that did not":           {[]step{open(1, 1), open(2, 2), deliver(1, 1, 1), ack(1, 1, handUnknown), deliver(2, 2, 2)}, true},
		"an unknown stale ack that came":        {[]step{open(1, 1), deliver(1, 1, 1), open(1, 2), ack(1, 1, handUnknown), ack(1, 2, handAlready)}, false},
	} {
		var ops []porcupine.Operation
		for i, s := range c.steps {
			op := porcupine.Operation{Input: s.in, Output: s.out, Call: int64(2 * i), Return: int64(2*i + 1)}
			if s.out == handUnknown {
				op.Return = math.MaxInt64
			}
			ops = append(ops, op)
		}
		if got := porcupine.CheckOperations(handModel(), ops); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
