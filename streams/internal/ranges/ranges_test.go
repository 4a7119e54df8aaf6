package ranges

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// dumb is a set as a map.
type dumb map[uint64]bool

func aSet(r *rand.Rand) (Set, dumb) {
	d := dumb{}
	for range r.IntN(30) {
		from := r.Uint64N(60)
		for n := from; n <= from+r.Uint64N(5); n++ {
			d[n] = true
		}
	}
	return From(d.sorted()...), d
}

func (d dumb) sorted() []uint64 { return slices.Sorted(maps.Keys(d)) }

// same compares a set with a dumb one, and looks at its form.
func same(s Set, d dumb) error {
	var got []uint64
	for i, n := range s.All() {
		if i != len(got) {
			return fmt.Errorf("%d is number %d of %v", n, i, s)
		}
		got = append(got, n)
	}
	for i, r := range s {
		if r.To < r.From || i > 0 && r.From <= s[i-1].To+1 {
			return fmt.Errorf("ranges %v", s)
		}
	}
	if !slices.Equal(got, d.sorted()) || s.Count() != uint64(len(d)) {
		return fmt.Errorf("%v (%d), want %v", s, s.Count(), d.sorted())
	}
	return nil
}

func (d dumb) where(keep func(uint64) bool) dumb {
	kept := dumb{}
	for n := range d {
		if keep(n) {
			kept[n] = true
		}
	}
	return kept
}

// Sets do what maps do.
func TestModel(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for range 20_000 {
		a, da := aSet(r)
		b, db := aSet(r)
		before := slices.Clone(a)
		in, out := a.Split(b)
		n := r.Uint64N(70)
		head, rest := a.Take(n)
		sorted := da.sorted()
		cut := min(n, uint64(len(sorted)))
		all := maps.Clone(da)
		maps.Copy(all, db)
		err := errors.Join(same(a, da), same(in, da.where(func(n uint64) bool { return db[n] })), same(out, da.where(func(n uint64) bool { return !db[n] })),
			same(head, da.where(func(n uint64) bool { return slices.Contains(sorted[:cut], n) })),
			same(rest, da.where(func(n uint64) bool { return slices.Contains(sorted[cut:], n) })),
			same(Union(a, b), all), same(Union(a.Spans(1+n)...), da))
		for _, p := range a.Spans(1 + n) {
			if p.Last()-p.First() > n {
				err = errors.Join(err, fmt.Errorf("span %v of %d", p, n+1))
			}
		}
		if a.Has(n) != da[n] || len(sorted) > 0 && (a.First() != sorted[0] || a.Last() != sorted[len(sorted)-1]) || !slices.Equal(a, before) {
			err = errors.Join(err, fmt.Errorf("has %d: %v", n, a.Has(n)))
		}
		back, derr := Decode(a.Encode())
		if err = errors.Join(err, derr, same(back, da)); err != nil {
			t.Fatalf("%v, %v: %v", a, b, err)
		}
	}
}

// What is written in another way, or goes beyond all numbers, is refused.
func TestDecodeRefuses(t *testing.T) {
	for name, b := range map[string][]byte{
		"half": {1}, "cut": {1, 0x80}, "touching": {1, 0, 0, 0}, "long": {0x81, 0, 0},
		"beyond": Set{{math.MaxUint64, math.MaxUint64}}.Encode(), "overflow": append(Set{{1, math.MaxUint64 - 1}}.Encode(), 1, 0),
	} {
		if s, err := Decode(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
	if s, err := Decode(Set{{0, math.MaxUint64 - 1}}.Encode()); err != nil || len(s) != 1 {
		t.Errorf("the greatest: %v, %v", s, err)
	}
	if s := Of(5, 4); s.Count() != 0 || s.First() != 0 || s.Last() != 0 || s.Has(0) {
		t.Errorf("none: %v", s)
	}
}

// FuzzDecode: any bytes are a set that is written as it came, or ErrMalformed.
func FuzzDecode(f *testing.F) {
	f.Add(Set{{1, 5}, {9, 9}, {1000, 70000}}.Encode())
	f.Add([]byte{0, 0, 1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Decode(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		if First(b) != s.First() {
			t.Fatalf("%d is first of %v", First(b), s)
		}
		if !bytes.Equal(s.Encode(), b) {
			t.Fatalf("%v of %x", s, b)
		}
		for i, r := range s {
			if r.To < r.From || i > 0 && r.From <= s[i-1].To+1 {
				t.Fatalf("%v", s)
			}
		}
	})
}

// A fetch of 1,000 events in 200 ranges.
func BenchmarkEncodeDecode(b *testing.B) {
	var s Set
	for i := range uint64(200) {
		s = s.Add(1_000_000+i*7, 1_000_000+i*7+4)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(s.Encode()); err != nil {
			b.Fatal(err)
		}
	}
}
