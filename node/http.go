package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/eventnode/eventnode/internal/ingest"
	"github.com/eventnode/eventnode/tracing"
)

const (
	// httpHeaderTimeout bounds reading a request's header.
	httpHeaderTimeout = 5 * time.Second
	// httpIdleTimeout is how long a connection without a request is kept.
	httpIdleTimeout = 2 * time.Minute
)

// httpServer serves what operators and their tools ask over HTTP, and takes CloudEvents
// if that is on.
type httpServer struct {
	listener net.Listener // nil: off
	metrics  prometheus.Gatherer
	ingest   *ingest.Handler // nil: off
	tracer   *tracing.Tracer // of what is ingested; nil: off
	// problems says why the node is not ready; none: it is.
	problems func() []string
}

// openHTTP opens the HTTP address, if there is one. It serves nothing yet.
func (p *parts) openHTTP() (*httpServer, error) {
	s := &httpServer{metrics: p.cfg.Registry, tracer: p.tracer, problems: p.problems}
	if p.cfg.HTTPAddress == "" {
		return s, nil
	}
	var err error
	if s.ingest, err = p.ingest(); err != nil {
		return nil, err
	}
	if s.listener, err = net.Listen("tcp", p.cfg.HTTPAddress); err != nil {
		return nil, fmt.Errorf("http address: %w", err)
	}
	if p.cfg.HTTPTLS {
		s.listener = p.cfg.TLS.listener(s.listener)
	}
	return s, nil
}

// address is where it listens; "" if it is off.
func (s *httpServer) address() string {
	if s.listener == nil {
		return ""
	}
	return s.listener.Addr().String()
}

// run serves until ctx ends, and until the events that were taken are answered. Without
// an address it just waits.
func (s *httpServer) run(ctx context.Context) error {
	if s.listener == nil {
		<-ctx.Done()
		return nil
	}
	srv := &http.Server{
		Handler: s.handler(), ReadHeaderTimeout: httpHeaderTimeout, IdleTimeout: httpIdleTimeout,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	err := srv.Serve(s.listener)
	_ = srv.Close() // ends what is under way
	if s.ingest != nil {
		s.ingest.Wait()
	}
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("http: %w", err)
	}
	return nil
}

func (s *httpServer) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	if s.ingest != nil {
		mux.Handle("/v1/", s.tracer.HTTP(s.ingest))
	} else {
		mux.HandleFunc("/v1/", ingestOff)
	}
	return mux
}

// readyz says whether the node is well.
func (s *httpServer) readyz(w http.ResponseWriter, _ *http.Request) {
	problems := s.problems()
	if len(problems) == 0 {
		_, _ = fmt.Fprintln(w, "ok")
		return
	}
	w.WriteHeader(http.StatusServiceUnavailable)
	for _, p := range problems {
		_, _ = fmt.Fprintln(w, p)
	}
}
