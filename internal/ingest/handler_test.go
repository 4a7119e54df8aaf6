package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a topic and a stream that take everything, unless err says otherwise.
type world struct {
	mu         sync.Mutex
	topics     map[string][]event.Event
	streams    map[string][]event.Event // by namespace and name
	dedupe     bool                     // of the last publish
	err        error
	known      bool
	entered    chan struct{} // closed by a publish, if it is there
	mayPublish chan struct{} // a publish waits for its end, if it is there
}

func (w *world) dispatch(_ context.Context, topic string, evs []event.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.topics[topic] = append(w.topics[topic], evs...)
	}
	return w.err
}

func (w *world) publish(ctx context.Context, namespace, stream string, evs []event.Event, opts ...eventnode.PublishOption) (eventnode.Published, error) {
	if w.entered != nil {
		close(w.entered)
		select {
		case <-w.mayPublish:
		case <-ctx.Done():
			return eventnode.Published{}, ctx.Err()
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dedupe = eventnode.NewPublishOptions(opts...).Dedupe
	if w.err != nil {
		return eventnode.Published{}, w.err
	}
	if w.known {
		return eventnode.Published{Known: []int{0}}, nil
	}
	w.streams[namespace+"/"+stream] = append(w.streams[namespace+"/"+stream], evs...)
	return eventnode.Published{First: eventnode.Position{MS: 7, Seq: 1}, Appended: len(evs)}, nil
}

// serve serves a handler until the test ends.
func serve(t *testing.T, w *world, cfg Config) (*Handler, string) {
	t.Helper()
	w.topics, w.streams = map[string][]event.Event{}, map[string][]event.Event{}
	cfg.Dispatch, cfg.Publish = w.dispatch, w.publish
	h, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return h, s.URL
}

// reply is what came back.
type reply struct {
	status int
	header http.Header
	Refused
	published
	Accepted *int `json:"accepted"`
}

// do sends a request; header is names and values in turn.
func do(t *testing.T, method, url string, body io.Reader, header ...string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	got := reply{status: resp.StatusCode, header: resp.Header}
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
		t.Fatalf("%s %s: %d, %v", method, url, resp.StatusCode, err)
	}
	if ct := resp.Header.Get("Content-Type"); ct != "application/json" {
		t.Errorf("Content-Type %q", ct)
	}
	return got
}

const (
	one        = `{"specversion":"1.0","id":"1","source":"/s","type":"n","data":"x"}`
	structured = "application/cloudevents+json"
	batched    = "application/cloudevents-batch+json"
)

// binary are the headers of an event in binary mode.
var binary = []string{"ce-specversion", "1.0", "ce-id", "1", "ce-source", "/s", "ce-type", "n", "Content-Type", "text/plain"}

func TestTopic(t *testing.T) {
	w := &world{}
	_, url := serve(t, w, Config{})
	url += "/v1/topics/topic:a%2Fb/events"
	for _, tt := range []struct {
		header []string
		body   string
		want   int
	}{
		{binary, "x", 1}, {[]string{"Content-Type", structured}, one, 1},
		{[]string{"Content-Type", batched}, "[" + one + "," + one + "]", 2}, {[]string{"Content-Type", batched}, "[]", 0},
	} {
		got := do(t, "POST", url, strings.NewReader(tt.body), tt.header...)
		if got.status != http.StatusAccepted || got.Accepted == nil || *got.Accepted != tt.want {
			t.Errorf("%s: %+v", tt.body, got)
		}
	}
	if all := w.topics["topic:a/b"]; len(all) != 4 || all[0].Name != "n" || string(all[0].Data) != "x" || all[0].DataType != "text/plain" || all[3].Meta["originalid"] != "1" {
		t.Errorf("%+v", w.topics)
	}
}

func TestStream(t *testing.T) {
	w := &world{}
	reg := prometheus.NewRegistry()
	_, url := serve(t, w, Config{Registerer: reg})
	got := do(t, "POST", url+"/v1/streams/orders/events", strings.NewReader("x"), binary...)
	if got.status != http.StatusCreated || got.Position != "7-1" || got.Appended != 1 || !w.dedupe {
		t.Errorf("%+v, dedupe %v", got, w.dedupe)
	}
	got = do(t, "POST", url+"/v1/namespaces/shop/streams/orders/events?dedupe=false", strings.NewReader("["+one+","+one+"]"), "Content-Type", batched)
	if got.status != http.StatusCreated || got.Appended != 2 || w.dedupe {
		t.Errorf("%+v, dedupe %v", got, w.dedupe)
	}
	if len(w.streams["/orders"]) != 1 || len(w.streams["shop/orders"]) != 2 {
		t.Errorf("%+v", w.streams)
	}
	w.known = true
	if got := do(t, "POST", url+"/v1/streams/orders/events", strings.NewReader(one), "Content-Type", structured); got.status != http.StatusOK || got.Position != "" || got.Appended != 0 || len(got.Known) != 1 {
		t.Errorf("%+v", got)
	}
	if got := do(t, "POST", url+"/v1/streams/orders/events", strings.NewReader("[]"), "Content-Type", batched); got.status != http.StatusOK || got.Known != nil {
		t.Errorf("%+v", got)
	}
	for name, want := range map[string]float64{"published_total": 3, "known_total": 1, "dispatched_total": 0} {
		if got := counts(t, reg, "eventnode_ingest_"+name)[""]; got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}

// What is wrong with a request is told, with a status and a reason, and nothing goes
// anywhere.
func TestRefused(t *testing.T) {
	w := &world{}
	reg := prometheus.NewRegistry()
	_, url := serve(t, w, Config{MaxEventBytes: 200, MaxBodyBytes: 500, MaxBatchEvents: 2, Registerer: reg})
	const topic, stream = "/v1/topics/topic:a/events", "/v1/streams/s/events"
	big := strings.Repeat("x", 201)
	with := func(data string) string { return strings.Replace(one, `"x"`, `"`+data+`"`, 1) }
	for _, tt := range []struct {
		name, method, path, content, body string
		status                            int
		reason, says                      string
	}{
		{"GET", "GET", topic, structured, "", 405, "INVALID_ARGUMENT", "use POST"},
		{"no path", "POST", "/v1/topics/a", structured, one, 404, "INVALID_ARGUMENT", "/v1/streams/{stream}/events"},
		{"no CloudEvent", "POST", topic, "application/json", "{}", 415, "INVALID_ARGUMENT", "ce-*"},
		{"another format", "POST", topic, "application/cloudevents+xml", "<a/>", 415, "INVALID_ARGUMENT", "application/cloudevents+json"},
		{"malformed", "POST", stream, structured, `{"id":`, 400, "INVALID_EVENT", "at byte 6"},
		{"a missing attribute", "POST", stream, structured, `{"specversion":"1.0","id":"1","type":"n"}`, 400, "INVALID_EVENT", "source is missing"},
		{"another version", "POST", stream, structured, `{"specversion":"0.3","id":"1","source":"s","type":"n"}`, 400, "INVALID_EVENT", "specversion is not 1.0"},
		{"a bad event in a batch", "POST", topic, batched, "[" + one + ",{}]", 400, "INVALID_EVENT", "[1].specversion is missing"},
		{"too many", "POST", topic, batched, "[" + one + "," + one + "," + one + "]", 413, "LIMIT", "max_batch_events"},
		{"a large event", "POST", topic, structured, with(big), 413, "LIMIT", "max_event_bytes is 200"},
		{"a large event in a batch", "POST", topic, batched, "[" + one + "," + with(big) + "]", 413, "LIMIT", "event 1 of 2"},
		{"a large body", "POST", topic, structured, with(strings.Repeat(big, 3)), 413, "LIMIT", "max_body_bytes is 500"},
		{"a bad query", "POST", stream + "?dedupe=maybe", structured, one, 400, "INVALID_ARGUMENT", "true or false"},
	} {
		got := do(t, tt.method, url+tt.path, strings.NewReader(tt.body), "Content-Type", tt.content)
		if got.status != tt.status || got.Error.Reason != tt.reason || !strings.Contains(got.Error.Message, tt.says) {
			t.Errorf("%s: %d %+v", tt.name, got.status, got.Error)
		}
		if tt.status == 405 && got.header.Get("Allow") != "POST" {
			t.Error("no Allow")
		}
		if tt.reason == "LIMIT" && got.Error.Details["limit"] == "" {
			t.Errorf("%s: no limit is named: %+v", tt.name, got.Error)
		}
	}
	for name, body := range map[string]io.Reader{"of known length": strings.NewReader(big), "of unknown length": io.MultiReader(strings.NewReader(big))} {
		if got := do(t, "POST", url+topic, body, binary...); got.status != 413 || got.Error.Details["limit"] != "max_event_bytes" {
			t.Errorf("a body %s: %+v", name, got)
		}
	}
	if len(w.topics)+len(w.streams) != 0 {
		t.Errorf("%v %v", w.topics, w.streams)
	}
	want := map[string]float64{"INVALID_ARGUMENT": 5, "INVALID_EVENT": 4, "LIMIT": 6}
	if got := counts(t, reg, "eventnode_ingest_refused_total"); !maps.Equal(got, want) {
		t.Errorf("counted %v, want %v", got, want)
	}
}

// counts are the values of a metric by its label, or under "" if it has none.
func counts(t *testing.T, reg prometheus.Gatherer, name string) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			label := ""
			for _, l := range m.GetLabel() {
				label = l.GetValue()
			}
			if f.GetName() == name {
				got[label] = m.GetCounter().GetValue()
			}
		}
	}
	return got
}

