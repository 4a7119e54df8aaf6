package cloudevents_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	sdk "github.com/cloudevents/sdk-go/v2"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	cetest "github.com/cloudevents/sdk-go/v2/test"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/adapters/cloudevents"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/test/cluster"
)

// variable names the command that the harness starts.
const variable = "EVENTNODE_BINARY"

// TestMain says where the command is to be: this module does not list what it needs, so the
// harness cannot build it from here.
func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if os.Getenv(variable) != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "eventnode-cloudevents-")
	if err == nil {
		defer func() { _ = os.RemoveAll(dir) }()
		err = os.Setenv(variable, filepath.Join(dir, "eventnode"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// useBinary builds the command in its own module, unless it is there.
func useBinary(t *testing.T) {
	t.Helper()
	path := os.Getenv(variable)
	if _, err := os.Stat(path); err == nil {
		return
	}
	build := exec.Command("go", "build", "-o", path, "./cmd/eventnode")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v: %s", err, out)
	}
}

const orders = "orders"

// world is a cluster of three processes: events are posted to the first, subscribed to at
// the third, and read from a stream at the second.
type world struct {
	t      *testing.T
	c      *cluster.Cluster
	sub    eventnode.Subscription
	client sdk.Client
	topic  string // where to post
	stream string
	read   int // how many events of the stream were looked at
}

func newWorld(t *testing.T) *world {
	t.Helper()
	useBinary(t)
	c := cluster.Start(t, cluster.Config{Processes: true, Storage: true, HTTP: true})
	c.Declare(orders, eventnode.StreamConfig{})
	sub, err := c.Node("n3").Live().Subscribe(t.Context(), []string{"topic:" + orders})
	if err != nil {
		t.Fatal(err)
	}
	// Not NewClientHTTP: it would give events a time and an id that have none.
	p, err := sdk.NewHTTP()
	if err != nil {
		t.Fatal(err)
	}
	client, err := sdk.NewClient(p)
	if err != nil {
		t.Fatal(err)
	}
	at := "http://" + c.Node("n1").HTTPAddress()
	return &world{t: t, c: c, sub: sub, client: client, topic: at + "/v1/topics/topic:" + orders + "/events", stream: at + "/v1/streams/" + orders + "/events"}
}

// next are the next events that the stream has.
func (w *world) next(count int) (all []event.Event) {
	w.t.Helper()
	for e, err := range w.c.Node("n2").Streams().Read(w.t.Context(), orders) {
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, e.Event)
	}
	if len(all) != w.read+count {
		w.t.Fatalf("the stream has %d events, not %d", len(all), w.read+count)
	}
	all = all[w.read:]
	w.read += count
	return all
}

// received are the next events of the subscription.
func (w *world) received(count int) (all []event.Event) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer cancel()
	for range count {
		d, err := w.sub.Receive(ctx)
		if err != nil || d.Gap != nil {
			w.t.Fatalf("%+v, %v", d, err)
		}
		all = append(all, d.Event)
	}
	return all
}

// compare fails unless events are those that were sent, attribute by attribute, in our
// form and in the SDK's.
func (w *world) compare(what string, sent []sdk.Event, got []event.Event) {
	w.t.Helper()
	for i, ce := range sent {
		want, err := cloudevents.FromSDK(ce)
		if err != nil {
			w.t.Fatal(err)
		}
		if !reflect.DeepEqual(got[i], want) {
			w.t.Errorf("%s: %s:\n%+v\nwant %+v", what, ce.ID(), got[i], want)
		}
		back, err := cloudevents.ToSDK(got[i])
		if err != nil {
			w.t.Fatal(err)
		}
		if err := cetest.IsContextEqualTo(inStrings(w.t, ce).Context)(back); err != nil {
			w.t.Errorf("%s: %s: %v", what, ce.ID(), err)
		}
		if err := cetest.HasData(ce.Data())(back); err != nil && len(ce.Data()) > 0 {
			w.t.Errorf("%s: %s: %v", what, ce.ID(), err)
		}
	}
}

