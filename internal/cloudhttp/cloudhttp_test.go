package cloudhttp

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

func TestModeOf(t *testing.T) {
	for _, tt := range []struct {
		content, other string
		want           Mode
	}{
		{"", "ce-id", Binary}, {"application/json", "CE-TYPE", Binary}, {"garbage;;", "ce-x", Binary}, {"application/cloudevent", "ce-id", Binary},
		{"application/cloudevents+json", "", Structured}, {"Application/CloudEvents+JSON; charset=UTF-8", "ce-id", Structured},
		{"application/cloudevents-batch+json", "", Batched}, {`application/cloudevents-batch+json;charset="utf-8"`, "", Batched},
		{"application/cloudevents+protobuf", "", ProtoStructured}, {"application/cloudevents-batch+protobuf", "ce-id", ProtoBatched},
		{"", "", 0}, {"application/json", "", 0}, {"text/plain", "cell", 0},
		{"application/cloudevents", "ce-id", 0}, {"application/cloudevents+xml", "ce-id", 0}, {"application/cloudevents-batch+avro", "", 0},
		{"application/cloudevents+json; charset=utf-16", "", 0}, {"application/cloudevents+json; x", "", 0}, {"application/cloudevents; a=b; a=c", "", 0},
	} {
		h := http.Header{}
		if tt.content != "" {
			h.Set("Content-Type", tt.content)
		}
		if tt.other != "" {
			h.Set(tt.other, "x")
		}
		got, err := ModeOf(h)
		if got != tt.want || (err != nil) != (tt.want == 0) {
			t.Errorf("%v: %v, %v", h, got, err)
		}
		if _, ok := errors.AsType[*UnsupportedError](err); err != nil && !ok {
			t.Errorf("%v: %T", h, err)
		}
	}
	for encoding, ok := range map[string]bool{"identity": true, "gzip": false} {
		if _, err := ModeOf(header("ce-id", "x", "Content-Encoding", encoding)); (err == nil) != ok {
			t.Errorf("%s: %v", encoding, err)
		}
	}
}

// Values are unquoted, then decoded once (HTTP binding, 3.1.3.2).
func TestDecode(t *testing.T) {
	for value, want := range map[string]string{
		"": "", "a b": "a b", "Euro%20%E2%82%AC%20%F0%9F%98%80": "Euro € 😀", "%e2%82%ac": "€", "%41": "A",
		`"a \"b\" \\ %20c"`: `a "b" \  c`, `""`: "", `"`: `"`, `"a`: `"a`, `"a"b"`: `"a"b"`, `"a\"`: `"a\"`, `a"b"`: `a"b"`,
		"%2541": "%41", "%22a%22": `"a"`, "100%": "100%", "%4": "%4", "%zz%41": "%zzA", "%%41": "%A", "€": "€",
	} {
		if got, ok := decode(value); !ok || got != want {
			t.Errorf("%q: %q, %v, want %q", value, got, ok, want)
		}
	}
	for _, value := range []string{"%C0%A0", "\xff", "%ff", "%E2%82", "%ED%A0%80"} {
		if got, ok := decode(value); ok {
			t.Errorf("%q: %q", value, got)
		}
	}
}

func TestReadBinary(t *testing.T) {
	h := header("ce-specversion", "1.0", "Ce-Id", "A-1", "CE-SOURCE", "/s", "ce-type", "n", "ce-time", "2020-03-21T12:34:56.78Z",
		"ce-partitionkey", "k%20y", "ce-subject", "\"a b\"", "ce-exint", "42", "ce-empty", "", "Content-Type", "text/plain; charset=utf-8", "User-Agent", "x")
	got, err := Read(Binary, h, []byte("da\x00ta"), 0)
	if err != nil || len(got) != 1 {
		t.Fatal(got, err)
	}
	at := got[0].Time
	want := event.Event{ID: event.NamedID("/s", "A-1"), Name: "n", Key: "k y", Source: "/s", Time: at, DataType: "text/plain; charset=utf-8", Data: []byte("da\x00ta"),
		Meta: map[string]string{"originalid": "A-1", "subject": "a b", "exint": "42", "empty": ""}}
	if !reflect.DeepEqual(got[0], want) || at.UnixMilli() != 1584794096780 {
		t.Errorf("%+v\nwant %+v", got[0], want)
	}
	for _, tt := range []struct{ name, value string }{
		{"specversion", "0.3"}, {"time", "soon"}, {"datacontenttype", "a/b"}, {"type", "a%0Ab"}, {"subject", "%ff"}, {"data", "x"}, {"id", ""}, {"type", "%00"},
	} {
		h := h.Clone()
		h.Set("ce-"+tt.name, tt.value)
		_, err := Read(Binary, h, nil, 0)
		var parse *event.ParseError
		if !errors.As(err, &parse) || parse.Field != tt.name || !errors.Is(err, eventnode.ErrInvalidEvent) {
			t.Errorf("%s %q: %v", tt.name, tt.value, err)
		}
	}
	h.Add("ce-type", "m")
	if _, err := Read(Binary, h, nil, 0); err == nil || !strings.Contains(err.Error(), "type is there twice") {
		t.Error(err)
	}
}

