package pebbledb

import (
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"github.com/eventnode/eventnode/streams/internal/engine"
)

// listen is what the store hears from Pebble. Locks of Pebble are held.
func listen(f *failure, p *pressure, s *series) *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: f.background,
		DataCorruption: func(i pebble.DataCorruptionInfo) {
			f.set(&engine.DamagedError{File: i.Path, Err: i.Details})
		},
		FlushBegin:    func(pebble.FlushInfo) { s.turn() },
		FlushEnd:      func(pebble.FlushInfo) { p.ease() },
		CompactionEnd: func(pebble.CompactionInfo) { p.ease() },
	}
}

// logger hands Pebble's words to slog.
type logger struct {
	log     *slog.Logger
	failure *failure
	opening atomic.Bool
}

var _ pebble.Logger = (*logger)(nil)

// Infof implements pebble.Logger. What Pebble calls info is for debugging it.
func (l *logger) Infof(format string, args ...any) {
	l.log.Debug("pebble", "text", fmt.Sprintf(format, args...))
}

// Errorf implements pebble.Logger. What ends the store is logged elsewhere, as an
// error.
func (l *logger) Errorf(format string, args ...any) {
	l.log.Warn("pebble", "text", fmt.Sprintf(format, args...))
}

// Fatalf is called when the manifest could not be written, and Pebble wants the
// process to end. The store ends instead: the fence is shut before Pebble can
// do anything more. Where it opens it would try again for ever: that goroutine ends
// there, and only that one, since Close waits for those in the background.
func (l *logger) Fatalf(format string, args ...any) {
	l.failure.background(fatal(format, args))
	if l.opening.Load() && opens() {
		runtime.Goexit()
	}
}

// opens reports whether this goroutine is the one that opens Pebble.
func opens() bool {
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers)])
	for {
		frame, more := frames.Next()
		if strings.HasSuffix(frame.Function, "/pebble/v2.Open") {
			return true
		}
		if !more {
			return false
		}
	}
}

// fatal keeps the cause, if one of the arguments is one.
func fatal(format string, args []any) error {
	for _, a := range args {
		if err, ok := a.(error); ok {
			return fmt.Errorf("pebble cannot go on: %w", err)
		}
	}
	return fmt.Errorf("pebble cannot go on: %s", fmt.Sprintf(format, args...))
}
