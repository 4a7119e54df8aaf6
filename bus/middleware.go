package bus

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/backoff"
)

// Middleware is put around the handlers of an event: it may change the context, look at
// the error, call next again or not at all. It is called concurrently where handlers
// are.
type Middleware func(next HandlerFunc) HandlerFunc

// Recover makes an *eventnode.PanicError of a panic of what it is around. Handlers need
// it not, and nor does the consumer, which lives on after any panic; it is for
// middleware of one's own, when something around it is to see an error.
func Recover() Middleware {
	return func(next HandlerFunc) HandlerFunc {
		return func(ctx context.Context, e *AckEvent) (err error) {
			defer func() {
				if v := recover(); v != nil {
					err = &eventnode.PanicError{Value: v, Stack: debug.Stack()}
				}
			}()
			return next(ctx, e)
		}
	}
}

// Timeout ends the context of what it is around after d. A handler that does not look at
// its context is waited for all the same.
func Timeout(d time.Duration) Middleware {
	return func(next HandlerFunc) HandlerFunc {
		return func(ctx context.Context, e *AckEvent) error {
			ctx, cancel := context.WithTimeout(ctx, d)
			defer cancel()
			return next(ctx, e)
		}
	}
}

// Trace calls begin before each event, and what it returns behind it, with what became
// of it: the place for spans and metrics. The context that begin returns is that of the
// handlers; what another program wrote into Event.Meta about its own span is there for
// begin to read.
func Trace(begin func(ctx context.Context, e *AckEvent) (context.Context, func(error))) Middleware {
	return func(next HandlerFunc) HandlerFunc {
		return func(ctx context.Context, e *AckEvent) (err error) {
			ctx, end := begin(ctx, e)
			err = errPanicked // if next does, end is called all the same
			defer func() { end(err) }()
			err = next(ctx, e)
			return err
		}
	}
}

// errPanicked is what became of an event when middleware panicked, and not a handler.
var errPanicked = errors.New("it panicked")

// RetryConfig is how Retry tries again. Its zero value has the defaults.
type RetryConfig struct {
	// Attempts is how often to try, the first time counted. Defaults to 3.
	Attempts int
	// Min and Max bound the wait between two; it grows from one to the other, and is
	// chosen at random below that. Default to 100 ms and 10 s.
	Min, Max time.Duration
	// If says whether an error may pass. Defaults to all.
	If func(error) bool
}

// Retry calls what it is around again when that has failed, while the event stays in
// hand and those behind it, of its key or all of them, wait. For failures that last
// longer there is the consumer group's back-off: have the handler fail.
//
// It does not try again when the context has ended, or when the event was settled.
func Retry(cfg RetryConfig) Middleware {
	if cfg.Attempts <= 0 {
		cfg.Attempts = 3
	}
	wait := backoff.Backoff{Min: cfg.Min, Max: cfg.Max}
	return func(next HandlerFunc) HandlerFunc {
		return func(ctx context.Context, e *AckEvent) error {
			for failures := 0; ; failures++ {
				err := next(ctx, e)
				if err == nil || failures+1 >= cfg.Attempts || e.Settled() || cfg.If != nil && !cfg.If(err) {
					return err
				}
				if !backoff.Wait(ctx, wait.Next(failures, rand.Float64())) {
					return err
				}
			}
		}
	}
}
