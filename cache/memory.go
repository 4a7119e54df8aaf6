package cache

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode"
)

// DefaultBatch is Limit.Batch where it is not said.
const DefaultBatch = 100

// Limit bounds the values of one kind. What is beyond it goes: those first that were neither
// written nor read for longest, roughly, and Batch of them at a time.
type Limit struct {
	// Entries is how many; less than 0: none is kept. Defaults to 10,000 messages and
	// 1,000,000 of any other kind.
	Entries int
	// Bytes bounds what they take, with 200 for each entry besides its value. Defaults to
	// 256 MiB.
	Bytes int64
	// Batch is how many go at once. More: the limit is met less often, and less is kept.
	// Defaults to 100, and at most a tenth of Entries.
	Batch int
}

// MemoryConfig configures a Memory. The zero value is the defaults.
type MemoryConfig struct {
	// Limits are by kind.
	Limits map[Kind]Limit
	// Registerer takes the metrics. Defaults to none.
	Registerer prometheus.Registerer
}

func (l Limit) withDefaults(k Kind) (Limit, error) {
	if l.Bytes < 0 || l.Batch < 0 {
		return l, fmt.Errorf("limit of kind %v: %d bytes, batch %d: use 0 for the default, or more: %w", k, l.Bytes, l.Batch, eventnode.ErrInvalidArgument)
	}
	if l.Entries == 0 {
		if l.Entries = 1_000_000; k == Message {
			l.Entries = 10_000
		}
	}
	if l.Bytes == 0 {
		l.Bytes = 256 << 20
	}
	if l.Batch == 0 {
		l.Batch = DefaultBatch
	}
	l.Batch = max(1, min(l.Batch, l.Entries/10))
	return l, nil
}

// Memory is a Store in this process. Each kind has a lock and a limit of its own.
type Memory struct{ tables [Kinds]table }

var _ Store = (*Memory)(nil)

// NewMemory makes an empty one.
func NewMemory(cfg MemoryConfig) (*Memory, error) {
	m := &Memory{}
	for k := range cfg.Limits {
		if int(k) >= Kinds {
			return nil, fmt.Errorf("limit of %v: there is no such kind: %w", k, eventnode.ErrInvalidArgument)
		}
	}
	for k := range m.tables {
		limit, err := cfg.Limits[Kind(k)].withDefaults(Kind(k))
		if err != nil {
			return nil, err
		}
		m.tables[k].begin(limit)
	}
	if cfg.Registerer != nil {
		if err := cfg.Registerer.Register(m); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

// Read implements Reader.
func (m *Memory) Read(_ context.Context, key Key) (json.RawMessage, error) {
	t, err := m.table(key.Kind)
	if err != nil {
		return nil, err
	}
	return t.read(key)
}

// List implements Reader.
func (m *Memory) List(_ context.Context, r Range) ([]Entry, error) {
	t, err := m.table(r.Kind)
	if err != nil {
		return nil, err
	}
	return t.list(r), nil
}

// Places implements Reader.
func (m *Memory) Places(_ context.Context, kind Kind, from Snowflake) ([]Snowflake, error) {
	t, err := m.table(kind)
	if err != nil {
		return nil, err
	}
	return t.placesFrom(from), nil
}

// Put implements Store.
func (m *Memory) Put(_ context.Context, key Key, value json.RawMessage) (json.RawMessage, error) {
	t, err := m.table(key.Kind)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.put(key, value), nil
}

// Fill implements Store.
func (m *Memory) Fill(_ context.Context, entries []Entry) error {
	for len(entries) > 0 {
		t, err := m.table(entries[0].Key.Kind)
		if err != nil {
			return err
		}
		entries = t.fill(entries)
	}
	return nil
}

// Delete implements Store.
func (m *Memory) Delete(_ context.Context, key Key) (json.RawMessage, error) {
	t, err := m.table(key.Kind)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.places[key.In].row(key.ID)
	if r == nil {
		return nil, nil
	}
	t.remove(r)
	return r.value, nil
}

// Clear implements Store.
func (m *Memory) Clear(_ context.Context, kind Kind, in Snowflake) error {
	t, err := m.table(kind)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if p := t.places[in]; p != nil {
		for _, r := range p.rows {
			t.remove(r)
		}
	}
	return nil
}

func (m *Memory) table(k Kind) (*table, error) {
	if int(k) >= Kinds {
		return nil, fmt.Errorf("%v: there is no such kind: %w", k, eventnode.ErrInvalidArgument)
	}
	return &m.tables[k], nil
}
