package cloudevents

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/ingest"
	"github.com/eventnode/eventnode/source"
	"github.com/eventnode/eventnode/source/internal/meter"
)

// path is where the handler of package ingest dispatches: it reads requests and answers
// them, whatever their path was.
const path = "/v1/topics/source/events"

// Source takes CloudEvents over HTTP.
type Source struct {
	cfg      Config
	handler  *ingest.Handler
	waiting  *semaphore.Weighted // of MaxWaiting
	requests chan request        // no place: a request waits in its own goroutine
	started  atomic.Bool
	ended    chan struct{} // closed with Run
	refused  *prometheus.CounterVec
	waits    prometheus.Gauge
}

// request is what one brought, and where to tell what became of it.
type request struct {
	payloads []source.Payload
	done     chan error
}

var (
	_ source.Source = (*Source)(nil)
	_ http.Handler  = (*Source)(nil)
)

// New makes a Source. Its requests are refused until it runs.
func New(cfg Config) (*Source, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	refused, err1 := meter.Counters(cfg.Registerer, "requests_refused_total", "Requests whose events were not handled, by reason (full, not_running, timeout, malformed, cut).", "source", "reason")
	waits, err2 := meter.Gauges(cfg.Registerer, "requests_waiting", "Requests that wait for credit, or are being handled.", "source")
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	mine := prometheus.Labels{"source": cfg.Name}
	s := &Source{
		cfg: cfg, waiting: semaphore.NewWeighted(int64(cfg.MaxWaiting)), requests: make(chan request), ended: make(chan struct{}),
		refused: refused.MustCurryWith(mine), waits: waits.With(mine),
	}
	s.handler, err = ingest.New(ingest.Config{
		Dispatch: s.take, Publish: noStreams, Admit: func(r *http.Request, _ string) error { return cfg.Admit(r) },
		MaxEventBytes: cfg.MaxEventBytes, MaxBatchEvents: cfg.MaxBatchEvents, MaxBodyBytes: cfg.MaxBodyBytes,
		MaxHeldBytes: cfg.MaxHeldBytes, ReadTimeout: cfg.ReadTimeout, AnswerTimeout: cfg.AnswerTimeout,
	})
	return s, err
}

// noStreams is never called: there is no path that leads there.
func noStreams(context.Context, string, string, []event.Event, ...eventnode.PublishOption) (eventnode.Published, error) {
	return eventnode.Published{}, eventnode.ErrInvalidArgument
}

// Name implements source.Source.
func (s *Source) Name() string { return s.cfg.Name }

// ServeHTTP takes a request, at whatever path, and answers when its events were handled.
func (s *Source) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	inside := *r
	inside.URL = &url.URL{Path: path, RawQuery: r.URL.RawQuery}
	s.handler.ServeHTTP(w, &inside)
}

// take has events handled. Its errors say what a request is answered.
func (s *Source) take(ctx context.Context, _ string, events []event.Event) error {
	payloads, err := s.payloads(events)
	switch {
	case err != nil:
		return s.refuse("malformed", err)
	case !s.started.Load():
		return s.refuse("not_running", fmt.Errorf("the source does not run: %w", eventnode.ErrUnavailable))
	case !s.waiting.TryAcquire(1):
		return s.refuse("full", fmt.Errorf("%d requests wait already (MaxWaiting): come again: %w", s.cfg.MaxWaiting, eventnode.ErrUnavailable))
	}
	s.waits.Inc()
	defer func() {
		s.waits.Dec()
		s.waiting.Release(1)
	}()
	return s.wait(ctx, request{payloads, make(chan error, 1)})
}

// wait waits until a request was handled.
func (s *Source) wait(ctx context.Context, r request) error {
	select {
	case s.requests <- r:
	case <-s.ended:
		return s.refuse("not_running", fmt.Errorf("the source has ended: %w", eventnode.ErrUnavailable))
	case <-ctx.Done():
		return s.refuse("timeout", fmt.Errorf("its turn did not come in time, nothing was done: come again: %w", eventnode.ErrUnavailable))
	}
	select {
	case err := <-r.done:
		if err != nil {
			return s.refuse("cut", fmt.Errorf("%w: %w", eventnode.ErrUnavailable, err))
		}
		return nil
	case <-ctx.Done():
		return s.refuse("timeout", fmt.Errorf("its events were not handled in time, and may be still: %w", eventnode.ErrOutcomeUnknown))
	}
}

func (s *Source) refuse(reason string, err error) error {
	s.refused.WithLabelValues(reason).Inc()
	return err
}

// payloads are the payloads of events, or none of them if one cannot be.
func (s *Source) payloads(events []event.Event) ([]source.Payload, error) {
	all := make([]source.Payload, len(events))
	for i := range events {
		data, err := events[i].MarshalCloudEvent()
		if err == nil && len(data) > s.cfg.MaxEventBytes {
			err = &eventnode.LimitError{Limit: "max_event_bytes", Max: s.cfg.MaxEventBytes, Got: len(data)}
		}
		if err != nil {
			return nil, fmt.Errorf("event %d of %d, from 0 on: %w", i, len(events), err)
		}
		all[i] = source.Payload{Name: events[i].Name, Data: data, Origin: source.Origin{Source: s.cfg.Name, Shards: 1}}
	}
	return all, nil
}

// Run implements source.Source. It ends with ctx, or with what deliver fails with.
func (s *Source) Run(ctx context.Context, deliver source.Deliver) error {
	if !s.started.CompareAndSwap(false, true) {
		return fmt.Errorf("source %s was run before: make another one: %w", s.cfg.Name, eventnode.ErrInvalidArgument)
	}
	defer close(s.ended)
	for {
		select {
		case r := <-s.requests:
			err := handle(ctx, r, deliver)
			r.done <- err
			if err != nil && ctx.Err() == nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// handle delivers what a request brought.
func handle(ctx context.Context, r request, deliver source.Deliver) error {
	for i, p := range r.payloads {
		if err := deliver(ctx, p); err != nil {
			return fmt.Errorf("event %d of %d, those before it were handled: %w", i+1, len(r.payloads), err)
		}
	}
	return nil
}

// Event is the CloudEvent of an event of such a source.
func Event(e source.Event) (event.Event, error) { return event.ParseCloudEvent(e.Data) }
