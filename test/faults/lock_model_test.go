package faults_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// A lock is free, or somebody has it under a token until a time. When it ends by itself
// is the cluster's to say, and not seen: but not before its time to live is over,
// counted from when it was asked for.

// lockVerb is what was done.
type lockVerb string

const (
	lockObtain  lockVerb = "obtain"
	lockRefresh lockVerb = "refresh"
	lockRelease lockVerb = "release"
)

// lockInput is what was asked for.
type lockInput struct {
	Verb  lockVerb
	Token uint64 // that was obtained, or that it is about
	// Asked is when the try was made that was answered, and Ended when the answer came.
	Asked, Ended time.Duration
	TTL          time.Duration
}

// lockAnswer is what was said to it.
type lockAnswer string

const (
	lockDone    lockAnswer = "done"
	lockLost    lockAnswer = "lost"
	lockUnknown lockAnswer = "unknown"
)

// lockState is a lock.
type lockState struct {
	token uint64        // 0: it is free
	until time.Duration // it does not end before
	last  uint64        // the greatest token
}

// slower is by how much the cluster's time may run faster than this machine's, and then
// some: a lock may end so much earlier.
const slower = 20

func (in lockInput) until() time.Duration { return in.Asked + in.TTL - in.TTL/slower }

// mayBeOver reports whether the time of whoever has the lock may have been over when an
// operation ended.
func (s lockState) mayBeOver(in lockInput) bool { return s.token == 0 || s.until <= in.Ended }

// lockStep returns the states that an operation may lead to; none if it cannot have had
// that answer.
func lockStep(s lockState, in lockInput, out lockAnswer) []any {
	free := s
	free.token = 0
	kept := s
	kept.until = in.until()
	switch {
	case in.Verb == lockObtain:
		if in.Token <= s.last || !s.mayBeOver(in) {
			return nil
		}
		return []any{lockState{token: in.Token, until: in.until(), last: in.Token}}
	case out == lockUnknown && s.token != in.Token:
		return []any{s}
	case out == lockUnknown && in.Verb == lockRelease:
		return []any{s, free}
	case out == lockUnknown:
		return []any{s, kept}
	case in.Verb == lockRelease:
		if s.token == in.Token {
			return []any{free}
		}
		return []any{s}
	case out == lockLost:
		if s.token != in.Token {
			return []any{s}
		}
		if s.mayBeOver(in) {
			return []any{free}
		}
		return nil
	case s.token == in.Token:
		return []any{kept}
	}
	return nil
}

// lockModel is what porcupine checks against.
func lockModel() porcupine.Model {
	model := porcupine.NondeterministicModel{
		Init: func() []any { return []any{lockState{}} },
		Step: func(state, input, output any) []any {
			return lockStep(state.(lockState), input.(lockInput), output.(lockAnswer))
		},
		DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v: %v", input, output) },
		DescribeState:     func(state any) string { return fmt.Sprintf("%+v", state) },
	}
	return model.ToModel()
}

// The model tells right from wrong.
func TestLockModel(t *testing.T) {
	const ttl = 100
	type step struct {
		in  lockInput
		out lockAnswer
	}
	at := func(verb lockVerb, token uint64, asked time.Duration, out lockAnswer) step {
		return step{lockInput{Verb: verb, Token: token, Asked: asked, Ended: asked + 5, TTL: ttl}, out}
	}
	for name, c := range map[string]struct {
		steps []step
		want  bool
	}{
		"one after the other":       {[]step{at(lockObtain, 1, 0, lockDone), at(lockRelease, 1, 10, lockDone), at(lockObtain, 2, 20, lockDone)}, true},
		"two at once":               {[]step{at(lockObtain, 1, 0, lockDone), at(lockObtain, 2, 20, lockDone)}, false},
		"after its time":            {[]step{at(lockObtain, 1, 0, lockDone), at(lockObtain, 2, 110, lockDone)}, true},
		"a token again":             {[]step{at(lockObtain, 2, 0, lockDone), at(lockRelease, 2, 10, lockDone), at(lockObtain, 2, 20, lockDone)}, false},
		"a smaller token":           {[]step{at(lockObtain, 2, 0, lockDone), at(lockObtain, 1, 200, lockDone)}, false},
		"kept by a refresh":         {[]step{at(lockObtain, 1, 0, lockDone), at(lockRefresh, 1, 80, lockDone), at(lockObtain, 2, 120, lockDone)}, false},
		"refreshed, and over then":  {[]step{at(lockObtain, 1, 0, lockDone), at(lockRefresh, 1, 80, lockDone), at(lockObtain, 2, 190, lockDone)}, true},
		"refreshed by who lost it":  {[]step{at(lockObtain, 1, 0, lockDone), at(lockObtain, 2, 110, lockDone), at(lockRefresh, 1, 120, lockDone)}, false},
		"lost too soon":             {[]step{at(lockObtain, 1, 0, lockDone), at(lockRefresh, 1, 20, lockLost)}, false},
		"lost in time":              {[]step{at(lockObtain, 1, 0, lockDone), at(lockRefresh, 1, 110, lockLost)}, true},
		"released by who lost it":   {[]step{at(lockObtain, 1, 0, lockDone), at(lockObtain, 2, 110, lockDone), at(lockRelease, 1, 120, lockDone), at(lockObtain, 3, 130, lockDone)}, false},
		"an unknown release":        {[]step{at(lockObtain, 1, 0, lockDone), at(lockRelease, 1, 10, lockUnknown), at(lockObtain, 2, 20, lockDone)}, true},
		"an unknown stale release":  {[]step{at(lockObtain, 1, 0, lockDone), at(lockObtain, 2, 110, lockDone), at(lockRelease, 1, 120, lockUnknown), at(lockObtain, 3, 130, lockDone)}, false},
		"an unknown refresh counts": {[]step{at(lockObtain, 1, 0, lockDone), at(lockRefresh, 1, 90, lockUnknown), at(lockRefresh, 1, 150, lockDone)}, true},
	} {
		var ops []porcupine.Operation
		for _, s := range c.steps {
			ops = append(ops, lockOperation(0, s.in, s.out))
		}
		if got := porcupine.CheckOperations(lockModel(), ops); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