// Who sends is told whether it is worth to try again.
func TestStatusOfErrors(t *testing.T) {
	w := &world{}
	_, url := serve(t, w, Config{})
	for _, tt := range []struct {
		err         error
		status      int
		reason      string
		retry, auth string
	}{
		{eventnode.StreamNotFound("s"), 404, "STREAM_NOT_FOUND", "", ""},
		{fmt.Errorf("no leader: %w", eventnode.ErrUnavailable), 503, "UNAVAILABLE", "1", ""},
		{eventnode.ErrClosed, 503, "CLOSED", "1", ""},
		{eventnode.ErrStreamFull, 503, "STREAM_FULL", "5", ""},
		{eventnode.ErrStorageFull, 503, "STORAGE_FULL", "5", ""},
		{fmt.Errorf("%w: %w", eventnode.ErrOutcomeUnknown, context.DeadlineExceeded), 504, "OUTCOME_UNKNOWN", "", ""},
		{context.DeadlineExceeded, 504, "DEADLINE_EXCEEDED", "", ""},
		{&eventnode.LimitError{Limit: "max_batch_bytes", Max: 1}, 413, "LIMIT", "", ""},
		{&eventnode.LimitError{Limit: "max_name_bytes", Max: 1}, 400, "LIMIT", "", ""},
		{&eventnode.TopicError{Topic: "x", Reason: "no such kind"}, 400, "BAD_TOPIC", "", ""},
		{eventnode.ErrUnauthenticated, 401, "UNAUTHENTICATED", "", "Bearer"},
		{eventnode.ErrPermissionDenied, 403, "PERMISSION_DENIED", "", ""},
		{errors.New("disk on fire"), 500, "INTERNAL", "", ""},
	} {
		w.err = tt.err
		for _, path := range []string{"/v1/streams/s/events", "/v1/topics/x/events"} {
			got := do(t, "POST", url+path, strings.NewReader(one), "Content-Type", structured)
			if got.status != tt.status || got.Error.Reason != tt.reason || got.Error.Message != tt.err.Error() ||
				got.header.Get("Retry-After") != tt.retry || got.header.Get("WWW-Authenticate") != tt.auth {
				t.Errorf("%v: %d %+v, %v", tt.err, got.status, got.Error, got.header)
			}
		}
	}
}

