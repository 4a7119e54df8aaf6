package groups

import (
	"maps"
	"slices"

	"google.golang.org/grpc"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	"github.com/eventnode/eventnode/internal/convert"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// Monitor sends a snapshot, then every difference in order, until the stream
// ends.
func (s *service) Monitor(req *eventnodev1.MonitorRequest, stream grpc.ServerStreamingServer[eventnodev1.MonitorResponse]) error {
	var m eventnode.Monitor
	var err error
	if req.Group != nil {
		m, err = s.scope(req.GetScope()).Monitor(stream.Context(), req.GetGroup())
	} else {
		m, err = s.scope(req.GetScope()).MonitorScope(stream.Context())
	}
	if err != nil {
		return apierr.ToStatus(err)
	}
	defer m.Close()
	if err := sendSnapshot(stream, m.Snapshot()); err != nil {
		return err
	}
	for {
		c, err := m.Next(stream.Context())
		if err != nil {
			return apierr.ToStatus(err)
		}
		if err := sendChange(stream, c); err != nil {
			return err
		}
	}
}

func sendChange(stream grpc.ServerStreamingServer[eventnodev1.MonitorResponse], c eventnode.Change) error {
	if c.Resync != nil {
		return sendSnapshot(stream, c.Resync)
	}
	return stream.Send(&eventnodev1.MonitorResponse{Changes: []*eventnodev1.GroupChange{{
		Group:   c.Group,
		Joined:  convert.MembershipsToProto(c.Joined),
		Left:    convert.MembershipsToProto(c.Left),
		Updated: convert.MembershipsToProto(c.Updated),
	}}})
}

// sendSnapshot sends everything as joined, in messages of bounded size.
func sendSnapshot(stream grpc.ServerStreamingServer[eventnodev1.MonitorResponse], snapshot map[string][]eventnode.Membership) error {
	resp := &eventnodev1.MonitorResponse{Snapshot: true}
	size := 0
	for _, group := range slices.Sorted(maps.Keys(snapshot)) {
		for part := range chunked(snapshot[group], metaSize) {
			resp.Changes = append(resp.Changes, &eventnodev1.GroupChange{Group: group, Joined: convert.MembershipsToProto(part)})
			for _, m := range part {
				size += 300 + metaSize(m)
			}
			if size < chunkBytes {
				continue
			}
			if err := stream.Send(resp); err != nil {
				return err
			}
			resp, size = &eventnodev1.MonitorResponse{Snapshot: true}, 0
		}
	}
	resp.SnapshotEnd = true
	return stream.Send(resp)
}
