package cloudevents_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	sdk "github.com/cloudevents/sdk-go/v2/event"
	cetest "github.com/cloudevents/sdk-go/v2/test"
	"github.com/cloudevents/sdk-go/v2/types"

	"github.com/eventnode/eventnode/adapters/cloudevents"
	"github.com/eventnode/eventnode/event"
)

// words are texts of which random events are made. None is all spaces: to the SDK that is
// nothing.
var words = []string{"a", "order_placed", "Größe", "x y", `"quoted"`, "100%", "%41", "<&>", "a\u2028b", "0", "true", "2020-03-21T12:34:56Z"}

func pick(r *rand.Rand, from ...string) string { return from[r.IntN(len(from))] }

// random makes an event as there may be any.
func random(r *rand.Rand) event.Event {
	e := event.Event{
		ID: event.NewID(), Name: pick(r, words...), Key: pick(r, append(words, "", "")...), DataType: pick(r, "", "application/json", "text/json; charset=utf-8", "application/vnd.a+json", "text/plain", "Application/JSON"),
		Source: pick(r, "", "/shop", "https://example.com/a%20b?c=d#e", "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66"),
		Time:   time.Unix(r.Int64N(1<<33), r.Int64N(1e9)).UTC(),
	}
	if r.IntN(3) == 0 {
		original := pick(r, words...)
		e.ID, e.Time, e.Meta = event.NamedID(e.Source, original), time.Time{}, map[string]string{event.MetaOriginalID: original}
	}
	for range r.IntN(4) {
		if e.Meta == nil {
			e.Meta = map[string]string{}
		}
		if name := pick(r, "subject", "ext1", "x-y", "TYPE", "type", "data", "eventnodemeta", "größe", "partitionkey"); e.Meta[name] == "" {
			e.Meta[name] = pick(r, words...)
		}
	}
	if r.IntN(4) == 0 && e.Meta != nil {
		e.Meta["dataschema"] = "https://example.com/schema"
	}
	e.Data = []byte(pick(r, "", `{"a": 1}`, `"text"`, "null", " 1 ", "[1,\n2]", "plain \u2028 text", "\xff\x00", `{"a":`))
	if len(e.Data) == 0 {
		e.Data = nil
	}
	return e
}

// What an event was made into is made into the same event again: by itself, through the
// SDK's JSON, and through ours.
func TestRoundTrip(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	for range 5000 {
		e := random(r)
		ce, err := cloudevents.ToSDK(e)
		if err != nil {
			t.Fatalf("seed %d: %+v: %v", seed, e, err)
		}
		back, err := cloudevents.FromSDK(ce)
		same(t, seed, "FromSDK", e, back, err)

		var theirs bytes.Buffer
		if err := sdk.WriteJson(&ce, &theirs); err != nil { // json.Marshal would take spaces out of the data
			t.Fatalf("seed %d: %v", seed, err)
		}
		back, err = event.ParseCloudEvent(theirs.Bytes())
		same(t, seed, "ParseCloudEvent of "+theirs.String(), e, back, err)

		ours, err := e.MarshalCloudEvent()
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if isValue(ours) && (strings.HasSuffix(e.DataType, "+json") || e.DataType == "Application/JSON") {
			continue // of the types that are JSON to CloudEvents the SDK knows two, in small letters
		}
		var read sdk.Event
		if err := json.Unmarshal(ours, &read); err != nil {
			t.Fatalf("seed %d: the SDK does not read %s: %v", seed, ours, err)
		}
		back, err = cloudevents.FromSDK(read)
		same(t, seed, "FromSDK of what the SDK read in "+string(ours), e, back, err)
	}
}

// isValue reports whether the data stands in the JSON as a value or as text.
func isValue(ours []byte) bool { return strings.Contains(string(ours), `,"data":`) }

func same(t *testing.T, seed uint64, what string, want, got event.Event, err error) {
	t.Helper()
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("seed %d: %s:\n%+v (%v)\nwant %+v", seed, what, got, err, want)
	}
}

