package snowflake

import (
	"encoding/json"
	"testing"
)

// Ids are strings in JSON, and understood as numbers; null leaves one as it is.
func TestID(t *testing.T) {
	type ids struct {
		A ID
		M map[ID]int
	}
	var got ids
	if err := json.Unmarshal([]byte(`{"A": 18446744073709551615, "M": {"7": 1}}`), &got); err != nil || got.A != 1<<64-1 || got.M[7] != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if b, err := json.Marshal(got); err != nil || string(b) != `{"A":"18446744073709551615","M":{"7":1}}` {
		t.Errorf("%s, %v", b, err)
	}
	if err := json.Unmarshal([]byte(`{"A": null}`), &got); err != nil || got.A != 1<<64-1 {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{`""`, `"-1"`, `1.5`, `"18446744073709551616"`, `{}`, `"x"`} {
		if err := json.Unmarshal([]byte(`{"A": `+bad+`}`), &got); err == nil {
			t.Errorf("%s is an id", bad)
		}
	}
}

// Whatever is an id is the same one when written.
func FuzzID(f *testing.F) {
	for _, s := range []string{`"81384788765712384"`, `0`, `null`, `"`, `"00"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var s, again ID
		if json.Unmarshal(b, &s) != nil {
			return
		}
		text, err := json.Marshal(s)
		if err != nil || json.Unmarshal(text, &again) != nil || again != s {
			t.Errorf("%s: %v, %s, %v", b, s, text, err)
		}
	})
}
