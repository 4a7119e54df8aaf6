package cloudevents

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/source"
	"github.com/eventnode/eventnode/source/sourcetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	structured = "application/cloudevents+json"
	batched    = "application/cloudevents-batch+json"
)

// one is an event whose data are these.
func one(id, data string) string {
	return `{"specversion":"1.0","id":"` + id + `","source":"/s","type":"` + sourcetest.EventName + `","data":` + data + `}`
}

// world is a source behind a server.
type world struct {
	*Source
	t      testing.TB
	server *httptest.Server
	client *http.Client
}

func serve(t testing.TB, cfg Config) *world {
	t.Helper()
	cfg.Name = "shop"
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Source: s, t: t, server: httptest.NewServer(s), client: &http.Client{Transport: &http.Transport{}}}
	t.Cleanup(w.close)
	return w
}

func (w *world) close() {
	w.client.CloseIdleConnections()
	w.server.Close()
}

// reply is what a request is answered.
type reply struct {
	status int
	retry  string
	reason string
	body   string
}

// post sends a body.
func (w *world) post(ctx context.Context, contentType, body string, header ...string) (reply, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.server.URL+"/any/path?x=y", strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	r.Header.Set("Content-Type", contentType)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := w.client.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	var refused struct{ Error struct{ Reason string } }
	_ = json.Unmarshal(text, &refused)
	return reply{resp.StatusCode, resp.Header.Get("Retry-After"), refused.Error.Reason, string(text)}, err
}

// want posts, and wants an answer.
func (w *world) want(status int, reason, contentType, body string, header ...string) reply {
	w.t.Helper()
	got, err := w.post(w.t.Context(), contentType, body, header...)
	if err != nil || got.status != status || got.reason != reason {
		w.t.Errorf("%.60q: %+v, %v; want %d %s", body, got, err, status, reason)
	}
	return got
}

// run runs the source until stop.
func (w *world) run(deliver source.Deliver) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx, deliver) }()
	for !w.started.Load() {
		time.Sleep(time.Millisecond)
	}
	return func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("Run: %v", err)
		}
	}
}

// held is how many requests wait or are being handled.
func held(t testing.TB, reg *prometheus.Registry) (n float64) {
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "eventnode_source_requests_waiting" {
			n = f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	return n
}

// The source passes the tests of all sources, over real sockets.
func TestConformance(t *testing.T) {
	sourcetest.Run(t, func(t *testing.T) sourcetest.Subject {
		w := serve(t, Config{})
		return sourcetest.Subject{
			Source: w.Source,
			Say: func(ctx context.Context, n, padding int) error {
				for {
					got, err := w.post(ctx, structured, one(fmt.Sprint(n), fmt.Sprintf(`{"n":%d,"padding":%q}`, n, strings.Repeat("x", padding))))
					switch {
					case err != nil:
						return err
					case got.status == http.StatusAccepted:
						return nil
					case w.started.Load():
						return errors.New(got.body)
					}
				}
			},
			Number: number,
			Garble: func(ctx context.Context) error {
				got, err := w.post(ctx, structured, `{"specversion":"1.0"`)
				if err == nil && got.status != http.StatusBadRequest {
					t.Errorf("%+v", got)
				}
				return errors.Join(err, errors.New(got.reason))
			},
			Close: w.close,
		}
	})
}

func number(p source.Payload) (int, error) {
	ev, err := Event(source.Event{Data: p.Data})
	if err != nil {
		return 0, err
	}
	var n struct{ N int }
	err = json.Unmarshal(ev.Data, &n)
	return n.N, err
}

// An answer of 202 comes when the events were handled, not before.
func TestTheAnswerIsTheCredit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := New(Config{Name: "shop"})
		if err != nil {
			t.Fatal(err)
		}
		credit := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			_ = s.Run(ctx, func(context.Context, source.Payload) error { <-credit; return nil })
		}()
		synctest.Wait()
		answered := make(chan int, 1)
		go func() {
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("["+one("1", "1")+","+one("2", "2")+"]"))
			r.Header.Set("Content-Type", batched)
			rec := httptest.NewRecorder()
			s.ServeHTTP(rec, r)
			answered <- rec.Code
		}()
		for handled := range 2 {
			synctest.Wait()
			if len(answered) > 0 {
				t.Errorf("answered when %d of 2 were handled", handled)
			}
			credit <- struct{}{}
		}
		if code := <-answered; code != http.StatusAccepted {
			t.Errorf("answered with %d", code)
		}
		cancel()
	})
}

