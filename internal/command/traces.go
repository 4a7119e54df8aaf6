package command

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"

	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/node"
)

// tracesTimeout bounds how long a command that ends waits for who takes its spans.
const tracesTimeout = 2 * time.Second

// traces are where spans go. The zero value is off.
type traces struct {
	provider *sdktrace.TracerProvider // nil: off
}

// openTraces looks at the variables that OpenTelemetry has for this: spans are made if one
// of them says where to, and go there by OTLP. The other variables (the sampler, headers,
// certificates, limits) are read by the exporter itself.
func openTraces(ctx context.Context, getenv func(string) string, stderr io.Writer) (traces, error) {
	on, err := tracesWanted(getenv)
	if !on || err != nil {
		return traces{}, err
	}
	to, err := traceClient(getenv)
	if err != nil {
		return traces{}, err
	}
	exporter, err := otlptrace.New(ctx, to)
	if err != nil {
		return traces{}, usagef("traces: %v", err)
	}
	who, err := resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "eventnode"), attribute.String("service.version", readVersion().Version)),
		resource.WithFromEnv())
	if err != nil {
		return traces{}, usagef("traces: OTEL_RESOURCE_ATTRIBUTES: %v", err)
	}
	seldom := &rate.Sometimes{First: 1, Interval: time.Minute}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		seldom.Do(func() { fmt.Fprintln(stderr, "warning: traces are lost:", err) })
	}))
	return traces{sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(who))}, nil
}

// tracesWanted says whether the environment asks for traces.
func tracesWanted(getenv func(string) string) (bool, error) {
	if strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") {
		return false, nil
	}
	switch exporter := getenv("OTEL_TRACES_EXPORTER"); exporter {
	case "none":
		return false, nil
	case "otlp":
		return true, nil
	case "":
		return getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != "", nil
	default:
		return false, usagef("OTEL_TRACES_EXPORTER=%s: use otlp or none", exporter)
	}
}

// traceClient is the protocol that the environment asks for.
func traceClient(getenv func(string) string) (otlptrace.Client, error) {
	protocol := getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
	if protocol == "" {
		protocol = getenv("OTEL_EXPORTER_OTLP_PROTOCOL")
	}
	switch protocol {
	case "", "http/protobuf":
		return otlptracehttp.NewClient(), nil
	case "grpc":
		return otlptracegrpc.NewClient(), nil
	}
	return nil, usagef("OTEL_EXPORTER_OTLP_PROTOCOL=%s: use http/protobuf or grpc", protocol)
}

// tracerProvider is what clients and nodes are given; nil if traces are off.
func (t traces) tracerProvider() trace.TracerProvider {
	if t.provider == nil {
		return nil
	}
	return t.provider
}

// dial is dialClient with traces.
func (t traces) dial(ctx context.Context, addrs []string, name string, opts ...client.Option) (cluster, error) {
	return dialClient(ctx, addrs, name, append(opts, client.WithTracerProvider(t.tracerProvider()))...)
}

// newServer is newNode with traces.
func (t traces) newServer(cfg node.Config) (server, error) {
	cfg.TracerProvider = t.tracerProvider()
	return newNode(cfg)
}

// close sends what is left.
func (t traces) close() {
	if t.provider == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), tracesTimeout)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		otel.Handle(err)
	}
}
