package shard_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode/shard"
)

// Shards of one bucket identify 5.5 s apart, those of others beside them; who does not wait
// any more takes nobody's turn.
func TestStartsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := shard.NewStarts(shard.StartLimit{MaxConcurrency: 2})
		began := time.Now()
		impatient, cancel := context.WithCancelCause(t.Context())
		gone := errors.New("gone")
		time.AfterFunc(time.Second, func() { cancel(gone) })
		var (
			mu   sync.Mutex
			at   = map[int][]time.Duration{}
			each sync.WaitGroup
		)
		for n := range 6 {
			each.Go(func() {
				if err := s.Permit(t.Context(), n); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				at[n%2] = append(at[n%2], time.Since(began))
			})
			synctest.Wait()
			each.Go(func() {
				if err := s.Permit(impatient, n); n > 1 && !errors.Is(err, gone) {
					t.Errorf("%d: %v", n, err)
				}
			})
			synctest.Wait()
		}
		each.Wait()
		// 0 and 1 have their turns at once, and so has, behind each, who is impatient for
		// 5.5 s: so they give up, and 2 to 5 follow.
		want := []time.Duration{0, shard.IdentifyInterval, 2 * shard.IdentifyInterval}
		for bucket := range 2 {
			if !slices.Equal(at[bucket], want) {
				t.Errorf("bucket %d: %v, want %v", bucket, at[bucket], want)
			}
		}
	})
}

// When all sessions of a day are used up one waits for the next day; a limit that is learnt
// later counts from then on.
func TestStartsOfADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := shard.NewStarts(shard.StartLimit{Total: 1000, Remaining: 1, ResetAfter: time.Hour})
		began := time.Now()
		for _, want := range []time.Duration{0, time.Hour, time.Hour + shard.IdentifyInterval} {
			if err := s.Permit(t.Context(), 0); err != nil || time.Since(began) != want {
				t.Fatalf("%v after %v, want %v", err, time.Since(began), want)
			}
		}
		s.Learn(shard.StartLimit{Total: 1000, ResetAfter: 2 * time.Hour})
		if err := s.Permit(t.Context(), 0); err != nil || time.Since(began) != 3*time.Hour+shard.IdentifyInterval {
			t.Fatalf("%v after %v", err, time.Since(began))
		}
	})
}
