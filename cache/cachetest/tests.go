package cachetest

import (
	"cmp"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/eventnode/eventnode/cache"
)

// A store begins empty, and says so without an error but for a single value.
func (s suite) empty() {
	key := cache.Key{Kind: cache.Role, In: 1, ID: 2}
	if _, err := s.store.Read(s.Context(), key); !errors.Is(err, cache.ErrNotFound) {
		s.Errorf("read: %v", err)
	}
	s.lists(cache.Range{Kind: cache.Role, In: 1}, nil)
	if places, err := s.store.Places(s.Context(), cache.Role, 0); err != nil || len(places) != 0 {
		s.Errorf("places: %v, %v", places, err)
	}
	if old, err := s.store.Delete(s.Context(), key); err != nil || old != nil {
		s.Errorf("delete: %s, %v", old, err)
	}
	s.must(s.store.Clear(s.Context(), cache.Role, 1))
	s.must(s.store.Fill(s.Context(), nil))
}

// Put yields what was before, and Read the newest.
func (s suite) put() {
	key := cache.Key{Kind: cache.Role, In: 1, ID: 2}
	s.set(key, value(1), nil)
	s.is(key, value(1))
	s.set(key, value(2), value(1))
	s.is(key, value(2))
	s.is(cache.Key{Kind: cache.Role, In: 1, ID: 3}, nil)
	s.is(cache.Key{Kind: cache.Role, In: 2, ID: 2}, nil)
}

// Delete yields what was, once.
func (s suite) delete() {
	key := cache.Key{Kind: cache.Role, In: 1, ID: 2}
	s.set(key, value(1), nil)
	old, err := s.store.Delete(s.Context(), key)
	s.must(err)
	s.was(key, old, value(1))
	s.is(key, nil)
	if old, err = s.store.Delete(s.Context(), key); err != nil || old != nil {
		s.Errorf("again: %s, %v", old, err)
	}
}

// Kinds have nothing to do with each other.
func (s suite) kinds() {
	for k := range cache.Kinds {
		s.set(cache.Key{Kind: cache.Kind(k), In: 1, ID: 2}, value(k), nil)
	}
	for k := range cache.Kinds {
		s.is(cache.Key{Kind: cache.Kind(k), In: 1, ID: 2}, value(k))
	}
	s.must(s.store.Clear(s.Context(), cache.Role, 1))
	s.is(cache.Key{Kind: cache.Role, In: 1, ID: 2}, nil)
	s.is(cache.Key{Kind: cache.Member, In: 1, ID: 2}, value(int(cache.Member)))
}

// Fill sets many, of several kinds, also some that are there.
func (s suite) fill() {
	s.set(cache.Key{Kind: cache.Role, In: 1, ID: 2}, value(0), nil)
	entries := []cache.Entry{
		{Key: cache.Key{Kind: cache.Role, In: 1, ID: 2}, Value: value(1)},
		{Key: cache.Key{Kind: cache.Role, In: 1, ID: 3}, Value: value(2)},
		{Key: cache.Key{Kind: cache.User, ID: 3}, Value: value(3)},
		{Key: cache.Key{Kind: cache.Role, In: 2, ID: 3}, Value: value(4)},
	}
	s.must(s.store.Fill(s.Context(), entries))
	for _, e := range entries {
		s.is(e.Key, e.Value)
	}
	s.lists(cache.Range{Kind: cache.Role, In: 1}, entries[:2])
}

// List is in the order of ids, from From on and below To.
func (s suite) list() {
	var want []cache.Entry
	for _, id := range []cache.Snowflake{1 << 63, 7, 100, 3, 20} {
		want = append(want, cache.Entry{Key: cache.Key{Kind: cache.Message, In: 5, ID: id}, Value: value(int(id % 1000))})
		s.set(want[len(want)-1].Key, want[len(want)-1].Value, nil)
	}
	s.set(cache.Key{Kind: cache.Message, In: 6, ID: 7}, value(0), nil)
	slices.SortFunc(want, func(a, b cache.Entry) int { return cmp.Compare(a.Key.ID, b.Key.ID) })
	in := cache.Range{Kind: cache.Message, In: 5}
	s.lists(in, want)
	s.lists(cache.Range{Kind: in.Kind, In: 5, From: 7}, want[1:])
	s.lists(cache.Range{Kind: in.Kind, In: 5, From: 8, To: 100}, want[2:3])
	s.lists(cache.Range{Kind: in.Kind, In: 5, To: 101}, want[:4])
	s.lists(cache.Range{Kind: in.Kind, In: 5, From: 1<<63 + 1}, nil)
	s.lists(cache.Range{Kind: in.Kind, In: 7}, nil)
	if s.keeps {
		s.lists(cache.Range{Kind: in.Kind, In: 5, Limit: 2}, want[:2])
	}
}

