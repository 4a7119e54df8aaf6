package event

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
)

const idJSON = `"id":"01981f3e-5c00-7000-8000-000000000001","name":"n","time":"2025-07-18T20:33:57.248Z"`

func sample(data, dataType string) Event {
	return Event{ID: testID, Name: "n", Time: TimeOf(testID), Data: []byte(data), DataType: dataType}
}

// The three forms of data, exactly (rows A1, AS-T3).
func TestA1_JSONForms(t *testing.T) {
	tests := []struct{ name, data, dataType, want string }{
		{"none", "", "", `{` + idJSON + `}`},
		{"text", "a \"b\"\n", "", `{` + idJSON + `,"data":"a \"b\"\n"}`},
		{"text that is JSON", `{"a":1}`, "text/plain", `{` + idJSON + `,"data_type":"text/plain","data":"{\"a\":1}"}`},
		{"bytes", "\xff\x00", "", `{` + idJSON + `,"data_base64":"/wA="}`},
		{"JSON", `{"a":[1,null]}`, "application/json", `{` + idJSON + `,"data_type":"application/json","data":{"a":[1,null]}}`},
		{"JSON string", `"a"`, "application/json", `{` + idJSON + `,"data_type":"application/json","data":"a"}`},
		{"JSON null", `null`, "application/json", `{` + idJSON + `,"data_type":"application/json","data":null}`},
		{"+json", `1e2`, "application/x+json; a=b", `{` + idJSON + `,"data_type":"application/x+json; a=b","data":1e2}`},
		{"JSON with spaces", `[1, 2]`, "application/json", `{` + idJSON + `,"data_type":"application/json","data":[1,2],"data_base64":"WzEsIDJd"}`},
		{"JSON with HTML", `"<"`, "application/json", `{` + idJSON + `,"data_type":"application/json","data":"\u003c","data_base64":"Ijwi"}`},
		{"not JSON", `{a`, "application/json", `{` + idJSON + `,"data_type":"application/json","data_base64":"e2E="}`},
		{"JSON, not UTF-8", "\"\xff\"", "application/json", `{` + idJSON + `,"data_type":"application/json","data_base64":"Iv8i"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := sample(tt.data, tt.dataType)
			if tt.data == "" {
				e.Data = nil
			}
			got, err := json.Marshal(e)
			if err != nil || string(got) != tt.want {
				t.Fatalf("got  %s (%v)\nwant %s", got, err, tt.want)
			}
			back, err := ParseJSON(got)
			if err != nil || !reflect.DeepEqual(back, e) {
				t.Fatalf("back: %+v (%v)\nwant  %+v", back, err, e)
			}
		})
	}
}

// Every field survives, to the nanosecond (row A1).
func TestA1_JSONRoundTrip(t *testing.T) {
	e := Event{
		ID: testID, Name: "größe", Key: "k\x00", Time: time.Date(2261, 1, 2, 3, 4, 5, 678901234, time.UTC), Source: "/s",
		Meta: map[string]string{"a": "", "<&>": "\u2028"}, Data: []byte("<b>\u2029"), DataType: "x",
	}
	for name, encode := range map[string]func() ([]byte, error){
		"json.Marshal": func() ([]byte, error) { return json.Marshal(e) },
		"MarshalJSON":  e.MarshalJSON,
		"indented":     func() ([]byte, error) { return json.MarshalIndent(&e, " ", "\t") },
	} {
		b, err := encode()
		if err != nil {
			t.Fatal(name, err)
		}
		var back Event
		if err := json.Unmarshal(b, &back); err != nil || !reflect.DeepEqual(back, e) {
			t.Errorf("%s: %s\n%+v (%v)\nwant %+v", name, b, back, err, e)
		}
	}
}

// An event without time has its ID's, in JSON as on the wire.
func TestJSONTimeOfID(t *testing.T) {
	for _, at := range []time.Time{{}, time.Unix(0, 0)} {
		b, err := json.Marshal(Event{ID: testID, Name: "n", Time: at})
		if err != nil || string(b) != `{`+idJSON+`}` {
			t.Errorf("%s (%v)", b, err)
		}
	}
	e, err := ParseJSON([]byte(`{"id":"` + testID.String() + `","name":"n"}`))
	if err != nil || !e.Time.Equal(TimeOf(testID)) {
		t.Errorf("%v (%v)", e.Time, err)
	}
	v4 := uuid.New()
	b, err := json.Marshal(Event{ID: v4, Name: "n"})
	if err != nil || strings.Contains(string(b), "time") {
		t.Errorf("%s (%v)", b, err)
	}
}

func TestMarshalJSONInvalid(t *testing.T) {
	if b, err := json.Marshal(Event{ID: testID}); !errors.Is(err, ErrInvalid) {
		t.Fatalf("%s, %v", b, err)
	}
}

// Malformed JSON and wrong fields are one kind of error (row A2).
func TestA2_ParseErrors(t *testing.T) {
	tests := []struct {
		json, field string
		offset      int64
	}{
		{``, "", 0},
		{`{`, "", 1},
		{`nonsense`, "", 2},
		{`[]`, "", 1},
		{`null`, "", 0},
		{`{} {}`, "", 4},
		{"{\"id\":\"\xff\"}", "", 8},
		{`{}`, "id", -1},
		{`{"id":null}`, "id", -1},
		{`{"id":7}`, "id", -1},
		{`{"id":"7"}`, "id", -1},
		{`{"id":"00000000-0000-0000-0000-000000000000","name":"n"}`, "id", -1},
		{`{"ID":"01981f3e-5c00-7000-8000-000000000001","name":"n"}`, "id", -1},
		{`{"id":"01981f3e-5c00-7000-8000-000000000001"}`, "name", -1},
		{`{"id":"01981f3e-5c00-7000-8000-000000000001","name":["n"]}`, "name", -1},
		{`{"id":"01981f3e-5c00-7000-8000-000000000001","name":"a\nb"}`, "name", -1},
		{`{` + idJSON + `,"key":1}`, "key", -1},
		{`{` + idJSON + `,"time":"yesterday"}`, "time", -1},
		{`{` + idJSON + `,"time":"2999-01-01T00:00:00Z"}`, "time", -1},
		{`{` + idJSON + `,"source":{}}`, "source", -1},
		{`{` + idJSON + `,"meta":[]}`, "meta", -1},
		{`{` + idJSON + `,"meta":{"a":1}}`, "meta", -1},
		{`{` + idJSON + `,"meta":{"a":null}}`, "meta", -1},
		{`{` + idJSON + `,"meta":{"":"a"}}`, "meta", -1},
		{`{` + idJSON + `,"data_type":1}`, "data_type", -1},
		{`{` + idJSON + `,"data":{"a":1}}`, "data", -1},
		{`{` + idJSON + `,"data_base64":"*"}`, "data_base64", -1},
		{`{` + idJSON + `,"data":"a","data_base64":"YQ=="}`, "data_base64", -1},
		{`{` + idJSON + `,"data_type":"application/json","data":1,"data_base64":"Mg=="}`, "data_base64", -1},
	}
	for _, tt := range tests {
		e, err := ParseJSON([]byte(tt.json))
		var parse *ParseError
		if !errors.As(err, &parse) || !errors.Is(err, ErrParse) {
			t.Errorf("%s: %+v, %v", tt.json, e, err)
			continue
		}
		if parse.Field != tt.field || parse.Offset != tt.offset {
			t.Errorf("%s: field %q offset %d (%v), want %q %d", tt.json, parse.Field, parse.Offset, err, tt.field, tt.offset)
		}
		if tt.field != "" && !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v is not ErrInvalid", tt.json, err)
		}
		if !reflect.DeepEqual(e, Event{}) {
			t.Errorf("%s: an event beside the error: %+v", tt.json, e)
		}
	}
}

func TestParseJSONTolerates(t *testing.T) {
	for _, s := range []string{
		" \n{" + idJSON + "} \n",
		`{` + idJSON + `,"later":{"x":[1]}}`,
		`{` + idJSON + `,"data":null,"meta":null,"key":null,"data_base64":""}`,
		`{` + idJSON + `,"meta":{},"data":""}`,
	} {
		e, err := ParseJSON([]byte(s))
		want := sample("", "")
		want.Data = nil
		if err != nil || !reflect.DeepEqual(e, want) {
			t.Errorf("%s: %+v, %v", s, e, err)
		}
	}
}

// Whatever parses is valid and survives another round; whatever is valid
// survives the first.
func FuzzParseJSON(f *testing.F) {
	f.Add([]byte(`{`+idJSON+`,"key":"k","source":"s","meta":{"a":"b"},"data":"x"}`), "application/json", []byte(`{"a": "<"}`))
	f.Add([]byte(`{`+idJSON+`,"data_type":"application/json","data":{"a":[1]}}`), "text/plain", []byte("\xff"))
	f.Add([]byte(`{`), "a/b+json", []byte(`"\u2028"`))
	f.Fuzz(func(t *testing.T, doc []byte, dataType string, data []byte) {
		if e, err := ParseJSON(doc); err == nil {
			roundTrip(t, e)
		} else if !errors.Is(err, ErrParse) {
			t.Fatalf("%v is no ParseError", err)
		}
		if utf8.ValidString(dataType) && len(data) > 0 {
			roundTrip(t, sample(string(data), dataType))
		}
	})
}

func roundTrip(t *testing.T, e Event) {
	t.Helper()
	if err := e.Validate(); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseJSON(b)
	if err != nil || !reflect.DeepEqual(e, back) {
		t.Fatalf("%s\n%#v (%v)\nwant %#v", b, back, err, e)
	}
}

func BenchmarkParseJSON(b *testing.B) {
	e := New("user_created", []byte(`{"user_id":123456,"email":"someone@example.com","name":"Someone"}`),
		WithKey("123456"), WithDataType("application/json"),
		WithMeta(map[string]string{"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}))
	text, err := json.Marshal(e)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseJSON(text); err != nil {
			b.Fatal(err)
		}
	}
}
