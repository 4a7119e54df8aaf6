package streamsdk

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/eventnode/eventnode"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

func positionToProto(p eventnode.Position) *eventnodev1.Position {
	return &eventnodev1.Position{Ms: p.MS, Seq: p.Seq}
}

func positionFromProto(p *eventnodev1.Position) eventnode.Position {
	return eventnode.Position{MS: p.GetMs(), Seq: p.GetSeq()}
}

func configToProto(c eventnode.StreamConfig) *eventnodev1.StreamConfig {
	return &eventnodev1.StreamConfig{
		Retain: retainToProto(c.Retain), MaxAge: duration(c.MaxAge), MaxBytes: c.MaxBytes, MaxCount: c.MaxCount,
		Groups: c.Groups, Pool: c.Pool, DedupeWindow: duration(c.DedupeWindow), DedupeMax: c.DedupeMax,
	}
}

func configFromProto(c *eventnodev1.StreamConfig) eventnode.StreamConfig {
	return eventnode.StreamConfig{
		Retain: retainFromProto(c.GetRetain()), MaxAge: c.GetMaxAge().AsDuration(), MaxBytes: c.GetMaxBytes(), MaxCount: c.GetMaxCount(),
		Groups: c.GetGroups(), Pool: c.GetPool(), DedupeWindow: c.GetDedupeWindow().AsDuration(), DedupeMax: c.GetDedupeMax(),
	}
}

// retainToProto: one that is not known becomes a number that no node knows, so that
// the node refuses it.
func retainToProto(r eventnode.Retain) eventnodev1.Retain {
	switch r {
	case eventnode.RetainAcked:
		return eventnodev1.Retain_RETAIN_ACKED
	case eventnode.RetainLimits:
		return eventnodev1.Retain_RETAIN_LIMITS
	}
	return eventnodev1.Retain(r) + 1
}

// retainFromProto: what this version does not know becomes a value that has no
// name.
func retainFromProto(r eventnodev1.Retain) eventnode.Retain {
	switch r {
	case eventnodev1.Retain_RETAIN_UNSPECIFIED, eventnodev1.Retain_RETAIN_ACKED:
		return eventnode.RetainAcked
	case eventnodev1.Retain_RETAIN_LIMITS:
		return eventnode.RetainLimits
	}
	return eventnode.Retain(r) - 1
}

// duration is absent if it is 0: the default, or no limit.
func duration(d time.Duration) *durationpb.Duration {
	if d == 0 {
		return nil
	}
	return durationpb.New(d)
}

func infoFromProto(d *eventnodev1.StreamDescription) eventnode.StreamInfo {
	return eventnode.StreamInfo{
		Namespace: d.GetStream().GetNamespace(), Name: d.GetStream().GetName(),
		Config: configFromProto(d.GetConfig()), Created: d.GetCreated().AsTime(),
		Count: d.GetCount(), Bytes: d.GetBytes(), Published: d.GetPublished(),
		First: positionFromProto(d.GetFirst()), Last: positionFromProto(d.GetLast()),
		Partition: d.GetPartition(), Leader: eventnode.NodeID(d.GetLeader()),
	}
}
