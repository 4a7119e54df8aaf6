package streamsdk

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
)

// A read that breaks goes on behind what it had last: nothing twice, nothing left
// out.
func TestReadGoesOn(t *testing.T) {
	for breaks := 1; breaks <= 5; breaks++ {
		t.Run(fmt.Sprint(breaks), func(t *testing.T) {
			inBubble(t, Config{}, func(t *testing.T, w *world) {
				for _, name := range names(20) {
					w.publish("a", name)
				}
				w.BreakReads(breaks)
				w.wantStream("a", names(20)...)
				n := 5
				for ev, err := range w.Read(t.Context(), "a", eventnode.WithFollow(), eventnode.WithLast(15)) {
					if err != nil || ev.Event.Name != fmt.Sprint(n) || ev.Number != uint64(n)+1 || ev.Lost != 0 {
						t.Fatalf("%+v, %v, want %d", ev, err, n)
					}
					if n++; n == 40 {
						break
					}
					if n >= 20 {
						w.publish("a", fmt.Sprint(n))
					}
				}
			})
		})
	}
}

// Who follows waits as long as it takes for a leader.
func TestFollowOutlivesElection(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		got := make(chan eventnode.StreamEvent)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for ev, err := range w.Read(t.Context(), "a", eventnode.WithFollow(), eventnode.WithLast(0), eventnode.WithLimit(3)) {
				if err != nil {
					t.Error(err)
					return
				}
				got <- ev
			}
		}()
		synctest.Wait()
		w.BreakReads(1)
		w.publish("a", "0")
		<-got
		w.Lead("")
		time.Sleep(time.Minute)
		w.Lead("n1")
		for _, name := range []string{"1", "2"} {
			w.publish("a", name)
			if ev := <-got; ev.Event.Name != name {
				t.Errorf("%s, want %s", ev.Event.Name, name)
			}
		}
		<-done
	})
}

// One that began at the end of an empty stream, and lost its connection before it saw
// anything, misses nothing of what was published meanwhile.
func TestFollowFromEmptyStream(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		w.Lead("n1")
		started := make(chan struct{})
		got := make(chan string, 10)
		go func() {
			defer close(got)
			close(started)
			for ev, err := range w.Read(t.Context(), "a", eventnode.WithFollow(), eventnode.WithLast(1), eventnode.WithLimit(3)) {
				if err != nil {
					t.Error(err)
					return
				}
				got <- ev.Event.Name
			}
		}()
		<-started
		synctest.Wait()
		w.Lead("") // the read breaks
		synctest.Wait()
		other := New(w.cfg)
		wait := w.together(3, func(i int) error {
			_, err := other.PublishBody(t.Context(), "a", i)
			return err
		})
		w.Lead("n2")
		if err := errors.Join(wait()...); err != nil {
			t.Fatal(err)
		}
		n := 0
		for range got {
			n++
		}
		if n != 3 {
			t.Errorf("%d events, want 3", n)
		}
	})
}

// What retention removes while a reader is away is counted.
func TestLostMeanwhile(t *testing.T) {
	inBubble(t, Config{}, func(t *testing.T, w *world) {
		limits := eventnode.StreamConfig{Retain: eventnode.RetainLimits, MaxCount: 5}
		if err := w.Update(t.Context(), "a", limits); err != nil {
			t.Fatal(err)
		}
		w.BreakReads(1)
		w.publish("a", "0")
		n := 0
		for ev, err := range w.Read(t.Context(), "a", eventnode.WithFollow()) {
			if err != nil {
				t.Fatal(err)
			}
			if n == 1 {
				if ev.Event.Name != "6" || ev.Lost != 5 || ev.Number != 7 {
					t.Errorf("%+v", ev)
				}
				break
			}
			n++
			for i := range 10 {
				w.publish("a", fmt.Sprint(i+1))
			}
		}
	})
}
