package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// cloudRoundTrip writes an event as CloudEvents has it, and reads it back, as JSON and as
// attributes with data.
func cloudRoundTrip(t *testing.T, e Event) {
	t.Helper()
	b, err := e.MarshalCloudEvent()
	if err != nil {
		t.Fatal(err)
	}
	if bytes.ContainsAny(b, "\n\r") {
		t.Errorf("more than one line: %s", b)
	}
	for what, parse := range map[string]func([]byte) (Event, error){
		"ParseCloudEvent": ParseCloudEvent, "ParseAny": func(b []byte) (Event, error) { return ParseAny(b) },
	} {
		if back, err := parse(b); err != nil || !reflect.DeepEqual(back, e) {
			t.Fatalf("%s of %s\n%#v (%v)\nwant %#v", what, b, back, err, e)
		}
	}
	p, err := e.MarshalCloudEventProto()
	if err != nil {
		t.Fatal(err)
	}
	if back, err := ParseCloudEventProto(p); err != nil || !reflect.DeepEqual(back, e) {
		t.Fatalf("ParseCloudEventProto of %x\n%#v (%v)\nwant %#v", p, back, err, e)
	}
	attributes, err := e.CloudAttributes()
	if err != nil {
		t.Fatal(err)
	}
	for name := range attributes {
		if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") != "" || name == cloudData {
			t.Errorf("no attribute may be called %q", name)
		}
	}
	if back, err := FromCloudEvent(attributes, e.Data); err != nil || !reflect.DeepEqual(back, e) {
		t.Fatalf("%v\n%#v (%v)\nwant %#v", attributes, back, err, e)
	}
}

func TestMarshalCloudEvent(t *testing.T) {
	const head = `{"specversion":"1.0","id":"01981f3e-5c00-7000-8000-000000000001","source":"/s","type":"n","time":"2025-07-18T20:33:57.248Z"`
	base := func(change func(*Event)) Event {
		e := Event{ID: testID, Name: "n", Source: "/s", Time: TimeOf(testID)}
		change(&e)
		return e
	}
	for _, tt := range []struct {
		e    Event
		want string
	}{
		{base(func(*Event) {}), head + `}`},
		{base(func(e *Event) { e.Key, e.DataType, e.Data = "k", JSON, []byte(`{"a": "<"}`) }),
			head + `,"partitionkey":"k","datacontenttype":"application/json","data":{"a": "<"}}`},
		{base(func(e *Event) { e.DataType, e.Data = "text/json", []byte(`"a"`) }), head + `,"datacontenttype":"text/json","data":"a"}`},
		{base(func(e *Event) { e.DataType, e.Data = "text/xml", []byte("<a/>\n") }), head + `,"datacontenttype":"text/xml","data":"<a/>\n"}`},
		{base(func(e *Event) { e.DataType, e.Data = "text/xml", []byte("\xff\x00") }), head + `,"datacontenttype":"text/xml","data_base64":"/wA="}`},
		// What is said of data without a type is that it is JSON.
		{base(func(e *Event) { e.Data = []byte(`{}`) }), head + `,"data_base64":"e30="}`},
		{base(func(e *Event) { e.DataType, e.Data = JSON, []byte("[1,\n2]") }), head + `,"datacontenttype":"application/json","data_base64":"WzEsCjJd"}`},
		{base(func(e *Event) { e.DataType, e.Data = JSON, []byte(` 1`) }), head + `,"datacontenttype":"application/json","data_base64":"IDE="}`},
		{base(func(e *Event) { e.DataType, e.Data = JSON, []byte(`null`) }), head + `,"datacontenttype":"application/json","data_base64":"bnVsbA=="}`},
		{base(func(e *Event) { e.DataType, e.Data = JSON, []byte(`{`) }), head + `,"datacontenttype":"application/json","data_base64":"ew=="}`},
		{base(func(e *Event) {
			e.Meta = map[string]string{"subject": "s", "traceparent": "", "x-y": "1", "type": "\u2028", "data": "<"}
		}), head + `,"eventnodemeta":"{\"data\":\"<\",\"type\":\"\\u2028\",\"x-y\":\"1\"}","subject":"s","traceparent":""}`},
		{base(func(e *Event) { e.Source = "" }), strings.Replace(head, `"/s"`, `"eventnode:none"`, 1) + `}`},
		{base(func(e *Event) {
			e.ID, e.Time, e.Meta = NamedID("/s", "A-1"), time.Time{}, map[string]string{"originalid": "A-1", "a": "b"}
		}),
			`{"specversion":"1.0","id":"A-1","source":"/s","type":"n","a":"b"}`},
		// An originalid that is none is an entry of Meta like others.
		{base(func(e *Event) { e.Meta = map[string]string{"originalid": "A-1"} }), head + `,"originalid":"A-1"}`},
		{base(func(e *Event) {
			e.ID, e.Time, e.Meta = NamedID("/s", testID.String()), time.Time{}, map[string]string{"originalid": testID.String()}
		}), `{"specversion":"1.0","id":"` + NamedID("/s", testID.String()).String() + `","source":"/s","type":"n","originalid":"` + testID.String() + `"}`},
		{base(func(e *Event) { e.Source = cloudNoSource }),
			strings.Replace(head, `"/s"`, `"eventnode:none"`, 1) + `,"eventnodemeta":"{\"\":\"eventnode:none\"}"}`},
		{base(func(e *Event) { e.Meta = map[string]string{"eventnodemeta": "x", "subject": "", "dataschema": ""} }),
			head + `,"eventnodemeta":"{\"dataschema\":\"\",\"eventnodemeta\":\"x\",\"subject\":\"\"}"}`},
	} {
		got, err := tt.e.MarshalCloudEvent()
		if err != nil || string(got) != tt.want {
			t.Errorf("got  %s (%v)\nwant %s", got, err, tt.want)
		}
		cloudRoundTrip(t, tt.e)
	}
	if b, err := (Event{}).MarshalCloudEvent(); !errors.Is(err, ErrInvalid) {
		t.Errorf("%s, %v", b, err)
	}
}