// All modes are read, at whatever path, and a payload has all that its event has.
func TestModes(t *testing.T) {
	w := serve(t, Config{})
	got := make(chan source.Payload, 10)
	defer w.run(func(ctx context.Context, p source.Payload) error { got <- p; return nil })()
	w.want(http.StatusAccepted, "", "text/plain", "hello", "ce-specversion", "1.0", "ce-id", "A-1", "ce-source", "/s", "ce-type", "greeted", "ce-subject", "x", "ce-partitionkey", "k")
	p := <-got
	ev, err := Event(source.Event{Data: p.Data})
	if err != nil || p.Name != "greeted" || ev.Name != "greeted" || ev.Key != "k" || ev.Meta["originalid"] != "A-1" || ev.Meta["subject"] != "x" || string(ev.Data) != "hello" || p.Origin != (source.Origin{Source: "shop", Shards: 1}) {
		t.Errorf("%+v, %v, %+v", ev, err, p)
	}
	w.want(http.StatusAccepted, "", batched, "["+one("1", "1")+","+one("2", "2")+"]")
	first, second := <-got, <-got
	if !strings.Contains(string(first.Data), `"id":"1"`) || !strings.Contains(string(second.Data), `"id":"2"`) {
		t.Errorf("%s then %s", first.Data, second.Data)
	}
}

// What cannot be taken is refused with an answer that says why and whether to come again:
// before the source runs, while too many wait, what is malformed or too large, and after
// the end; and none of a batch is handled where one is malformed.
func TestRefusals(t *testing.T) {
	reg := prometheus.NewRegistry()
	w := serve(t, Config{MaxWaiting: 2, MaxEventBytes: 200, MaxBatchEvents: 3, Registerer: reg, Admit: func(r *http.Request) error {
		if r.Header.Get("Authorization") == "no" {
			return eventnode.ErrUnauthenticated
		}
		return nil
	}})
	if got := w.want(http.StatusServiceUnavailable, "UNAVAILABLE", structured, one("1", "1")); got.retry == "" || !strings.Contains(got.body, "does not run") {
		t.Errorf("before it runs: %+v", got)
	}
	hold, begun := make(chan struct{}), make(chan struct{}, 10)
	var mu sync.Mutex
	var handled []string
	stop := w.run(func(_ context.Context, p source.Payload) error {
		begun <- struct{}{}
		<-hold
		mu.Lock()
		defer mu.Unlock()
		handled = append(handled, string(p.Data))
		return nil
	})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { w.want(http.StatusAccepted, "", structured, one("2", "2")) })
	}
	<-begun
	for held(t, reg) < 2 {
		time.Sleep(time.Millisecond)
	}
	if got := w.want(http.StatusServiceUnavailable, "UNAVAILABLE", structured, one("3", "3")); got.retry == "" || !strings.Contains(got.body, "MaxWaiting") {
		t.Errorf("too many: %+v", got)
	}
	close(hold)
	wg.Wait()
	w.want(http.StatusUnauthorized, "UNAUTHENTICATED", structured, one("4", "4"), "Authorization", "no")
	w.want(http.StatusUnsupportedMediaType, "INVALID_ARGUMENT", "application/json", one("4", "4"))
	w.want(http.StatusBadRequest, "INVALID_EVENT", batched, "["+one("4", "4")+",{}]")
	w.want(http.StatusRequestEntityTooLarge, "LIMIT", structured, one("4", `"`+strings.Repeat("x", 200)+`"`))
	w.want(http.StatusRequestEntityTooLarge, "LIMIT", "application/octet-stream", strings.Repeat("\xff", 100), // which is longer in JSON
		"ce-specversion", "1.0", "ce-id", "4", "ce-source", "/s", "ce-type", "n")
	w.want(http.StatusRequestEntityTooLarge, "LIMIT", batched, "["+strings.Repeat(one("4", "4")+",", 3)+one("4", "4")+"]")
	stop()
	if got := w.want(http.StatusServiceUnavailable, "UNAVAILABLE", structured, one("5", "5")); !strings.Contains(got.body, "ended") {
		t.Errorf("after the end: %+v", got)
	}
	if len(handled) != 2 {
		t.Errorf("handled %q", handled)
	}
	if err := w.Run(t.Context(), nil); !errors.Is(err, eventnode.ErrInvalidArgument) {
		t.Errorf("run again: %v", err)
	}
}

