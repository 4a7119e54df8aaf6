package event

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

// The flat form keeps every field (row A1; the source dropped them, W1, and its times were
// of no zone, W5).
func TestParseFlat(t *testing.T) {
	const id4 = "6f1c2d7e-0c3b-4a55-9d2e-2b1f0a3c4d5e"
	at := time.Date(2023, 5, 1, 12, 0, 0, 250_000_000, time.UTC)
	parsed, err := ParseID(id4)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		doc  string
		opts []Option
		want Event
	}{
		{`{"id":7,"event_name":"user_created","event_date":"2023-05-01T12:00:00.25","user_id":42,"username":"ada"}`, []Option{WithSource("shop")},
			Event{ID: NamedID("shop", "7"), Name: "user_created", Time: at, Source: "shop", Meta: map[string]string{"originalid": "7", "originalidkind": "number"},
				DataType: JSON, Data: []byte(`{"user_id":42,"username":"ada"}`)}},
		{`{"user_id":42, "id":"` + id4 + `" , "more" : {"id":[1]},"event_name":"n","event_date":"2023-05-01T14:00:00.25+02:00"}`, nil,
			Event{ID: parsed, Name: "n", Time: at, DataType: JSON, Data: []byte(`{"user_id":42,"more" : {"id":[1]}}`)}},
		{`{"id":"order/7","event_name":"n","event_date":"2023-05-01 12:00:00.25"}`, []Option{WithMeta(map[string]string{"a": "b"}), WithKey("k")},
			Event{ID: NamedID("", "order/7"), Name: "n", Key: "k", Time: at, Meta: map[string]string{"a": "b", "originalid": "order/7"}, DataType: JSON, Data: []byte(`{}`)}},
		{`{"id":"` + testID.String() + `","event_name":"n"}`, nil,
			Event{ID: testID, Name: "n", Time: TimeOf(testID), DataType: JSON, Data: []byte(`{}`)}},
		{`{"id":"x","event_name":"n","event_date":null,"acknowledged":false}`, nil,
			Event{ID: NamedID("", "x"), Name: "n", Meta: map[string]string{"originalid": "x"}, DataType: JSON, Data: []byte(`{"acknowledged":false}`)}},
	} {
		for what, parse := range map[string]func([]byte, ...Option) (Event, error){"ParseFlat": ParseFlat, "ParseAny": ParseAny} {
			got, err := parse([]byte(tt.doc), tt.opts...)
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%s of %s:\n%+v (%v)\nwant %+v", what, tt.doc, got, err, tt.want)
			}
		}
		flat, err := tt.want.MarshalFlat()
		if err != nil {
			t.Error(err)
			continue
		}
		again, err := ParseFlat(flat, append([]Option{WithSource(tt.want.Source)}, tt.opts...)...)
		if err != nil || !reflect.DeepEqual(again, tt.want) {
			t.Errorf("%s:\n%+v (%v)\nwant %+v", flat, again, err, tt.want)
		}
	}
	meta := map[string]string{"a": "b"}
	if _, err := ParseFlat([]byte(`{"id":7,"event_name":"n"}`), WithMeta(meta)); err != nil || len(meta) != 1 {
		t.Errorf("the caller's meta is %v, %v", meta, err)
	}
}

// A user of the source reads and writes what the source does (AS-T2, AS-T3).
func TestAST2_FlatToStruct(t *testing.T) {
	e, err := ParseFlat([]byte(`{"id": 1, "event_name": "user_created", "event_date": "2023-05-01T12:00:00", "user_id": 7, "username": "ada", "email": "a@b"}`))
	if err != nil {
		t.Fatal(err)
	}
	v, err := registered(t).Decode(e)
	if err != nil || v != (userCreated{7, "ada", "a@b"}) {
		t.Errorf("%+v, %v", v, err)
	}
	b, err := e.MarshalFlat()
	if want := `{"id":1,"event_name":"user_created","event_date":"2023-05-01T12:00:00Z","user_id": 7,"username": "ada","email": "a@b"}`; err != nil || string(b) != want {
		t.Errorf("%s, %v", b, err)
	}
}

