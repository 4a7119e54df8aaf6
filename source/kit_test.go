package source_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/eventnode/eventnode/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// steps are whatever a test gives a pipeline.
type (
	sourceFunc   func(ctx context.Context, deliver source.Deliver) error
	cacheFunc    func(ctx context.Context, p source.Payload) (source.Change, error)
	changeFunc   func(p source.Payload) ([]source.Event, error)
	dispatchFunc func(ctx context.Context, events []source.Event) error
)

func (sourceFunc) Name() string                                           { return "s" }
func (f sourceFunc) Run(ctx context.Context, d source.Deliver) error      { return f(ctx, d) }
func (f changeFunc) Derive(p source.Payload) ([]source.Event, error)      { return f(p) }
func (f dispatchFunc) Dispatch(c context.Context, e []source.Event) error { return f(c, e) }
func (f cacheFunc) Write(c context.Context, p source.Payload) (source.Change, error) {
	return f(c, p)
}

// payload is number n.
func payload(name string, n uint64) source.Payload {
	return source.Payload{Name: name, Data: json.RawMessage(fmt.Sprint(n)), Origin: source.Origin{Source: "s", Shards: 1, Session: "a", Seq: n}}
}

// says is a source that says these, and ends with an error.
func says(end error, payloads ...source.Payload) sourceFunc {
	return func(ctx context.Context, deliver source.Deliver) error {
		for _, p := range payloads {
			if err := deliver(ctx, p); err != nil {
				return err
			}
		}
		return end
	}
}

// log is what has happened, in order.
type log struct {
	mu    sync.Mutex
	lines []string
}

func (l *log) add(what ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprint(what...))
}

func (l *log) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

func (l *log) want(t *testing.T, want ...string) {
	t.Helper()
	if got := l.all(); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// dispatched logs events.
func (l *log) dispatched(_ context.Context, events []source.Event) error {
	for _, e := range events {
		l.add("dispatch ", e.Name, " ", string(e.Data))
	}
	return nil
}

// lines is a log that can be read.
type lines struct {
	mu sync.Mutex
	bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(b)
}

func (l *lines) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.String(), what)
}

func (l *lines) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// run runs a pipeline to its end.
func run(t *testing.T, cfg source.Config) (*source.Pipeline, error) {
	t.Helper()
	p := pipeline(t, cfg)
	return p, p.Run(t.Context())
}

func pipeline(t *testing.T, cfg source.Config) *source.Pipeline {
	t.Helper()
	p, err := source.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func handlers(t testing.TB, cfg source.HandlersConfig) *source.Handlers {
	t.Helper()
	h, err := source.NewHandlers(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// metric is the sum of eventnode_source_NAME over what has all these label values.
func metric(t testing.TB, reg *prometheus.Registry, name string, labels ...string) (total float64) {
	t.Helper()
	families, err := reg.Gather()
	must(t, err)
	found := false
	for _, f := range families {
		for _, m := range f.GetMetric() {
			left := len(labels)
			for _, l := range m.GetLabel() {
				if slices.Contains(labels, l.GetValue()) {
					left--
				}
			}
			if f.GetName() == "eventnode_source_"+name && left == 0 {
				found = true
				total += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	if !found && len(labels) == 0 {
		t.Fatalf("there is no metric %s", name)
	}
	return total
}

var errOops = errors.New("oops")