// Whose turn does not come in time may come again: nothing was done. Whose events have
// begun to be handled cannot know.
func TestTimeouts(t *testing.T) {
	w := serve(t, Config{AnswerTimeout: 20 * time.Millisecond})
	held := make(chan struct{})
	stop := w.run(func(context.Context, source.Payload) error { <-held; return nil })
	var mu sync.Mutex
	var got []string
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			r, err := w.post(t.Context(), structured, one("1", "1"))
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			got = append(got, fmt.Sprint(r.status, " ", r.reason))
		})
	}
	wg.Wait()
	close(held)
	stop()
	slices.Sort(got)
	if want := []string{"503 UNAVAILABLE", "504 OUTCOME_UNKNOWN"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// What the end of a pipeline cuts off is not answered with 202.
func TestCutOff(t *testing.T) {
	w := serve(t, Config{})
	ended := make(chan error, 1)
	go func() {
		ended <- w.Run(t.Context(), func(context.Context, source.Payload) error { return source.ErrNotHandled })
	}()
	for !w.started.Load() {
		time.Sleep(time.Millisecond)
	}
	if got := w.want(http.StatusServiceUnavailable, "UNAVAILABLE", batched, "["+one("1", "1")+","+one("2", "2")+"]"); !strings.Contains(got.body, "event 1 of 2") {
		t.Errorf("%+v", got)
	}
	if err := <-ended; !errors.Is(err, source.ErrNotHandled) {
		t.Errorf("Run: %v", err)
	}
}

// A configuration that cannot work is refused.
func TestConfig(t *testing.T) {
	for _, cfg := range []Config{
		{}, {Name: "a b"}, {Name: "a", MaxWaiting: -1}, {Name: "a", MaxEventBytes: -1}, {Name: "a", MaxBodyBytes: -1}, {Name: "a", AnswerTimeout: -1},
	} {
		if _, err := New(cfg); !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

// Whatever is sent, it is answered; what is accepted was delivered as payloads that read
// back as events of their names.
func FuzzServeHTTP(f *testing.F) {
	f.Add(structured, "", "", []byte(one("1", "1")))
	f.Add(batched, "", "", []byte("["+one("1", "1")+"]"))
	f.Add("text/plain", "greeted", "A-1", []byte("\xff"))
	s, err := New(Config{Name: "shop"})
	if err != nil {
		f.Fatal(err)
	}
	var mu sync.Mutex
	delivered := 0
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- s.Run(ctx, func(_ context.Context, p source.Payload) error {
			mu.Lock()
			defer mu.Unlock()
			delivered++
			ev, err := Event(source.Event{Data: p.Data})
			if err != nil || ev.Name != p.Name || !json.Valid(p.Data) {
				f.Errorf("%+v: %v", p, err)
			}
			return nil
		})
	}()
	f.Cleanup(func() { cancel(); <-ended })
	for !s.started.Load() {
		time.Sleep(time.Millisecond)
	}
	f.Fuzz(func(t *testing.T, contentType, name, id string, body []byte) {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(string(body)))
		for key, value := range map[string]string{"Content-Type": contentType, "ce-specversion": "1.0", "ce-source": "/s", "ce-type": name, "ce-id": id} {
			r.Header.Set(key, value)
		}
		before := delivered
		rec := httptest.NewRecorder()
		s.ServeHTTP(rec, r)
		var accepted struct{ Accepted int }
		if err := json.Unmarshal(rec.Body.Bytes(), &accepted); err != nil || rec.Code != http.StatusAccepted && rec.Code < 400 {
			t.Fatalf("%d %s", rec.Code, rec.Body)
		}
		mu.Lock()
		defer mu.Unlock()
		if delivered-before != accepted.Accepted {
			t.Fatalf("%d accepted, %d delivered", accepted.Accepted, delivered-before)
		}
	})
}

func ExampleSource() {
	s, err := New(Config{Name: "shop"})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewServer(s)
	defer server.Close()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- s.Run(ctx, func(_ context.Context, p source.Payload) error {
			ev, err := Event(source.Event{Data: p.Data})
			fmt.Println(p.Name, string(ev.Data), err)
			return nil
		})
	}()
	for status := 0; status != http.StatusAccepted; { // it may not run yet
		resp, err := server.Client().Post(server.URL, structured, strings.NewReader(one("1", `{"total":7}`)))
		if err != nil {
			fmt.Println(err)
			break
		}
		status = resp.StatusCode
		_ = resp.Body.Close()
	}
	cancel()
	fmt.Println(<-ended)
	// Output:
	// numbered {"total":7} <nil>
	// <nil>
}
