// Package cachetest is what every [cache.Store] must do, as tests:
//
//	func TestMine(t *testing.T) {
//		cachetest.Run(t, true, func(t testing.TB) cache.Store { return mine.New() })
//	}
package cachetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/eventnode/eventnode/cache"
)

// Run tests a store. Open makes an empty one for each test. Keeps says that it forgets
// nothing of a few thousand small values: then what was put is there, and else it may be
// not found, but never otherwise than it was put last.
func Run(t *testing.T, keeps bool, open func(testing.TB) cache.Store) {
	for name, test := range map[string]func(suite){
		"empty":      suite.empty,
		"put":        suite.put,
		"delete":     suite.delete,
		"kinds":      suite.kinds,
		"fill":       suite.fill,
		"list":       suite.list,
		"pages":      suite.pages,
		"places":     suite.places,
		"clear":      suite.clear,
		"model":      suite.model,
		"concurrent": suite.concurrent,
	} {
		t.Run(name, func(t *testing.T) { test(suite{t, open(t), keeps}) })
	}
}

// suite is one test of one store.
type suite struct {
	*testing.T
	store cache.Store
	keeps bool
}

func value(n int) json.RawMessage { return json.RawMessage(fmt.Sprintf(`{"n":%d}`, n)) }

// put sets a value, and what was before must be it, or may be nothing.
func (s suite) set(key cache.Key, v, old json.RawMessage) {
	s.Helper()
	got, err := s.store.Put(s.Context(), key, v)
	s.must(err)
	s.was(key, got, old)
}

// was checks an old value.
func (s suite) was(key cache.Key, got, want json.RawMessage) {
	s.Helper()
	if got == nil && !s.keeps {
		return
	}
	if (got == nil) != (want == nil) || string(got) != string(want) {
		s.Fatalf("%v was %s, want %s", key, got, want)
	}
}

// is checks what is read; nil: nothing may be there.
func (s suite) is(key cache.Key, want json.RawMessage) {
	s.Helper()
	got, err := s.store.Read(s.Context(), key)
	if errors.Is(err, cache.ErrNotFound) && (want == nil || !s.keeps) {
		return
	}
	if err != nil || want == nil || string(got) != string(want) {
		s.Fatalf("%v is %s, want %s: %v", key, got, want, err)
	}
}

// lists checks what is listed, which may leave something out only if the store forgets.
func (s suite) lists(r cache.Range, want []cache.Entry) {
	s.Helper()
	got, err := s.store.List(s.Context(), r)
	s.must(err)
	if s.keeps && len(got) != len(want) {
		s.Fatalf("%+v has %d entries, want %d: %v", r, len(got), len(want), got)
	}
	at := 0
	for _, e := range got {
		for at < len(want) && want[at].Key != e.Key {
			at++
		}
		if at == len(want) || string(want[at].Value) != string(e.Value) {
			s.Fatalf("%+v has %v: %s, want %v", r, e.Key, e.Value, want)
		}
	}
}

func (s suite) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}
