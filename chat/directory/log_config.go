package directory

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// Defaults of LogConfig.
const (
	DefaultStream      = "chat-directory"
	DefaultStreamBytes = 1 << 30
)

// MaxSubmit bounds the changes of one Submit.
const MaxSubmit = 1024

// LogConfig is how a Log is kept.
type LogConfig struct {
	// Streams has the stream. Required.
	Streams eventnode.Streams
	// Stream is its name. Defaults to "chat-directory".
	Stream string
	// MaxBytes bounds the stream if it is made now. When it is full, changes are refused
	// until the bound is raised. Defaults to 1 GiB.
	MaxBytes uint64
	// Apply applies a change to the state, and returns what State.Apply says. It is
	// called by the goroutine of Run, for one change after the other, in the order of the
	// stream: it takes the lock that guards the state, and holds up all later changes
	// until it returns. It must not call Submit or Wait. Required.
	Apply func(at eventnode.Position, c *eventnodev1.DirectoryChange) error
	// Logger takes the log. Defaults to none.
	Logger *slog.Logger
	// Registerer takes the metrics. Defaults to none.
	Registerer prometheus.Registerer
}

func (c LogConfig) withDefaults() (LogConfig, error) {
	if c.Streams == nil || c.Apply == nil {
		return c, fmt.Errorf("directory: Streams and Apply are required: %w", eventnode.ErrInvalidArgument)
	}
	if c.Stream == "" {
		c.Stream = DefaultStream
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = DefaultStreamBytes
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// leastPause and mostPause bound the pause before reading is tried again.
const (
	leastPause = 50 * time.Millisecond
	mostPause  = 2 * time.Second
)

// logMetrics of a Log.
type logMetrics struct{ changes *prometheus.CounterVec }

func newLogMetrics(reg prometheus.Registerer) (*logMetrics, error) {
	m := &logMetrics{prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "eventnode", Subsystem: "directory", Name: "changes_total",
		Help: "Changes that were read from the stream, by what became of them: applied, refused, undecodable.",
	}, []string{"result"})}
	if reg == nil {
		return m, nil
	}
	if err := reg.Register(m.changes); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return m, nil
}
