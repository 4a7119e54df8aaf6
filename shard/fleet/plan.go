package fleet

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"unicode"

	"github.com/eventnode/eventnode"
)

// plan is what all runners follow: the newest event of the control stream, which is the
// whole of it.
type plan struct {
	// Spec is which shards there are; Auto: that was not agreed on yet.
	Spec Spec `json:"shards"`
	// Stopped were stopped by somebody.
	Stopped map[int]bool `json:"stopped,omitempty"`
	// Failed cannot go on.
	Failed map[int]failure `json:"failed,omitempty"`
	// Pins were moved to a node by somebody.
	Pins map[int]eventnode.NodeID `json:"pins,omitempty"`
}

// failure is why a shard cannot go on.
type failure struct {
	Node   eventnode.NodeID `json:"node"`
	Reason string           `json:"reason"`
	// At is when, in milliseconds since 1970, by the clock of that node.
	At int64 `json:"at_ms"`
}

// Bounds of what is written down of a shard, in bytes. A plan of 4,096 shards that have all
// failed, with names of nodes of 32 bytes, is less than the MiB that an event may have.
const (
	maxReason   = 100
	maxNodeName = 64
)

// parsePlan is the inverse of plan.encode. What is there of other shards is left out.
func parsePlan(data []byte) (plan, error) {
	var p plan
	if err := json.Unmarshal(data, &p); err != nil {
		return plan{}, fmt.Errorf("not the plan of a fleet: %w", err)
	}
	p.trim()
	return p, nil
}

// trim leaves out what is of no shard of the plan, and cuts texts.
func (p *plan) trim() {
	maps.DeleteFunc(p.Stopped, func(i int, is bool) bool { return !is || !p.Spec.Has(i) })
	maps.DeleteFunc(p.Failed, func(i int, f failure) bool { return !p.Spec.Has(i) })
	maps.DeleteFunc(p.Pins, func(i int, n eventnode.NodeID) bool { return n == "" || len(n) > maxNodeName || !p.Spec.Has(i) })
	for i, f := range p.Failed {
		f.Reason, f.Node = clip(f.Reason, maxReason), eventnode.NodeID(clip(string(f.Node), maxNodeName))
		p.Failed[i] = f
	}
}

func (p plan) encode() ([]byte, error) { return json.Marshal(p) }

// clone is a plan that may be changed.
func (p plan) clone() plan {
	p.Stopped, p.Failed, p.Pins = filled(p.Stopped), filled(p.Failed), filled(p.Pins)
	return p
}

// filled is a copy that is not nil.
func filled[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		return map[K]V{}
	}
	return maps.Clone(m)
}

// runs reports whether a shard is to run.
func (p plan) runs(id ShardID) bool {
	_, failed := p.Failed[id.Index]
	return p.Spec.Total == id.Total && p.Spec.Has(id.Index) && !p.Stopped[id.Index] && !failed
}

// wanted is the shards that are to run.
func (p plan) wanted() (shards []int) {
	for _, i := range p.Spec.Indices() {
		if p.runs(ShardID{i, p.Spec.Total}) {
			shards = append(shards, i)
		}
	}
	return shards
}

// check says what is wrong with a shard's number.
func (p plan) check(shard int) error {
	if !p.Spec.Has(shard) {
		return fmt.Errorf("there is no shard %d: the source runs shards %v: %w", shard, p.Spec, eventnode.ErrInvalidArgument)
	}
	return nil
}

// clip is the beginning of a text, in one line that is valid in JSON as it stands.
func clip(s string, most int) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '"' || r == '`':
			r = '\''
		case r == '\\':
			r = '/'
		case !unicode.IsPrint(r) || strings.ContainsRune("<>&", r):
			r = ' '
		}
		if b.Len()+len(string(r)) > most {
			break
		}
		b.WriteRune(r)
	}
	return b.String()
}
