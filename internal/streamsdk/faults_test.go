package streamsdk

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// A batch whose answer is lost is sent again under its number, and appended once.
func TestLostAnswer(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		for _, name := range names(20) {
			w.DropAnswers(1)
			w.publish("a", name)
		}
		w.DropAnswers(3)
		w.publish("a", "20")
		w.wantStream("a", names(21)...)
		if n := w.Producers(); n != 1 {
			t.Errorf("%d producers, want 1", n)
		}
	})
}

// So is one of which the leader said that it does not know.
func TestUnclearAnswer(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		for _, name := range names(10) {
			w.Unclear(2)
			w.publish("a", name)
		}
		w.wantStream("a", names(10)...)
	})
}

// An election is waited out: no publish fails, and none is there twice.
func TestElection(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		w.publish("a", "0")
		w.Lead("")
		start := time.Now()
		wait := w.together(3, func(i int) error {
			_, err := w.Publish(t.Context(), "a", event.New(fmt.Sprint(i+1), nil))
			return err
		})
		time.Sleep(3 * time.Second)
		w.Lead("n2")
		for i, err := range wait() {
			if err != nil {
				t.Errorf("%d: %v", i, err)
			}
		}
		if late := time.Since(start) - 3*time.Second; late > retryMax {
			t.Errorf("%v after there was a leader", late)
		}
		w.wantStream("a", names(4)...)
	})
}

// After its patience a call is told that nothing was done, and nothing was.
func TestPatience(t *testing.T) {
	// The first try, and the one under way when patience ends: each waits for a leader at
	// the node, and pauses.
	const slack = 2 * (500*time.Millisecond + retryMax)
	for patience, least := range map[time.Duration]time.Duration{time.Second: time.Second, 0: DefaultPatience, -1: 0} {
		t.Run(patience.String(), func(t *testing.T) {
			inBubble(t, Config{Patience: patience}, func(t *testing.T, w *world) {
				w.Lead("")
				start := time.Now()
				_, err := w.Publish(t.Context(), "a", event.New("x", nil))
				if took := time.Since(start); !errors.Is(err, eventnode.ErrUnavailable) || errors.Is(err, eventnode.ErrOutcomeUnknown) || took < least || took > least+slack {
					t.Errorf("after %v: %v", took, err)
				}
				start = time.Now()
				_, err = w.Info(t.Context(), "a")
				if took := time.Since(start); !errors.Is(err, eventnode.ErrUnavailable) || took < least || took > least+slack {
					t.Errorf("info after %v: %v", took, err)
				}
				for _, err := range w.Read(t.Context(), "a") {
					if !errors.Is(err, eventnode.ErrUnavailable) {
						t.Errorf("read: %v", err)
					}
				}
				w.Lead("n1")
				w.publish("a", "y")
				w.wantStream("a", "y")
			})
		})
	}
}

// A caller whose context ends while nobody can do anything is told that nothing was
// done, and why.
func TestContextEndsBefore(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		w.Lead("")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := w.Publish(ctx, "a", event.New("x", nil))
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, eventnode.ErrUnavailable) || errors.Is(err, eventnode.ErrOutcomeUnknown) {
			t.Error(err)
		}
		w.Lead("n1")
		w.publish("a", "y")
		w.wantStream("a", "y")
	})
}

// A caller whose context ends while its batch is under way is told that nobody knows;
// what comes after stands behind it.
func TestContextEndsMeanwhile(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		release := w.Hold()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := w.Publish(ctx, "a", event.New("x", nil))
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, eventnode.ErrOutcomeUnknown) {
			t.Error(err)
		}
		wait := w.together(1, func(int) error { _, err := w.Publish(t.Context(), "a", event.New("y", nil)); return err })
		release()
		if err := wait()[0]; err != nil {
			t.Error(err)
		}
		w.wantStream("a", "x", "y")
		if n := w.Producers(); n != 1 {
			t.Errorf("%d producers, want 1", n)
		}
	})
}

