package shard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"
)

// What has failed, for logs and metrics.
const (
	noteDecode    = "decode"    // a payload, or all that comes on a connection
	noteNormalise = "normalise" // a payload, which was delivered as it came
	noteConnect   = "connect"   // to the gateway, or to its API
	notePermit    = "permit"    // who permits IDENTIFY
	noteWindow    = "window"    // no room where there must be
)

// collectors are those of all shards in a process.
type collectors struct {
	connected, latency, commands, window *prometheus.GaugeVec
	received, delivered, missing         *prometheus.CounterVec
	starts, losts, failures, odds, gaps  *prometheus.CounterVec
}

func newCollectors(reg prometheus.Registerer) (*collectors, error) {
	const ns, sub = "eventnode", "shard"
	var err error
	gauge := func(name, help string) *prometheus.GaugeVec {
		v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: ns, Subsystem: sub, Name: name, Help: help}, []string{"source", "shard"})
		return register(reg, v, &err)
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: ns, Subsystem: sub, Name: name, Help: help}, append([]string{"source", "shard"}, labels...))
		return register(reg, v, &err)
	}
	c := &collectors{
		connected: gauge("connected", "1 while there is a session with the gateway."),
		latency:   gauge("heartbeat_latency_seconds", "How long the last ACK of a heartbeat took, of those for which everything was read at once."),
		commands:  gauge("commands_waiting", "Commands that wait to be sent."),
		window:    gauge("payloads_waiting", "Payloads that were read and are not handled."),
		received:  counter("received_total", "Payloads that were read."),
		delivered: counter("delivered_total", "Payloads that were handled."),
		missing:   counter("missing_total", "Payloads that gaps told of, where their number is known."),
		starts:    counter("connects_total", "Sessions that began or went on, by result: ready, resumed.", "result"),
		losts:     counter("disconnects_total", "Connections that ended, by reason: a close code, broken, no_ack, no_answer, reconnect, …", "reason"),
		failures:  counter("failures_total", "What has failed: decode, normalise, connect, permit.", "what"),
		odds:      counter("ignored_total", "Payloads that were left out: duplicate, odd (not in the protocol, or not there), refused (a request for members).", "why"),
		gaps:      counter("gaps_total", "Gaps, by reason: invalid_session, unreadable, skipped.", "reason"),
	}
	return c, err
}

// register registers a collector, or is the one that another shard has registered.
func register[C prometheus.Collector](reg prometheus.Registerer, c C, failed *error) C {
	if reg == nil {
		return c
	}
	err := reg.Register(c)
	there, already := errors.AsType[prometheus.AlreadyRegisteredError](err)
	if already {
		if same, ok := there.ExistingCollector.(C); ok {
			return same
		}
	}
	if err != nil && *failed == nil {
		*failed = fmt.Errorf("register metrics: %w", err)
	}
	return c
}

// series are the metrics and the log of one shard. Its log lines are bounded.
type series struct {
	*collectors
	source, shard       string
	log                 *slog.Logger
	received, delivered prometheus.Counter
	// of one that runs
	connected, commands, window prometheus.Gauge
	sometimes                   map[string]*rate.Sometimes // by what has failed
	up                          atomic.Bool                // there is a session with the gateway
	trouble                     atomic.Pointer[string]     // why there is none; nil: nothing was in the way
}

// logEvery bounds the lines about one kind of failure.
const logEvery = 10 * time.Second

func newSeries(cfg Config) (*series, error) {
	c, err := newCollectors(cfg.Registerer)
	if err != nil {
		return nil, err
	}
	s := &series{collectors: c, source: cfg.Name, shard: strconv.Itoa(cfg.Shard), sometimes: map[string]*rate.Sometimes{}}
	s.log = cfg.Logger.With(slog.String("source", s.source), slog.Int("shard", cfg.Shard))
	s.received, s.delivered = c.received.WithLabelValues(s.source, s.shard), c.delivered.WithLabelValues(s.source, s.shard)
	for _, what := range []string{noteDecode, noteNormalise, noteConnect, notePermit, noteWindow, noteOdd, noteRefused} {
		s.sometimes[what] = &rate.Sometimes{First: 3, Interval: logEvery}
	}
	return s, nil
}