func TestParseFlatErrors(t *testing.T) {
	for _, tt := range []struct{ doc, field string }{
		{`{`, ""}, {`[]`, ""}, {`null`, ""}, {"{\"id\":\"\xff\"}", ""},
		{`{"id":1}`, "event_name"}, {`{"id":1,"event_name":7}`, "event_name"}, {`{"id":1,"event_name":"a\nb"}`, "event_name"},
		{`{"event_name":"n"}`, "id"}, {`{"id":null,"event_name":"n"}`, "id"}, {`{"id":"","event_name":"n"}`, "id"},
		{`{"id":1.5,"event_name":"n"}`, "id"}, {`{"id":1e3,"event_name":"n"}`, "id"}, {`{"id":{},"event_name":"n"}`, "id"}, {`{"id":true,"event_name":"n"}`, "id"},
		{`{"id":1,"event_name":"n","event_date":"soon"}`, "event_date"}, {`{"id":1,"event_name":"n","event_date":7}`, "event_date"},
		{`{"id":1,"event_name":"n","event_date":"2999-01-01"}`, "event_date"},
	} {
		e, err := ParseFlat([]byte(tt.doc))
		var parse *ParseError
		if !errors.As(err, &parse) || parse.Field != tt.field || !reflect.DeepEqual(e, Event{}) {
			t.Errorf("%s: %+v, %v", tt.doc, e, err)
		}
	}
	for _, e := range []Event{
		{}, New("n", []byte(`[]`)), New("n", []byte(`{`)), New("n", []byte(`{"id":1}`)), New("n", []byte(`{"event_date":1}`)),
		New("n", []byte(`a`), WithDataType("text/plain")),
	} {
		if b, err := e.MarshalFlat(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: %s, %v", e, b, err)
		}
	}
}

func TestParseCloudEvent(t *testing.T) {
	at := time.Date(2018, 4, 5, 17, 31, 0, 0, time.UTC)
	const head = `{"specversion":"1.0","type":"com.example.n","source":"/s","id":"` // then the id
	for _, tt := range []struct {
		doc  string
		want Event
	}{
		{head + `A234-1234","time":"2018-04-05T17:31:00Z","subject":"sub","comexampleextension1":"value","comexampleothervalue":5,"yes":true,"no":null,
			"partitionkey":"k","datacontenttype":"application/json","data":{"a": [1]}}`,
			Event{ID: NamedID("/s", "A234-1234"), Name: "com.example.n", Key: "k", Time: at, Source: "/s", DataType: JSON, Data: []byte(`{"a": [1]}`),
				Meta: map[string]string{"originalid": "A234-1234", "subject": "sub", "comexampleextension1": "value", "comexampleothervalue": "5", "yes": "true"}}},
		{head + testID.String() + `","data":"text"}`,
			Event{ID: testID, Name: "com.example.n", Source: "/s", Time: TimeOf(testID), DataType: JSON, Data: []byte(`"text"`)}},
		{head + testID.String() + `","datacontenttype":"text/xml","data":"<a/>"}`,
			Event{ID: testID, Name: "com.example.n", Source: "/s", Time: TimeOf(testID), DataType: "text/xml", Data: []byte(`<a/>`)}},
		{head + testID.String() + `","datacontenttype":"application/x-protobuf","data_base64":"/wA="}`,
			Event{ID: testID, Name: "com.example.n", Source: "/s", Time: TimeOf(testID), DataType: "application/x-protobuf", Data: []byte{0xff, 0}}},
		{head + testID.String() + `","datacontenttype":"text/json","data":{"a": 1}}`,
			Event{ID: testID, Name: "com.example.n", Source: "/s", Time: TimeOf(testID), DataType: "text/json", Data: []byte(`{"a": 1}`)}},
		{head + testID.String() + `","data":null}`,
			Event{ID: testID, Name: "com.example.n", Source: "/s", Time: TimeOf(testID), DataType: JSON}},
	} {
		for what, parse := range map[string]func([]byte) (Event, error){
			"ParseCloudEvent": ParseCloudEvent, "ParseAny": func(b []byte) (Event, error) { return ParseAny(b) },
		} {
			if got, err := parse([]byte(tt.doc)); err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%s of %s:\n%+v (%v)\nwant %+v", what, tt.doc, got, err, tt.want)
			}
		}
	}
}

