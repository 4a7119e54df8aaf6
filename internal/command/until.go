package command

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
)

// until is when a command that prints what it receives ends, and what it tells
// then: shared by subscribe and groups join.
type until struct {
	count    int
	timeout  time.Duration
	received int
	gaps     int
}

// addFlags adds --count and --timeout.
func (u *until) addFlags(cmd *cobra.Command) {
	cmd.Flags().IntVar(&u.count, "count", 0, "end after this many events (0: never)")
	cmd.Flags().DurationVar(&u.timeout, "timeout", 0, "end after this time, such as 30s (0: never)")
}

// context applies --timeout.
func (u *until) context(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if u.count < 0 || u.timeout < 0 {
		return nil, nil, usagef("--count and --timeout must not be negative")
	}
	if u.timeout == 0 {
		ctx, cancel := context.WithCancel(ctx)
		return ctx, cancel, nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, u.timeout, errTimeout)
	return ctx, cancel, nil
}

// event counts one event.
func (u *until) event() error {
	if u.received++; u.received == u.count {
		return errEnough
	}
	return nil
}

// gap counts and tells a gap.
func (u *until) gap(a *app, g *eventnode.Gap) {
	u.gaps++
	j := toGapJSON(g)
	count, from := "an unknown number of events is", ""
	if g.Known {
		count = plural(g.Count, "event") + " is"
		if g.Count != 1 {
			count = plural(g.Count, "event") + " are"
		}
	}
	if g.Node != "" {
		from = " from " + string(g.Node)
	}
	a.notice(map[string]any{"gap": j}, "gap: %s missing here%s (%s)", count, from, g.Reason)
}

// result turns what ended the pump into the command's error. ctx is the one
// that context returned.
func (u *until) result(ctx context.Context, err error) error {
	ended := ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, eventnode.ErrClosed))
	if !ended && !errors.Is(err, errEnough) {
		return err
	}
	if u.gaps > 0 {
		return failf(exitGap, "%s: events are missing, see the lines above", plural(u.gaps, "gap"))
	}
	if ended && errors.Is(context.Cause(ctx), errTimeout) && u.received < u.count {
		return failf(exitTimeout, "%v: %d of %d events came within %v", errTimeout, u.received, u.count, u.timeout)
	}
	return nil
}
