package pebbledb_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/engine/pebbledb"
)

func row(stream byte, number uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{5, stream}, number)
}

// Tables end before a long series, between what was deleted of it and what is new,
// and behind it; a short series and short values cut nothing.
func TestSeriesCuts(t *testing.T) {
	const memtable = 1 << 20
	s := pebbledb.NewSeries(memtable)
	for n := range uint64(20) {
		s.Note(row(2, 100+n), memtable/100) // a fifth of a memtable
		s.Note(row(3, n), memtable/1000)
		s.Note([]byte{1, byte(n), 0, 0, 0, 0, 0, 0, 0, 0}, 500)
	}
	var got [][]byte
	for end := s.End(nil); end != nil; end = s.End(end) {
		got = append(got, end)
	}
	want := [][]byte{{5, 2}, row(2, 100), {5, 3}}
	if len(got) != len(want) {
		t.Fatalf("cuts %x, want %x", got, want)
	}
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			t.Errorf("cut %d is %x, want %x", i, got[i], want[i])
		}
	}
}

// What was long some flushes ago cuts nothing any more.
func TestSeriesForgets(t *testing.T) {
	const memtable = 1 << 20
	s := pebbledb.NewSeries(memtable)
	s.Note(row(2, 1), memtable/4)
	turns := 0
	for ; s.End(nil) != nil && turns < 10; turns++ {
		s.Turn()
	}
	if turns < 2 || turns > 5 {
		t.Errorf("forgotten after %d flushes", turns)
	}
}

// What is new of a stream lies in tables that hold nothing else, not even what is
// deleted at its front: it overlaps nothing, and so goes down without a rewrite.
func TestNewRowsOverlapNothing(t *testing.T) {
	s := mustOpen(t, pebbledb.Config{Dir: t.TempDir()})
	value := values(256 << 10)
	const round = 60 // half of a memtable
	for n := uint64(1); n <= 3*round; n++ {
		batch := s.NewBatch()
		batch.Set([]byte{1, 1}, value[0][:100])
		batch.Set(row(1, n), value[n%64])
		batch.Set([]byte{9, 1}, value[1][:100])
		if n > round {
			batch.Delete(row(1, n-round))
		}
		if err := batch.Commit(engine.Applied{Index: n, Term: 1}); err != nil {
			t.Fatal(err)
		}
		if n%round != 0 {
			continue
		}
		if _, err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		tables, err := s.Tables()
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range tables {
			hasNew := bytes.Compare(table[1], row(1, n-round+1)) >= 0 && bytes.Compare(table[0], row(1, n)) <= 0
			if hasNew && (bytes.Compare(table[0], row(1, n-round+1)) < 0 || bytes.Compare(table[1], row(1, n)) > 0) {
				t.Errorf("after %d rows a table spans %x to %x", n, table[0], table[1])
			}
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
