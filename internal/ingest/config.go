package ingest

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// Config of a Handler. Both functions are called by the goroutines of requests, several
// at once.
type Config struct {
	// Dispatch sends events to a topic, in their order. Required.
	Dispatch func(ctx context.Context, topic string, events []event.Event) error
	// Publish appends events to a stream, all or none. Required.
	Publish func(ctx context.Context, namespace, stream string, events []event.Event, opts ...eventnode.PublishOption) (eventnode.Published, error)
	// Admit decides on a request before its body is read; method is the gRPC call that
	// does the same. Defaults to all are allowed.
	Admit func(r *http.Request, method string) error

	// MaxEventBytes bounds an encoded event, and a body in binary mode. Defaults to
	// 1 MiB.
	MaxEventBytes int
	// MaxBatchEvents bounds the events of a batch. Defaults to 8,192, which is also
	// what a stream takes at once.
	MaxBatchEvents int
	// MaxBodyBytes bounds a body in structured and batched mode. Defaults to 4 MiB, or
	// to twice MaxEventBytes if that is more: an event is longer in JSON.
	MaxBodyBytes int
	// MaxHeldBytes bounds the bodies under way at one time, of which each counts as at
	// least 64 KiB, and one of unknown length as the longest. What is made of them
	// takes up to some three times as much. Defaults to 64 MiB, or MaxBodyBytes.
	MaxHeldBytes int
	// ReadTimeout bounds reading a body. Defaults to 30 s.
	ReadTimeout time.Duration
	// AnswerTimeout bounds what follows. Defaults to 10 s: a new leader is there in two or
	// three, and a sender can try again.
	AnswerTimeout time.Duration

	// Registerer takes the metrics. Defaults to none.
	Registerer prometheus.Registerer
}

// leastHeld is what a small request counts as, in bytes.
const leastHeld = 64 << 10

func (c Config) withDefaults() (Config, error) {
	if c.Dispatch == nil || c.Publish == nil {
		return c, fmt.Errorf("ingest: Dispatch and Publish are required: %w", eventnode.ErrInvalidArgument)
	}
	if c.Admit == nil {
		c.Admit = func(*http.Request, string) error { return nil }
	}
	for _, f := range []struct {
		name string
		at   *int
		def  func() int
	}{
		{"MaxEventBytes", &c.MaxEventBytes, func() int { return 1 << 20 }},
		{"MaxBatchEvents", &c.MaxBatchEvents, func() int { return 8192 }},
		{"MaxBodyBytes", &c.MaxBodyBytes, func() int { return max(4<<20, 2*c.MaxEventBytes) }},
		{"MaxHeldBytes", &c.MaxHeldBytes, func() int { return max(64<<20, c.MaxBodyBytes) }},
	} {
		if *f.at == 0 {
			*f.at = f.def()
		}
		if *f.at < 0 {
			return c, fmt.Errorf("ingest: %s is negative: %w", f.name, eventnode.ErrInvalidArgument)
		}
	}
	if c.ReadTimeout == 0 {
		c.ReadTimeout = 30 * time.Second
	}
	if c.AnswerTimeout == 0 {
		c.AnswerTimeout = 10 * time.Second
	}
	return c, nil
}
