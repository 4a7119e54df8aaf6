package fleet

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/eventnode/eventnode"
)

// keep is what a shard needs to go on elsewhere, as of one moment.
type keep struct {
	Shard int              `json:"shard"`
	Total int              `json:"total"`
	Node  eventnode.NodeID `json:"node"`
	// Token is that of the lease under which it was written, and Number counts on under it:
	// of two keeps of a shard the one with the higher pair counts. So what a node writes
	// that has lost its lease counts for nothing once the next one has written, and neither
	// does what comes late.
	Token   uint64 `json:"token"`
	Number  uint64 `json:"number"`
	Session string `json:"session,omitempty"`
	Seq     uint64 `json:"seq,omitempty"`
	// Resume is the shard's own. None: there is no session to go on with.
	Resume []byte `json:"resume,omitempty"`
	// Opening: the shard was permitted to open a session, and has said nothing of it yet.
	Opening bool `json:"opening,omitempty"`
	// At is when, in milliseconds since 1970, by the clock of that node.
	At int64 `json:"at_ms"`
}

// Bounds of a keep, in bytes, and of the event that has several.
const (
	maxResume  = 4 << 10
	maxSession = 256
	maxKeeps   = 256 << 10
)

// newer reports whether a keep counts more than another one of the same shard.
func (k keep) newer(o keep) bool {
	return k.Token > o.Token || k.Token == o.Token && k.Number > o.Number
}

// same reports whether two keeps say the same.
func (k keep) same(o keep) bool {
	return k.Total == o.Total && k.Opening == o.Opening && k.Session == o.Session && k.Seq == o.Seq && bytes.Equal(k.Resume, o.Resume)
}

// check says what is wrong with a keep.
func (k keep) check() error {
	switch {
	case k.Total < 1 || k.Total > MaxShards || k.Shard < 0 || k.Shard >= k.Total:
		return fmt.Errorf("shard %d of %d: %w", k.Shard, k.Total, eventnode.ErrInvalidArgument)
	case len(k.Resume) > maxResume:
		return &eventnode.LimitError{Limit: "max_resume_bytes", Max: maxResume, Got: len(k.Resume)}
	case len(k.Session) > maxSession:
		return &eventnode.LimitError{Limit: "max_session_bytes", Max: maxSession, Got: len(k.Session)}
	case len(k.Node) > maxNodeName:
		return &eventnode.LimitError{Limit: "max_node_name_bytes", Max: maxNodeName, Got: len(k.Node)}
	}
	return nil
}

// encodeKeeps makes as many events of keeps as it needs: each is a line of JSON.
func encodeKeeps(keeps []keep) (events [][]byte, err error) {
	var b []byte
	for _, k := range keeps {
		line, err := json.Marshal(k)
		if err != nil {
			return nil, err
		}
		if len(b) > 0 && len(b)+len(line) >= maxKeeps {
			events, b = append(events, b), nil
		}
		b = append(append(b, line...), '\n')
	}
	if len(b) > 0 {
		events = append(events, b)
	}
	return events, nil
}

// parseKeeps is the inverse of encodeKeeps, for one event. What can be read beside what
// cannot is returned with the error.
func parseKeeps(data []byte) (keeps []keep, err error) {
	for line := range bytes.Lines(data) {
		var k keep
		bad := json.Unmarshal(line, &k)
		if bad == nil {
			bad = k.check()
		}
		if bad != nil {
			err = fmt.Errorf("not what a shard needs to go on: %w", bad)
			continue
		}
		keeps = append(keeps, k)
	}
	return keeps, err
}

// table is the newest keep of each shard, and where it stands in the stream.
type table struct {
	keeps map[int]stored
	head  uint64 // the number of the newest event
}

// stored is a keep and the number of its event.
type stored struct {
	keep
	number uint64
}

// add takes an event of the stream in.
func (t *table) add(number uint64, keeps []keep) {
	t.head = max(t.head, number)
	if t.keeps == nil {
		t.keeps = map[int]stored{}
	}
	for _, k := range keeps {
		if old, ok := t.keeps[k.Shard]; !ok || !old.newer(k) {
			t.keeps[k.Shard] = stored{k, number}
		}
	}
}

// aged is keeps that retention will remove before long: their events are so far behind the
// newest one. They are told again as they are.
func (t *table) aged(behind uint64) (keeps []keep) {
	for _, s := range t.keeps {
		if t.head-s.number >= behind {
			keeps = append(keeps, s.keep)
		}
	}
	return keeps
}