// samples are the SDK's own test events, and others; their ids are made of name.
func samples(t testing.TB, name string) []sdk.Event {
	t.Helper()
	sample := func(id, contentType string, data any) sdk.Event {
		e := sdk.NewEvent()
		e.SetID(id)
		e.SetSource("/samples")
		e.SetType("sample")
		if data != nil {
			if err := e.SetData(contentType, data); err != nil {
				t.Fatal(err)
			}
		}
		return e
	}
	full, minimal := cetest.FullEvent(), cetest.MinEvent()
	object := sample("object", sdk.ApplicationJSON, map[string]any{"a": []int{1, 2}, "b": "<é>"})
	object.SetExtension("partitionkey", "customer:7")
	object.SetSubject("100 % Größe")
	object.SetTime(time.Date(2031, 5, 6, 7, 8, 9, 123456789, time.FixedZone("", 3600)))
	unicode := sample("größe 1", sdk.TextPlain, "Grüße, 世界 🌍\nline two")
	unicode.SetType("com.example.größe")
	all := []sdk.Event{full, minimal, object, unicode, sample("binary", "application/octet-stream", []byte{0, 1, 0xff, '\n'}), sample("xml", sdk.ApplicationXML, []byte("<a>1</a>"))}
	for i := range all {
		all[i].SetID(name + "-" + all[i].ID())
	}
	uuid := sample(event.NewID().String(), sdk.ApplicationJSON, 1.5)
	uuid.SetTime(time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC))
	return append(all, uuid)
}

// The SDK's client sends its events, each mode to each kind of target: what arrives is what
// was sent.
func TestSDKClient(t *testing.T) {
	w := newWorld(t)
	for mode, with := range map[string]func(context.Context) context.Context{"binary": sdk.WithEncodingBinary, "structured": sdk.WithEncodingStructured} {
		sent := samples(t, mode)
		for _, ce := range sent {
			for _, target := range []string{w.topic, w.stream} {
				if result := w.client.Send(sdk.ContextWithTarget(with(t.Context()), target), ce); !sdk.IsACK(result) {
					t.Errorf("%s to %s: %s: %v", mode, target, ce.ID(), result)
				}
			}
		}
		if t.Failed() {
			return
		}
		w.compare(mode+", topic", sent, w.received(len(sent)))
		w.compare(mode+", stream", sent, w.next(len(sent)))
	}

	sent := samples(t, "batched")
	for target, want := range map[string]int{w.topic: http.StatusAccepted, w.stream: http.StatusCreated} {
		r, err := cehttp.NewHTTPRequestFromEvents(t.Context(), target, sent)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %s", target, resp.Status)
		}
	}
	w.compare("batched, topic", sent, w.received(len(sent)))
	w.compare("batched, stream", sent, w.next(len(sent)))
	w.refusals()
	w.defaults()
}

// refusals sends what is refused: the result says why.
func (w *world) refusals() {
	w.t.Helper()
	old, large := cetest.MinEvent(), cetest.MinEvent()
	old.Context = old.Context.AsV03()
	if err := large.SetData(sdk.TextPlain, make([]byte, 1<<20+1)); err != nil {
		w.t.Fatal(err)
	}
	for _, tt := range []struct {
		ce     sdk.Event
		target string
		want   int
	}{
		{old, w.topic, http.StatusBadRequest},
		{cetest.MinEvent(), strings.Replace(w.stream, orders, "no-such-stream", 1), http.StatusNotFound},
		{large, w.topic, http.StatusRequestEntityTooLarge},
	} {
		for mode, with := range map[string]func(context.Context) context.Context{"binary": sdk.WithEncodingBinary, "structured": sdk.WithEncodingStructured} {
			result := w.client.Send(sdk.ContextWithTarget(with(w.t.Context()), tt.target), tt.ce)
			var of *cehttp.Result
			if sdk.IsACK(result) || !errors.As(result, &of) || of.StatusCode != tt.want {
				w.t.Errorf("%s: %s %s to %s: %v", mode, tt.ce.SpecVersion(), tt.ce.ID(), tt.target, result)
			}
		}
	}
	w.next(0)
}

// defaults sends an event with a client as most programs make it.
func (w *world) defaults() {
	w.t.Helper()
	client, err := sdk.NewClientHTTP(sdk.WithTarget(w.stream))
	if err != nil {
		w.t.Fatal(err)
	}
	ce := sdk.NewEvent()
	ce.SetSource("/s")
	ce.SetType("sent")
	if result := client.Send(sdk.ContextWithRetriesExponentialBackoff(w.t.Context(), 10*time.Millisecond, 5), ce); !sdk.IsACK(result) {
		w.t.Error(result)
	}
	if got := w.next(1)[0]; got.Name != "sent" || got.Source != "/s" || got.Meta != nil || time.Since(got.Time).Abs() > time.Hour {
		w.t.Errorf("%+v", got)
	}
}
