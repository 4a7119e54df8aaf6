package node_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/node"
)

// posted is what came back for a CloudEvent.
type posted struct {
	status   int
	header   http.Header
	Accepted int    `json:"accepted"`
	Position string `json:"position"`
	Appended int    `json:"appended"`
	Known    []int  `json:"known"`
	Error    struct {
		Reason  string `json:"reason"`
		Message string `json:"message"`
	} `json:"error"`
}

// post posts to a path of a node; header is names and values in turn.
func post(t *testing.T, n *node.Node, path, body string, header ...string) (p posted) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+n.HTTPAddress()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(resp.Body).Decode(&p); err != nil {
		t.Fatalf("%s: %d, %v", path, resp.StatusCode, err)
	}
	p.status, p.header = resp.StatusCode, resp.Header
	return p
}

// awaitLeader waits until a node knows who leads the streams.
func awaitLeader(t *testing.T, n *node.Node, header ...string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		p := post(t, n, "/v1/streams/none/events", cloud(1), append(header, "Content-Type", structured)...)
		if p.status != http.StatusServiceUnavailable {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v", p)
		}
	}
}

const (
	cloudEvent   = `{"specversion":"1.0","id":"A-%d","source":"/shop","type":"order_placed","partitionkey":"k","subject":"s","data":{"id": %d}}`
	structured   = "application/cloudevents+json"
	batched      = "application/cloudevents-batch+json"
	ordersEvents = "/v1/streams/orders/events"
)

func cloud(i int) string { return fmt.Sprintf(cloudEvent, i, i) }

// isCloud fails unless an event is cloud(i).
func isCloud(t *testing.T, e event.Event, i int) {
	t.Helper()
	id := fmt.Sprintf("A-%d", i)
	if e.ID != event.NamedID("/shop", id) || e.Meta["originalid"] != id || e.Name != "order_placed" || e.Source != "/shop" || e.Key != "k" ||
		e.Meta["subject"] != "s" || e.DataType != event.JSON || string(e.Data) != fmt.Sprintf(`{"id": %d}`, i) {
		t.Errorf("event %d is %+v", i, e)
	}
}

// What is posted at one node reaches the subscribers of another one, in its order.
func TestIngestTopic(t *testing.T) {
	n1 := start(t, node.Config{ID: "n1", HTTPAddress: "127.0.0.1:0", HTTPIngest: true})
	n2 := start(t, node.Config{ID: "n2", Seeds: []string{n1.GossipAddress()}})
	sub, err := n2.Subscribe(t.Context(), []string{"topic:a/b"})
	if err != nil || sub.Nodes() != 2 {
		t.Fatal(err)
	}
	if p := post(t, n1, "/v1/topics/topic:a%2Fb/events", "["+cloud(1)+","+cloud(2)+"]", "Content-Type", batched); p.status != http.StatusAccepted || p.Accepted != 2 {
		t.Errorf("%+v", p)
	}
	for i := range 2 {
		d, err := sub.Receive(t.Context())
		if err != nil || d.Gap != nil {
			t.Fatal(d, err)
		}
		isCloud(t, d.Event, i+1)
	}
	p := post(t, n1, "/v1/topics/topic:a%2Fb/events", "Größe", "Content-Type", "text/plain", "ce-specversion", "1.0", "ce-id", "i",
		"ce-source", "/s", "ce-type", "n", "ce-subject", "Gr%C3%B6%C3%9Fe")
	if p.status != http.StatusAccepted {
		t.Errorf("%+v", p)
	}
	if d, err := sub.Receive(t.Context()); err != nil || d.Event.Meta["subject"] != "Größe" || string(d.Event.Data) != "Größe" || d.Event.DataType != "text/plain" {
		t.Errorf("%+v, %v", d, err)
	}
	for topic, reason := range map[string]string{"nokind:x": "BAD_TOPIC", "orders": "BAD_TOPIC", "topic:a.*": "BAD_TOPIC"} {
		if p := post(t, n1, "/v1/topics/"+topic+"/events", cloud(3), "Content-Type", structured); p.status != http.StatusBadRequest || p.Error.Reason != reason {
			t.Errorf("%s: %+v", topic, p)
		}
	}
	if got := fetch(t, "http://"+n1.HTTPAddress()+"/metrics"); !strings.Contains(got, "eventnode_ingest_dispatched_total 3") || !strings.Contains(got, `eventnode_ingest_refused_total{reason="BAD_TOPIC"} 3`) {
		t.Error("the metrics do not say so")
	}
}

