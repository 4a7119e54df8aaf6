package discord

import (
	"encoding/json"
	"errors"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// Ids become strings wherever they stand, nested and in lists, and nothing else changes:
// not numbers that are none, not unknown members, not names that are made of digits.
func TestNormalise(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`{"id":1}`, `{"id":"1"}`},
		{`{"id":"1"}`, `{"id":"1"}`},
		{`{"id":18446744073709551615}`, `{"id":"18446744073709551615"}`},
		{`{"id":18446744073709551616}`, `{"id":18446744073709551616}`},
		{`{"id":null,"guild_id":-1,"channel_id":1.5,"user_id":1e3}`, `{"id":null,"guild_id":-1,"channel_id":1.5,"user_id":1e3}`},
		{`{"ids":[1,"2", 3],"nonce":7,"roles":[5]}`, `{"ids":["1","2","3"],"nonce":"7","roles":["5"]}`},
		{`{"roles":[{"id":5,"position":5}]}`, `{"roles":[{"id":"5","position":5}]}`},
		{`{"user":{"id":1},"member":{"roles":[2],"flags":3}}`, `{"user":{"id":"1"},"member":{"roles":["2"],"flags":3}}`},
		{`{"resolved":{"users":{"42":{"id":42}}}}`, `{"resolved":{"users":{"42":{"id":"42"}}}}`},
		{`{"components":[{"id":1,"emoji":{"id":2},"components":[{"id":3,"custom_id":"x"}]}]}`, `{"components":[{"id":1,"emoji":{"id":"2"},"components":[{"id":3,"custom_id":"x"}]}]}`},
		{`{"answer_id":1,"answer_counts":[{"id":1,"count":2}],"animation_id":3}`, `{"answer_id":1,"answer_counts":[{"id":1,"count":2}],"animation_id":3}`},
		{" { \"new_member\" : [ { \"sku_id\" : 9 , \"x\" : 9 } ] } ", `{"new_member":[{"sku_id":"9","x":9}]}`},
		{`{"text":"{ \"id\": 1 }"}`, `{"text":"{ \"id\": 1 }"}`},
		{`[]`, `[]`}, {`null`, `null`}, {`7`, `7`}, {`{"id":{"id":[1]}}`, `{"id":{"id":["1"]}}`},
	} {
		got, err := Normalise([]byte(c.in))
		if err != nil || string(got) != c.want {
			t.Errorf("%s becomes %s, want %s: %v", c.in, got, c.want, err)
		}
	}
}

// Data that has the form already is not copied.
func TestNormaliseKeeps(t *testing.T) {
	data := json.RawMessage(`{"id":"1","roles":["2"],"nick":"x","position":4}`)
	if n := testing.AllocsPerRun(100, func() { _, _ = Normalise(data) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if got, _ := Normalise(data); &got[0] != &data[0] {
		t.Error("it was copied")
	}
}

// Data that is no JSON, or nests too deep, is refused with the place.
func TestNormaliseMalformed(t *testing.T) {
	deep := strings.Repeat("[", 129) + strings.Repeat("]", 129)
	for _, in := range []string{``, `{`, `{"id":}`, `{"id":1,}`, `{"id" 1}`, `{1:1}`, `[1 2]`, `{} {}`, `nul`, `{"id":01}`, deep} {
		if _, err := Normalise([]byte(in)); !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), "byte ") {
			t.Errorf("%q: %v", in, err)
		}
	}
	if _, err := Normalise([]byte(deep[1 : len(deep)-1])); err != nil {
		t.Errorf("128 deep: %v", err)
	}
}

// stringIDs is what Normalise does, on decoded values: the dumb model.
func stringIDs(v any, is role) any {
	switch v := v.(type) {
	case json.Number:
		var s Snowflake
		if is == id && s.UnmarshalText([]byte(v)) == nil {
			return s.String()
		}
		return v
	case []any:
		for i := range v {
			v[i] = stringIDs(v[i], is)
		}
	case map[string]any:
		for name := range v {
			v[name] = stringIDs(v[name], roleOf([]byte(name), is))
		}
	}
	return v
}

func decodeAny(t testing.TB, data []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(data)))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%q: %v", data, err)
	}
	return v
}

// What goes in comes out, but for the ids' type; to do it again changes nothing; and
// nothing grows: the result is at most twice as long, and after 1,000 different inputs no
// more is in memory than before.
func FuzzNormalise(f *testing.F) {
	for _, s := range []string{`{"id":1,"x":[{"roles":[1,2]}]}`, `{"ids":[0,0,0,0]}`, `[1]`, `"\u0069d"`, `{"\u0069d":1}`, ` [ 1 , 2 ] `, `{"components":[{"id":1}]}`, `{"id":1,"id":2}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := Normalise(data)
		if err != nil {
			if json.Valid(data) && strings.Count(string(data), "[")+strings.Count(string(data), "{") <= 128 {
				t.Fatalf("%q is valid: %v", data, err)
			}
			return
		}
		if !json.Valid(data) || !json.Valid(got) || len(got) > 2*len(data) {
			t.Fatalf("%q becomes %q", data, got)
		}
		if again, err := Normalise(got); err != nil || string(again) != string(got) {
			t.Fatalf("%q becomes %q, and that %q: %v", data, got, again, err)
		}
		if strings.Contains(string(data), `\`) {
			return // the model knows names without their escapes, and Normalise with them
		}
		if want := stringIDs(decodeAny(t, data), plain); !reflect.DeepEqual(decodeAny(t, got), want) {
			t.Fatalf("%q becomes %q, want %v", data, got, want)
		}
	})
}

// Names and values that were never seen before leave nothing behind: after many of
// them no more is in memory.
func TestNormaliseLeavesNothing(t *testing.T) {
	in := func(i int) json.RawMessage {
		n := Snowflake(i).String()
		return json.RawMessage(`{"name` + n + `":"` + n + `","id":` + n + `,"m` + n + `_id":` + n + `}`)
	}
	used := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	many := 200_000
	if testing.Short() {
		many = 20_000
	}
	before := used()
	for i := range many {
		data, err := Normalise(in(i))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse("SOMETHING_"+Snowflake(i).String(), data); err != nil {
			t.Fatal(err)
		}
		if _, err := Parse("USER_UPDATE", data); err != nil {
			t.Fatal(err)
		}
	}
	if after := used(); after > before+1<<20 {
		t.Errorf("%d bytes before, %d after", before, after)
	}
}
