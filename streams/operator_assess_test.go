package streams

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// What is wrong with the replicas together: one thing at a time, from a cluster of
// three in which nothing is.
func TestAssess(t *testing.T) {
	ids := []uuid.UUID{{15: 1}, {15: 2}, {15: 3}, {15: 4}}
	voters := []string{ids[0].String(), ids[1].String(), ids[2].String()}
	well := func(i int) *eventnodev1.ReplicaInfo {
		return &eventnodev1.ReplicaInfo{
			Node: "n" + string(rune('1'+i)), Id: ids[i].String(), Partition: 1, State: eventnodev1.ReplicaState_REPLICA_STATE_RUNNING,
			Leads: i == 0, Leader: voters[0], Term: 3, Last: 100, Durable: 100, Committed: 100, Applied: 99, Chain: "c", Voters: voters,
		}
	}
	const voter, nonvoter, none = eventnodev1.ReplicaRole_REPLICA_ROLE_VOTER, eventnodev1.ReplicaRole_REPLICA_ROLE_NONVOTER, eventnodev1.ReplicaRole_REPLICA_ROLE_NONE
	type all = []*eventnodev1.ReplicaInfo
	for name, c := range map[string]struct {
		change func(all) all
		gone   []Node
		leader string
		want   []string // problems, each a part of one
		check  func(all) bool
	}{
		"well":             {leader: "n1", check: func(a all) bool { return a[2].GetRole() == voter && a[2].GetLag() == 0 }},
		"a little behind":  {change: func(a all) all { a[2].Durable = 90; return a }, leader: "n1", check: func(a all) bool { return a[2].GetLag() == 10 }},
		"ahead of what is": {change: func(a all) all { a[2].Durable = 105; return a }, leader: "n1", check: func(a all) bool { return a[2].GetLag() == 0 }},
		"far behind":       {change: func(a all) all { a[0].Committed = 5000; return a }, leader: "n1", want: []string{"n1 is 4900", "n2 is 4900", "n3 is 4900"}},
		"no leader": {change: func(a all) all { a[0].Leads = false; a[1].Term = 4; return a }, want: []string{"no replica leads"},
			check: func(a all) bool { return a[0].GetRole() == voter }},
		"stopped": {change: func(a all) all {
			a[1].State = eventnodev1.ReplicaState_REPLICA_STATE_STOPPED
			a[1].Why = "damaged log"
			return a
		}, leader: "n1", want: []string{"n2 has stopped: damaged log"}},
		"full": {change: func(a all) all {
			a[1].Sick, a[1].Full, a[1].Why = true, true, "less than 512 MiB are free"
			return a
		}, leader: "n1", want: []string{"n2 has a full disk: less than 512 MiB"}},
		"slow":    {change: func(a all) all { a[1].Sick, a[1].Why = true, "slow"; return a }, leader: "n1"},
		"opening": {change: func(a all) all { a[1].State = eventnodev1.ReplicaState_REPLICA_STATE_OPENING; return a }, leader: "n1", want: []string{"n2 is opening"}},
		"silent": {change: func(a all) all {
			a[1].State = eventnodev1.ReplicaState_REPLICA_STATE_SILENT
			a[1].Why = "time-out"
			return a
		}, leader: "n1", want: []string{"n2 does not answer: time-out"}},
		"gone":          {change: func(a all) all { return a[:2] }, gone: []Node{{ID: "n3", Replica: ids[2]}}, leader: "n1", want: []string{"n3 does not answer: its node"}, check: func(a all) bool { return len(a) == 3 && a[2].GetRole() == voter && a[2].GetNode() == "n3" }},
		"gone for good": {change: func(a all) all { return a[:2] }, leader: "n1", want: []string{"voter " + voters[2] + " does not answer: no living node"}},
		"two copies": {change: func(a all) all { a[1].Chain = "d"; a[2].Applied = 98; a[2].Chain = "e"; return a }, leader: "n1",
			want: []string{"copies of n1 and n2 differ at entry 99"}},
		"a non-voter": {change: func(a all) all {
			a[0].Nonvoters = []string{ids[3].String()}
			r := well(3)
			r.Durable = 1
			return append(a, r)
		}, leader: "n1", check: func(a all) bool { return a[3].GetRole() == nonvoter && a[3].GetLag() == 99 }},
		"a stranger": {change: func(a all) all {
			r := well(3)
			r.State = eventnodev1.ReplicaState_REPLICA_STATE_STOPPED
			return append(a, r)
		}, leader: "n1", check: func(a all) bool { return a[3].GetRole() == none }},
		"none": {change: func(all) all { return nil }, want: []string{"no replica leads"}},
		"all wait": {change: func(a all) all {
			for _, r := range a {
				proto.Reset(r)
				r.Node, r.State = "n", eventnodev1.ReplicaState_REPLICA_STATE_WAITING
			}
			return a[:1]
		}, want: []string{"no replica leads", "n belongs to no cluster yet"}},
	} {
		t.Run(name, func(t *testing.T) {
			resp := &eventnodev1.StorageStatusResponse{Replicas: all{well(0), well(1), well(2)}}
			if c.change != nil {
				resp.Replicas = c.change(resp.Replicas)
			}
			assess(resp, c.gone)
			if len(resp.GetProblems()) != len(c.want) || resp.GetHealthy() != (len(c.want) == 0) || resp.GetLeader() != c.leader {
				t.Fatalf("leader %q, problems %q, want %q, %q", resp.GetLeader(), resp.GetProblems(), c.leader, c.want)
			}
			for i, part := range c.want {
				if !strings.Contains(resp.GetProblems()[i], part) {
					t.Errorf("%q, want %q", resp.GetProblems()[i], part)
				}
			}
			if c.check != nil && !c.check(resp.GetReplicas()) {
				t.Errorf("%v", resp.GetReplicas())
			}
		})
	}
}