// A node that keeps no copy takes events for a stream; what is posted again is not
// appended again.
func TestIngestStream(t *testing.T) {
	n1 := start(t, node.Config{ID: "n1", DataDir: t.TempDir()})
	n2 := start(t, node.Config{ID: "n2", Seeds: []string{n1.GossipAddress()}, HTTPAddress: "127.0.0.1:0", HTTPIngest: true})
	awaitLeader(t, n2)
	for _, namespace := range []string{"", "shop"} {
		streams, err := n1.Streams(t.Context(), namespace)
		if err != nil {
			t.Fatal(err)
		}
		path := ordersEvents
		if namespace != "" {
			path = "/v1/namespaces/" + namespace + ordersEvents[len("/v1"):]
		}
		if p := post(t, n2, path, cloud(1), "Content-Type", structured); p.status != http.StatusNotFound || p.Error.Reason != "STREAM_NOT_FOUND" {
			t.Errorf("%+v", p)
		}
		if _, err := streams.Declare(t.Context(), "orders", eventnode.StreamConfig{}); err != nil {
			t.Fatal(err)
		}
		first := post(t, n2, path, cloud(0), "Content-Type", structured)
		if first.status != http.StatusCreated || first.Appended != 1 {
			t.Errorf("%+v", first)
		}
		if p := post(t, n2, path, cloud(0), "Content-Type", structured); p.status != http.StatusOK || p.Appended != 0 || len(p.Known) != 1 || p.Position != "" {
			t.Errorf("%+v", p)
		}
		if p := post(t, n2, path, "["+cloud(1)+","+cloud(0)+","+cloud(2)+"]", "Content-Type", batched); p.status != http.StatusCreated || p.Appended != 2 || len(p.Known) != 1 || p.Known[0] != 1 {
			t.Errorf("%+v", p)
		}
		// One bad event: none is appended.
		bad := strings.Replace(cloud(4), `"subject"`, `"eventnode.x":"","subject"`, 1)
		if p := post(t, n2, path, "["+cloud(3)+","+bad+"]", "Content-Type", batched); p.status != http.StatusBadRequest || p.Error.Reason != "INVALID_EVENT" {
			t.Errorf("%+v", p)
		}
		if p := post(t, n2, path+"?dedupe=false", cloud(0), "Content-Type", structured); p.status != http.StatusCreated {
			t.Errorf("%+v", p)
		}
		var all []eventnode.StreamEvent
		for e, err := range streams.Read(t.Context(), "orders") {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, e)
		}
		if len(all) != 4 || all[0].Position.String() != first.Position {
			t.Fatalf("%d events, the first at %v, not %s", len(all), all[0].Position, first.Position)
		}
		for i, e := range all {
			isCloud(t, e.Event, i%3)
		}
	}
	if p := post(t, n2, ordersEvents, "["+cloud(7)+strings.Repeat(","+cloud(7), 8192)+"]", "Content-Type", batched); p.status != http.StatusRequestEntityTooLarge || p.Error.Reason != "LIMIT" {
		t.Errorf("%+v", p)
	}
	if p := post(t, n2, ordersEvents, strings.Replace(cloud(7), `{"id": 7}`, `"`+strings.Repeat("x", 1<<20)+`"`, 1), "Content-Type", structured); p.status != http.StatusRequestEntityTooLarge || !strings.Contains(p.Error.Message, "max_event_bytes is 1048576") {
		t.Errorf("%+v", p)
	}
}

// Nobody leads: the sender is told to come again.
func TestIngestWithoutLeader(t *testing.T) {
	n := start(t, node.Config{ID: "n1", HTTPAddress: "127.0.0.1:0", HTTPIngest: true})
	p := post(t, n, ordersEvents, cloud(1), "Content-Type", structured)
	if p.status != http.StatusServiceUnavailable || p.Error.Reason != "UNAVAILABLE" || p.header.Get("Retry-After") == "" {
		t.Errorf("%+v", p)
	}
}

// Nobody posts to a node that was not told to take events.
func TestIngestIsOff(t *testing.T) {
	n := start(t, node.Config{ID: "n1", HTTPAddress: "127.0.0.1:0"})
	if p := post(t, n, "/v1/topics/topic:x/events", cloud(1), "Content-Type", structured); p.status != http.StatusForbidden || !strings.Contains(p.Error.Message, "--http-ingest") {
		t.Errorf("%+v", p)
	}
	if _, err := node.New(node.Config{HTTPIngest: true}); err == nil || !strings.Contains(err.Error(), "HTTPAddress") {
		t.Errorf("nowhere to take them: %v", err)
	}
}

// The authorizer sees a request as the call that does the same.
func TestIngestAuthorizer(t *testing.T) {
	allowed := map[string]string{"Bearer dispatcher": "/eventnode.v1.DispatchService/Dispatch", "Bearer publisher": "/eventnode.v1.StreamService/Publish"}
	n := start(t, node.Config{
		ID: "n1", DataDir: t.TempDir(), HTTPAddress: "127.0.0.1:0", HTTPIngest: true,
		Authorizer: func(_ context.Context, call node.Call) error {
			tokens := call.Metadata.Get("authorization")
			switch {
			case len(tokens) == 0:
				return eventnode.ErrUnauthenticated
			case call.Remote == nil || allowed[tokens[0]] != call.Method:
				return eventnode.ErrPermissionDenied
			}
			return nil
		},
	})
	awaitLeader(t, n, "Authorization", "Bearer publisher")
	for _, tt := range []struct {
		path, token string
		want        int
	}{
		{"/v1/topics/topic:x/events", "", 401}, {"/v1/topics/topic:x/events", "Bearer publisher", 403}, {"/v1/topics/topic:x/events", "Bearer dispatcher", 202},
		{ordersEvents, "", 401}, {ordersEvents, "Bearer dispatcher", 403}, {ordersEvents, "Bearer publisher", 404},
	} {
		header := []string{"Content-Type", structured}
		if tt.token != "" {
			header = append(header, "Authorization", tt.token)
		}
		if p := post(t, n, tt.path, cloud(1), header...); p.status != tt.want {
			t.Errorf("%s %q: %+v", tt.path, tt.token, p)
		}
	}
}

// A node ends though somebody is still sending.
func TestIngestEndsWithTheNode(t *testing.T) {
	cfg := node.Config{ID: "n1", GossipAddress: "127.0.0.1:0", RPCAddress: "127.0.0.1:0", HTTPAddress: "127.0.0.1:0", HTTPIngest: true}
	n, err := node.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	<-n.Ready()
	conn, err := net.Dial("tcp", n.HTTPAddress())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "POST "+ordersEvents+" HTTP/1.1\r\nHost: x\r\nContent-Type: "+structured+"\r\nContent-Length: 100\r\n\r\n{")
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(15 * time.Second):
		t.Error("it does not end")
	}
}
