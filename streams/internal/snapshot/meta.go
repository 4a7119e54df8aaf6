package snapshot

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cespare/xxhash/v2"
	"github.com/hashicorp/raft"

	"github.com/eventnode/eventnode/streams/internal/engine"
)

const (
	metaName = "snapshot"
	// maxMeta bounds the file, in bytes: room for thousands of servers.
	maxMeta    = 1 << 20
	metaFormat = 1
)

// meta is what the file says. It is replaced as a whole, and so decides by itself,
// at every moment, what the replica is. The file is text, for an operator's eyes: a
// line that stays the same for ever, the format, JSON, and the checksum of all
// before it.
type meta struct {
	// Number is the highest one given to a directory or a snapshot.
	Number uint64 `json:"number"`
	// State is the number of the state's directory.
	State uint64 `json:"state"`
	// Snapshot is missing until there is one.
	Snapshot *record `json:"snapshot,omitempty"`
}

// record is one snapshot.
type record struct {
	ID                 string   `json:"id"`
	Index              uint64   `json:"index"`
	Term               uint64   `json:"term"`
	ConfigurationIndex uint64   `json:"configuration_index"`
	Servers            []server `json:"servers"`
	// Floor is an entry that the state holds for sure, whenever it is opened. It is
	// before Index when the last entries are raft's own, which no state sees.
	Floor position `json:"floor"`
}

type position struct {
	Index uint64 `json:"index"`
	Term  uint64 `json:"term"`
}

type server struct {
	ID      string `json:"id"`
	Address string `json:"address"`
	Voter   bool   `json:"voter"`
}

func serversOf(c raft.Configuration) []server {
	list := make([]server, 0, len(c.Servers))
	for _, s := range c.Servers {
		list = append(list, server{ID: string(s.ID), Address: string(s.Address), Voter: s.Suffrage == raft.Voter})
	}
	return list
}

func configurationOf(list []server) raft.Configuration {
	var c raft.Configuration
	for _, s := range list {
		suffrage := raft.Nonvoter
		if s.Voter {
			suffrage = raft.Voter
		}
		c.Servers = append(c.Servers, raft.Server{Suffrage: suffrage, ID: raft.ServerID(s.ID), Address: raft.ServerAddress(s.Address)})
	}
	return c
}

// raftMeta is the record in raft's words. The size is known only of a stream.
func (r *record) raftMeta(size int64) *raft.SnapshotMeta {
	return &raft.SnapshotMeta{
		Version: snapshotVersion, ID: r.ID, Index: r.Index, Term: r.Term,
		Configuration: configurationOf(r.Servers), ConfigurationIndex: r.ConfigurationIndex,
		Size: size,
	}
}

func (r *record) floor() engine.Applied { return engine.Applied(r.Floor) }

const (
	metaTop  = "eventnode snapshot\nformat "
	metaTail = "xxh64 %016x\n"
)

func (m meta) encode() ([]byte, error) {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	b := fmt.Appendf(nil, metaTop+"%d\n%s\n", metaFormat, text)
	if b = fmt.Appendf(b, metaTail, xxhash.Sum64(b)); len(b) > maxMeta {
		return nil, fmt.Errorf("snapshot: %d servers are too many to write down", len(m.Snapshot.Servers))
	}
	return b, nil
}

// decodeMeta reads what encode wrote. The checksum comes first: only then is a
// strange format a newer one.
func decodeMeta(b []byte) (meta, error) {
	var m meta
	at := bytes.LastIndex(b, []byte("\nxxh64 ")) + 1
	if at == 0 || string(b[at:]) != fmt.Sprintf(metaTail, xxhash.Sum64(b[:at])) {
		return m, errors.New("the checksum does not match")
	}
	rest, ok := bytes.CutPrefix(b[:at], []byte(metaTop))
	line, text, _ := bytes.Cut(rest, []byte("\n"))
	if !ok {
		return m, errors.New("it is another file")
	}
	if string(line) != fmt.Sprint(metaFormat) {
		return m, fmt.Errorf("%w %.20q, this program knows up to %d", ErrFormat, line, metaFormat)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, err
	}
	return m, m.valid()
}

func (m meta) valid() error {
	if m.State == 0 || m.State > m.Number {
		return fmt.Errorf("state %d of %d", m.State, m.Number)
	}
	if r := m.Snapshot; r != nil && (r.ID == "" || r.Index == 0 || r.Term == 0) {
		return fmt.Errorf("snapshot %.40q of entry %d, term %d", r.ID, r.Index, r.Term)
	}
	return nil
}
