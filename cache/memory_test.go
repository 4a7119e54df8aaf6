package cache_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/cache"
	"github.com/eventnode/eventnode/discord"
)

func put(t testing.TB, s cache.Store, id int, value string) {
	t.Helper()
	if _, err := s.Put(t.Context(), cache.Key{Kind: cache.Message, In: 1, ID: cache.Snowflake(id)}, []byte(value)); err != nil {
		t.Fatal(err)
	}
}

func has(t testing.TB, s cache.Store, id int) bool {
	t.Helper()
	_, err := s.Read(t.Context(), cache.Key{Kind: cache.Message, In: 1, ID: cache.Snowflake(id)})
	if err != nil && !errors.Is(err, cache.ErrNotFound) {
		t.Fatal(err)
	}
	return err == nil
}

func limited(l cache.Limit) cache.MemoryConfig {
	return cache.MemoryConfig{Limits: map[cache.Kind]cache.Limit{cache.Message: l}}
}

// Beyond the number of entries the oldest go, a batch at a time, and are counted.
func TestEvictsByCount(t *testing.T) {
	m := memory(t, limited(cache.Limit{Entries: 100, Batch: 10}))
	for id := range 100 {
		put(t, m, id, "1")
	}
	if u := m.Use(cache.Message); u.Entries != 100 || u.Evicted != 0 {
		t.Fatalf("%+v", u)
	}
	put(t, m, 100, "1")
	if u := m.Use(cache.Message); u.Entries != 91 || u.Evicted != 10 {
		t.Errorf("%+v", u)
	}
	for id, want := range map[int]bool{0: false, 9: false, 10: true, 100: true} {
		if has(t, m, id) != want {
			t.Errorf("%d is there: %v", id, !want)
		}
	}
}

// Beyond the bytes the oldest go until there is room, and what has no room alone is not kept.
func TestEvictsByBytes(t *testing.T) {
	m := memory(t, limited(cache.Limit{Bytes: 10_000, Batch: 1}))
	big := strings.Repeat("x", 800)
	for id := range 20 {
		put(t, m, id, big)
		if u := m.Use(cache.Message); u.Bytes > 10_000 || u.Entries < min(id+1, 8) {
			t.Fatalf("%+v", u)
		}
	}
	put(t, m, 19, strings.Repeat("x", 4_000)) // a value that grows makes room, too
	if u := m.Use(cache.Message); u.Bytes > 10_000 || !has(t, m, 19) {
		t.Errorf("%+v", u)
	}
	put(t, m, 20, strings.Repeat("x", 11_000))
	if !has(t, m, 19) || has(t, m, 20) {
		t.Error("it has driven others out, or is there")
	}
	before := m.Use(cache.Message)
	put(t, m, 19, strings.Repeat("x", 11_000))
	if u := m.Use(cache.Message); has(t, m, 19) || u.Entries != before.Entries-1 || u.Evicted != before.Evicted+1 {
		t.Errorf("an old value stays, or others went: %+v, %+v", before, u)
	}
}

// What was read or written since stays longer than what was not.
func TestEvictsUnused(t *testing.T) {
	m := memory(t, limited(cache.Limit{Entries: 10, Batch: 1}))
	for id := range 10 {
		put(t, m, id, "1")
	}
	put(t, m, 0, "2")
	if !has(t, m, 1) {
		t.Fatal("1 is gone")
	}
	put(t, m, 10, "1")
	put(t, m, 11, "1")
	for id, want := range map[int]bool{0: true, 1: true, 2: false, 3: false, 4: true} {
		if has(t, m, id) != want {
			t.Errorf("%d is there: %v", id, !want)
		}
	}
	for id := range 12 { // all were read: then the oldest goes all the same
		has(t, m, id)
	}
	put(t, m, 12, "1")
	if u := m.Use(cache.Message); u.Entries != 10 || !has(t, m, 12) {
		t.Errorf("%+v, or the newest is gone", u)
	}
}

// However much is written, memory is bounded by the limits; what is deleted and cleared is
// counted out again.
func TestMemoryIsBounded(t *testing.T) {
	m := memory(t, limited(cache.Limit{Entries: 1_000, Bytes: 300_000}))
	for id := range 50_000 {
		put(t, m, id, strings.Repeat("x", id%500))
		if u := m.Use(cache.Message); u.Entries > 1_000 || u.Bytes > 300_000 {
			t.Fatalf("%+v", u)
		}
	}
	if _, err := m.Delete(t.Context(), cache.Key{Kind: cache.Message, In: 1, ID: 49_999}); err != nil {
		t.Fatal(err)
	}
	if err := m.Clear(t.Context(), cache.Message, 1); err != nil {
		t.Fatal(err)
	}
	if u := m.Use(cache.Message); u.Entries != 0 || u.Bytes != 0 {
		t.Errorf("%+v", u)
	}
}