// inStrings gives an event of the SDK extensions that are strings, and a time in UTC.
func inStrings(t *testing.T, ce sdk.Event) sdk.Event {
	t.Helper()
	ce = ce.Clone()
	ce.SetTime(ce.Time().UTC())
	for name, value := range ce.Extensions() {
		text, err := types.Format(value)
		if err != nil {
			t.Fatal(err)
		}
		ce.SetExtension(name, text)
	}
	return ce
}

// The SDK's own test events come back from an event of ours.
func TestSDKEvents(t *testing.T) {
	for _, ce := range []sdk.Event{cetest.FullEvent(), cetest.MinEvent()} {
		e, err := cloudevents.FromSDK(ce)
		if err != nil {
			t.Fatal(err)
		}
		back, err := cloudevents.ToSDK(e)
		if err != nil {
			t.Fatal(err)
		}
		cetest.AssertEventEquals(t, inStrings(t, ce), back)
	}
	e, err := cloudevents.FromSDK(cetest.FullEvent())
	if err != nil || e.ID != event.NamedID("http://example.com/source", "full-event") || e.Meta["exint"] != "42" || e.Meta["exbinary"] != "AAECAw==" || string(e.Data) != `"hello"` {
		t.Errorf("%+v, %v", e, err)
	}
}

// Data without a type is JSON to the SDK, unless it says that it is bytes.
func TestImpliedJSON(t *testing.T) {
	ce := cetest.MinEvent()
	ce.DataEncoded = []byte(`{}`)
	if e, err := cloudevents.FromSDK(ce); err != nil || e.DataType != event.JSON {
		t.Errorf("%+v, %v", e, err)
	}
	ce.DataBase64 = true
	if e, err := cloudevents.FromSDK(ce); err != nil || e.DataType != "" || string(e.Data) != `{}` {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestErrors(t *testing.T) {
	old := sdk.New(sdk.CloudEventsVersionV03)
	old.SetID("1")
	old.SetSource("/s")
	old.SetType("n")
	nameless := cetest.MinEvent()
	nameless.SetType("")
	for _, ce := range []sdk.Event{{}, old, nameless} {
		if e, err := cloudevents.FromSDK(ce); !errors.Is(err, event.ErrParse) || !errors.Is(err, event.ErrInvalid) {
			t.Errorf("%v: %+v, %v", ce, e, err)
		}
	}
	for field, e := range map[string]event.Event{
		"id":         {Name: "n"},
		"source":     event.New("n", nil, event.WithSource("my shop")),
		"dataschema": event.New("n", nil, event.WithMeta(map[string]string{"dataschema": "%zz"})),
		"event":      event.New("n", nil, event.WithDataType("garbage;;")),
	} {
		ce, err := cloudevents.ToSDK(e)
		var invalid *event.InvalidError
		if !errors.As(err, &invalid) || invalid.Field != field {
			t.Errorf("%s: %v, %v", field, ce, err)
		}
	}
}

// Whatever is an event of ours and one to the SDK stays the same.
func FuzzToSDK(f *testing.F) {
	f.Add("n", "k", "/s", "application/json", "subject", "x", []byte(`{"a": 1}`))
	f.Add("n", "", "", "", "x-y", "", []byte("\xff"))
	f.Fuzz(func(t *testing.T, name, key, source, dataType, metaKey, metaValue string, data []byte) {
		e := event.Event{ID: event.NewID(), Name: name, Key: key, Source: source, DataType: dataType, Meta: map[string]string{metaKey: metaValue}}
		e.Time = event.TimeOf(e.ID)
		if len(data) > 0 {
			e.Data = data
		}
		ce, err := cloudevents.ToSDK(e)
		if err != nil {
			if !errors.Is(err, event.ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		back, err := cloudevents.FromSDK(ce)
		same(t, 0, "FromSDK", e, back, err)
		if b, err := json.Marshal(ce); err != nil || !utf8.Valid(b) {
			t.Fatalf("%q, %v", b, err)
		}
	})
}
