package streamsdk

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/streamsdk/sdktest"
)

// world is a cluster for tests with a Streams in the same bubble.
type world struct {
	*sdktest.Cluster
	*Streams
	t    *testing.T
	stop context.CancelCauseFunc
	wg   sync.WaitGroup
}

// inBubble runs a test with virtual time. Streams a and b are there.
func inBubble(t *testing.T, cfg Config, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{Cluster: sdktest.NewCluster("n1", "n2"), t: t}
		cfg.Backend = Local(w.Node("n1"))
		cfg.Context, w.stop = context.WithCancelCause(context.Background())
		cfg.Start = func(f func()) error {
			w.wg.Go(f)
			return nil
		}
		w.Streams = New(cfg)
		defer w.close()
		for _, stream := range []string{"a", "b"} {
			if _, err := w.Declare(t.Context(), stream, eventnode.StreamConfig{}); err != nil {
				t.Fatal(err)
			}
		}
		test(t, w)
	})
}

func (w *world) close() {
	w.stop(eventnode.ErrClosed)
	w.wg.Wait()
}

// publish publishes an event that must be taken.
func (w *world) publish(stream, name string) eventnode.Position {
	w.t.Helper()
	at, err := w.Publish(w.t.Context(), stream, event.New(name, nil))
	if err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	return at
}

// together makes n calls at once, which all wait when it returns. Wait returns their
// outcomes.
func (w *world) together(n int, f func(i int) error) (wait func() []error) {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
		synctest.Wait() // so that they come in this order
	}
	return func() []error {
		wg.Wait()
		return errs
	}
}

// wantStream compares what is in a stream.
func (w *world) wantStream(stream string, want ...string) {
	w.t.Helper()
	var got []string
	for ev, err := range w.Read(w.t.Context(), stream) {
		if err != nil {
			w.t.Fatal(err)
		}
		got = append(got, ev.Event.Name)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Errorf("stream %s has %v, want %v", stream, got, want)
	}
}

// names are n names.
func names(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprint(i)
	}
	return list
}
