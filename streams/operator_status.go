package streams

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/eventnode/eventnode"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/streams/internal/replica"
)

// StorageStatus says how each replica is: every node with storage is asked at the
// same time, and one that does not answer within two seconds is said to be silent.
func (o *Operator) StorageStatus(ctx context.Context, req *eventnodev1.StorageStatusRequest) (*eventnodev1.StorageStatusResponse, error) {
	resp := &eventnodev1.StorageStatusResponse{Cluster: o.cfg.Cluster}
	if id := o.cluster(); id != uuid.Nil {
		resp.ClusterUuid = id.String()
	}
	if req.GetLocal() {
		resp.Replicas = o.own()
		return resp, nil
	}
	resp.Replicas = o.everywhere(ctx)
	if err := ctx.Err(); err != nil {
		return nil, o.status(context.Cause(ctx))
	}
	assess(resp, o.gone())
	return resp, nil
}

// gone is nodes that are not there, as gossip has them and as the replicas have agreed
// on their names.
func (o *Operator) gone() []Node {
	list := o.cfg.Gone()
	r, ok := o.replica()
	if !ok {
		return list
	}
	known, err := o.cfg.Streams.knownReplicas(r)
	if err != nil {
		return list // their UUIDs will do
	}
	for _, n := range known.notes {
		if id, err := uuid.FromBytes(n.GetReplica()); err == nil && n.GetNode() != "" {
			list = append(list, Node{ID: eventnode.NodeID(n.GetNode()), Replica: id})
		}
	}
	return list
}

// cluster is that of this node or, without storage, that of others.
func (o *Operator) cluster() uuid.UUID {
	if o.cfg.Streams != nil {
		return o.cfg.Streams.ClusterUUID()
	}
	for _, n := range o.cfg.Peers.Nodes() {
		if n.Cluster != uuid.Nil {
			return n.Cluster
		}
	}
	return uuid.Nil
}

// own is this node's replicas.
func (o *Operator) own() []*eventnodev1.ReplicaInfo {
	if o.cfg.Streams == nil {
		return nil
	}
	r, ok := o.replica()
	if !ok {
		return []*eventnodev1.ReplicaInfo{{
			Node: string(o.self()), Partition: partitionMeta, Id: o.cfg.Streams.Replica().String(),
			State: eventnodev1.ReplicaState_REPLICA_STATE_WAITING,
		}}
	}
	info := replicaOut(r.Status())
	info.Node = string(o.self())
	return []*eventnodev1.ReplicaInfo{info}
}

// replicaOut is what there is to say of a replica without the others.
func replicaOut(st replica.Status) *eventnodev1.ReplicaInfo {
	info := &eventnodev1.ReplicaInfo{Partition: st.Partition, Id: st.ID.String(), State: eventnodev1.ReplicaState_REPLICA_STATE_RUNNING}
	if !st.Running {
		info.State = eventnodev1.ReplicaState_REPLICA_STATE_STOPPED
		if st.Opening {
			info.State = eventnodev1.ReplicaState_REPLICA_STATE_OPENING
		}
		if st.Why != nil {
			info.Why = st.Why.Error()
		}
		return info
	}
	info.Sick, info.Full, info.Why = st.Sick, st.Full, st.SickWhy
	info.Leads, info.Term = st.Leads, st.Term
	info.Last, info.Durable, info.Committed, info.Applied = st.Last, st.Durable, st.Committed, st.Applied
	info.LogBytes, info.StateBytes, info.FreeBytes = st.LogSize, uint64(max(st.StateBytes, 0)), st.FreeBytes
	info.Snapshot, info.Stamp, info.Chain = st.Snapshot, timestamppb.New(time.UnixMilli(st.StampMS)), st.Chain.String()
	if st.Leader != uuid.Nil {
		info.Leader = st.Leader.String()
	}
	for _, m := range st.Members {
		if m.Voter {
			info.Voters = append(info.Voters, m.ID.String())
		} else {
			info.Nonvoters = append(info.Nonvoters, m.ID.String())
		}
	}
	return info
}

// everywhere asks all nodes with storage.
func (o *Operator) everywhere(ctx context.Context) []*eventnodev1.ReplicaInfo {
	nodes := o.cfg.Peers.Nodes()
	answers := make([][]*eventnodev1.ReplicaInfo, len(nodes))
	var wg sync.WaitGroup
	for i, n := range nodes {
		wg.Go(func() { answers[i] = o.ask(ctx, n) })
	}
	wg.Wait()
	all := slices.Concat(answers...)
	slices.SortStableFunc(all, func(a, b *eventnodev1.ReplicaInfo) int { return strings.Compare(a.GetNode(), b.GetNode()) })
	return all
}

// ask is a node's replicas, or that it is silent.
func (o *Operator) ask(ctx context.Context, n Node) []*eventnodev1.ReplicaInfo {
	if n.ID == o.self() {
		return o.own()
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	ctx, there, err := o.at(ctx, n.Address)
	var resp *eventnodev1.StorageStatusResponse
	if err == nil {
		resp, err = there.StorageStatus(ctx, &eventnodev1.StorageStatusRequest{Local: true})
	}
	if err != nil {
		return []*eventnodev1.ReplicaInfo{{
			Node: string(n.ID), Partition: partitionMeta, Id: n.Replica.String(),
			State: eventnodev1.ReplicaState_REPLICA_STATE_SILENT, Why: status.Convert(err).Message(),
		}}
	}
	return resp.GetReplicas()
}
