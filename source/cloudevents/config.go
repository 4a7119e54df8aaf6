package cloudevents

import (
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/source"
)

// Config of a Source. Only Name is required.
type Config struct {
	// Name tells the source from others.
	Name string
	// Admit decides on a request before its body is read: an error of
	// eventnode.ErrUnauthenticated or eventnode.ErrPermissionDenied refuses it. It is
	// called by several goroutines at once. Defaults to all are admitted.
	Admit func(r *http.Request) error
	// MaxWaiting bounds the requests that wait for credit. Defaults to 64.
	MaxWaiting int
	// MaxEventBytes bounds an event, as CloudEvents' JSON. Defaults to 1 MiB less 4 KiB:
	// what a live event may have, with room for where it comes from.
	MaxEventBytes int
	// MaxBatchEvents bounds the events of a request. Defaults to 1,024.
	MaxBatchEvents int
	// MaxBodyBytes bounds a body in structured and batched mode. Defaults to 4 MiB, or to
	// twice MaxEventBytes if that is more.
	MaxBodyBytes int
	// MaxHeldBytes bounds the bodies under way at one time, each of which counts as 64 KiB
	// at least. Defaults to 64 MiB, or MaxBodyBytes.
	MaxHeldBytes int
	// ReadTimeout bounds reading a body. Defaults to 30 s.
	ReadTimeout time.Duration
	// AnswerTimeout bounds what follows. Defaults to 10 s.
	AnswerTimeout time.Duration
	// Registerer takes the metrics, which sources of one registerer share. Defaults to
	// none.
	Registerer prometheus.Registerer
}

func (c Config) withDefaults() (Config, error) {
	if err := source.CheckName(c.Name); err != nil {
		return c, err
	}
	for _, f := range []struct {
		name  string
		value *int
		def   int
	}{
		{"MaxWaiting", &c.MaxWaiting, 64}, {"MaxEventBytes", &c.MaxEventBytes, 1<<20 - 4<<10}, {"MaxBatchEvents", &c.MaxBatchEvents, 1024},
	} {
		if *f.value < 0 {
			return c, fmt.Errorf("cloudevents: %s is negative: %w", f.name, eventnode.ErrInvalidArgument)
		}
		if *f.value == 0 {
			*f.value = f.def
		}
	}
	if c.ReadTimeout < 0 || c.AnswerTimeout < 0 {
		return c, fmt.Errorf("cloudevents: a time-out is negative: %w", eventnode.ErrInvalidArgument)
	}
	if c.Admit == nil {
		c.Admit = func(*http.Request) error { return nil }
	}
	return c, nil
}