func TestParseCloudEventErrors(t *testing.T) {
	good := map[string]string{"specversion": `"1.0"`, "id": `"i"`, "source": `"s"`, "type": `"n"`}
	doc := func(field, value string) string {
		var parts []string
		for name, v := range good {
			if name != field {
				parts = append(parts, `"`+name+`":`+v)
			}
		}
		if value != "" {
			parts = append(parts, `"`+field+`":`+value)
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	if _, err := ParseCloudEvent([]byte(doc("x", ""))); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ field, value string }{
		{"specversion", ""}, {"specversion", `"0.3"`}, {"specversion", "1.0"}, {"id", ""}, {"id", `""`}, {"id", "7"}, {"source", ""},
		{"type", ""}, {"type", `"a\nb"`}, {"time", `"soon"`}, {"partitionkey", "7"}, {"partitionkey", `"` + strings.Repeat("k", 256) + `"`},
		{"datacontenttype", "7"}, {"ext", "{}"}, {"ext", "[]"}, {"data_base64", `"*"`}, {"data_base64", `7`}, {"data_base64", `"YQ==","data":1`},
	} {
		e, err := ParseCloudEvent([]byte(doc(tt.field, tt.value)))
		var parse *ParseError
		if !errors.As(err, &parse) || parse.Field != tt.field || !reflect.DeepEqual(e, Event{}) {
			t.Errorf("%s %s: %+v, %v", tt.field, tt.value, e, err)
		}
	}
	for _, s := range []string{``, `{`, `[]`, `null`} {
		if _, err := ParseAny([]byte(s)); !errors.Is(err, ErrParse) {
			t.Errorf("%s: %v", s, err)
		}
	}
}

// NamedID is the same for ever: events that were stored rely on it.
func TestNamedID(t *testing.T) {
	if got := NamedID("shop", "7").String(); got != "9ec168bf-9271-5e51-b118-0f02683b7ee4" {
		t.Errorf("%s", got)
	}
	if NamedID("a", "bc") == NamedID("ab", "c") || NamedID("1", "") == NamedID("", "1") || NamedID("a", "b").Version() != 5 {
		t.Error("sources and originals run together")
	}
}

// Ours is told apart, too.
func TestParseAnyOurs(t *testing.T) {
	e, err := ParseAny([]byte(`{` + idJSON + `,"meta":{"specversion":"1.0"},"data":"event_name"}`))
	if err != nil || e.Name != "n" || string(e.Data) != "event_name" {
		t.Errorf("%+v, %v", e, err)
	}
}

func FuzzParseFlat(f *testing.F) {
	f.Add([]byte(`{"id":7,"event_name":"user_created","event_date":"2023-05-01T12:00:00.25","user_id":42}`))
	f.Add([]byte(`{"id":"\u0041\"","event_name":"n" , "a":[{"b":"]\\"}],"a":1}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		e, err := ParseFlat(doc, WithSource("s"))
		if err != nil {
			if !errors.Is(err, ErrParse) {
				t.Fatal(err)
			}
			return
		}
		roundTrip(t, e)
		b, err := e.MarshalFlat()
		if errors.Is(err, ErrInvalid) { // a name of the form's own in other letters or escaped
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if back, err := ParseFlat(b, WithSource("s")); err != nil || !reflect.DeepEqual(back, e) {
			t.Fatalf("%s\n%+v (%v)\nwant %+v", b, back, err, e)
		}
	})
}

func FuzzParseCloudEvent(f *testing.F) {
	f.Add([]byte(`{"specversion":"1.0","id":"i","source":"s","type":"n","x":5,"data":{"a":"b"}}`))
	f.Add([]byte(`{"specversion":"1.0","id":"i","source":"s","type":"n","datacontenttype":"a/b","data_base64":"YQ=="}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		e, err := ParseCloudEvent(doc)
		if err == nil {
			roundTrip(t, e)
			cloudRoundTrip(t, e)
		} else if !errors.Is(err, ErrParse) {
			t.Fatal(err)
		}
	})
}

func FuzzParseAny(f *testing.F) {
	f.Add([]byte(`{"specversion":"1.0","event_name":"n"}`))
	f.Add([]byte(`{"event_name":"n","id":1}`))
	f.Add([]byte(`{` + idJSON + `}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		e, err := ParseAny(doc)
		if err == nil {
			roundTrip(t, e)
		} else if !errors.Is(err, ErrParse) {
			t.Fatal(err)
		}
	})
}
