package gateway

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/eventnode/eventnode/sessions"
)

// Gateway is the edge where clients connect.
type Gateway struct {
	cfg     Config
	metrics *metrics
	starts  *starts
	writers *writers

	lines    *rate.Limiter // of the log
	quietLog *slog.Logger  // where lines go that are too many

	accepted chan *connection // from the handlers to Run
	ready    chan struct{}    // closed when Run takes connections
	over     chan struct{}    // closed when Run takes no more

	mu          sync.Mutex
	phase       phase
	taken       int // connections, those that are not upgraded yet included
	connections map[*connection]struct{}
	holders     map[sessions.ID]holder // who has the socket of a session
	quiet       chan struct{}          // closed when a Drain sees the last one go
}

// phase of a Gateway's life.
type phase uint8

const (
	made phase = iota
	running
	draining
	ended
)

const (
	// logRate and logBurst bound the log lines about clients: a flood of bad ones is no
	// flood of lines.
	logRate, logBurst = 10, 50
	// forgetEvery is how often limits of users who do nothing are dropped.
	forgetEvery = time.Minute
)

// New makes a Gateway. It takes nobody until Run.
func New(cfg Config) (*Gateway, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, err
	}
	return &Gateway{
		cfg: cfg, metrics: m, starts: newStarts(cfg.Limits), writers: newWriters(), lines: rate.NewLimiter(logRate, logBurst),
		quietLog: slog.New(slog.DiscardHandler),
		accepted: make(chan *connection), ready: make(chan struct{}), over: make(chan struct{}), quiet: make(chan struct{}),
		connections: map[*connection]struct{}{}, holders: map[sessions.ID]holder{},
	}, nil
}

// Ready is closed when Run takes connections.
func (g *Gateway) Ready() <-chan struct{} { return g.ready }

// Run serves the connections that the Handler takes, until ctx ends: then it cuts them off,
// and returns when all are gone. Their sessions are kept. It returns nil, or ErrRunning.
func (g *Gateway) Run(ctx context.Context) error {
	if !g.advance(made, running) {
		return ErrRunning
	}
	close(g.ready)
	var serving sync.WaitGroup
	defer serving.Wait()
	defer g.cutOff()
	tick := time.NewTicker(forgetEvery)
	defer tick.Stop()
	for {
		select {
		case c := <-g.accepted:
			serving.Go(func() { c.serve(ctx) })
		case now := <-tick.C:
			g.starts.forget(now)
		case <-ctx.Done():
			return nil
		}
	}
}

// advance goes from one phase to the next.
func (g *Gateway) advance(from, to phase) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	ok := g.phase == from
	if ok {
		g.phase = to
	}
	return ok
}

// cutOff ends all connections, at once.
func (g *Gateway) cutOff() {
	g.mu.Lock()
	g.phase = ended
	close(g.over)
	all := slices.Collect(maps.Keys(g.connections))
	g.mu.Unlock()
	for _, c := range all {
		c.kill()
	}
}

// Drain takes no more connections, tells each client to reconnect, waits for
// Config.ReconnectWait and closes with CloseUnknown. It returns when all are gone, or with
// the cause of ctx's end. A client that resumes, here after a restart or on another node,
// has lost nothing: its session is sent events all the time, which wait for it.
func (g *Gateway) Drain(ctx context.Context) error {
	if !g.advance(running, draining) {
		return nil
	}
	for _, c := range g.all() {
		c.reconnect()
	}
	select {
	case <-time.After(g.cfg.ReconnectWait):
	case <-ctx.Done():
	}
	for _, c := range g.all() {
		c.close(CloseUnknown, "the node goes down: resume")
	}
	select {
	case <-g.quiet:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// all is the connections that are served, and closes quiet if there are none.
func (g *Gateway) all() []*connection {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hush()
	return slices.Collect(maps.Keys(g.connections))
}

// hush closes quiet if the last connection of a Drain is gone. The caller holds mu.
func (g *Gateway) hush() {
	if g.phase < draining || g.taken > 0 {
		return
	}
	select {
	case <-g.quiet:
	default:
		close(g.quiet)
	}
}

// log is for a line about a client: nobody if there are too many of them.
func (g *Gateway) log() *slog.Logger {
	if !g.lines.Allow() {
		g.metrics.unlogged.Inc()
		return g.quietLog
	}
	return g.cfg.Logger
}
