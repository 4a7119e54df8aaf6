package event

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

var testID = ID{0x01, 0x98, 0x1f, 0x3e, 0x5c, 0x00, 0x70, 0, 0x80, 14: 0, 15: 1}

// An event has an ID of its own, or the one it was given (row A1).
func TestA1_NewIdentity(t *testing.T) {
	a, b := New("x", nil), New("x", nil)
	if a.ID == b.ID || len(a.ID.String()) != 36 || a.ID.Version() != 7 {
		t.Fatalf("IDs %v and %v", a.ID, b.ID)
	}
	if given := New("x", nil, WithID(testID)); given.ID != testID {
		t.Fatalf("ID %v, want the one given", given.ID)
	}
}

// An ID is a UUIDv7 that tells its moment, and IDs sort as their moments do.
func TestNewIDAt(t *testing.T) {
	at := time.Date(2025, 7, 18, 20, 33, 57, 0, time.UTC)
	last := NewIDAt(at)
	for range 10_000 {
		at = at.Add(250 * time.Nanosecond)
		id := NewIDAt(at)
		if id.Version() != 7 || id.Variant() != uuid.RFC4122 || !TimeOf(id).Equal(at.Truncate(time.Millisecond)) {
			t.Fatalf("%v: version %v, variant %v, time %v, want %v", id, id.Version(), id.Variant(), TimeOf(id), at)
		}
		if bytes.Compare(id[:], last[:]) <= 0 {
			t.Fatalf("%v after %v", id, last)
		}
		last = id
	}
	for _, first := range []byte{0x01, 0x08, 0x7f, 0xff} { // from the year 2005 to 10889
		e := Event{ID: ID{0: first, 6: 0x70}, Name: "n"}
		if e.Time = TimeOf(e.ID); e.Validate() != nil || e.Time.IsZero() != (first > 8) {
			t.Errorf("%v: time %v", e.ID, e.Time)
		}
	}
	if a, b := NewIDAt(at), NewIDAt(at); a == b {
		t.Fatalf("twice %v", a)
	}
}

// The default time is now, in UTC, and exactly what the ID says.
func TestNewTime(t *testing.T) {
	before := time.Now().Add(-time.Minute)
	e := New("x", nil)
	if e.Time.Before(before) || e.Time.After(time.Now().Add(time.Minute)) || e.Time.Location() != time.UTC {
		t.Fatalf("time %v", e.Time)
	}
	if !e.Time.Equal(TimeOf(e.ID)) {
		t.Fatalf("time %v, ID says %v", e.Time, TimeOf(e.ID))
	}
	at := time.Date(2020, 1, 2, 3, 4, 5, 6, time.FixedZone("", 3600))
	if e := New("x", nil, WithTime(at)); !e.Time.Equal(at) || e.Time.Location() != time.UTC {
		t.Fatalf("time %v", e.Time)
	}
	if e := New("x", nil, WithID(uuid.New())); !e.Time.IsZero() {
		t.Fatalf("a UUIDv4 told the time %v", e.Time)
	}
}

func TestParseID(t *testing.T) {
	good := testID.String()
	for _, s := range []string{good, strings.ToUpper(good)} {
		if id, err := ParseID(s); err != nil || id != testID {
			t.Errorf("%q: %v, %v", s, id, err)
		}
	}
	for _, s := range []string{
		"", "x", strings.ReplaceAll(good, "-", ""), "{" + good + "}", "urn:uuid:" + good,
		good[:35], good + "0", "g" + good[1:], strings.Replace(good, "-", "0", 1), uuid.Nil.String(),
	} {
		var invalid *InvalidError
		if _, err := ParseID(s); !errors.As(err, &invalid) || invalid.Field != "id" {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestValidate(t *testing.T) {
	valid := func() Event { return Event{ID: testID, Name: "user_created"} }
	tests := []struct {
		field  string // empty: valid
		change func(*Event)
	}{
		{"", func(*Event) {}},
		{"", func(e *Event) { e.Name = strings.Repeat("n", 255) }},
		{"", func(e *Event) { e.Name = "größe 日本" }},
		{"", func(e *Event) { e.Key = strings.Repeat("k", 255) }},
		{"", func(e *Event) { e.Data = []byte{0xff, 0} }},
		{"", func(e *Event) { e.Meta = map[string]string{"k": ""} }},
		{"", func(e *Event) { e.ID = uuid.New() }},
		{"", func(e *Event) { e.Time = time.Date(1678, 1, 1, 0, 0, 0, 0, time.UTC) }},
		{"id", func(e *Event) { e.ID = ID{} }},
		{"name", func(e *Event) { e.Name = "" }},
		{"name", func(e *Event) { e.Name = strings.Repeat("n", 256) }},
		{"name", func(e *Event) { e.Name = "a\xff" }},
		{"name", func(e *Event) { e.Name = "a\nb" }},
		{"name", func(e *Event) { e.Name = "a\u0085b" }},
		{"name", func(e *Event) { e.Name = "a\x7f" }},
		{"key", func(e *Event) { e.Key = strings.Repeat("k", 256) }},
		{"key", func(e *Event) { e.Key = "\xff" }},
		{"time", func(e *Event) { e.Time = time.Date(2500, 1, 1, 0, 0, 0, 0, time.UTC) }},
		{"time", func(e *Event) { e.Time = time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC) }},
		{"source", func(e *Event) { e.Source = "\xff" }},
		{"data_type", func(e *Event) { e.DataType = "\xff" }},
		{"meta", func(e *Event) { e.Meta = map[string]string{"": "v"} }},
		{"meta", func(e *Event) { e.Meta = map[string]string{"\xff": "v"} }},
		{"meta", func(e *Event) { e.Meta = map[string]string{"k": "\xff"} }},
	}
	for i, tt := range tests {
		e := valid()
		tt.change(&e)
		err := e.Validate()
		if tt.field == "" {
			if err != nil {
				t.Errorf("%d: %v", i, err)
			}
			continue
		}
		var invalid *InvalidError
		if !errors.As(err, &invalid) || invalid.Field != tt.field || !errors.Is(err, ErrInvalid) {
			t.Errorf("%d: %v, want one about %s", i, err, tt.field)
		}
	}
}

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		New("user_created", nil)
	}
}

// The ID of an event that came with one of its own is the UUIDv5 of RFC 9562 in a namespace
// that never changes, whatever its length: streams that are on disk hold such IDs.
func TestNamedIDIsVersion5(t *testing.T) {
	for _, original := range []string{"", "A-1", strings.Repeat("long", 100)} {
		got := NamedID("/s", original)
		if want := uuid.NewSHA1(namedIDs, []byte("2:/s"+original)); got != want || got.Version() != 5 {
			t.Errorf("%v, want %v", got, want)
		}
	}
}