// A flat event, whose ID was a number, comes back from CloudEvents as a flat one.
func TestCloudEventOfFlat(t *testing.T) {
	const flat = `{"id":7,"event_name":"n","event_date":"2023-05-01T12:00:00Z","a":1}`
	e, err := ParseFlat([]byte(flat))
	if err != nil {
		t.Fatal(err)
	}
	cloudRoundTrip(t, e)
	b, err := e.MarshalCloudEvent()
	if err != nil || !strings.HasPrefix(string(b), `{"specversion":"1.0","id":"7","source":"eventnode:none",`) {
		t.Fatalf("%s, %v", b, err)
	}
	back, err := ParseCloudEvent(b)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := back.MarshalFlat(); err != nil || string(again) != flat {
		t.Errorf("%s, %v", again, err)
	}
}

func TestFromCloudEvent(t *testing.T) {
	good := func(name, value string) map[string]string {
		m := map[string]string{"specversion": "1.0", "id": "i", "source": "/s", "type": "n"}
		m[name] = value
		return m
	}
	e, err := FromCloudEvent(good("datacontenttype", "application/json; a=b"), []byte(" {} "))
	if err != nil || e.DataType != "application/json; a=b" || string(e.Data) != " {} " || e.ID != NamedID("/s", "i") || e.Meta[MetaOriginalID] != "i" {
		t.Errorf("%+v, %v", e, err)
	}
	if e, err := FromCloudEvent(good("ext", ""), []byte{}); err != nil || e.Data != nil || len(e.Meta) != 2 {
		t.Errorf("%+v, %v", e, err)
	}
	for _, tt := range []struct{ name, value string }{
		{"specversion", "0.3"}, {"specversion", ""}, {"id", ""}, {"source", ""}, {"type", ""}, {"type", "a\nb"}, {"time", "soon"},
		{"partitionkey", strings.Repeat("k", 256)}, {"datacontenttype", "\xff"}, {"data", "x"}, {"data_base64", "x"},
		{"eventnodemeta", "x"}, {"eventnodemeta", `{"a":1}`},
	} {
		e, err := FromCloudEvent(good(tt.name, tt.value), nil)
		var parse *ParseError
		if !errors.As(err, &parse) || parse.Field != tt.name || !errors.Is(err, ErrInvalid) || !reflect.DeepEqual(e, Event{}) {
			t.Errorf("%s %q: %+v, %v", tt.name, tt.value, e, err)
		}
	}
}

