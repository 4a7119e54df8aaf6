package event

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
)

type address struct {
	Street string `json:"street"`
	Zip    *string
}

type item struct {
	ID    int8    `json:"id"`
	Price float64 `json:"price,omitempty"`
}

type Base struct {
	Tenant string `json:"tenant"`
}

type orderPlaced struct {
	Base
	*Extra
	Address address          `json:"address"`
	Items   []item           `json:"items"`
	ByName  map[string]*item `json:"by_name,omitempty"`
	At      time.Time        `json:"at"`
	Paid    bool             `json:"paid,omitzero"`
	Note    any              `json:"note,omitempty"`
	Count   uint16           `json:"count,string"`
	Blob    []byte           `json:"blob,omitempty"`
	Next    *orderPlaced     `json:"next"`
	Ignored string           `json:"-"`
}

type Extra struct {
	Extra string `json:"extra"`
}

const goodOrder = `{"tenant":"t","address":{"street":"s"},"items":[{"id":1}],"at":"2025-01-02T03:04:05Z","count":"3"}`

func TestDecodeComplete(t *testing.T) {
	at := time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)
	want := orderPlaced{Base: Base{"t"}, Address: address{Street: "s"}, Items: []item{{ID: 1}}, At: at, Count: 3}
	for _, data := range []string{
		goodOrder,
		" \n" + goodOrder + "\t",
		strings.Replace(goodOrder, `"tenant"`, `"later":{"tenant":[{}, "}\"",1.5e3,null,true]},"TENANT"`, 1),
		strings.Replace(goodOrder, `"tenant"`, `"ten\u0061nt"`, 1),
		strings.Replace(goodOrder, `"tenant"`, `"next":null,"note":null,"paid":null,"tenant"`, 1),
	} {
		v, err := DecodeAs[orderPlaced](New("order_placed", []byte(data)))
		if err != nil || !reflect.DeepEqual(v, want) {
			t.Errorf("%s: %+v, %v", data, v, err)
		}
	}
	if p, err := DecodeAs[*orderPlaced](New("order_placed", []byte(goodOrder))); err != nil || !reflect.DeepEqual(*p, want) {
		t.Errorf("%+v, %v", p, err)
	}
}

// What is missing or wrong is named with the event's name, the field and the place (row
// A2, AS-T2).
func TestA2_DecodeErrors(t *testing.T) {
	change := func(old, with string) string { return strings.Replace(goodOrder, old, with, 1) }
	deep := `{"tenant":"t","address":{"street":"s"},"items":null,"at":"2025-01-02T03:04:05Z","count":"3","next":`
	tests := []struct{ data, field, reason string }{ // ^ stands before the byte that is wrong
		{``, "", "there is none"},
		{`^{`, "", "unexpected end"},
		{`{"tenant":^}`, "", "invalid character"},
		{`^null`, "", "null is no event"},
		{"{\"tenant\":\"^\xff\"}", "", "not UTF-8"},
		{`^[]`, "", "is an array, not an object"},
		{`^7`, "", "is a number, not an object"},
		{goodOrder + `^x`, "", "invalid character"},
		{strings.TrimSuffix(change(`"tenant":"t",`, ``), "}") + "^}", "tenant", "is missing"},
		{change(`"t"`, `^null`), "tenant", "is null"},
		{change(`"t"`, `^7`), "tenant", "is a number, not a string"},
		{change(`{"street":"s"}`, `{ ^}`), "address.street", "is missing"},
		{change(`{"street":"s"}`, `{"street":^null}`), "address.street", "is null"},
		{change(`{"street":"s"}`, `{"street":^{}}`), "address.street", "is an object, not a string"},
		{change(`{"street":"s"}`, `^[]`), "address", "is an array, not an object"},
		{change(`{"street":"s"}`, `^null`), "address", "is null"},
		{change(`[{"id":1}]`, `[{"id":1},{"id":2},{"price":1^}]`), "items[2].id", "is missing"},
		{change(`[{"id":1}]`, `[{"id":1},{"id":2},{"id":^"3"}]`), "items[2].id", "is a string, not a whole number"},
		{change(`[{"id":1}]`, `[{"id":^300}]`), "items[0].id", "is 300, which is no int8"},
		{change(`[{"id":1}]`, `[{"id":^1.5}]`), "items[0].id", "is 1.5, which is no int8"},
		{change(`[{"id":1}]`, `^{}`), "items", "is an object, not an array"},
		{change(`"tenant"`, `"by_name":{"a":null,"b":{"id":1},"c":{^}},"tenant"`), "by_name.c.id", "is missing"},
		{change(`"tenant"`, `"by_name":{"a":{"id":^true}},"tenant"`), "by_name.a.id", "is a boolean, not a whole number"},
		{change(`"2025-01-02`, `^"yesterday`), "at", "cannot be read"},
		{change(`"3"`, `^"x"`), "count", ""},
		{change(`"tenant"`, `"blob":^"*","tenant"`), "blob", "cannot be read"},
		{change(`"tenant"`, `"paid":^"yes","tenant"`), "paid", "is a string, not a boolean"},
		{deep + deep + `{^}}}`, "next.next.tenant", "is missing"},
		{deep + `{"tenant":^[]}}`, "next.tenant", "is an array, not a string"},
	}
	for _, tt := range tests {
		offset := strings.Index(tt.data, "^")
		data := strings.Replace(tt.data, "^", "", 1)
		if offset >= 0 {
			offset++
		}
		v, err := DecodeAs[orderPlaced](New("order_placed", []byte(data)))
		var parse *ParseError
		if !errors.As(err, &parse) || !errors.Is(err, ErrParse) || !reflect.DeepEqual(v, orderPlaced{}) {
			t.Errorf("%s: %+v, %v", tt.data, v, err)
			continue
		}
		if parse.Name != "order_placed" || parse.Field != tt.field || parse.Offset != int64(offset) || !strings.Contains(err.Error(), tt.reason) {
			t.Errorf("%s: field %q at %d: %v\nwant %q at %d: %s", tt.data, parse.Field, parse.Offset, err, tt.field, offset, tt.reason)
		}
		if tt.field != "" && !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v is not ErrInvalid", tt.data, err)
		}
	}
}

