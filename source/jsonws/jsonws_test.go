package jsonws

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/prometheus/client_golang/prometheus"

	"encoding/json"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/source"
)

// running is a source at work.
type running struct {
	t    *testing.T
	ctx  context.Context
	got  chan source.Payload
	end  context.CancelFunc
	errs chan error
}

func runs(t *testing.T, s *Source) *running {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	r := &running{t: t, ctx: ctx, got: make(chan source.Payload), end: cancel, errs: make(chan error, 1)}
	run, stop := context.WithCancel(ctx)
	go func() {
		r.errs <- s.Run(run, func(ctx context.Context, p source.Payload) error {
			select {
			case r.got <- p:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
	}()
	r.end = func() {
		stop()
		select {
		case err := <-r.errs:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-ctx.Done():
			t.Error("Run does not end")
		}
		cancel()
	}
	return r
}

func (r *running) next() source.Payload {
	r.t.Helper()
	select {
	case p := <-r.got:
		return p
	case err := <-r.errs:
		r.t.Fatalf("Run has ended: %v", err)
	case <-r.ctx.Done():
		r.t.Fatal("nothing comes")
	}
	return source.Payload{}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// What is configured is sent: headers with the request, and hello on every connection.
// A lost connection is made again, however it was lost, and is a new session.
func TestConnectsAgain(t *testing.T) {
	o := serve(t)
	reg := prometheus.NewRegistry()
	r := runs(t, newSource(t, Config{
		URL: o.url(), Header: http.Header{"Authorization": {"Bearer x"}}, Hello: []json.RawMessage{[]byte(`{"subscribe":1}`), []byte(`2`)},
		NameField: "type", SeqField: "seq", Registerer: reg,
	}))
	var sessions []string
	for i, lose := range []func() error{
		func() error { return o.cut(r.ctx) },
		func() error { return o.bye(r.ctx, ws.StatusGoingAway, 0) },
		func() error {
			return errors.Join(o.frame(r.ctx, ws.Frame{Header: ws.Header{Fin: true, Rsv: 7, OpCode: ws.OpText}}), o.cut(r.ctx))
		},
		func() error { // for a while it takes nobody
			err := o.bye(r.ctx, 1013, http.StatusServiceUnavailable)
			o.mu.Lock()
			tried := len(o.requests)
			o.mu.Unlock()
			err = errors.Join(err, o.tried(r.ctx, tried+3))
			o.change(func() { o.status = 0 })
			return err
		},
		func() error { return nil },
	} {
		must(t, o.say(r.ctx, i, 0))
		p := r.next()
		if n, _ := number(p); n != i || slices.Contains(sessions, p.Origin.Session) {
			t.Errorf("connection %d: %+v behind sessions %q", i, p, sessions)
		}
		sessions = append(sessions, p.Origin.Session)
		must(t, o.until(r.ctx, func() bool {
			said := slices.DeleteFunc(slices.Clone(o.said), func(s string) bool { return s == "close" })
			return slices.Equal(said, slices.Repeat([]string{`{"subscribe":1}`, "2"}, i+1))
		}))
		must(t, lose())
	}
	r.end()
	if o.requests[0].Header.Get("Authorization") != "Bearer x" {
		t.Errorf("%v", o.requests[0].Header)
	}
}

// tried waits until the source has tried so often. Requests that are refused change
// nothing that others wait for, so it looks again and again.
func (o *otherSide) tried(ctx context.Context, n int) error {
	for ctx.Err() == nil {
		o.mu.Lock()
		tried := len(o.requests)
		o.mu.Unlock()
		if tried >= n {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return ctx.Err()
}

// Answers that no other attempt will change, and close codes that are final, end Run.
func TestRejected(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404, 410} {
		o := serve(t)
		o.status = status
		err := newSource(t, Config{URL: o.url(), NameField: "type"}).Run(t.Context(), nil)
		if !errors.Is(err, ErrRejected) || !strings.Contains(err.Error(), fmt.Sprint(status)) || !strings.Contains(err.Error(), "feed") {
			t.Errorf("%d: %v", status, err)
		}
	}
	for _, err := range []error{ws.StatusError(408), ws.StatusError(425), ws.StatusError(429), ws.StatusError(500), ws.StatusError(302), errors.New("no route")} {
		if errors.Is(dialError(err), ErrRejected) {
			t.Errorf("%v is final", err)
		}
	}
	o := serve(t)
	s := newSource(t, Config{URL: o.url(), NameField: "type", FinalCodes: []int{4004}})
	errs := make(chan error, 1)
	go func() { errs <- s.Run(t.Context(), nil) }()
	must(t, o.bye(t.Context(), ws.StatusPolicyViolation, 0)) // here it is not
	must(t, o.bye(t.Context(), 4004, 0))
	if err := <-errs; !errors.Is(err, ErrRejected) || !strings.Contains(err.Error(), "4004") {
		t.Errorf("%v", err)
	}
}

// A source without credit still pings, and answers when it reads again: texts in pieces with
// a ping between are one text.
func TestPings(t *testing.T) {
	o := serve(t)
	r := runs(t, newSource(t, Config{URL: o.url(), NameField: "type", Ping: time.Millisecond}))
	must(t, o.say(r.ctx, 1, 0))
	must(t, o.say(r.ctx, 2, 0)) // nobody takes them yet
	must(t, o.until(r.ctx, func() bool { return o.pings >= 3 }))
	r.next()
	r.next()
	first := ws.NewTextFrame([]byte(`{"type":`))
	first.Header.Fin = false
	last := ws.NewFrame(ws.OpContinuation, true, []byte(`"N"}`))
	must(t, o.frame(r.ctx, ws.NewPingFrame([]byte("a")), first, ws.NewPingFrame([]byte("b")), last, ws.NewPingFrame(nil)))
	if p := r.next(); p.Name != "N" || string(p.Data) != `{"type":"N"}` {
		t.Errorf("%+v", p)
	}
	must(t, o.until(r.ctx, func() bool {
		return slices.Contains(o.said, "pong a") && slices.Contains(o.said, "pong b") && slices.Contains(o.said, "pong ")
	}))
	r.end()
	must(t, o.until(t.Context(), func() bool { return slices.Contains(o.said, "close") }))
}

// Who says nothing, not even a pong, is given up: the source connects again.
func TestSilence(t *testing.T) {
	o := serve(t)
	r := runs(t, newSource(t, Config{URL: o.url(), NameField: "type", Ping: time.Hour, Idle: 10 * time.Millisecond}))
	must(t, o.tried(r.ctx, 3))
	r.end()
}

// A text over the limit is left out, in one piece or many, and counted by its reason; what
// comes behind it is delivered.
func TestTooLarge(t *testing.T) {
	o := serve(t)
	reg := prometheus.NewRegistry()
	r := runs(t, newSource(t, Config{URL: o.url(), NameField: "type", MaxBytes: 100, Registerer: reg}))
	exact := `{"type":"N","x":"` + strings.Repeat("x", 100-len(`{"type":"N","x":""}`)) + `"}`
	must(t, o.text(r.ctx, exact+" "))
	part := ws.NewFrame(ws.OpContinuation, false, []byte(strings.Repeat(" ", 99)))
	first := ws.NewFrame(ws.OpText, false, []byte("{"))
	must(t, o.frame(r.ctx, first, part, part, part, ws.NewFrame(ws.OpContinuation, true, []byte("}"))))
	must(t, o.text(r.ctx, exact))
	if p := r.next(); string(p.Data) != exact {
		t.Errorf("%s", p.Data)
	}
	r.end()
	families, err := reg.Gather()
	must(t, err)
	for _, f := range families {
		if f.GetName() == "eventnode_source_refused_total" && f.GetMetric()[0].GetCounter().GetValue() == 2 {
			return
		}
	}
	t.Errorf("not counted: %v", families)
}

// Fields are where the configuration says, and what is missing or wrong is told by its
// reason.
func TestDecode(t *testing.T) {
	all := Config{Name: "feed", NameField: "meta.type", SeqField: "meta.seq", SessionField: "sid", DataField: "data", Shards: 1}
	bare := Config{Name: "feed", EventName: "tick", Shard: 1, Shards: 2}
	for _, tt := range []struct {
		cfg        Config
		text, want string // name data session seq, or the reason
	}{
		{all, `{"meta":{"type":"a","seq":7},"sid":"s","data":{"x":[1, 2]}}`, `a {"x":[1, 2]} s 7`},
		{all, `{"meta":{"type":"a","seq":"18446744073709551615"},"sid":3,"data":0}`, `a 0 3 18446744073709551615`},
		{all, `{"meta":{"type":"a"},"sid":"s","data":"x"}`, `a "x"  0`},
		{all, `{"meta":{"type":"a","seq":null},"data":false}`, `a false  0`},
		{all, `{"meta":{"type":"a","seq":1},"data":1}`, `a 1 conn 1`},
		{bare, ` {"a":1} `, `tick {"a":1}  0`},
		{bare, `null`, "not_an_object"}, {bare, `[]`, "not_an_object"}, {bare, `{}{}`, "not_an_object"}, {bare, ``, "not_an_object"},
		{bare, "{\"a\":\"\xff\"}", "not_utf8"},
		{all, `{"data":1}`, "no_name"}, {all, `{"meta":"type","data":1}`, "no_name"}, {all, `{"meta":null,"data":1}`, "no_name"},
		{all, `{"meta":{"type":7},"data":1}`, "bad_name"}, {all, `{"meta":{"type":""},"data":1}`, "bad_name"},
		{all, `{"meta":{"type":"a\u0000"},"data":1}`, "bad_name"}, {all, `{"meta":{"type":"` + strings.Repeat("x", 256) + `"},"data":1}`, "bad_name"},
		{all, `{"meta":{"type":"a"}}`, "no_data"}, {all, `{"meta":{"type":"a"},"data":null}`, "no_data"},
		{all, `{"meta":{"type":"a","seq":0},"data":1}`, "bad_seq"}, {all, `{"meta":{"type":"a","seq":-1},"data":1}`, "bad_seq"},
		{all, `{"meta":{"type":"a","seq":1.5},"data":1}`, "bad_seq"}, {all, `{"meta":{"type":"a","seq":{}},"data":1}`, "bad_seq"},
		{all, `{"meta":{"type":"a","seq":1},"sid":[],"data":1}`, "bad_session"},
		{all, `{"meta":{"type":"a","seq":1},"sid":"` + strings.Repeat("x", 256) + `","data":1}`, "bad_session"},
	} {
		p, err := newDecoder(tt.cfg).decode([]byte(tt.text), "conn")
		got := fmt.Sprint(p.Name, " ", string(p.Data), " ", p.Origin.Session, " ", p.Origin.Seq)
		if refused, ok := errors.AsType[*RefusedError](err); ok && errors.Is(err, ErrRefused) {
			got = refused.Reason
		}
		if got != tt.want {
			t.Errorf("%.80s: %s (%v), want %s", tt.text, got, err, tt.want)
		}
		if err == nil && (p.Origin.Source != "feed" || p.Origin.Shards != tt.cfg.Shards || p.Origin.Shard != tt.cfg.Shard) {
			t.Errorf("%+v", p.Origin)
		}
	}
}

// Whatever comes, it is a payload that a pipeline can take on, or refused with a reason.
func FuzzDecode(f *testing.F) {
	f.Add("t", "s", "i", "d", []byte(`{"t":"a","s":1,"i":"x","d":{}}`))
	f.Add("a.b", "a.c", "", "", []byte(`{"a":{"b":"n","c":"7"}}`))
	f.Add("..", ".", "", "", []byte(`{"":{"":{"":""}}}`))
	f.Fuzz(func(t *testing.T, name, seq, session, data string, text []byte) {
		d := newDecoder(Config{Name: "feed", EventName: "n", NameField: name, SeqField: seq, SessionField: session, DataField: data, Shards: 1})
		p, err := d.decode(text, "c")
		if err != nil {
			if refused, ok := errors.AsType[*RefusedError](err); !ok || refused.Reason == "" {
				t.Fatal(err)
			}
			return
		}
		if !goodName(p.Name) || !json.Valid(p.Data) || p.Origin.Seq == 0 && p.Origin.Session != "" {
			t.Fatalf("%+v", p)
		}
	})
}

// A configuration that cannot work is refused, and says what to write.
func TestConfig(t *testing.T) {
	good := Config{Name: "feed", URL: "ws://h/p", NameField: "t"}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*Config){
		"name":       func(c *Config) { c.Name = "a b" },
		"http":       func(c *Config) { c.URL = "http://h" },
		"no host":    func(c *Config) { c.URL = "ws:" },
		"no field":   func(c *Config) { c.NameField = "" },
		"both":       func(c *Config) { c.EventName = "n" },
		"event name": func(c *Config) { c.NameField, c.EventName = "", "a\n" },
		"shard":      func(c *Config) { c.Shard = 1 },
		"hello":      func(c *Config) { c.Hello = []json.RawMessage{[]byte("{")} },
		"max bytes":  func(c *Config) { c.MaxBytes = -1 },
		"idle":       func(c *Config) { c.Idle = -1 },
	} {
		bad := good
		change(&bad)
		if _, err := New(bad); !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func ExampleNew() {
	feed := serve(&testing.T{}) // stands for a service somewhere
	defer feed.close()
	s, err := New(Config{Name: "prices", URL: feed.url(), NameField: "type", SeqField: "seq"})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { _ = feed.say(ctx, 1, 0) }()
	err = s.Run(ctx, func(_ context.Context, p source.Payload) error {
		fmt.Println(p.Name, p.Origin.Source, p.Origin.Seq, string(p.Data))
		cancel()
		return nil
	})
	fmt.Println(err)
	// Output:
	// numbered prices 1 {"type":"numbered","n":1,"seq":1}
	// <nil>
}
