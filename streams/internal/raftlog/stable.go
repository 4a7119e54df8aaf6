package raftlog

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Set stores a value under a key, durably.
func (l *Log) Set(key, value []byte) error {
	if err := l.settle(); err != nil {
		return err
	}
	key, value = bytes.Clone(key), bytes.Clone(value)
	return l.write("set", func() error { return l.meta.SetStable(key, value) })
}

// SetUint64 stores a number under a key, durably.
func (l *Log) SetUint64(key []byte, value uint64) error {
	return l.Set(key, binary.LittleEndian.AppendUint64(nil, value))
}

// Get returns the value of a key, nil if it has none.
func (l *Log) Get(key []byte) ([]byte, error) { return l.meta.GetStable(key) }

// GetUint64 returns the number of a key, 0 if it has none.
func (l *Log) GetUint64(key []byte) (uint64, error) {
	b, err := l.Get(key)
	if err != nil || len(b) == 0 {
		return 0, err
	}
	if len(b) != 8 {
		return 0, fmt.Errorf("raftlog: the value of %q is no number", key)
	}
	return binary.LittleEndian.Uint64(b), nil
}