func TestDecodeOtherErrors(t *testing.T) {
	r := registered(t)
	json, msg := WithDataType(JSON), WithDataType("application/x-protobuf")
	for _, tt := range []struct {
		e     Event
		field string
	}{
		{New("user_created", []byte(`{"user_id":7,"username":"ada","email":"nowhere"}`)), ""},
		{New("user_created", []byte(`{}`), WithDataType("text/plain")), "data_type"},
		{New("user_created", []byte(`{}`), msg), "data_type"},
		{New("time_passed", []byte{0xff}), ""},
		{New("time_passed", []byte(`7`), json), ""},
		{New("time_passed", nil, WithDataType("text/plain")), "data_type"},
		{New("user_created", []byte(`{}`), WithMeta(map[string]string{MetaVersion: "x"})), MetaVersion},
		{New("user_created", []byte(`{}`), WithMeta(map[string]string{MetaVersion: "0"})), MetaVersion},
	} {
		v, err := r.Decode(tt.e)
		var parse *ParseError
		if !errors.As(err, &parse) || parse.Field != tt.field || parse.Name != tt.e.Name || v != nil {
			t.Errorf("%+v: %v, %v", tt.e, v, err)
		}
	}
	if _, err := DecodeAsIn[userCreated](r, New("user_deleted", []byte(`{}`))); !errors.Is(err, ErrParse) {
		t.Errorf("another name: %v", err)
	}
	for _, v := range []any{nil, userCreated{}, new(int), (*userCreated)(nil)} {
		if err := r.Into(New("user_created", []byte(`{}`)), v); !errors.Is(err, ErrInvalid) {
			t.Errorf("%T: %v", v, err)
		}
	}
	if m, err := DecodeAsIn[*timestamppb.Timestamp](r, New("time_passed", []byte(`"1970-01-01T00:00:07Z"`), json)); err != nil || m.Seconds != 7 {
		t.Errorf("%v, %v", m, err)
	}
}

type priceV3 struct {
	Amount   int    `json:"amount"`
	Currency string `json:"currency"`
	Taxed    bool   `json:"taxed"`
}

