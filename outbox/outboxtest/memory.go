package outboxtest

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/outbox"
)

// Memory is an outbox in memory. Its zero value is empty. It is safe for concurrent use,
// and goes by the time of a testing/synctest bubble if it is used in one.
type Memory struct {
	mu      sync.Mutex
	last    int64
	rows    []memoryRow // by number
	sent    []memoryRow
	dead    []outbox.DeadLetter
	holder  string
	expires time.Time
	fail    func(op string) error
}

// memoryRow is a row, or one that was kept.
type memoryRow struct {
	outbox.Row
	added, retryAt, sent time.Time
}

var _ outbox.Store = (*Memory)(nil)

// Fail has each operation ("lead", "fetch", "settle", "stats", "purge", "dead") ask f
// first, and do nothing if that returns an error; f may block.
func (m *Memory) Fail(f func(op string) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = f
}

// enter begins an operation; without an error the lock is held.
func (m *Memory) enter(ctx context.Context, op string) error {
	m.mu.Lock()
	fail := m.fail
	m.mu.Unlock()
	if fail != nil {
		if err := fail(op); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	return nil
}

// Add adds events, as a transaction of its own.
func (m *Memory) Add(events ...event.Event) error {
	tx := m.Begin()
	if err := tx.Add(context.Background(), events...); err != nil {
		return err
	}
	return tx.Commit()
}

// Begin begins a transaction. Its rows have their numbers when they are added, and are
// there when it commits.
func (m *Memory) Begin() Tx { return &memoryTx{m: m} }

// memoryTx is a transaction.
type memoryTx struct {
	m    *Memory
	rows []memoryRow
}

// Add implements Tx.
func (tx *memoryTx) Add(ctx context.Context, events ...event.Event) error {
	for _, e := range events {
		text, err := e.MarshalJSON()
		if err != nil {
			return err
		}
		if err := tx.AddText(ctx, e.Key, string(text)); err != nil {
			return err
		}
	}
	return nil
}

// AddText implements Tx.
func (tx *memoryTx) AddText(_ context.Context, key, text string) error {
	tx.m.mu.Lock()
	defer tx.m.mu.Unlock()
	tx.m.last++
	tx.rows = append(tx.rows, memoryRow{Row: outbox.Row{Seq: tx.m.last, Key: key, Event: []byte(text)}, added: time.Now()})
	return nil
}

// Commit implements Tx.
func (tx *memoryTx) Commit() error {
	tx.m.mu.Lock()
	defer tx.m.mu.Unlock()
	tx.m.insert(tx.rows...)
	return nil
}

// Rollback implements Tx. Numbers that were taken are left out.
func (tx *memoryTx) Rollback() error { return nil }

func (m *Memory) insert(rows ...memoryRow) {
	m.rows = append(m.rows, rows...)
	slices.SortFunc(m.rows, func(a, b memoryRow) int { return cmp.Compare(a.Seq, b.Seq) })
}

// Lead implements outbox.Store.
func (m *Memory) Lead(ctx context.Context, holder string, ttl time.Duration) (bool, error) {
	if err := m.enter(ctx, "lead"); err != nil {
		return false, err
	}
	defer m.mu.Unlock()
	mine := m.holder == holder
	switch now := time.Now(); {
	case ttl <= 0 && mine:
		m.holder, m.expires = "", now
	case ttl > 0 && (mine || !now.Before(m.expires)):
		m.holder, m.expires = holder, now.Add(ttl)
		return true, nil
	}
	return false, nil
}

// Fetch implements outbox.Store.
func (m *Memory) Fetch(ctx context.Context, limit outbox.Limit) ([]outbox.Row, error) {
	if err := m.enter(ctx, "fetch"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	now := time.Now()
	held := make(map[string]bool)
	for _, r := range m.rows {
		held[r.Key] = held[r.Key] || r.retryAt.After(now)
	}
	var list []outbox.Row
	bytes := 0
	for _, r := range m.rows {
		if len(list) == limit.Events || bytes >= limit.Bytes {
			break
		}
		if r.retryAt.After(now) || r.Key != "" && held[r.Key] || slices.Contains(limit.Except, r.Seq) {
			continue
		}
		row := r.Row
		row.Age = now.Sub(r.added)
		list, bytes = append(list, row), bytes+len(row.Event)
	}
	return list, nil
}

// Settle implements outbox.Store.
func (m *Memory) Settle(ctx context.Context, s outbox.Settlement) error {
	if err := m.enter(ctx, "settle"); err != nil {
		return err
	}
	defer m.mu.Unlock()
	now := time.Now()
	for _, seq := range s.Sent {
		if r, ok := m.take(seq); ok && s.Keep {
			r.sent = now
			m.sent = append(m.sent, r)
		}
	}
	for _, d := range s.Dead {
		if r, ok := m.take(d.Seq); ok {
			m.dead = append(m.dead, outbox.DeadLetter{
				Number: r.Seq, Event: r.Event, Attempts: d.Attempts, Added: r.added.UTC(), Died: now.UTC(), Reason: d.Reason,
			})
		}
	}
	slices.SortFunc(m.dead, func(a, b outbox.DeadLetter) int { return cmp.Compare(a.Number, b.Number) })
	for _, retry := range s.Retry {
		if i, ok := m.find(retry.Seq); ok {
			m.rows[i].Attempts, m.rows[i].retryAt = retry.Attempts, now.Add(retry.After)
		}
	}
	return nil
}

func (m *Memory) find(seq int64) (int, bool) {
	return slices.BinarySearchFunc(m.rows, seq, func(r memoryRow, seq int64) int { return cmp.Compare(r.Seq, seq) })
}

// take removes a row.
func (m *Memory) take(seq int64) (r memoryRow, ok bool) {
	i, ok := m.find(seq)
	if !ok {
		return r, false
	}
	r = m.rows[i]
	m.rows = slices.Delete(m.rows, i, i+1)
	return r, true
}

// Stats implements outbox.Store.
func (m *Memory) Stats(ctx context.Context, upTo int) (st outbox.Stats, err error) {
	if err := m.enter(ctx, "stats"); err != nil {
		return st, err
	}
	defer m.mu.Unlock()
	now := time.Now()
	for _, r := range m.rows {
		if r.retryAt.After(now) {
			st.Held = min(st.Held+1, upTo)
		}
	}
	if len(m.rows) > 0 {
		st.Oldest = now.Sub(m.rows[0].added)
	}
	st.Waiting, st.Dead = min(len(m.rows), upTo), min(len(m.dead), upTo)
	if now.Before(m.expires) {
		st.Holder = m.holder
	}
	return st, nil
}

// Purge implements outbox.Store.
func (m *Memory) Purge(ctx context.Context, age time.Duration, limit int) (n int, err error) {
	if err := m.enter(ctx, "purge"); err != nil {
		return 0, err
	}
	defer m.mu.Unlock()
	before := time.Now().Add(-age)
	m.sent = slices.DeleteFunc(m.sent, func(r memoryRow) bool {
		if n == limit || r.sent.After(before) {
			return false
		}
		n++
		return true
	})
	return n, nil
}

// DeadLetters implements outbox.Store.
func (m *Memory) DeadLetters(ctx context.Context, after int64, limit int) (list []outbox.DeadLetter, err error) {
	if err := m.enter(ctx, "dead"); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	for _, d := range m.dead {
		if d.Number > after && len(list) < limit {
			list = append(list, d)
		}
	}
	return list, nil
}

// Replay implements outbox.Store.
func (m *Memory) Replay(ctx context.Context, numbers ...int64) (int, error) {
	gone, err := m.dropped(ctx, numbers)
	if err != nil {
		return 0, err
	}
	defer m.mu.Unlock()
	for _, d := range gone {
		var e event.Event
		_ = e.UnmarshalJSON(d.Event) // what is no event has no key
		m.last++
		m.insert(memoryRow{Row: outbox.Row{Seq: m.last, Key: e.Key, Event: d.Event}, added: time.Now()})
	}
	return len(gone), nil
}

// Drop implements outbox.Store.
func (m *Memory) Drop(ctx context.Context, numbers ...int64) (int, error) {
	gone, err := m.dropped(ctx, numbers)
	if err != nil {
		return 0, err
	}
	m.mu.Unlock()
	return len(gone), nil
}

// dropped removes dead letters; without an error the lock is held.
func (m *Memory) dropped(ctx context.Context, numbers []int64) (gone []outbox.DeadLetter, err error) {
	if err := m.enter(ctx, "dead"); err != nil {
		return nil, err
	}
	m.dead = slices.DeleteFunc(m.dead, func(d outbox.DeadLetter) bool {
		if slices.Contains(numbers, d.Number) {
			gone = append(gone, d)
			return true
		}
		return false
	})
	return gone, nil
}
