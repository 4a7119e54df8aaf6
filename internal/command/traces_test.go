package command

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	harness "github.com/eventnode/eventnode/test/cluster"
)

// received is what a collector of spans was sent: "service: span".
type received struct {
	mu  sync.Mutex
	all []string
}

func (r *received) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	var m collector.ExportTraceServiceRequest
	body, err := io.ReadAll(req.Body)
	if err != nil || proto.Unmarshal(body, &m) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, of := range m.GetResourceSpans() {
		service := ""
		for _, a := range of.GetResource().GetAttributes() {
			if a.GetKey() == "service.name" {
				service = a.GetValue().GetStringValue()
			}
		}
		for _, scope := range of.GetScopeSpans() {
			for _, span := range scope.GetSpans() {
				r.all = append(r.all, service+": "+span.GetName())
			}
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// spans are those that were sent so far.
func (r *received) spans() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.all)
}

// With the variable of OpenTelemetry a command sends its spans there before it ends, and its
// event carries the trace to a subscriber on another node; without, it does neither.
func TestTracesAreExported(t *testing.T) {
	var got received
	server := httptest.NewServer(&got)
	t.Cleanup(server.Close)
	c := harness.Start(t, harness.Config{Processes: true})
	sub, err := c.Node("n3").Live().Subscribe(t.Context(), []string{"topic:a"})
	if err != nil {
		t.Fatal(err)
	}
	dispatch := func() string {
		t.Helper()
		var out, errs bytes.Buffer
		args := []string{"dispatch", "topic:a", "--data", "x", "--addr", c.Node("n1").RPCAddress()}
		if code := run(t.Context(), args, strings.NewReader(""), &out, &errs); code != exitOK {
			t.Fatalf("exit code %d: %s", code, errs.String())
		}
		d, err := sub.Receive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return d.Event.Meta["traceparent"]
	}
	if carried := dispatch(); carried != "" || len(got.spans()) != 0 {
		t.Errorf("it is not asked for: %q, %q", carried, got.spans())
	}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	t.Setenv("OTEL_SERVICE_NAME", "shop")
	if carried := dispatch(); carried == "" || len(got.spans()) != 1 || got.spans()[0] != "shop: dispatch topic" {
		t.Errorf("%q, %q", carried, got.spans())
	}
	t.Setenv("OTEL_TRACES_SAMPLER", "always_off")
	if carried := dispatch(); carried != "" || len(got.spans()) != 1 {
		t.Errorf("it is not sampled: %q, %q", carried, got.spans())
	}
}

// Who takes the spans may be gone: the command does its work, says so in one line, and ends.
func TestTracesNobodyTakes(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	var errs bytes.Buffer
	env := map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": server.URL}
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", server.URL)
	to, err := openTraces(t.Context(), func(name string) string { return env[name] }, &errs)
	if err != nil {
		t.Fatal(err)
	}
	_, span := to.tracerProvider().Tracer("test").Start(t.Context(), "n")
	span.End()
	if to.close(); strings.Count(errs.String(), "\n") != 1 || !strings.HasPrefix(errs.String(), "warning: traces are lost: ") {
		t.Errorf("%q", errs.String())
	}
}

// What the environment asks for is done, or refused with what can be asked for.
func TestTracesEnvironment(t *testing.T) {
	for _, tt := range []struct {
		env  map[string]string
		on   bool
		says string
	}{
		{map[string]string{}, false, ""},
		{map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}, true, ""},
		{map[string]string{"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://h"}, false, ""},
		{map[string]string{"OTEL_SDK_DISABLED": "True", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://h"}, false, ""},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, true, ""},
		{map[string]string{"OTEL_TRACES_EXPORTER": "zipkin"}, false, "use otlp or none"},
		{map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, false, "use http/protobuf or grpc"},
	} {
		to, err := openTraces(t.Context(), func(name string) string { return tt.env[name] }, io.Discard)
		if (to.tracerProvider() != nil) != tt.on || (err != nil) != (tt.says != "") || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%v: %v, %v", tt.env, to.tracerProvider(), err)
		}
		to.close()
	}
}
