package tracing_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/node"
	"github.com/eventnode/eventnode/test/cluster"
	"github.com/eventnode/eventnode/tracing"
)

// ends are two ends of a cluster: who publishes, and, on another node, who handles.
type ends struct {
	here, there eventnode.Live
	from        eventnode.Streams
	to          eventnode.Consumers
}

// embedded starts three nodes in this process, and takes the first and the last of them.
func embedded(t *testing.T, change func(name string, cfg *node.Config)) (*cluster.Cluster, ends) {
	t.Helper()
	c := cluster.Start(t, cluster.Config{Storage: true, Configure: change})
	c.Declare("orders", eventnode.StreamConfig{})
	n1, n3 := c.Node("n1").Live().(*node.Node), c.Node("n3").Live().(*node.Node)
	from, err := n1.Streams(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	to, err := n3.Consumers(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return c, ends{n1, n3, from, to}
}

// dialled starts three processes, and makes a client of the first and one of the last.
func dialled(t *testing.T, opts ...client.Option) ends {
	t.Helper()
	c := cluster.Start(t, cluster.Config{Processes: true, Storage: true})
	c.Declare("orders", eventnode.StreamConfig{})
	var both [2]*client.Client
	for i, name := range []string{"n1", "n3"} {
		made, err := client.Dial(t.Context(), []string{c.Node(name).RPCAddress()}, opts...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = made.Close() })
		both[i] = made
	}
	return ends{both[0], both[1], both[0].Streams(), both[1].Consumers()}
}

// across dispatches an event at one end. Its handler, at the other one, publishes another,
// which is consumed. It returns both as they came.
func (e ends) across(ctx context.Context, t *testing.T, group string) (got [2]event.Event) {
	t.Helper()
	life, stop := context.WithCancel(t.Context())
	defer stop()
	sub, err := e.there.Subscribe(life, []string{"topic:orders"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := e.here.NewPublisher(life)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Dispatch(ctx, "topic:orders", event.New("order_placed", nil)); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(life); err != nil {
		t.Fatal(err)
	}
	newest := eventnode.StartPlace{Newest: true}
	if _, err := e.to.AddGroup(life, "orders", group, eventnode.ConsumerGroupConfig{}, newest); err != nil {
		t.Fatal(err)
	}
	err = eventnode.Handle(life, sub, func(ctx context.Context, d eventnode.Delivery) error {
		got[0] = d.Event
		_, err := e.from.Publish(ctx, "orders", event.New("order_stored", nil))
		return errors.Join(err, sub.Close())
	}, eventnode.WithOnError(func(_ eventnode.Delivery, err error) { t.Error(err) }))
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.to.Consumer(group).Consume(life, 10, func(_ context.Context, events []*eventnode.StreamDelivery) error {
		got[1] = events[0].Event()
		stop()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// An event that is dispatched on one node of three and handled on another one, whose handler
// publishes an event that is consumed on the third, is one trace: of clients of processes,
// and of nodes in this process.
func TestOneTraceAcrossNodes(t *testing.T) {
	for name, world := range map[string]func(*testing.T, *spans) ends{
		"clients": func(t *testing.T, s *spans) ends { return dialled(t, client.WithTracerProvider(s.provider)) },
		"nodes": func(t *testing.T, s *spans) ends {
			_, e := embedded(t, func(_ string, cfg *node.Config) { cfg.TracerProvider = s.provider })
			return e
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSpans()
			e := world(t, s)
			ctx, root := s.root(t)
			e.across(ctx, t, "billing")
			root.End()
			got := s.await(t, root.SpanContext().TraceID(), "dispatch topic", "handle topic", "publish orders", "consume orders")
			if got[0].Parent.SpanID() != root.SpanContext().SpanID() || got[2].Parent.SpanID() != got[1].SpanContext.SpanID() {
				t.Error(s.list())
			}
			linked(t, got[0], got[1])
			linked(t, got[2], got[3])
		})
	}
}

// Without a provider events arrive over three nodes as they were sent: nothing is in Meta,
// whatever the context says.
func TestOffAcrossNodes(t *testing.T) {
	s := newSpans()
	ctx, _ := s.root(t)
	for i, ev := range dialled(t).across(ctx, t, "billing") {
		if ev.Name == "" || ev.Meta != nil {
			t.Errorf("event %d: %+v", i, ev)
		}
	}
	if len(s.GetSpans()) != 0 {
		t.Error(s.list())
	}
}

// A node has spans of calls with one answer, and of events that are posted to it, which then
// carry the sender's trace: if that is sampled.
func TestCalls(t *testing.T) {
	callers, nodes := newSpans(), newSpans()
	var network node.Network
	c, e := embedded(t, func(name string, cfg *node.Config) {
		cfg.TracerProvider, network = nodes.provider, cfg.Network
		if name == "n1" {
			cfg.HTTPAddress, cfg.HTTPIngest = "127.0.0.1:0", true
		}
	})
	addr := e.here.(*node.Node).HTTPAddress()
	made, err := client.Dial(t.Context(), []string{c.Node("n1").RPCAddress()}, client.WithDialer(network.Dial), client.WithTracerProvider(callers.provider))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = made.Close() })
	streams := made.Streams()
	if _, err := streams.Info(t.Context(), "orders"); err != nil || len(callers.GetSpans())+len(nodes.GetSpans()) != 0 {
		t.Fatal("a call has begun a trace:", err, callers.list(), nodes.list())
	}
	ctx, root := callers.root(t)
	if _, err := streams.Info(ctx, "none"); !errors.Is(err, eventnode.ErrStreamNotFound) {
		t.Fatal(err)
	}
	const method = "eventnode.v1.StreamService/StreamInfo"
	called := callers.await(t, root.SpanContext().TraceID(), method)[0]
	served := nodes.await(t, root.SpanContext().TraceID(), method)[0]
	if called.SpanKind != trace.SpanKindClient || served.SpanKind != trace.SpanKindServer || served.Parent.SpanID() != called.SpanContext.SpanID() ||
		value(served, "rpc.response.status_code") != "NOT_FOUND" || value(called, "error.type") != "STREAM_NOT_FOUND" {
		t.Errorf("%+v\n%+v", called, served)
	}

	sub, err := e.there.Subscribe(t.Context(), []string{"topic:orders"})
	if err != nil {
		t.Fatal(err)
	}
	post(t, ctx, addr, "topics/topic:orders")
	d, err := sub.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	took := nodes.await(t, root.SpanContext().TraceID(), "POST", "dispatch topic")
	if at := tracing.Carried(d.Event.Meta); at.SpanID() != took[1].SpanContext.SpanID() || took[1].Parent.SpanID() != took[0].SpanContext.SpanID() {
		t.Errorf("%v\n%s", d.Event.Meta, nodes.list())
	}
	post(t, ctx, addr, "streams/orders")
	nodes.await(t, root.SpanContext().TraceID(), "publish orders")
}

// post posts an event, with the context's trace in the header.
func post(t *testing.T, ctx context.Context, addr, target string) {
	t.Helper()
	body := `{"specversion":"1.0","id":"1","source":"/s","type":"order_placed"}`
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/v1/"+target+"/events", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/cloudevents+json")
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(r.Header))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if _ = resp.Body.Close(); resp.StatusCode >= 300 {
		t.Fatal(resp.Status)
	}
	http.DefaultClient.CloseIdleConnections()
}
