package streams

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/eventnode/eventnode/streams/internal/forming"
	"github.com/eventnode/eventnode/streams/internal/replica"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// StorageLevel is the highest level of storage commands that this program knows,
// which gossip is to tell.
const StorageLevel = state.Level

// Notices are what an operator should know of this node's durable plane, a line each.
// None of it keeps it from working.
func (s *Streams) Notices() []string {
	remembered := s.remembered()
	if remembered.Stage != forming.Belongs {
		return []string{s.unformed()}
	}
	var lines []string
	if r := remembered.Recovered; r != nil {
		lines = append(lines, recovered(r))
	}
	r, ok := s.partition()
	if !ok {
		return append(lines, notOpen)
	}
	known, err := s.knownReplicas(r)
	if err != nil {
		return append(lines, notOpen)
	}
	st := r.Status()
	switch {
	case st.Leader == uuid.Nil:
		lines = append(lines, "no leader of the streams is known here: a majority of the nodes that keep copies must be reachable")
	case !s.isUpToDate(r):
		lines = append(lines, "this node's copy of the streams is not up to date yet: do not stop another one now")
	}
	for _, m := range st.Members {
		if known.departed(m.ID) {
			lines = append(lines, fmt.Sprintf("%s goes for good: %s", known.name(m.ID), s.waitsFor(st, known, m.ID)))
		}
	}
	return slices.Concat(lines, s.unplaced(known), s.levels(st, known))
}

const notOpen = "this node's copy of the streams is not open"

// unformed says why this node belongs to no cluster.
func (s *Streams) unformed() string {
	names := make([]string, 0, 4)
	for _, n := range s.cfg.Peers.Nodes() {
		names = append(names, string(n.ID))
	}
	seen := fmt.Sprintf("nodes with storage that are seen: %s", strings.Join(names, ", "))
	if s.cfg.Expect == 0 {
		return "there are no durable streams yet: this node waits for a cluster that keeps some, and founds none (--bootstrap-expect says how many nodes found one); " + seen
	}
	return fmt.Sprintf("there are no durable streams yet: this node waits until %d nodes with storage are there (--bootstrap-expect); %s", s.cfg.Expect, seen)
}

// recovered says what an operator did.
func recovered(r *forming.Recovery) string {
	return fmt.Sprintf("the streams were recovered by hand from this node's copy on %s, from cluster %v up to entry %d of term %d: what was acknowledged and was not in this copy is lost; no copy of the old cluster may be used any more",
		r.At.UTC().Format(time.RFC3339), r.From, r.Index, r.Term)
}

// levels says who keeps newer storage commands from being used.
func (s *Streams) levels(st replica.Status, known knownReplicas) []string {
	if known.level >= state.Level {
		return nil
	}
	knows := map[uuid.UUID]uint32{}
	for _, n := range s.cfg.Peers.Nodes() {
		knows[n.Replica] = n.Level
	}
	var behind []string
	for _, m := range st.Members {
		switch level, there := knows[m.ID]; {
		case !there:
			behind = append(behind, known.name(m.ID)+" (is not there)")
		case level < state.Level:
			behind = append(behind, fmt.Sprintf("%s (knows %d)", known.name(m.ID), level))
		}
	}
	if len(behind) == 0 {
		return nil // the leader raises it in a moment
	}
	return []string{fmt.Sprintf("level %d of the storage commands is used, and this program knows %d: an upgrade waits for %s", known.level, state.Level, strings.Join(behind, ", "))}
}
