package mapdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cespare/xxhash/v2"

	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/engine/internal/chain"
)

// A dump is: length and bytes of the state, then for each key in order length,
// key, length, value (all lengths as uvarints), then eight bytes of hash over
// all before.
const dumpName = "dump"

func encode(v view) []byte {
	b := appendBytes(nil, v.state.Append(nil))
	v.tree.Ascend(func(e engine.Entry) bool {
		b = appendBytes(appendBytes(b, e.Key), e.Value)
		return true
	})
	return binary.BigEndian.AppendUint64(b, xxhash.Sum64(b))
}

func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

func decode(b []byte) (view, error) {
	body, sum, ok := cutSum(b)
	if !ok || xxhash.Sum64(body) != sum {
		return view{}, damaged("the checksum does not match")
	}
	head, body, ok := cutBytes(body)
	if !ok {
		return view{}, damaged("no position")
	}
	state, err := chain.Parse(head)
	if err != nil {
		return view{}, err
	}
	t, err := decodeTree(body)
	return view{tree: t, state: state}, err
}

func decodeTree(b []byte) (*tree, error) {
	t := newTree()
	var last []byte
	for len(b) > 0 {
		key, rest, ok := cutBytes(b)
		if !ok || bytes.Compare(key, last) <= 0 {
			return nil, damaged("a key is cut short or out of order")
		}
		value, rest, ok := cutBytes(rest)
		if !ok {
			return nil, damaged("a value is cut short")
		}
		t.ReplaceOrInsert(engine.Entry{Key: key, Value: value})
		last, b = key, rest
	}
	return t, nil
}

func cutSum(b []byte) (body []byte, sum uint64, ok bool) {
	n := len(b) - 8
	if n < 0 {
		return nil, 0, false
	}
	return b[:n], binary.BigEndian.Uint64(b[n:]), true
}

func cutBytes(b []byte) (head, rest []byte, ok bool) {
	n, w := binary.Uvarint(b)
	if w <= 0 || n > uint64(len(b)-w) {
		return nil, nil, false
	}
	end := w + int(n)
	return b[w:end:end], b[end:], true
}

func damaged(what string) error { return &engine.DamagedError{File: dumpName, Err: errors.New(what)} }

func load(dir string) (view, error) {
	if dir == "" {
		return view{tree: newTree()}, nil
	}
	b, err := os.ReadFile(filepath.Join(dir, dumpName))
	if errors.Is(err, fs.ErrNotExist) {
		return view{tree: newTree()}, nil
	}
	if err != nil {
		return view{}, fmt.Errorf("mapdb: %w", err)
	}
	return decode(b)
}

func save(dir string, v view) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("mapdb: checkpoint: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, dumpName), encode(v), 0o644); err != nil {
		return fmt.Errorf("mapdb: checkpoint: %w", err)
	}
	return nil
}
