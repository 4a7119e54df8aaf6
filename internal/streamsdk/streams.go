package streamsdk

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/eventnode/eventnode"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// Streams is the streams of one namespace of a cluster.
type Streams struct {
	cfg Config
	out *outbox
}

var _ eventnode.Streams = (*Streams)(nil)

// New makes a Streams. It starts nothing.
func New(cfg Config) *Streams {
	cfg = cfg.withDefaults()
	return &Streams{cfg: cfg, out: newOutbox(cfg.Namespace, cfg.WindowBytes)}
}

// again calls f until it is answered, patience has run out, or ctx has ended.
func again[R any](ctx context.Context, cfg Config, kind Effect, f func() (R, error)) (R, error) {
	since := time.Now()
	for failures := 0; ; failures++ {
		if ctx.Err() != nil {
			var none R
			return none, context.Cause(ctx)
		}
		r, err := f()
		unavailable := errors.Is(err, eventnode.ErrUnavailable) || kind == Harmless && errors.Is(err, eventnode.ErrOutcomeUnknown)
		switch {
		case err == nil || !unavailable:
			return r, err
		case time.Since(since) >= cfg.Patience:
			return r, err
		case !pause(ctx, failures):
			return r, fmt.Errorf("%w: %w", err, context.Cause(ctx))
		}
	}
}

// Declare implements eventnode.Streams.
func (s *Streams) Declare(ctx context.Context, stream string, cfg eventnode.StreamConfig) (bool, error) {
	return s.declare(ctx, stream, cfg, false)
}

// Create implements eventnode.Streams.
func (s *Streams) Create(ctx context.Context, stream string, cfg eventnode.StreamConfig) error {
	_, err := s.declare(ctx, stream, cfg, true)
	return err
}

func (s *Streams) declare(ctx context.Context, stream string, cfg eventnode.StreamConfig, fresh bool) (bool, error) {
	req := &eventnodev1.DeclareStreamRequest{Stream: s.name(stream), Config: configToProto(cfg), Fresh: fresh}
	r, err := again(ctx, s.cfg, Effect(fresh), func() (*eventnodev1.DeclareStreamResponse, error) {
		return s.cfg.Backend.DeclareStream(ctx, req)
	})
	return r.GetCreated(), err
}

// Update implements eventnode.Streams.
func (s *Streams) Update(ctx context.Context, stream string, cfg eventnode.StreamConfig) error {
	req := &eventnodev1.UpdateStreamRequest{Stream: s.name(stream), Config: configToProto(cfg)}
	_, err := again(ctx, s.cfg, Harmless, func() (*eventnodev1.UpdateStreamResponse, error) {
		return s.cfg.Backend.UpdateStream(ctx, req)
	})
	return err
}

// Delete implements eventnode.Streams.
func (s *Streams) Delete(ctx context.Context, stream string) error {
	req := &eventnodev1.DeleteStreamRequest{Stream: s.name(stream)}
	_, err := again(ctx, s.cfg, Once, func() (*eventnodev1.DeleteStreamResponse, error) {
		return s.cfg.Backend.DeleteStream(ctx, req)
	})
	return err
}

// Info implements eventnode.Streams.
func (s *Streams) Info(ctx context.Context, stream string) (eventnode.StreamInfo, error) {
	req := &eventnodev1.StreamInfoRequest{Stream: s.name(stream)}
	r, err := again(ctx, s.cfg, Harmless, func() (*eventnodev1.StreamInfoResponse, error) {
		return s.cfg.Backend.StreamInfo(ctx, req)
	})
	if err != nil {
		return eventnode.StreamInfo{}, err
	}
	return infoFromProto(r.GetStream()), nil
}

// List implements eventnode.Streams.
func (s *Streams) List(ctx context.Context) iter.Seq2[eventnode.StreamInfo, error] {
	return func(yield func(eventnode.StreamInfo, error) bool) {
		req := &eventnodev1.ListStreamsRequest{Namespace: s.cfg.Namespace}
		for more := true; more; {
			page, err := again(ctx, s.cfg, Harmless, func() (*eventnodev1.ListStreamsResponse, error) {
				return s.cfg.Backend.ListStreams(ctx, req)
			})
			if err != nil {
				yield(eventnode.StreamInfo{}, err)
				return
			}
			for _, d := range page.GetStreams() {
				if !yield(infoFromProto(d), nil) {
					return
				}
				req.After = d.GetStream()
			}
			more = page.GetMore() && len(page.GetStreams()) > 0
		}
	}
}

// name is a stream's full name.
func (s *Streams) name(stream string) *eventnodev1.StreamName {
	return &eventnodev1.StreamName{Namespace: s.cfg.Namespace, Name: stream}
}
