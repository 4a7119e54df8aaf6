package sourcetest

import (
	"context"

	"github.com/eventnode/eventnode/source"
)

// Memory is a source that says what it is told to. It holds nothing: who tells it waits
// for the credit.
type Memory struct {
	name string
	said chan saying
	end  chan error
}

// saying is a payload, and where to tell what became of it.
type saying struct {
	payload source.Payload
	done    chan error
}

var _ source.Source = (*Memory)(nil)

// NewMemory makes a Memory.
func NewMemory(name string) *Memory {
	return &Memory{name: name, said: make(chan saying), end: make(chan error, 1)}
}

// Name implements source.Source.
func (m *Memory) Name() string { return m.name }

// Say has it say a payload, as its own: of shard 0 of 1, unless it says which. It returns
// when that was handled, or with the cause of ctx's end; then it may be handled all the
// same.
func (m *Memory) Say(ctx context.Context, p source.Payload) error {
	p.Origin.Source = m.name
	p.Origin.Shards = max(p.Origin.Shards, 1)
	s := saying{p, make(chan error, 1)}
	select {
	case m.said <- s:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-s.done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// End has Run return this. It is called once.
func (m *Memory) End(err error) { m.end <- err }

// Run implements source.Source.
func (m *Memory) Run(ctx context.Context, deliver source.Deliver) error {
	for {
		select {
		case s := <-m.said:
			err := deliver(ctx, s.payload)
			s.done <- err
			if err != nil && ctx.Err() == nil {
				return err
			}
		case err := <-m.end:
			return err
		case <-ctx.Done():
			return nil
		}
	}
}
