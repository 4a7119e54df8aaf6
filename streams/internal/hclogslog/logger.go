package hclogslog

import (
	"context"
	"fmt"
	"io"
	"log" //nolint:depguard // hclog.Logger's method set has it
	"log/slog"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
)

// LevelTrace is where hclog's Trace goes: four below Debug, as Debug is below Info.
const LevelTrace = slog.LevelDebug - 4

// Config of a Logger.
type Config struct {
	// Name is the logger's first name. Defaults to none.
	Name string
	// Interval is the time in which equal warnings are counted. Defaults to 10 s.
	Interval time.Duration
	// Burst is how many equal ones are logged in it. Defaults to 3.
	Burst int
}

// Logger is an hclog.Logger that writes to a *slog.Logger.
type Logger struct {
	to      *slog.Logger
	name    string
	implied []any
	limit   *limiter // shared by all that were made from one
}

var _ hclog.Logger = (*Logger)(nil)

// New returns a Logger; to nil discards.
func New(to *slog.Logger, cfg Config) *Logger {
	if to == nil {
		to = slog.New(slog.DiscardHandler)
	}
	if cfg.Interval <= 0 {
		cfg.Interval = 10 * time.Second
	}
	if cfg.Burst <= 0 {
		cfg.Burst = 3
	}
	return &Logger{to: to, name: cfg.Name, limit: newLimiter(cfg.Interval, cfg.Burst)}
}

// levelOf maps levels; what has none is information.
func levelOf(l hclog.Level) slog.Level {
	switch l {
	case hclog.Trace:
		return LevelTrace
	case hclog.Debug:
		return slog.LevelDebug
	case hclog.Warn:
		return slog.LevelWarn
	case hclog.Error:
		return slog.LevelError
	default:
		return slog.LevelInfo
	}
}

// Log writes msg at a level.
func (l *Logger) Log(level hclog.Level, msg string, args ...any) {
	at := levelOf(level)
	ctx := context.Background()
	if level == hclog.Off || !l.to.Enabled(ctx, at) {
		return
	}
	args = plain(args)
	if at >= slog.LevelWarn {
		ok, leftOut := l.limit.allow(time.Now(), l.name+"\x00"+msg+"\x00"+about(args))
		if !ok {
			return
		}
		if leftOut > 0 {
			args = append(args, "left_out", leftOut)
		}
	}
	if l.name != "" {
		args = append(args, "logger", l.name)
	}
	l.to.Log(ctx, at, msg, args...) //nolint:sloglint // the library has the literal
}

// Trace writes at the trace level.
func (l *Logger) Trace(msg string, args ...any) { l.Log(hclog.Trace, msg, args...) }

// Debug writes at the debug level.
func (l *Logger) Debug(msg string, args ...any) { l.Log(hclog.Debug, msg, args...) }

// Info writes at the info level.
func (l *Logger) Info(msg string, args ...any) { l.Log(hclog.Info, msg, args...) }

// Warn writes at the warning level.
func (l *Logger) Warn(msg string, args ...any) { l.Log(hclog.Warn, msg, args...) }

// Error writes at the error level.
func (l *Logger) Error(msg string, args ...any) { l.Log(hclog.Error, msg, args...) }

func (l *Logger) enabled(at slog.Level) bool { return l.to.Enabled(context.Background(), at) }

// IsTrace reports whether traces are written.
func (l *Logger) IsTrace() bool { return l.enabled(LevelTrace) }

// IsDebug reports whether the debug level is written.
func (l *Logger) IsDebug() bool { return l.enabled(slog.LevelDebug) }

// IsInfo reports whether the info level is written.
func (l *Logger) IsInfo() bool { return l.enabled(slog.LevelInfo) }

// IsWarn reports whether warnings are written.
func (l *Logger) IsWarn() bool { return l.enabled(slog.LevelWarn) }

// IsError reports whether errors are written.
func (l *Logger) IsError() bool { return l.enabled(slog.LevelError) }

// ImpliedArgs returns what With added.
func (l *Logger) ImpliedArgs() []any { return l.implied }

// With returns a logger that adds args to everything.
func (l *Logger) With(args ...any) hclog.Logger {
	d := *l
	args = plain(args)
	d.to = l.to.With(args...)
	d.implied = append(append([]any(nil), l.implied...), args...)
	return &d
}

// Name returns the logger's name.
func (l *Logger) Name() string { return l.name }

// Named returns a logger whose name has one more part.
func (l *Logger) Named(name string) hclog.Logger {
	if l.name != "" {
		name = l.name + "." + name
	}
	return l.ResetNamed(name)
}

// ResetNamed returns a logger with another name.
func (l *Logger) ResetNamed(name string) hclog.Logger {
	d := *l
	d.name = name
	return &d
}

// SetLevel does nothing: the handler has the level.
func (l *Logger) SetLevel(hclog.Level) {}

// GetLevel returns the lowest level that is written.
func (l *Logger) GetLevel() hclog.Level {
	for _, level := range []hclog.Level{hclog.Trace, hclog.Debug, hclog.Info, hclog.Warn, hclog.Error} {
		if l.enabled(levelOf(level)) {
			return level
		}
	}
	return hclog.Off
}

// StandardLogger returns a logger of package log whose lines come here.
func (l *Logger) StandardLogger(opts *hclog.StandardLoggerOptions) *log.Logger {
	return log.New(l.StandardWriter(opts), "", 0)
}

// StandardWriter returns a writer whose lines come here, at opts.ForceLevel or
// else as information.
func (l *Logger) StandardWriter(opts *hclog.StandardLoggerOptions) io.Writer {
	w := lines{l: l, level: hclog.Info}
	if opts != nil && opts.ForceLevel != hclog.NoLevel {
		w.level = opts.ForceLevel
	}
	return w
}

type lines struct {
	l     *Logger
	level hclog.Level
}

// Write logs a line.
func (w lines) Write(b []byte) (int, error) {
	w.l.Log(w.level, strings.TrimRight(string(b), "\r\n"))
	return len(b), nil
}

// plain replaces hclog's values that mean something to hclog only. The caller's
// slice stays as it is.
func plain(args []any) []any {
	out := make([]any, len(args), len(args)+4)
	for i, a := range args {
		if f, ok := a.(hclog.Format); ok && len(f) > 0 {
			a = fmt.Sprintf(fmt.Sprint(f[0]), f[1:]...)
		}
		out[i] = a
	}
	return out
}

// about returns whom a message is about, in hashicorp/raft's words, so that
// silence about one peer does not hide another.
func about(args []any) string {
	for i := 0; i+1 < len(args); i += 2 {
		switch args[i] {
		case "peer", "server-id", "target", "from", "candidate", "id":
			return fmt.Sprint(args[i+1])
		}
	}
	return ""
}
