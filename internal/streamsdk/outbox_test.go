package streamsdk

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// What comes while a stream's batch is under way travels together, in its order, and
// each caller is told its own place.
func TestCallsShareBatches(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		w.publish("a", "0")
		before := w.Requests()
		release := w.Hold()
		positions := make([]eventnode.Position, 101)
		wait := w.together(100, func(i int) (err error) {
			positions[i+1], err = w.Publish(t.Context(), "a", event.New(fmt.Sprint(i+1), nil))
			return err
		})
		release()
		if err := errors.Join(wait()...); err != nil {
			t.Fatal(err)
		}
		if n := w.Requests() - before; n != 2 { // the first alone, the others together
			t.Errorf("%d requests, want 2", n)
		}
		w.wantStream("a", names(101)...)
		for ev, err := range w.Read(t.Context(), "a", eventnode.WithLast(100)) {
			if want := positions[ev.Number-1]; err != nil || ev.Position != want {
				t.Errorf("%s is at %v, told %v, %v", ev.Event.Name, ev.Position, want, err)
			}
		}
	})
}

// Streams do not wait for each other, and a flush of many is one request.
func TestFlushIsOneRequest(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		f := w.NewFlusher()
		for i := range 50 {
			stream := fmt.Sprintf("s%02d", i%10)
			if _, err := w.Declare(t.Context(), stream, eventnode.StreamConfig{}); err != nil {
				t.Fatal(err)
			}
			if err := f.Publish(stream, i); err != nil {
				t.Fatal(err)
			}
		}
		if at, err := f.Flush(t.Context()); err != nil || len(at) != 50 {
			t.Fatal(at, err)
		}
		if n := w.Requests(); n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
	})
}

// Calls that share a batch do not share a refusal that is due to one of them.
func TestRefusalIsDivided(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		if err := w.Update(t.Context(), "a", eventnode.StreamConfig{MaxBytes: 20 << 10}); err != nil {
			t.Fatal(err)
		}
		release := w.Hold()
		wait := w.together(5, func(i int) error {
			size := 100
			if i == 2 {
				size = 30 << 10
			}
			_, err := w.Publish(t.Context(), "a", event.New(fmt.Sprint(i), make([]byte, size)))
			return err
		})
		release()
		for i, err := range wait() {
			if full := errors.Is(err, eventnode.ErrStreamFull); full != (i == 2) || !full && err != nil {
				t.Errorf("%d: %v", i, err)
			}
		}
		w.wantStream("a", "0", "1", "3", "4")
		if n := w.Producers(); n != 1 {
			t.Errorf("%d producers, want 1", n)
		}
	})
}

// A call that expects something, or de-duplicates, does not travel with others.
func TestCallsOfTheirOwn(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		x := event.New("x", nil)
		release := w.Hold()
		wait := w.together(6, func(i int) error {
			var opts []eventnode.PublishOption
			ev := event.New(fmt.Sprint(i), nil)
			switch i {
			case 2:
				opts = append(opts, eventnode.WithExpectLast(eventnode.Position{MS: 1}))
			case 3, 4:
				ev, opts = x, append(opts, eventnode.WithDedupe())
			}
			_, err := w.Publish(t.Context(), "a", ev, opts...)
			return err
		})
		release()
		for i, err := range wait() {
			if wrong := errors.Is(err, eventnode.ErrWrongLast); wrong != (i == 2) || !wrong && err != nil {
				t.Errorf("%d: %v", i, err)
			}
		}
		w.wantStream("a", "0", "1", "x", "5")
	})
}

// What has no answer is bounded; who publishes more waits.
func TestWindow(t *testing.T) {
	const size = 10 << 10
	inBubble(t, Config{WindowBytes: 4 * size}, func(t *testing.T, w *world) {
		release := w.Hold()
		wait := w.together(20, func(i int) error {
			_, err := w.Publish(t.Context(), []string{"a", "b"}[i%2], event.New(fmt.Sprint(i), make([]byte, size)))
			return err
		})
		synctest.Wait()
		w.out.mu.Lock()
		held := w.out.held
		w.out.mu.Unlock()
		if held < 4*size || held > 5*size+10*callBytes {
			t.Errorf("%d bytes held", held)
		}
		release()
		if err := errors.Join(wait()...); err != nil {
			t.Error(err)
		}
		if w.out.held != 0 || len(w.out.ready) != 0 {
			t.Errorf("%d bytes left", w.out.held)
		}
	})
}