// If its fate is never known, the next number is of a new producer.
func TestContextEndsUnknown(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		w.publish("a", "x")
		w.DropAnswers(1 << 30)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := w.Publish(ctx, "a", event.New("y", nil))
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, eventnode.ErrOutcomeUnknown) || errors.Is(err, eventnode.ErrUnavailable) {
			t.Error(err)
		}
		w.DropAnswers(0)
		w.publish("a", "z")
		w.wantStream("a", "x", "y", "z")
		if n := w.Producers(); n != 2 {
			t.Errorf("%d producers, want 2", n)
		}
	})
}

// A stream that has lost count gets a new producer: nobody notices, unless the batch
// had been sent before.
func TestForgottenProducer(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		w.publish("a", "0")
		w.ForgetProducers()
		w.publish("a", "1")
		w.wantStream("a", "0", "1")

		release := w.Hold()
		w.DropAnswers(1)
		wait := w.together(1, func(int) error { _, err := w.Publish(t.Context(), "a", event.New("2", nil)); return err })
		again := w.Hold()
		release()
		synctest.Wait() // it is applied, and sent again
		w.ForgetProducers()
		again()
		if err := wait()[0]; !errors.Is(err, eventnode.ErrOutcomeUnknown) || !errors.Is(err, eventnode.ErrBadSequence) {
			t.Errorf("sent before: %v", err)
		}
		w.publish("a", "3")
		w.wantStream("a", names(4)...)
	})
}

// The end of the owner ends all calls: with what was not sent nothing was done.
func TestOwnerEnds(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		release := w.Hold()
		defer release()
		wait := w.together(2, func(i int) error {
			_, err := w.Publish(t.Context(), "a", event.New(fmt.Sprint(i), nil))
			return err
		})
		w.stop(eventnode.ErrClosed)
		errs := wait()
		if !errors.Is(errs[0], eventnode.ErrOutcomeUnknown) || !errors.Is(errs[0], eventnode.ErrClosed) {
			t.Errorf("under way: %v", errs[0])
		}
		if errors.Is(errs[1], eventnode.ErrOutcomeUnknown) || !errors.Is(errs[1], eventnode.ErrClosed) {
			t.Errorf("waiting: %v", errs[1])
		}
		if _, err := w.Publish(t.Context(), "a", event.New("x", nil)); !errors.Is(err, eventnode.ErrClosed) {
			t.Errorf("afterwards: %v", err)
		}
		for _, err := range w.Read(t.Context(), "a", eventnode.WithFollow()) {
			if !errors.Is(err, eventnode.ErrClosed) {
				t.Errorf("read: %v", err)
			}
		}
	})
}

// Without work there are no goroutines; the producer stays the same.
func TestIdle(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		for i := range 3 {
			w.publish("a", fmt.Sprint(i))
			time.Sleep(idleTime + time.Second)
			w.wg.Wait() // returns, for nobody runs
		}
		if n := w.Opened("n1"); n != 3 || w.Producers() != 1 {
			t.Errorf("%d pipes, %d producers", n, w.Producers())
		}
		w.wantStream("a", names(3)...)
	})
}

// A flusher keeps what was perhaps published.
func TestFlusherUnknown(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		f := w.NewFlusher()
		if err := errors.Join(f.Publish("a", 1), f.Publish("b", 2), f.Publish("a", 3)); err != nil {
			t.Fatal(err)
		}
		release := w.Hold()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		at, err := f.Flush(ctx)
		failed, ok := errors.AsType[*eventnode.FlushError](err)
		if !ok || len(failed.Failures) != 2 || !errors.Is(err, eventnode.ErrOutcomeUnknown) || !errors.Is(err, context.DeadlineExceeded) || len(at) != 3 || f.Len() != 3 {
			t.Errorf("%v, %v, %d left", at, err, f.Len())
		}
		release()
		if n := f.Discard("a"); n != 2 {
			t.Errorf("%d discarded", n)
		}
		if at, err := f.Flush(t.Context()); err != nil || len(at) != 1 {
			t.Errorf("%v, %v", at, err)
		}
		w.wantStream("a", "a", "a")
		w.wantStream("b", "b", "b")
	})
}