// Who may not is told so before the body is read.
func TestAdmit(t *testing.T) {
	w := &world{}
	var methods []string
	_, url := serve(t, w, Config{Admit: func(r *http.Request, method string) error {
		methods = append(methods, method)
		if r.Header.Get("Authorization") == "" {
			return eventnode.ErrUnauthenticated
		}
		return nil
	}})
	for _, path := range []string{"/v1/streams/s/events", "/v1/topics/topic:a/events"} {
		if got := do(t, "POST", url+path, strings.NewReader("garbage"), "Content-Type", structured); got.status != 401 {
			t.Errorf("%+v", got)
		}
		if got := do(t, "POST", url+path, strings.NewReader(one), "Content-Type", structured, "Authorization", "x"); got.status/100 != 2 {
			t.Errorf("%+v", got)
		}
	}
	if got := strings.Join(methods, " "); got != strings.Join([]string{methodPublish, methodPublish, methodDispatch, methodDispatch}, " ") {
		t.Error(got)
	}
}

// A body that does not come does not hold its room for ever, nor the answer to a request
// that is refused before it is read.
func TestSlowBody(t *testing.T) {
	_, url := serve(t, &world{}, Config{ReadTimeout: 20 * time.Millisecond})
	for content, want := range map[string]int{structured: http.StatusRequestTimeout, "text/plain": http.StatusUnsupportedMediaType} {
		body, hang := io.Pipe()
		got := do(t, "POST", url+"/v1/streams/s/events", body, "Content-Type", content)
		if got.status != want || want == http.StatusRequestTimeout && got.Error.Reason != "DEADLINE_EXCEEDED" {
			t.Errorf("%+v", got)
		}
		_ = hang.Close()
	}
}

