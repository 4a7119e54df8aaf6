package bus_test

import (
	"context"
	"testing"

	"github.com/eventnode/eventnode/bus"
)

// An event through the whole of the bus, without a transport's cost: it is made of a
// struct, queued, read, handled and acked.
func BenchmarkMemory(b *testing.B) {
	both := started(b, bus.Config{})
	handled := make(chan struct{}, 1)
	on(b, both.Consumer, func(context.Context, userCreated) error { handled <- struct{}{}; return nil })
	running(b, both.Consumer)
	b.ReportAllocs()
	for b.Loop() {
		if err := both.Produce(b.Context(), userCreated{1, "ada"}); err != nil {
			b.Fatal(err)
		}
		<-handled
	}
}
