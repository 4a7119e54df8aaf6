package source

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/source/internal/quiet"
)

const (
	// logEvery is the interval in which a failure of one kind is logged once.
	logEvery = time.Second
	// maxLogged bounds what is logged of an error, and of a stack: they may quote what
	// came from elsewhere.
	maxLogged = 2 << 10
)

// The kinds of failures, as metrics name them.
const (
	kindError  = "error"
	kindPanic  = "panic"
	kindDecode = "decode"
)

// kindOf is the kind of a failure.
func kindOf(err error) string {
	if _, ok := errors.AsType[*eventnode.PanicError](err); ok {
		return kindPanic
	}
	if errors.Is(err, ErrDecode) {
		return kindDecode
	}
	return kindError
}

// caught calls f, and makes a *eventnode.PanicError of a panic.
func caught(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &eventnode.PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	return f()
}

// complaint logs failures of one kind, some of them.
type complaint struct {
	log  *slog.Logger
	what string
	gate *quiet.Gate
}

func newComplaint(log *slog.Logger, what string) *complaint {
	return &complaint{log, what, quiet.New(logEvery)}
}

// tell logs a failure, unless one was logged right before; more says how many were not.
func (c *complaint) tell(ctx context.Context, name string, o Origin, err error) {
	more, ok := c.gate.Open(time.Now())
	if !ok {
		return
	}
	log := c.log.With("event", cut(name), "source", o.Source, "shard", o.Shard, "seq", o.Seq, "more", more)
	if p, ok := errors.AsType[*eventnode.PanicError](err); ok {
		log = log.With("stack", cut(string(p.Stack)))
	}
	log.ErrorContext(ctx, "a step of a source failed", "step", c.what, "error", cut(errorText(err)))
}

// errorText is what an error says, or that it panics when it is asked.
func errorText(err error) (text string) {
	defer func() {
		if recover() != nil {
			text = "an error whose text panics"
		}
	}()
	return err.Error()
}

// cut is the beginning of a long text.
func cut(s string) string {
	if len(s) <= maxLogged {
		return s
	}
	return s[:maxLogged] + "..."
}