// Publishing may take longer than reading a body may, also if there is none: the deadline
// of one is not that of the other.
func TestSlowPublish(t *testing.T) {
	for body, header := range map[string][]string{one: {"Content-Type", structured}, "": binary} {
		w := &world{entered: make(chan struct{}), mayPublish: make(chan struct{})}
		_, url := serve(t, w, Config{ReadTimeout: 20 * time.Millisecond})
		go func() {
			<-w.entered
			time.Sleep(60 * time.Millisecond)
			close(w.mayPublish)
		}()
		if got := do(t, "POST", url+"/v1/streams/s/events", strings.NewReader(body), header...); got.status != http.StatusCreated {
			t.Errorf("%q: %+v", body, got)
		}
	}
}

// What is under way is bounded; Wait waits for it, and nothing comes after.
func TestBusyAndWait(t *testing.T) {
	w := &world{entered: make(chan struct{}), mayPublish: make(chan struct{})}
	h, url := serve(t, w, Config{MaxEventBytes: 1000, MaxHeldBytes: leastHeld})
	first := make(chan reply)
	go func() {
		first <- do(t, "POST", url+"/v1/streams/s/events", strings.NewReader(one), "Content-Type", structured)
	}()
	<-w.entered
	second := func() {
		t.Helper()
		if got := do(t, "POST", url+"/v1/topics/topic:a/events", strings.NewReader(one), "Content-Type", structured); got.status != 503 || got.header.Get("Retry-After") == "" {
			t.Errorf("%+v", got)
		}
	}
	second()
	waited := make(chan struct{})
	go func() { h.Wait(); close(waited) }()
	select {
	case <-waited:
		t.Error("it did not wait")
	case <-time.After(20 * time.Millisecond):
	}
	close(w.mayPublish)
	if got := <-first; got.status != http.StatusCreated {
		t.Errorf("%+v", got)
	}
	<-waited
	second()
}

func TestAnswerTimeout(t *testing.T) {
	w := &world{entered: make(chan struct{}), mayPublish: make(chan struct{})}
	_, url := serve(t, w, Config{AnswerTimeout: 20 * time.Millisecond})
	if got := do(t, "POST", url+"/v1/streams/s/events", strings.NewReader(one), "Content-Type", structured); got.status != http.StatusGatewayTimeout {
		t.Errorf("%+v", got)
	}
}

func TestConfig(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("nothing to do, and no error")
	}
	w := &world{}
	if _, err := New(Config{Dispatch: w.dispatch, Publish: w.publish, MaxHeldBytes: -1}); err == nil {
		t.Error("a negative bound")
	}
	reg := prometheus.NewRegistry()
	cfg := Config{Dispatch: w.dispatch, Publish: w.publish, MaxEventBytes: 3 << 20, Registerer: reg}
	h, err := New(cfg)
	if err != nil || h.cfg.MaxBodyBytes != 6<<20 || h.cfg.MaxHeldBytes != 64<<20 {
		t.Errorf("%+v, %v", h, err)
	}
	if _, err := New(cfg); err == nil {
		t.Error("the metrics were registered twice")
	}
}
