package command

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// flushLine is the length from which a line is flushed by itself, in bytes: only
// a long one is refused for its length, and so the refusal names its number.
const flushLine = 64 << 10

// dispatchedJSON is what dispatch --stdin --json prints at the end.
type dispatchedJSON struct {
	Dispatched int `json:"dispatched"`
	Refused    int `json:"refused"`
	// OutcomeUnknown: the node was lost; not all of Dispatched may have been.
	OutcomeUnknown bool `json:"outcome_unknown,omitempty"`
}

// dispatchLines dispatches each line of stdin.
func (a *app) dispatchLines(cmd *cobra.Command, topics []string, f *eventFlags) error {
	opts, err := f.options()
	if err != nil {
		return err
	}
	c, err := a.connect(cmd)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	ctx := cmd.Context()
	pub, err := c.NewPublisher(ctx)
	if err != nil {
		return err
	}
	progress, handed := newProgress(a.stderr), 0
	err = eachLine(ctx, a.stdin, func(number int, line []byte) error {
		if _, err := pub.DispatchMany(ctx, topics, event.New(f.name, line, opts...)); err != nil {
			return err
		}
		handed++
		progress.show(number)
		// The first one shows whether topic and name are accepted at all.
		if number == 1 || len(line) >= flushLine {
			return pub.Flush(ctx)
		}
		return nil
	})
	progress.clear()
	// Also after ctrl-C what was read is finished, and counted.
	finish, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	return a.finishLines(handed, err, flushAll(finish, pub))
}

// flushAll waits as long as events are being accepted, and closes.
func flushAll(ctx context.Context, pub eventnode.PublisherCloser) error {
	err := pub.Flush(ctx)
	return errors.Join(err, pub.Close(ctx))
}

// finishLines prints how many of the events that were handed over were accepted,
// and returns what went wrong: while reading, or at the end.
func (a *app) finishLines(handed int, readErr, flushErr error) error {
	refused := 0
	for _, err := range []error{readErr, flushErr} {
		if r, ok := errors.AsType[*eventnode.RefusedError](err); ok {
			refused += r.Count
		}
	}
	unknown := errors.Is(readErr, eventnode.ErrOutcomeUnknown) || errors.Is(flushErr, eventnode.ErrOutcomeUnknown)
	verb := "dispatched"
	if unknown {
		verb = "dispatched at most"
	}
	err := a.printObject(dispatchedJSON{handed - refused, refused, unknown}, func(w io.Writer) {
		fmt.Fprintf(w, "%s %s\n", verb, plural(handed-refused, "event"))
	})
	switch {
	case readErr != nil:
		return readErr
	case flushErr != nil:
		return fmt.Errorf("after line %d: %w", handed, flushErr)
	}
	return err
}