// begin is when the shard runs: another one with its number may have stopped just now.
func (s *series) begin() {
	s.connected = s.collectors.connected.WithLabelValues(s.source, s.shard)
	s.commands, s.window = s.collectors.commands.WithLabelValues(s.source, s.shard), s.collectors.window.WithLabelValues(s.source, s.shard)
	s.connected.Set(0)
}

// end takes back what a shard that has stopped does not have.
func (s *series) end() {
	for _, g := range []*prometheus.GaugeVec{s.collectors.connected, s.latency, s.collectors.commands, s.collectors.window} {
		g.DeleteLabelValues(s.source, s.shard)
	}
}

func (s *series) waiting(commands int, w *window) {
	s.commands.Set(float64(commands))
	s.window.Set(float64(w.n.Load()))
}

// note is what the state machine noted.
func (s *series) note(a action, session string) {
	switch a.what {
	case noteReady, noteResumed:
		s.starts.WithLabelValues(s.source, s.shard, a.what).Inc()
		s.connected.Set(1)
		s.up.Store(true)
		s.trouble.Store(nil)
		s.log.LogAttrs(context.Background(), slog.LevelInfo, "connected", slog.String("how", a.what), slog.String("session", session))
	case noteACK:
		s.latency.WithLabelValues(s.source, s.shard).Set(a.took.Seconds())
	default:
		s.odds.WithLabelValues(s.source, s.shard, a.what).Inc()
		if often, ok := s.sometimes[a.what]; ok {
			often.Do(func() {
				s.log.LogAttrs(context.Background(), slog.LevelWarn, "left out", slog.String("what", a.what))
			})
		}
	}
}

// lost is a connection that ended.
func (s *series) lost(why, said string) {
	s.losts.WithLabelValues(s.source, s.shard, why).Inc()
	s.connected.Set(0)
	s.up.Store(false)
	s.inTheWay("the connection ended: " + why + " " + said)
	s.log.LogAttrs(context.Background(), slog.LevelInfo, "disconnected", slog.String("reason", why), slog.String("said", said))
}

// endReason is a word for how a connection was ended by the other side.
func endReason(code int) string {
	switch {
	case code == 0:
		return "broken"
	case code >= 1000 && code <= 1015 || code >= 4000 && code <= 4014:
		return strconv.Itoa(code)
	default:
		return "other"
	}
}

// gap is one that is told.
func (s *series) gap(g Gap) {
	n, known := g.Missing()
	s.gaps.WithLabelValues(s.source, s.shard, string(g.Why)).Inc()
	if known {
		s.missing.WithLabelValues(s.source, s.shard).Add(float64(n))
	}
	s.log.LogAttrs(context.Background(), slog.LevelWarn, "payloads may be missing",
		slog.String("session", g.Session), slog.Uint64("first", g.First), slog.Uint64("last", g.Last), slog.String("reason", string(g.Why)))
}

// failed is something that has failed, and ends nothing.
func (s *series) failed(what string, err error) {
	s.failures.WithLabelValues(s.source, s.shard, what).Inc()
	if what == noteConnect {
		s.inTheWay(err.Error())
	}
	s.sometimes[what].Do(func() {
		attrs := []slog.Attr{slog.String("what", what), slog.Any("error", err)}
		if what == noteConnect {
			s.log.LogAttrs(context.Background(), slog.LevelWarn, "the gateway cannot be reached, and is tried again: check its address, and that it runs", attrs...)
			return
		}
		s.log.LogAttrs(context.Background(), slog.LevelWarn, "failed", attrs...)
	})
}

// inTheWay notes why there is no session.
func (s *series) inTheWay(why string) { s.trouble.Store(&why) }