func TestReadStructuredAndBatched(t *testing.T) {
	const one = `{"specversion":"1.0","id":"1","source":"s","type":"n"}`
	// What stands in headers, too, counts only in the body.
	if got, err := Read(Structured, header("ce-type", "other"), []byte(one), 0); err != nil || len(got) != 1 || got[0].Name != "n" {
		t.Error(got, err)
	}
	if got, err := Read(Batched, nil, []byte(`[`+one+`,`+one+`]`), 2); err != nil || len(got) != 2 {
		t.Error(got, err)
	}
	if got, err := Read(Batched, nil, []byte(`[]`), 2); err != nil || len(got) != 0 {
		t.Error(got, err)
	}
	got, err := Read(Batched, nil, []byte(`[`+one+`,`+one+`,`+one+`]`), 2)
	var limit *eventnode.LimitError
	if !errors.As(err, &limit) || limit.Limit != "max_batch_events" || limit.Max != 2 || got != nil {
		t.Error(got, err)
	}
	for mode, body := range map[Mode]string{Structured: `{"id":`, Batched: one, 0: one} {
		if got, err := Read(mode, nil, []byte(body), 2); err == nil {
			t.Errorf("%v %s: %v", mode, body, got)
		}
	}
	if got, err := Read(Batched, nil, []byte(`[`+one+`,{}]`), 9); !errors.Is(err, event.ErrParse) || got != nil {
		t.Error(got, err)
	}
}

// encode is what a sender does that follows the binding to the letter.
func encode(value string) string {
	var b strings.Builder
	for _, c := range []byte(value) {
		if c > ' ' && c <= '~' && c != '"' && c != '%' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// What is read is an event, or an error that says what it is; an event that was written
// into headers is read back the same.
func FuzzRead(f *testing.F) {
	f.Add("application/cloudevents+json", "", "", "", "", []byte(`{"specversion":"1.0","id":"i","source":"s","type":"n"}`))
	f.Add("application/cloudevents-batch+json", "", "", "", "", []byte(`[{"specversion":"1.0","id":"i","source":"s","type":"n"}]`))
	f.Add("application/json", "type%20", `"i"`, "exten", "%E2%82%AC", []byte(`{}`))
	f.Fuzz(func(t *testing.T, content, name, id, extension, value string, body []byte) {
		h := header("ce-specversion", "1.0", "ce-source", "/s", "ce-type", name, "ce-id", id, "ce-"+extension, value, "Content-Type", content)
		mode, err := ModeOf(h)
		if err != nil {
			if _, ok := errors.AsType[*UnsupportedError](err); !ok {
				t.Fatal(err)
			}
			return
		}
		events, err := Read(mode, h, body, 3)
		if err != nil && !errors.Is(err, event.ErrParse) && !errors.Is(err, eventnode.ErrLimit) {
			t.Fatalf("%T: %v", err, err)
		}
		for _, e := range events {
			back(t, e)
		}
	})
}

// back writes an event into headers, and reads it.
func back(t *testing.T, e event.Event) {
	t.Helper()
	attributes, err := e.CloudAttributes()
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	for name, value := range attributes {
		if name == "datacontenttype" {
			h.Set("Content-Type", value)
			continue
		}
		h.Set("ce-"+name, encode(value))
	}
	got, err := Read(Binary, h, e.Data, 1)
	if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], e) {
		t.Fatalf("%v\n%#v (%v)\nwant %#v", h, got, err, e)
	}
}