func TestParseCloudEvents(t *testing.T) {
	const one, two = `{"specversion":"1.0","id":"1","source":"s","type":"n","data":"],[{"}`, `{"specversion":"1.0","id":"2","source":"s","type":"m"}`
	parse := func(doc string) (names string, err error) {
		for e, err := range ParseCloudEvents([]byte(doc)) {
			if err != nil {
				return names, err
			}
			names += e.Name
		}
		return names, nil
	}
	for doc, want := range map[string]string{
		`[]`: "", " [ ] \n": "", `[` + one + `]`: "n", ` [ ` + two + " ,\n" + one + `, ` + two + ` ] `: "mnm",
	} {
		if got, err := parse(doc); err != nil || got != want {
			t.Errorf("%s: %q, %v", doc, got, err)
		}
	}
	for doc, want := range map[string]struct{ field, names string }{
		``: {}, `[`: {}, `{}`: {}, `null`: {}, `7`: {}, `[` + one + `,]`: {}, "[\"\xff\"]": {},
		`[` + one + `,7]`: {"[1]", "n"}, `[null]`: {"[0]", ""}, `[[]]`: {"[0]", ""},
		`[` + one + `,` + two + `,{"specversion":"1.0","id":"2","source":"s"}]`: {"[2].type", "nm"},
		`[{"specversion":"0.3","id":"2","source":"s","type":"t"}]`:              {"[0].specversion", ""},
	} {
		got, err := parse(doc)
		var e *ParseError
		if !errors.As(err, &e) || e.Field != want.field || got != want.names {
			t.Errorf("%s: %q, %v", doc, got, err)
		}
		if want.field != "" && !strings.Contains(err.Error(), want.field) {
			t.Errorf("%v does not say where", err)
		}
	}
	for range ParseCloudEvents([]byte(`[` + one + `,7]`)) {
		break // who has enough may stop
	}
}

// Whatever is valid is written and read back the same.
func FuzzMarshalCloudEvent(f *testing.F) {
	f.Add([]byte("0123456789abcdef"), "n", "k", "/s", "application/json", "subject", "x", int64(1), []byte(`{"a": 1}`))
	f.Add([]byte(nil), "n", "", "", "text/json", "originalid", "x y", int64(0), []byte("\xff"))
	f.Add([]byte(nil), "n", "", "eventnode:none", "", "eventnodemeta", "{}", int64(-1), []byte("null"))
	f.Fuzz(func(t *testing.T, id []byte, name, key, source, dataType, metaKey, metaValue string, nano int64, data []byte) {
		e := Event{Name: name, Key: key, Source: source, DataType: dataType, Meta: map[string]string{metaKey: metaValue}, Time: time.Unix(0, nano).UTC()}
		if len(data) > 0 {
			e.Data = data
		}
		if copy(e.ID[:], id); len(id) == 0 {
			e.ID = NamedID(source, metaValue)
		}
		if e.Time = timeOrID(e.Time, e.ID); e.ID == uuid.Nil || e.Validate() != nil {
			return
		}
		cloudRoundTrip(t, e)
	})
}

func FuzzParseCloudEvents(f *testing.F) {
	f.Add([]byte(` [{"specversion":"1.0","id":"i","source":"s","type":"n","data":["]"]} , {"specversion":"1.0","id":"i","source":"s","type":"n"}]`))
	f.Add([]byte(`[1,"a",{}]`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		for e, err := range ParseCloudEvents(doc) {
			if err == nil {
				cloudRoundTrip(t, e)
			} else if !errors.Is(err, ErrParse) {
				t.Fatal(err)
			}
		}
	})
}

// What stands in the extension for Meta comes from anybody.
func TestCloudMetaIsChecked(t *testing.T) {
	attributes := map[string]string{"specversion": "1.0", "id": "a", "source": "/s", "type": "n"}
	for text, want := range map[string]string{
		`{`: "", `{"a`: "", `{"a":`: "", `{"a":"b"`: "", `{"a":"b",}`: "", `"a"`: "", `[]`: "", `{"a":1}`: "", `{"a":null}`: "", `x`: "", "{\"a\":\"\\": "",
		` {"a":"b"} `: "b", `{"a":"\u0062"}`: "b", `{"a":"x","a":"b"}`: "b",
	} {
		attributes["eventnodemeta"] = text
		e, err := FromCloudEvent(attributes, nil)
		if want == "" && !errors.Is(err, ErrParse) || want != "" && (err != nil || e.Meta["a"] != want) {
			t.Errorf("%s: %q, %v", text, e.Meta, err)
		}
		doc, _ := json.Marshal(attributes)
		if _, other := ParseCloudEvent(doc); (other == nil) != (err == nil) {
			t.Errorf("%s in JSON: %v", text, other)
		}
	}
}
