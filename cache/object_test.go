package cache

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// members decodes an object; not ok: it is none.
func members(text []byte) (m map[string]any, ok bool) {
	v, ok := decoded(text).(map[string]any)
	return v, ok && json.Valid(text) && !strings.Contains(string(text), `\`) && utf8.Valid(text)
}

// To merge two objects is what it is to merge two maps, and what is not changed is not
// copied.
func checkMerge(t *testing.T, old, news string) {
	t.Helper()
	before, ok := members([]byte(old))
	with, also := members([]byte(news))
	if !ok || !also {
		return
	}
	want := maps.Clone(before)
	maps.Copy(want, with)
	text := json.RawMessage(old)
	got, changed := merge(text, json.RawMessage(news))
	if !json.Valid(got) || !reflect.DeepEqual(decoded(got), any(want)) {
		t.Fatalf("%s and %s become %s", old, news, got)
	}
	if !changed && &got[0] != &text[0] {
		t.Fatalf("%s and %s: the same, and copied", old, news)
	}
	if string(text) != old {
		t.Fatalf("the old one became %s", text)
	}
}

// Objects with more members than there is room for, in any order.
func TestMerge(t *testing.T) {
	large := func(from, to, step int) string {
		var all []string
		for i := from; i != to; i += step {
			all = append(all, fmt.Sprintf(`"m%d":%d`, i, i*step))
		}
		return "{" + strings.Join(all, ",") + "}"
	}
	objects := []string{`{}`, `{"a":1}`, `{"a":2}`, `{"b":1,"a":1}`, `{ "a" : 1 , "b" : 2 }`, `{"a":1,"a":2}`, `{"a":{"x":1,"y":2}}`, `{"a":{"y":2,"x":1}}`, large(0, 100, 1), large(120, 20, -1), large(0, 41, 1)}
	for _, old := range objects {
		for _, news := range objects {
			checkMerge(t, old, news)
		}
		if got, changed := merge(json.RawMessage(old), json.RawMessage(old)); changed && !strings.Contains(old, `"a":1,"a":2`) {
			t.Errorf("%s with itself becomes %s", old, got)
		}
	}
	if _, changed := merge(json.RawMessage(`{"a":{"x":1,"y":2}}`), json.RawMessage(`{"a":{"y":2,"x":1}}`)); changed {
		t.Error("another order is a change")
	}
}

func FuzzMerge(f *testing.F) {
	f.Add(`{"a":1,"b":[2]}`, `{"b":[3],"c":null}`)
	f.Add(`{ "a" : 1 }`, `{"a":1,"a":2}`)
	f.Add(`{"a":1,"a":3,"b":1}`, `{"a":3}`)
	f.Fuzz(checkMerge)
}

// An object with one member more, or less, is an object.
func TestWithAndWithout(t *testing.T) {
	for in, want := range map[string]string{`{}`: `{"u":1}`, ` { } `: `{"u":1}`, `{"a":2} `: `{"a":2,"u":1}`, ``: `{"u":1}`, `{"a":2 }`: `{"a":2,"u":1}`} {
		if got := with(json.RawMessage(in), "u", []byte("1")); string(got) != want {
			t.Errorf("%q becomes %s", in, got)
		}
	}
	for in, want := range map[string]string{`{}`: `{}`, `{"user":1}`: `{}`, `{"a":1,"user":{},"b":2,"guild_id":"1"}`: `{"a":1,"b":2}`, `{"a":"` + strings.Repeat("x", 5000) + `"}`: `{"a":"` + strings.Repeat("x", 5000) + `"}`} {
		if got := without(json.RawMessage(in), outside); string(got) != want {
			t.Errorf("%q becomes %s", in, got)
		}
	}
}
