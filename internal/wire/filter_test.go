package wire

import (
	"math/rand/v2"
	"testing"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// randomFilter wants some of what randomly made events of few names and values have.
func randomFilter(r *rand.Rand) eventnode.Filter {
	var f eventnode.Filter
	for range r.IntN(3) {
		f.Names = append(f.Names, string(rune('a'+r.IntN(4))))
	}
	for range r.IntN(3) {
		if f.Meta == nil {
			f.Meta = map[string]string{}
		}
		f.Meta[string(rune('k'+r.IntN(2)))] = string(rune('0' + r.IntN(2)))
	}
	return f
}

// plainEvent is an event of few names and values, in a usual or an unusual form.
func plainEvent(r *rand.Rand) event.Event {
	ev := event.New(string(rune('a'+r.IntN(4))), make([]byte, r.IntN(300)))
	for range r.IntN(3) {
		if ev.Meta == nil {
			ev.Meta = map[string]string{}
		}
		ev.Meta[string(rune('k'+r.IntN(2)))] = string(rune('0' + r.IntN(2)))
	}
	return ev
}

// A filter says of encoded events what eventnode.Filter says of the events, and leaves of a
// run what it wants, in order.
func TestFilterModel(t *testing.T) {
	r := newRand(t)
	wanted, passed := 0, 0
	for range 3000 {
		want := randomFilter(r)
		f := NewFilter(want)
		if f == nil {
			if !want.IsZero() {
				t.Fatalf("%+v made no filter", want)
			}
			continue
		}
		var run, left []byte
		n, keep := r.IntN(6), 0
		for range n {
			ev := plainEvent(r)
			rec := AppendEnvelope(nil, []string{"topic:a"}, &ev)
			if run = append(run, rec...); want.Match(ev) {
				left = append(left, rec...)
				keep++
			}
		}
		got, count := f.Apply(run, n)
		if string(got) != string(left) || count != keep {
			t.Fatalf("%+v left %d of %d, want %d", want, count, n, keep)
		}
		wanted += keep
		passed += n
	}
	if wanted == 0 || wanted == passed {
		t.Fatalf("%d of %d wanted: the test tests nothing", wanted, passed)
	}
}

// Equal filters have equal keys, others have not.
func TestFilterKey(t *testing.T) {
	zero := eventnode.Filter{Meta: map[string]string{"k": "1\x00l"}}
	if NewFilter(zero).Key() == NewFilter(eventnode.Filter{Meta: map[string]string{"k": "1", "l": ""}}).Key() {
		t.Error("a zero byte makes different filters the same")
	}
	a := NewFilter(eventnode.Filter{Names: []string{"b", "a", "b"}, Meta: map[string]string{"k": "1", "l": "2"}})
	for want, f := range map[bool]eventnode.Filter{
		true:  {Names: []string{"a", "b"}, Meta: map[string]string{"l": "2", "k": "1"}},
		false: {Names: []string{"a", "b", "k", "1"}, Meta: map[string]string{"l": "2"}},
	} {
		if (NewFilter(f).Key() == a.Key()) != want {
			t.Errorf("%+v has the key %q", f, NewFilter(f).Key())
		}
	}
}

// Of any bytes that CheckEvent takes, a filter wants what eventnode.Filter wants of the
// event that they decode to.
func FuzzFilter(f *testing.F) {
	ev := event.Event{ID: fixedID, Name: "a", Data: []byte("x"), Meta: map[string]string{"k": "1"}}
	f.Add(AppendEvent(nil, &ev), "a", "k", "1")
	twice := append(AppendEvent(nil, &ev), AppendEvent(nil, &ev)...)
	f.Add(twice, "b", "l", "")
	f.Fuzz(func(t *testing.T, b []byte, name, key, value string) {
		want := eventnode.Filter{Names: []string{name, "z"}, Meta: map[string]string{key: value}}
		if CheckEvent(b) != nil || want.Check() != nil {
			return
		}
		ev, err := DecodeEvent(b)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range []eventnode.Filter{want, {Names: want.Names}, {Meta: want.Meta}} {
			if got := NewFilter(w).Match(b); got != w.Match(ev) {
				t.Fatalf("%+v of %x: %v", w, b, got)
			}
		}
	})
}

// What a filter costs an event that it does not want.
func BenchmarkFilter(b *testing.B) {
	f := NewFilter(eventnode.Filter{Names: []string{"order_paid"}, Meta: map[string]string{"region": "eu"}})
	ev := event.New("order_created", make([]byte, 64))
	ev.Meta = map[string]string{"region": "us", "shop": "12"}
	data := AppendEvent(nil, &ev)
	b.ReportAllocs()
	for b.Loop() {
		f.Match(data)
	}
}
