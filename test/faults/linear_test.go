package faults_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/eventnode/eventnode"
)

// A register is a small stream that several clients append to, each time under the
// condition that its last event is the one that they know, and read as a whole. What
// they saw must be explained by one order of all operations in which each takes
// effect at one moment between its begin and its end; one with an unknown outcome at
// any moment after its begin, or never.

// registers are the streams.
func registers() []string { return []string{"register-0", "register-1"} }

// registerInput is what a client asked for: to append Value if the last one is
// Expect, or (Value is empty) to read.
type registerInput struct{ Stream, Expect, Value string }

// registerOutput is what it was told.
type registerOutput struct {
	Unknown bool
	Wrong   bool // the last one was another
	// Last and Hash are of all values, as they were read.
	Last string
	Hash uint64
}

// registerState is what a register holds: its last value, and the hash over all.
type registerState struct {
	last string
	hash uint64
}

func (s registerState) add(value string) registerState {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%016x%s", s.hash, value)
	return registerState{last: value, hash: h.Sum64()}
}

// registerModel is what porcupine checks against.
func registerModel() porcupine.Model {
	model := porcupine.NondeterministicModel{
		Partition: byStream,
		Init:      func() []any { return []any{registerState{}} },
		Step: func(state, input, output any) []any {
			return step(state.(registerState), input.(registerInput), output.(registerOutput))
		},
		DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v -> %+v", input, output) },
		DescribeState:     func(state any) string { return fmt.Sprintf("%+v", state) },
	}
	return model.ToModel()
}

// step returns the states that an operation may lead to; none if it cannot have had
// that answer.
func step(s registerState, in registerInput, out registerOutput) []any {
	fits := in.Expect == s.last
	switch {
	case in.Value == "":
		if out.Last == s.last && out.Hash == s.hash {
			return []any{s}
		}
		return nil
	case out.Unknown && fits:
		return []any{s, s.add(in.Value)}
	case out.Unknown:
		return []any{s}
	case out.Wrong == fits:
		return nil
	case out.Wrong:
		return []any{s}
	}
	return []any{s.add(in.Value)}
}

func byStream(all []porcupine.Operation) (parts [][]porcupine.Operation) {
	index := map[string]int{}
	for _, op := range all {
		name := op.Input.(registerInput).Stream
		i, known := index[name]
		if !known {
			i = len(parts)
			index[name] = i
			parts = append(parts, nil)
		}
		parts[i] = append(parts[i], op)
	}
	return parts
}

// registerHistory is all operations. It is safe for concurrent use.
type registerHistory struct {
	begun time.Time
	mu    sync.Mutex
	list  []porcupine.Operation
}

func (h *registerHistory) add(client int, in registerInput, out registerOutput, begun, ended time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	op := porcupine.Operation{ClientId: client, Input: in, Output: out, Call: int64(begun.Sub(h.begun)), Return: int64(ended.Sub(h.begun))}
	if out.Unknown {
		op.Return = math.MaxInt64
	}
	h.list = append(h.list, op)
}

// registerClient appends to registers and reads them.
type registerClient struct {
	*registerHistory
	id      int
	streams eventnode.Streams
	rnd     *rand.Rand
	count   int
	known   map[string]seen // the last value and its position
}

// run starts a client.
func (h *registerHistory) run(l *load, id int, streams eventnode.Streams, seed uint64) {
	c := &registerClient{registerHistory: h, id: id, streams: streams, rnd: rand.New(rand.NewPCG(seed, 4)), known: map[string]seen{}}
	l.work.Go(func() {
		for l.wait(time.Duration(5+c.rnd.IntN(40)) * time.Millisecond) {
			name := registers()[c.rnd.IntN(len(registers()))]
			if c.rnd.IntN(2) == 0 {
				c.read(name)
			} else {
				c.append(name)
			}
		}
	})
}

// read reads a register. A read that failed says nothing.
func (c *registerClient) read(name string) {
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	begun := time.Now()
	var state registerState
	var last seen
	for e, err := range c.streams.Read(ctx, name) {
		if err != nil {
			return
		}
		last = seenOf(e)
		state = state.add(last.Value)
	}
	c.known[name] = last
	c.add(c.id, registerInput{Stream: name}, registerOutput{Last: state.last, Hash: state.hash}, begun, time.Now())
}

