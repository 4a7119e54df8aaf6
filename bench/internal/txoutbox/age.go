package txoutbox

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sync/errgroup"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/bench/internal/load"
	"github.com/eventnode/eventnode/bench/internal/suite"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/outbox"
)

const (
	// ageWriters add events, each in its turn.
	ageWriters = 10
	// ageWait bounds how long the last event may take.
	ageWait = 20 * time.Second
)

// errAll ends the reader when it has everything.
var errAll = errors.New("all was read")

// age measures how old events are when a reader of the stream has them.
func age(ctx context.Context, env *suite.Env) (out suite.Outcome, err error) {
	seconds := 10
	if env.Short {
		seconds = 1
	}
	w, err := openWithStream(ctx, env)
	if err != nil {
		return out, err
	}
	defer w.close()
	w.db.SetMaxIdleConns(ageWriters)
	if _, err := w.relay(ctx); err != nil {
		return out, err
	}
	if err := w.warm(ctx); err != nil {
		return out, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(seconds)*time.Second+ageWait)
	defer cancel()
	ages, err := w.ages(ctx, seconds*agePerSecond)
	if err != nil {
		return out, err
	}
	ms := func(q float64) float64 { return float64(ages.ValueAtQuantile(q)) / 1e6 }
	out.Values = map[string]float64{age50.Name: ms(50), age99.Name: ms(99), ageMax.Name: float64(ages.Max()) / 1e6}
	return out, nil
}

// ages adds events, and says how old they are when they are read.
func (w *world) ages(ctx context.Context, events int) (*hdrhistogram.Histogram, error) {
	ages := load.NewHistogram()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		left := events
		err := w.read(ctx, func(e eventnode.StreamEvent) error {
			if e.Event.Name != "aged" {
				return nil
			}
			added := int64(binary.LittleEndian.Uint64(e.Event.Data))
			if err := ages.RecordValue(max(time.Now().UnixNano()-added, 1)); err != nil {
				return err
			}
			if left--; left == 0 {
				return errAll
			}
			return nil
		}, eventnode.WithFollow())
		if errors.Is(err, errAll) {
			return nil
		}
		return fmt.Errorf("%d of %d events were not read: %w", left, events, err)
	})
	began := time.Now()
	for i := range ageWriters {
		g.Go(func() error { return w.write(ctx, began, i, events) })
	}
	return ages, g.Wait()
}

// warm waits until the relay publishes.
func (w *world) warm(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	if err := outbox.Add(ctx, w.db, event.New("warm", nil)); err != nil {
		return err
	}
	err := w.read(ctx, func(eventnode.StreamEvent) error { return errAll }, eventnode.WithFollow())
	if errors.Is(err, errAll) {
		return nil
	}
	return err
}

// write adds every so many'th event, at its time.
func (w *world) write(ctx context.Context, began time.Time, first, events int) error {
	rnd := rand.NewChaCha8([32]byte{byte(first)})
	for i := first; i < events; i += ageWriters {
		due := time.NewTimer(time.Until(began.Add(time.Duration(i) * time.Second / agePerSecond)))
		select {
		case <-due.C:
		case <-ctx.Done():
			due.Stop()
			return context.Cause(ctx)
		}
		data := number(rnd, uint64(time.Now().UnixNano()))
		if err := outbox.Add(ctx, w.db, event.New("aged", data, event.WithKey(strconv.Itoa(first)))); err != nil {
			return err
		}
	}
	return nil
}
