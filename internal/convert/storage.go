package convert

import (
	"strings"

	"github.com/eventnode/eventnode"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// StorageStatusFromProto reads how the copies are.
func StorageStatusFromProto(m *eventnodev1.StorageStatusResponse) eventnode.StorageStatus {
	return eventnode.StorageStatus{
		Cluster: m.GetCluster(), ClusterUUID: m.GetClusterUuid(), Leader: eventnode.NodeID(m.GetLeader()),
		Healthy: m.GetHealthy(), Problems: m.GetProblems(), Replicas: list(m.GetReplicas(), replicaFromProto),
	}
}

func replicaFromProto(m *eventnodev1.ReplicaInfo) eventnode.ReplicaInfo {
	r := eventnode.ReplicaInfo{
		Node: eventnode.NodeID(m.GetNode()), Partition: m.GetPartition(), ID: m.GetId(),
		Role: word(m.GetRole(), "REPLICA_ROLE_"), State: word(m.GetState(), "REPLICA_STATE_"), Why: m.GetWhy(),
		Leads: m.GetLeads(), Sick: m.GetSick(), Full: m.GetFull(), Term: m.GetTerm(), Last: m.GetLast(), Durable: m.GetDurable(),
		Committed: m.GetCommitted(), Applied: m.GetApplied(), Lag: m.GetLag(),
		LogBytes: m.GetLogBytes(), StateBytes: m.GetStateBytes(), FreeBytes: m.GetFreeBytes(),
		Snapshot: m.GetSnapshot(), Chain: m.GetChain(),
	}
	if m.GetStamp() != nil {
		r.Stamp = m.GetStamp().AsTime()
	}
	return r
}

// word is an enum's value in the words of people: "unknown" if it is not known, or
// not said.
func word[E interface {
	~int32
	String() string
}](e E, prefix string) string {
	name, known := strings.CutPrefix(e.String(), prefix)
	if !known || e == 0 {
		return "unknown"
	}
	return strings.ToLower(name)
}

// ScrubProgressFromProto reads how far a node has come.
func ScrubProgressFromProto(m *eventnodev1.ScrubResponse) eventnode.ScrubProgress {
	return eventnode.ScrubProgress{
		Repaired: m.GetRepaired(),
		Node:     eventnode.NodeID(m.GetNode()), Read: m.GetReadBytes(), Total: m.GetTotalBytes(),
		Rows: m.GetRows(), Events: m.GetEvents(), Entries: m.GetEntries(),
		Damages: list(m.GetDamages(), func(d *eventnodev1.Damage) eventnode.Damage {
			return eventnode.Damage{Part: d.GetPart(), Text: d.GetText()}
		}),
		Damaged: m.GetDamaged(), Done: m.GetDone(), Error: m.GetError(),
	}
}
