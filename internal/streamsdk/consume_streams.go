package streamsdk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/streamsdk/hands"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

const (
	// lookEvery is how often a consumer looks for streams that have got its group, at
	// most.
	lookEvery = 10 * time.Second
	// lookPart bounds the time that goes into looking: one part of so many.
	lookPart = 20
)

// streams is the streams to consume: those asked for, or all that have the group.
func (k *consumer) streams(ctx context.Context) ([]string, error) {
	if len(k.o.Streams) > 0 {
		return k.o.Streams, nil
	}
	var names []string
	for info, err := range New(k.c.cfg).List(ctx) {
		if err != nil {
			return nil, fmt.Errorf("look for the streams of consumer group %.255q: %w", k.group, err)
		}
		if slices.Contains(info.Config.Groups, k.group) {
			names = append(names, info.Name)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no stream has consumer group %.255q: add it to one first: %w", k.group, eventnode.ErrConsumerGroupNotFound)
	}
	return names, nil
}

// isGone reports whether a stream, or the group on it, is not there.
func isGone(err error) bool {
	return isAny(err, eventnode.ErrStreamNotFound, eventnode.ErrConsumerGroupNotFound)
}

// scout looks now and then whether other streams have the group.
func (r *run) scout(ctx context.Context) {
	if len(r.k.o.Streams) > 0 {
		return
	}
	for every := lookEvery; ; {
		select {
		case <-time.After(every):
		case <-ctx.Done():
			return
		}
		began := time.Now()
		names, err := r.k.streams(ctx)
		if err != nil && !errors.Is(err, eventnode.ErrConsumerGroupNotFound) {
			continue // who consumes finds out what that means
		}
		every = max(lookEvery, lookPart*time.Since(began))
		r.mu.Lock()
		changed := r.names != nil && !slices.Equal(r.names, names)
		r.mu.Unlock()
		if changed {
			signal(r.reopen)
		}
	}
}

// isMine reports whether this holder has the consumer still, on all streams.
func (r *run) isMine(ctx context.Context, names []string) (bool, error) {
	for _, name := range names {
		d, _, err := r.k.c.group(ctx, name, r.k.group)
		if err != nil {
			return false, err
		}
		at := slices.IndexFunc(d.GetConsumers(), func(c *eventnodev1.ConsumerDescription) bool { return c.GetConsumer() == r.number })
		if at < 0 || string(d.GetConsumers()[at].GetHolder()) != string(r.k.holder) {
			return false, nil
		}
	}
	return true, nil
}

// lostError says that the lease is somebody else's, or nobody's.
type lostError struct{ why error }

func (e *lostError) Error() string { return e.why.Error() }

// Is reports whether target is errLost.
func (e *lostError) Is(target error) bool { return target == errLost }

// Unwrap returns why: eventnode.ErrLeaseTaken or eventnode.ErrFenced.
func (e *lostError) Unwrap() error { return e.why }

var errLost = errors.New("the lease is lost")

// tellLost tells of events that are gone.
func (r *run) tellLost(ctx context.Context, h *hands.Hands) func() {
	lost := h.Lost()
	if lost == nil {
		return nil
	}
	return func() {
		for stream, n := range lost {
			if r.k.o.OnLost != nil {
				r.k.o.OnLost(stream, n)
				continue
			}
			r.log.WarnContext(ctx, "events are gone that were not delivered", "stream", stream, "events", n)
		}
	}
}
