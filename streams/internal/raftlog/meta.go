package raftlog

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/cespare/xxhash/v2"
	"github.com/hashicorp/raft-wal/types"
)

// The meta file holds what is small and must be right: raft-wal's list of
// segments, raft's term and vote, and where the log once ended. It is replaced
// as a whole with each change, and has one checksum over all of it, so that it
// is either the last one written, or damaged. A page store with two heads would
// answer a flipped byte with its state before the last change: with a vote
// forgotten, or a list that lets raft-wal delete the newest segment.
//
//	0  magic    8 bytes, with the format in the last one
//	8  xxhash64 8, little endian, of the rest
//	16 JSON     to the end
const (
	metaName   = "raftlog.meta"
	lockName   = "raftlog.lock"
	metaMagic  = "evnmeta\x01"
	metaHead   = 16
	metaMaxLen = 64 << 20
)

// metaContent is the JSON. Stable's keys are base64, as keys are bytes.
type metaContent struct {
	State  types.PersistentState
	Stable map[string][]byte
	// End was the last fsynced index of the segment with this ID.
	End tailEnd
}

type tailEnd struct{ SegmentID, Index uint64 }

var _ types.MetaStore = (*meta)(nil)

// meta is raft-wal's meta store and raft's stable store.
type meta struct {
	fs  FS
	dir string
	// end returns the last fsynced index; the tail's, if the tail is not empty.
	end func() uint64
	// failed is called when the list could not be replaced.
	failed func()

	mu  sync.RWMutex
	now metaContent
}

// loadMeta reads the file. Its absence is an error that wraps os.ErrNotExist.
func loadMeta(fs FS, dir string) (metaContent, error) {
	var c metaContent
	f, err := fs.OpenReader(dir, metaName)
	if err != nil {
		return c, err
	}
	b, err := io.ReadAll(io.NewSectionReader(f, 0, metaMaxLen))
	if err = errors.Join(err, f.Close()); err != nil {
		return c, err
	}
	return decodeMeta(b, filepath.Join(dir, metaName))
}

func decodeMeta(b []byte, where string) (metaContent, error) {
	var c metaContent
	switch {
	case len(b) < metaHead || string(b[:8]) != metaMagic:
		return c, &DamageError{Where: where, Reason: "not a meta file of this version"}
	case binary.LittleEndian.Uint64(b[8:]) != xxhash.Sum64(b[metaHead:]):
		return c, &DamageError{Where: where, Reason: "checksum does not match"}
	}
	if err := json.Unmarshal(b[metaHead:], &c); err != nil {
		return c, &DamageError{Where: where, Reason: err.Error()}
	}
	return c, nil
}

func encodeMeta(c metaContent) ([]byte, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	b := binary.LittleEndian.AppendUint64([]byte(metaMagic), xxhash.Sum64(text))
	return append(b, text...), nil
}

// isNew reports whether the directory holds no log at all.
func isNew(err error, segments []string) bool {
	return errors.Is(err, os.ErrNotExist) && len(segments) == 0
}

// put replaces the file, then what is in memory. The caller holds mu.
func (m *meta) put(c metaContent) error {
	if n := len(c.State.Segments); n > 0 {
		c.End = tailEnd{SegmentID: c.State.Segments[n-1].ID, Index: m.end()}
		if c.End.Index < c.State.Segments[n-1].BaseIndex {
			c.End = tailEnd{} // nothing is in the tail
		}
	}
	b, err := encodeMeta(c)
	if err != nil {
		return err
	}
	if err := m.fs.Replace(m.dir, metaName, b); err != nil {
		return err
	}
	m.now = c
	return nil
}

// Load returns what was read, and perhaps mended, before raft-wal was opened.
func (m *meta) Load(string) (types.PersistentState, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.now.State, nil
}

// CommitState names our codec in the list: raft-wal names its own for each new
// segment, whichever it was given, and would refuse to open it again.
func (m *meta) CommitState(s types.PersistentState) error {
	for i := range s.Segments {
		s.Segments[i].Codec = codecID
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.now
	c.State = s
	err := m.put(c)
	if err != nil {
		m.failed()
	}
	return err
}

// saveEnd makes known how far the log reaches.
func (m *meta) saveEnd() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.put(m.now)
}

// GetStable implements types.MetaStore.
func (m *meta) GetStable(key []byte) ([]byte, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return bytes.Clone(m.now.Stable[stableKey(key)]), nil
}

// SetStable implements types.MetaStore. A nil value deletes the key.
func (m *meta) SetStable(key, value []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.now
	c.Stable = make(map[string][]byte, len(m.now.Stable)+1)
	maps.Copy(c.Stable, m.now.Stable)
	c.Stable[stableKey(key)] = slices.Clip(bytes.Clone(value))
	if value == nil {
		delete(c.Stable, stableKey(key))
	}
	return m.put(c)
}

// Close has nothing to release: the file is open only while it is used.
func (m *meta) Close() error { return nil }

func stableKey(key []byte) string { return base64.RawStdEncoding.EncodeToString(key) }
