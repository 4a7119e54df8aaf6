package jsonscan

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// object reads all members; the last of several with one name counts.
func object(data []byte) (map[string]any, error) {
	all := map[string]any{}
	m := Object(data)
	for m.Next() {
		var name string
		var value any
		if err := json.Unmarshal([]byte(`"`+string(m.Key)+`"`), &name); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(m.Value, &value); err != nil {
			return nil, err
		}
		all[name] = value
	}
	return all, m.Err()
}

func list(data []byte) ([]any, error) {
	all := []any{}
	e := List(data)
	for e.Next() {
		var value any
		if err := json.Unmarshal(e.Value, &value); err != nil {
			return nil, err
		}
		all = append(all, value)
	}
	return all, e.Err()
}

var samples = []string{
	`{}`, `[]`, ` { } `, `[ ]`, `null`, ``, ` `, `{"a":1}`, `{"a":1,"b":[1,{"c":"d"}]}`, `[1,-2.5e+3,0.1,true,false,null,"x"]`,
	`{"a":"\u00e9\n\"\\"}`, `{"a" : 1 , "b" : 2 }`, `[[1][2]]`, `[1 2]`, `{"a":1 "b":2}`, `{"a"}`, `{"a":}`, `{"a":1,}`, `[1,]`,
	`{a:1}`, `[01]`, `[1.]`, `[-]`, `[1e]`, `["\x"]`, `["\u12g4"]`, "[\"\x01\"]", `{"a":1}}`, `{"a":1} x`, `[tru]`, `["a`, `{"a`, `{`, `[`,
	`{"a":[}]}`, `[1,,2]`, `{"a":{"b":[{},[],""]}}`, "\xff", "[\"\xff\"]", `"\`, `[nul`, `{"":0}`,
}

// What is read whole is what encoding/json reads, and what it refuses is refused.
func check(t *testing.T, data []byte) {
	t.Helper()
	var wantObject map[string]any
	got, err := object(data)
	if err == nil && len(strings.TrimSpace(string(data))) > 0 {
		if fail := json.Unmarshal(data, &wantObject); fail != nil {
			t.Fatalf("%q is read as an object, and is none: %v", data, fail)
		}
		if wantObject != nil && !reflect.DeepEqual(got, wantObject) {
			t.Fatalf("%q is read as %v", data, got)
		}
	}
	if json.Unmarshal(data, &wantObject) == nil && wantObject != nil && err != nil && !deep(data) {
		t.Fatalf("%q is an object: %v", data, err)
	}
	var wantList []any
	gotList, err := list(data)
	valid := json.Unmarshal(data, &wantList) == nil && wantList != nil
	if err == nil && len(gotList) > 0 && (!valid || !reflect.DeepEqual(gotList, wantList)) {
		t.Fatalf("%q is read as %v", data, gotList)
	}
	if valid && err != nil && !deep(data) {
		t.Fatalf("%q is a list: %v", data, err)
	}
	if end, err := Value(data, 0); (err == nil && Space(data, end) == len(data)) != (len(data) > 0 && Space(data, 0) == 0 && json.Valid(data)) && !deep(data) {
		t.Fatalf("%q: value ends at %d of %d: %v", data, end, len(data), err)
	}
}

// deep is text that may nest too deep.
func deep(data []byte) bool {
	return strings.Count(string(data), "[")+strings.Count(string(data), "{") > MaxDepth
}

// The walk agrees with encoding/json, on text that is right and on text that is not.
func TestAgreesWithJSON(t *testing.T) {
	for _, s := range samples {
		check(t, []byte(s))
	}
}

func FuzzWalk(f *testing.F) {
	for _, s := range samples {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) { check(t, data) })
}

// Values may nest MaxDepth deep, and not deeper.
func TestDepth(t *testing.T) {
	nested := func(n int) []byte { return []byte(strings.Repeat("[", n) + strings.Repeat("]", n)) }
	for _, read := range []func([]byte) error{
		func(data []byte) error { _, err := Value(data, 0); return err },
		func(data []byte) error { _, err := list(data); return err },
	} {
		if err := read(nested(MaxDepth)); err != nil {
			t.Errorf("%d deep: %v", MaxDepth, err)
		}
		err := read(nested(MaxDepth + 1))
		if wrong, ok := errors.AsType[*Error](err); !ok || !strings.Contains(wrong.Error(), "128") {
			t.Errorf("%d deep: %v", MaxDepth+1, err)
		}
	}
}

// A walk allocates nothing.
func TestNoAllocations(t *testing.T) {
	data := []byte(`{"list":[1,2,{"a":"b"}],"other":[],"text":"x\n"}`)
	if n := testing.AllocsPerRun(100, func() {
		for m := Object(data); m.Next() && m.Value[0] != '"'; {
			for e := List(m.Value); e.Next(); {
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Each byte is told from all others at each place in a string, however long.
func TestBytesOfStrings(t *testing.T) {
	for c := range 256 {
		for place := range 20 {
			text := []byte(`["0123456789abcdefghij"]`)
			text[2+place] = byte(c)
			check(t, text)
		}
	}
}