// A List has at most MaxPage entries, and the next one goes on behind them.
func (s suite) pages() {
	var want []cache.Entry
	for id := range 2*cache.MaxPage + 10 {
		want = append(want, cache.Entry{Key: cache.Key{Kind: cache.Member, In: 9, ID: cache.Snowflake(id + 1)}, Value: value(id)})
	}
	s.must(s.store.Fill(s.Context(), want))
	for _, limit := range []int{0, cache.MaxPage + 1, cache.MaxPage} {
		r := cache.Range{Kind: cache.Member, In: 9, Limit: limit}
		for _, page := range [][]cache.Entry{want[:1000], want[1000:2000], want[2000:]} {
			if s.keeps {
				s.lists(r, page)
			}
			r.From = page[len(page)-1].Key.ID + 1
		}
	}
}

// Places are what values belong to, each once, in order, as long as there are any.
func (s suite) places() {
	for _, in := range []cache.Snowflake{9, 4, 7} {
		s.set(cache.Key{Kind: cache.Message, In: in, ID: 1}, value(1), nil)
		s.set(cache.Key{Kind: cache.Message, In: in, ID: 2}, value(2), nil)
	}
	s.placesAre(0, 4, 7, 9)
	s.placesAre(5, 7, 9)
	s.must(s.store.Clear(s.Context(), cache.Message, 7))
	for id := range cache.Snowflake(3) {
		_, err := s.store.Delete(s.Context(), cache.Key{Kind: cache.Message, In: 9, ID: id})
		s.must(err)
	}
	s.placesAre(0, 4)
}

func (s suite) placesAre(from cache.Snowflake, want ...cache.Snowflake) {
	s.Helper()
	got, err := s.store.Places(s.Context(), cache.Message, from)
	s.must(err)
	if s.keeps && !slices.Equal(got, want) {
		s.Fatalf("places from %v are %v, want %v", from, got, want)
	}
}

// Clear removes what belongs to one thing, and nothing else.
func (s suite) clear() {
	for id := range cache.Snowflake(10) {
		s.set(cache.Key{Kind: cache.Role, In: 1 + id%2, ID: id + 1}, value(int(id)), nil)
	}
	s.must(s.store.Clear(s.Context(), cache.Role, 1))
	s.lists(cache.Range{Kind: cache.Role, In: 1}, nil)
	s.is(cache.Key{Kind: cache.Role, In: 1, ID: 1}, nil)
	s.is(cache.Key{Kind: cache.Role, In: 2, ID: 2}, value(1))
	s.set(cache.Key{Kind: cache.Role, In: 1, ID: 1}, value(7), nil)
}

// Thousands of random calls have the store say what a map says.
func (s suite) model() {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	s.Logf("seed %d", seed)
	model := map[cache.Key]json.RawMessage{}
	for n := range 3_000 {
		key := cache.Key{Kind: cache.Kind(r.IntN(cache.Kinds)), In: cache.Snowflake(r.IntN(3)), ID: cache.Snowflake(r.IntN(5))}
		switch r.IntN(6) {
		case 0, 1:
			s.set(key, value(n), model[key])
			model[key] = value(n)
		case 2:
			old, err := s.store.Delete(s.Context(), key)
			s.must(err)
			s.was(key, old, model[key])
			delete(model, key)
		case 3:
			if r.IntN(10) == 0 {
				s.must(s.store.Clear(s.Context(), key.Kind, key.In))
				for k := range model {
					if k.Kind == key.Kind && k.In == key.In {
						delete(model, k)
					}
				}
			}
		case 4:
			s.is(key, model[key])
		default:
			in := cache.Range{Kind: key.Kind, In: key.In, From: key.ID, To: cache.Snowflake(r.IntN(6))}
			s.lists(in, within(model, in))
		}
	}
}

// within is what a range has of a model.
func within(model map[cache.Key]json.RawMessage, r cache.Range) (list []cache.Entry) {
	for k, v := range model {
		if k.Kind == r.Kind && k.In == r.In && k.ID >= r.From && (r.To == 0 || k.ID < r.To) {
			list = append(list, cache.Entry{Key: k, Value: v})
		}
	}
	slices.SortFunc(list, func(a, b cache.Entry) int { return cmp.Compare(a.Key.ID, b.Key.ID) })
	return list
}

// Several may call at once: of one key that all put, each value is said to have been
// before at most once.
func (s suite) concurrent() {
	const writers, each = 8, 200
	key := cache.Key{Kind: cache.User, ID: 1}
	var mu sync.Mutex
	seen := map[string]int{}
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for n := range each {
				old, err := s.store.Put(s.Context(), key, value(w*each+n))
				if err != nil {
					s.Error(err)
				}
				_, _ = s.store.Read(s.Context(), key)
				_, _ = s.store.List(s.Context(), cache.Range{Kind: cache.User})
				mu.Lock()
				seen[string(old)]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	for v, n := range seen {
		if n > 1 && (v != "" || s.keeps) {
			s.Errorf("%q was before %d times", v, n)
		}
	}
	if s.keeps && len(seen) != writers*each {
		s.Errorf("%d values were before, want %d", len(seen), writers*each)
	}
}
