package chain_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/engine/internal/chain"
)

// TestPinned: the hash is on disk and compared between versions: it stays.
func TestPinned(t *testing.T) {
	tail := chain.NewTail(chain.State{})
	tail.Set([]byte{1}, [][]byte{[]byte("a"), []byte("b")})
	tail.Delete([]byte{2})
	tail.DeleteRange([]byte{3}, []byte{4})
	tail.Seal(engine.Applied{Index: 7, Term: 2})
	tail.Seal(engine.Applied{Index: 8, Term: 2})
	if got := tail.State().Chain.String(); got != "28c47e87087d4528" || tail.Err() != nil {
		t.Errorf("chain %s, error %v", got, tail.Err())
	}
}

// TestParts: how a value is divided does not show.
func TestParts(t *testing.T) {
	var all []engine.Chain
	for _, parts := range [][][]byte{{[]byte("ab")}, {[]byte("a"), []byte("b")}, {nil, []byte("ab"), {}}} {
		tail := chain.NewTail(chain.State{})
		tail.Set([]byte{1}, parts)
		tail.Seal(engine.Applied{Index: 1})
		all = append(all, tail.State().Chain)
	}
	if all[0] != all[1] || all[1] != all[2] {
		t.Errorf("chains %v", all)
	}
}

// TestFirstError: after an error nothing counts, and the error stays.
func TestFirstError(t *testing.T) {
	tail := chain.NewTail(chain.State{})
	if tail.Set([]byte{0}, nil) || tail.Set([]byte{1}, nil) || tail.Delete([]byte{1}) || tail.DeleteRange([]byte{1}, []byte{2}) {
		t.Error("a write after a bad key")
	}
	tail.Seal(engine.Applied{Index: 1})
	tail.Fail(engine.ErrClosed)
	if !errors.Is(tail.Err(), engine.ErrKey) || tail.State() != (chain.State{}) {
		t.Errorf("error %v, state %v", tail.Err(), tail.State())
	}
}

// TestParseWords: what cannot be read is told apart.
func TestParseWords(t *testing.T) {
	good := chain.State{Applied: engine.Applied{Index: 1, Term: 2}, Chain: 3}.Append(nil)
	for name, c := range map[string]struct {
		in   []byte
		want error
	}{
		"empty":   {nil, engine.ErrDamaged},
		"short":   {good[:9], engine.ErrDamaged},
		"long":    {append(bytes.Clone(good), 0), engine.ErrDamaged},
		"zeros":   {make([]byte, len(good)), engine.ErrDamaged},
		"version": {append([]byte{2}, good[1:]...), engine.ErrFormat},
	} {
		if _, err := chain.Parse(c.in); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(chain.State{Applied: engine.Applied{Index: 1, Term: 2}, Chain: 3}.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := chain.Parse(b)
		if err == nil && !bytes.Equal(s.Append(nil), b) {
			t.Errorf("%x becomes %x", b, s.Append(nil))
		}
	})
}

func BenchmarkTail(b *testing.B) {
	tail := chain.NewTail(chain.State{})
	value := [][]byte{make([]byte, 256<<10)}
	var index uint64
	b.SetBytes(256 << 10)
	b.ReportAllocs()
	for b.Loop() {
		index++
		tail.Set([]byte{1, 2, 3}, value)
		tail.Seal(engine.Applied{Index: index})
	}
}