// Old versions are brought up to date, one after the other; a newer one is told apart
// (row B16).
func TestUpcasts(t *testing.T) {
	add := func(field string) Upcast {
		return func(raw json.RawMessage) (json.RawMessage, error) {
			if strings.Contains(string(raw), "boom") {
				return nil, errUpcast
			}
			return append(raw[:len(raw)-1:len(raw)-1], field...), nil
		}
	}
	r := NewRegistry()
	if err := RegisterIn[priceV3](r, "price_set", WithVersion(3), WithUpcast(1, add(`,"currency":"EUR"}`)), WithUpcast(2, add(`,"taxed":true}`))); err != nil {
		t.Fatal(err)
	}
	version := func(v string) Option { return WithMeta(map[string]string{MetaVersion: v}) }
	want := priceV3{5, "EUR", true}
	for _, e := range []Event{
		New("price_set", []byte(`{"amount":5}`)),
		New("price_set", []byte(`{"amount":5}`), version("1")),
		New("price_set", []byte(`{"amount":5,"currency":"EUR"}`), version("2")),
		New("price_set", []byte(`{"amount":5,"currency":"EUR","taxed":true}`), version("3")),
	} {
		if v, err := r.Decode(e); err != nil || v != want {
			t.Errorf("%s: %+v, %v", e.Data, v, err)
		}
	}
	meta := map[string]string{"a": "b"}
	if e, err := r.Of(want, WithMeta(meta)); err != nil || e.Meta[MetaVersion] != "3" || e.Meta["a"] != "b" || len(meta) != 1 {
		t.Errorf("%+v, %v, %v", e, meta, err)
	}
	if _, err := r.Decode(New("price_set", []byte(`{}`), version("4"))); !errors.Is(err, ErrNewerVersion) || !errors.Is(err, ErrParse) {
		t.Errorf("version 4: %v", err)
	}
	if _, err := r.Decode(New("price_set", []byte(`{"boom":1}`))); !errors.Is(err, errUpcast) || !errors.Is(err, ErrParse) {
		t.Errorf("an up-caster that fails: %v", err)
	}
	if _, err := r.Decode(New("price_set", []byte(`{"a":1}`))); !errors.Is(err, ErrParse) || !strings.Contains(err.Error(), "upcast data of price_set: at byte 37: amount is missing") {
		t.Errorf("%v", err)
	}
	if err := RegisterIn[userDeleted](r, "user_deleted", WithVersion(2)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Decode(New("user_deleted", []byte(`{"user_id":1}`))); !errors.Is(err, ErrParse) || errors.Is(err, ErrNewerVersion) {
		t.Errorf("no up-caster: %v", err)
	}
}

var errUpcast = errors.New("boom")

// What encoding/json writes of a value that is whole is read back, and with any one
// required field dropped it is not: the check against a map of what the JSON has.
func TestMissingFieldsRandom(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	word := func() string { return strconv.Quote(string(rune('a'+rnd.IntN(26)))) + "" }
	required := []string{"tenant", "address", "items", "at", "count"}
	values := map[string]func() string{
		"tenant": word, "address": func() string { return `{"x":[{}],"street":` + word() + `}` },
		"items": func() string { return `[` + strings.Repeat(`{"z":{"id":[]},"id":1},`, rnd.IntN(3)) + `{"id":2}]` },
		"at":    func() string { return `"2025-01-02T03:04:05Z"` }, "count": func() string { return `"9"` },
		"paid": func() string { return "true" }, "note": func() string { return `{"tenant":null,"s":"\\\"}"}` }, "unknown": word,
		"next": func() string { return goodOrder },
	}
	for range 2000 {
		var parts []string
		there := map[string]bool{}
		for name, value := range values {
			if rnd.IntN(12) > 0 {
				there[name] = true
				parts = append(parts, strconv.Quote(name)+strings.Repeat(" ", rnd.IntN(2))+":"+value())
			}
		}
		rnd.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		data := "{" + strings.Join(parts, ", ") + "}"
		complete := true
		for _, name := range required {
			complete = complete && there[name]
		}
		_, err := DecodeAs[orderPlaced](New("order_placed", []byte(data)))
		var parse *ParseError
		if complete != (err == nil) || err != nil && (!errors.As(err, &parse) || there[parse.Field] || int(parse.Offset) != len(data)) {
			t.Fatalf("%s: %v", data, err)
		}
	}
}

// Whatever comes is a value or a *ParseError; and a value is read again when it was
// written.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(goodOrder))
	f.Add([]byte(`{"items":[{"id":"x"}],"by_name":{"a":{}},"next":{"next":{}}}`))
	f.Add([]byte(`{"\u0041":"\\","at":1,"count":"9"}`))
	r := NewRegistry()
	if err := RegisterIn[orderPlaced](r, "order_placed"); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := r.Decode(New("order_placed", data))
		if err != nil {
			var parse *ParseError
			if !errors.As(err, &parse) || parse.Offset > int64(len(data))+1 {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		e, err := r.Of(v)
		if err != nil {
			t.Skip(err) // encoding/json writes no time with seconds in its zone
		}
		if _, err := r.Decode(e); err != nil {
			t.Fatalf("%s: %v", e.Data, err)
		}
	})
}

func BenchmarkOf(b *testing.B) {
	r := registered(b)
	v := &userDeleted{7}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Of(v); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	r := registered(b)
	e, err := r.Of(userCreated{7, "ada", "ada@example.com"})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("registry", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := r.Decode(e); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding_json", func(b *testing.B) { // what it is measured against
		b.ReportAllocs()
		for b.Loop() {
			var v userCreated
			if err := json.Unmarshal(e.Data, &v); err != nil {
				b.Fatal(err)
			}
		}
	})
}