// append appends, if nobody else did since this client looked.
func (c *registerClient) append(name string) {
	c.count++
	known, v := c.known[name], fmt.Sprintf("c%d-%d", c.id, c.count)
	ctx, cancel := context.WithTimeout(context.Background(), publishTimeout)
	defer cancel()
	begun := time.Now()
	at, err := c.streams.Publish(ctx, name, newEvent(v, 8, c.rnd), eventnode.WithExpectLast(known.Position))
	out := registerOutput{}
	switch {
	case err == nil:
		c.known[name] = seen{Value: v, Position: at}
	case errors.Is(err, eventnode.ErrWrongLast):
		out.Wrong = true
	case undone(err):
		return // nothing was done: so it must not be seen
	default:
		out.Unknown = true
	}
	c.add(c.id, registerInput{Stream: name, Expect: known.Value, Value: v}, out, begun, time.Now())
	if out.Wrong {
		c.read(name)
	}
}

// linearTimeout bounds the search for an order.
const linearTimeout = 30 * time.Second

// checkLinearizable checks what the registers' clients saw; picture is where to draw
// it if it is wrong.
func (l *load) checkLinearizable(t *testing.T, picture string) {
	t.Helper()
	l.registers.mu.Lock()
	defer l.registers.mu.Unlock()
	result, info := porcupine.CheckOperationsVerbose(registerModel(), l.registers.list, linearTimeout)
	switch result {
	case porcupine.Ok:
		t.Logf("%d operations on registers are linearizable", len(l.registers.list))
		return
	case porcupine.Unknown:
		t.Errorf("no order of %d operations was found or excluded within %v", len(l.registers.list), linearTimeout)
	case porcupine.Illegal:
		t.Errorf("%d operations on registers are not linearizable: see %s", len(l.registers.list), picture)
	}
	if err := porcupine.VisualizePath(registerModel(), info, picture); err != nil {
		t.Error(err)
	}
}

// The model tells right from wrong.
func TestRegisterModel(t *testing.T) {
	empty := registerState{}
	a := empty.add("a")
	ab := a.add("b")
	op := func(client int, in registerInput, out registerOutput, begun, ended int64) porcupine.Operation {
		in.Stream = "s"
		return porcupine.Operation{ClientId: client, Input: in, Output: out, Call: begun, Return: ended}
	}
	read := func(s registerState) registerOutput { return registerOutput{Last: s.last, Hash: s.hash} }
	for name, c := range map[string]struct {
		ops  []porcupine.Operation
		want bool
	}{
		"in order": {[]porcupine.Operation{
			op(0, registerInput{Value: "a"}, registerOutput{}, 0, 1),
			op(1, registerInput{Value: "b", Expect: "a"}, registerOutput{}, 2, 3),
			op(0, registerInput{}, read(ab), 4, 5),
		}, true},
		"a stale read": {[]porcupine.Operation{
			op(0, registerInput{Value: "a"}, registerOutput{}, 0, 1),
			op(1, registerInput{}, read(empty), 2, 3),
		}, false},
		"a lost event": {[]porcupine.Operation{
			op(0, registerInput{Value: "a"}, registerOutput{}, 0, 1),
			op(0, registerInput{Value: "b"}, registerOutput{}, 2, 3),
		}, false},
		"a condition that was met and refused": {[]porcupine.Operation{
			op(0, registerInput{Value: "a"}, registerOutput{Wrong: true}, 0, 1),
		}, false},
		"an unknown one that is there": {[]porcupine.Operation{
			op(0, registerInput{Value: "a"}, registerOutput{Unknown: true}, 0, math.MaxInt64),
			op(1, registerInput{}, read(a), 2, 3),
		}, true},
		"an unknown one that was there": {[]porcupine.Operation{
			op(0, registerInput{Value: "a"}, registerOutput{Unknown: true}, 0, math.MaxInt64),
			op(1, registerInput{}, read(a), 2, 3),
			op(1, registerInput{}, read(empty), 4, 5),
		}, false},
		"one that was never published": {[]porcupine.Operation{
			op(1, registerInput{}, read(a), 2, 3),
		}, false},
	} {
		if got := porcupine.CheckOperations(registerModel(), c.ops); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