// A kind that is to be kept not at all is not.
func TestKeepsNone(t *testing.T) {
	m := memory(t, limited(cache.Limit{Entries: -1}))
	put(t, m, 1, "1")
	if has(t, m, 1) {
		t.Error("it is there")
	}
	c := newCache(t, cache.Config{Store: m})
	w := world{t, c, c}
	w.take("MESSAGE_CREATE", `{"id":"1","channel_id":"2"}`)
	w.want(w.take("MESSAGE_DELETE", `{"id":"1","channel_id":"2"}`), "MESSAGE_DELETE", `{"id":"1","channel_id":"2","deleted_message":null}`)
}

// NO-T7: the message cache keeps its newest when it is full.
func TestMessageEviction(t *testing.T) {
	c := newCache(t, cache.Config{Store: memory(t, limited(cache.Limit{Entries: 4, Batch: 1}))})
	w := world{t, c, c}
	for n := range 7 {
		w.take("MESSAGE_CREATE", fmt.Sprintf(`{"id":"%d","channel_id":"2"}`, n+1))
	}
	listed(w, c.Messages(t.Context(), 2, cache.Window{}), messageID, 4, 5, 6, 7)
}

// Bad limits are refused, with the kind.
func TestBadConfig(t *testing.T) {
	for _, cfg := range []cache.MemoryConfig{limited(cache.Limit{Bytes: -1}), limited(cache.Limit{Batch: -1}), {Limits: map[cache.Kind]cache.Limit{99: {}}}} {
		if _, err := cache.NewMemory(cfg); !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
	if _, err := cache.New(cache.Config{}); !errors.Is(err, eventnode.ErrInvalidArgument) {
		t.Error(err)
	}
	m := memory(t, cache.MemoryConfig{})
	if _, err := m.Read(t.Context(), cache.Key{Kind: 99}); !errors.Is(err, eventnode.ErrInvalidArgument) {
		t.Error(err)
	}
}

// Hits, misses, evictions, entries and what was refused are counted.
func TestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	cfg := limited(cache.Limit{Entries: 2, Batch: 1})
	cfg.Registerer = reg
	c := newCache(t, cache.Config{Store: memory(t, cfg), Registerer: reg})
	w := world{t, c, c}
	for n := range 3 {
		w.take("MESSAGE_CREATE", fmt.Sprintf(`{"id":"%d","channel_id":"2"}`, n+1))
	}
	_, err := take(t.Context(), c, "MESSAGE_CREATE", `{}`)
	is(w, errors.Is(err, cache.ErrMalformed), true)
	w.take("GUILD_CREATE", `{"id":"1","roles":[null]}`)
	found[*discord.Message](w)(c.Message(t.Context(), 2, 3))
	found[*discord.Message](w)(c.Message(t.Context(), 2, 2))
	missing[*discord.Message](w)(c.Message(t.Context(), 2, 1))
	all, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range all {
		for _, m := range f.GetMetric() {
			words := []string{f.GetName()}
			for _, l := range m.GetLabel() {
				words = append(words, l.GetValue())
			}
			got[strings.Join(words, " ")] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	for name, want := range map[string]float64{
		"eventnode_cache_reads_total message hit": 2, "eventnode_cache_reads_total message miss": 1, "eventnode_cache_entries message": 2,
		"eventnode_cache_evicted_total message": 1, "eventnode_cache_evicted_total user": 0, "eventnode_cache_bytes message": 2 * (200 + 32),
		"eventnode_cache_write_errors_total malformed": 1, "eventnode_cache_write_errors_total store": 0, "eventnode_cache_skipped_total": 1,
	} {
		is(w, got[name], want)
	}
}

// A value that is put again counts once, by its new size.
func TestCountsOnce(t *testing.T) {
	m := memory(t, limited(cache.Limit{}))
	for n := range 50 {
		put(t, m, 1, strings.Repeat("x", 500-n))
	}
	if u := m.Use(cache.Message); u.Entries != 1 || u.Bytes > 200+512 {
		t.Errorf("%+v", u)
	}
}
