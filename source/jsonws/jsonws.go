package jsonws

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode/internal/backoff"
	"github.com/eventnode/eventnode/source"
	"github.com/eventnode/eventnode/source/internal/meter"
	"github.com/eventnode/eventnode/source/internal/quiet"
)

// Source is a WebSocket on which JSON objects come.
type Source struct {
	cfg    Config
	decode decoder
	run    string // begins the names of its sessions
	gate   *quiet.Gate

	connects, refused *prometheus.CounterVec
	connected         prometheus.Gauge
}

var _ source.Source = (*Source)(nil)

// New makes a Source, which connects when it runs.
func New(cfg Config) (*Source, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if cfg.EventName != "" && !goodName(cfg.EventName) {
		return nil, invalid("EventName is no name of an event: %.80q", cfg.EventName)
	}
	connects, err1 := meter.Counters(cfg.Registerer, "connects_total", "Connections that were tried, by result (ok, failed, rejected).", "source", "result")
	refused, err2 := meter.Counters(cfg.Registerer, "refused_total", "What came and is no payload, by reason.", "source", "reason")
	connected, err3 := meter.Gauges(cfg.Registerer, "connected", "Connections that are there.", "source")
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	mine := prometheus.Labels{"source": cfg.Name}
	return &Source{
		cfg: cfg, decode: newDecoder(cfg), run: rand.Text()[:10], gate: quiet.New(time.Second),
		connects: connects.MustCurryWith(mine), refused: refused.MustCurryWith(mine), connected: connected.With(mine),
	}, nil
}

// Name implements source.Source.
func (s *Source) Name() string { return s.cfg.Name }

// Run implements source.Source: it connects, and again whenever the connection is lost,
// until ctx ends or the other side rejects it for good (ErrRejected).
func (s *Source) Run(ctx context.Context, deliver source.Deliver) error {
	wait := backoff.Backoff{Min: s.cfg.MinWait, Max: s.cfg.MaxWait}
	for attempt, number := 0, 1; ; number++ {
		heard, err := s.connection(ctx, number, deliver)
		failed, notHandled := errors.AsType[*deliverError](err)
		switch {
		case ctx.Err() != nil:
			return nil
		case notHandled:
			return failed.error
		case errors.Is(err, ErrRejected):
			return fmt.Errorf("source %s: %w", s.cfg.Name, err)
		case heard:
			attempt = 0
		}
		pause := wait.Next(attempt, mathrand.Float64())
		s.cfg.Logger.WarnContext(ctx, "a source is not connected", "source", s.cfg.Name, "error", err, "again_in", pause)
		backoff.Wait(ctx, pause)
		attempt++
	}
}

// deliverError is what deliver has failed with.
type deliverError struct{ error }

func (e *deliverError) Unwrap() error { return e.error }

// connection connects, and delivers what comes, until the connection is lost or ctx ends;
// heard reports whether something came.
func (s *Source) connection(ctx context.Context, number int, deliver source.Deliver) (heard bool, err error) {
	c, err := dial(ctx, s.cfg)
	s.connects.WithLabelValues(result(err)).Inc()
	if err != nil {
		return false, err
	}
	s.cfg.Logger.InfoContext(ctx, "a source is connected", "source", s.cfg.Name, "connection", number)
	s.connected.Inc()
	defer s.connected.Dec()
	life, end := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { c.ping(life) })
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer func() {
		stop()
		end()
		c.close(err)
		wg.Wait()
	}()
	return s.read(ctx, c, s.session(number), deliver)
}

// session is the name of a connection's, unless objects have their own.
func (s *Source) session(number int) string {
	if s.cfg.Session != "" {
		return s.cfg.Session
	}
	return s.run + "-" + strconv.Itoa(number)
}

// read delivers what comes. Texts that are no payloads are left out.
func (s *Source) read(ctx context.Context, c *connection, session string, deliver source.Deliver) (heard bool, err error) {
	for ctx.Err() == nil {
		data, err := c.read(ctx)
		var p source.Payload
		if err == nil {
			p, err = s.decode.decode(data, session)
		}
		if refused, ok := errors.AsType[*RefusedError](err); ok {
			heard = true
			s.leaveOut(ctx, refused)
			continue
		}
		if err != nil {
			return heard, s.lost(err)
		}
		heard = true
		if err := deliver(ctx, p); err != nil {
			return heard, &deliverError{err}
		}
	}
	return heard, context.Cause(ctx)
}

// lost is why a connection was lost: some reasons are final.
func (s *Source) lost(err error) error {
	if closed, ok := errors.AsType[*closedError](err); ok && slices.Contains(s.cfg.FinalCodes, closed.code) {
		return fmt.Errorf("%w: %w", ErrRejected, err)
	}
	return err
}

// leaveOut counts what is no payload.
func (s *Source) leaveOut(ctx context.Context, why *RefusedError) {
	s.refused.WithLabelValues(why.Reason).Inc()
	if more, ok := s.gate.Open(time.Now()); ok {
		s.cfg.Logger.WarnContext(ctx, "what came is left out", "source", s.cfg.Name, "error", why, "more", more)
	}
}

func result(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, ErrRejected):
		return "rejected"
	}
	return "failed"
}
