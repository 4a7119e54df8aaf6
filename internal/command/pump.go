package command

import (
	"context"
	"errors"
)

// pumpQueue is how many items wait between receiving and printing. A full queue
// stops receiving, and what comes then waits in the subscription's own queue,
// under its policy and its counter.
const pumpQueue = 256

var (
	// errEnough ends a pump: --count is reached.
	errEnough = errors.New("enough")
	// errTimeout is the cause of a context that --timeout ended.
	errTimeout = errors.New("the time is up")
)

// pump calls each for what next returns, in order, and idle whenever nothing
// more waits. It returns the first error of the three. What next returned
// before the end of ctx is given to each.
func pump[T any](ctx context.Context, next func(context.Context) (T, error), each func(T) error, idle func() error) error {
	type item struct {
		value T
		err   error
	}
	ctx, cancel := context.WithCancel(ctx)
	items := make(chan item, pumpQueue)
	go func() {
		defer close(items)
		for {
			value, err := next(ctx)
			select {
			case items <- item{value, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	defer func() {
		cancel()
		for range items { // until it is closed: the goroutine has ended
		}
	}()
	for {
		var it item
		var ok bool
		select {
		case it, ok = <-items:
		default:
			if err := idle(); err != nil {
				return err
			}
			it, ok = <-items
		}
		switch {
		case !ok:
			return ctx.Err()
		case it.err != nil:
			return it.err
		}
		if err := each(it.value); err != nil {
			return err
		}
	}
}
