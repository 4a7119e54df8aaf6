package groups

import (
	"context"
	"fmt"
	"iter"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	"github.com/eventnode/eventnode/internal/convert"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// chunkLen and chunkBytes bound the members or groups in one message of a list:
// clients take 4 MiB.
const (
	chunkLen   = 2048
	chunkBytes = 1 << 20
)

// service serves a Groups to clients.
type service struct {
	eventnodev1.UnimplementedGroupServiceServer
	g *Groups
}

// NewService serves g to clients. A client's members live as long as its Hold
// stream, a monitor as long as its stream.
func NewService(g *Groups) eventnodev1.GroupServiceServer { return &service{g: g} }

// scope returns a scope as users may name it.
func (s *service) scope(name string) *scope { return s.g.Scope(name).(*scope) }

// Members lists a group in chunks.
func (s *service) Members(req *eventnodev1.MembersRequest, stream grpc.ServerStreamingServer[eventnodev1.MembersResponse]) error {
	list := s.scope(req.GetScope()).Members
	if req.GetLocal() {
		list = s.scope(req.GetScope()).LocalMembers
	}
	all, err := list(stream.Context(), req.GetGroup())
	if err != nil {
		return apierr.ToStatus(err)
	}
	for part := range chunked(all, metaSize) {
		if err := stream.Send(&eventnodev1.MembersResponse{Members: convert.MembershipsToProto(part)}); err != nil {
			return err
		}
	}
	return nil
}

// Groups lists the groups of a scope in chunks.
func (s *service) Groups(req *eventnodev1.GroupsRequest, stream grpc.ServerStreamingServer[eventnodev1.GroupsResponse]) error {
	list := s.scope(req.GetScope()).Groups
	if req.GetLocal() {
		list = s.scope(req.GetScope()).LocalGroups
	}
	all, err := list(stream.Context())
	if err != nil {
		return apierr.ToStatus(err)
	}
	for part := range chunked(all, nameSize) {
		if err := stream.Send(&eventnodev1.GroupsResponse{Groups: convert.GroupSizesToProto(part)}); err != nil {
			return err
		}
	}
	return nil
}

// Broadcast sends an event to every member of a group.
func (s *service) Broadcast(ctx context.Context, req *eventnodev1.BroadcastRequest) (*eventnodev1.BroadcastResponse, error) {
	b, err := s.event(req.GetEvent())
	if err != nil {
		return nil, apierr.ToStatus(err)
	}
	res, err := s.scope(req.GetScope()).broadcast(ctx, req.GetGroup(), b, req.GetLocal())
	if err != nil {
		return nil, apierr.ToStatus(err)
	}
	return &eventnodev1.BroadcastResponse{Delivered: uint64(res.Delivered), Missing: convert.NodeIDsToProto(res.Missing)}, nil
}

// SendOne sends an event to one member of a group.
func (s *service) SendOne(ctx context.Context, req *eventnodev1.SendOneRequest) (*eventnodev1.SendOneResponse, error) {
	b, err := s.event(req.GetEvent())
	if err != nil {
		return nil, apierr.ToStatus(err)
	}
	strategy, err := convert.StrategyFromProto(req.GetStrategy())
	if err != nil {
		return nil, apierr.ToStatus(err)
	}
	pick := eventnode.Pick{Strategy: strategy, Key: req.GetHashKey()}
	ref, err := s.scope(req.GetScope()).sendOne(ctx, req.GetGroup(), b, pick)
	if err != nil {
		return nil, apierr.ToStatus(err)
	}
	return &eventnodev1.SendOneResponse{Member: convert.MemberRefToProto(ref)}, nil
}

// event encodes a client's event with all its fields, known or not.
func (s *service) event(m *eventnodev1.Event) ([]byte, error) {
	b, err := proto.Marshal(m)
	if err == nil {
		err = wire.CheckEvent(b)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", eventnode.ErrInvalidEvent, err)
	}
	return b, s.g.checkSize(b)
}

// chunked cuts a list whose elements have the given sizes, in bytes.
func chunked[T any](list []T, size func(T) int) iter.Seq[[]T] {
	return func(yield func([]T) bool) {
		for len(list) > 0 {
			n := 0
			for bytes := 0; n < len(list) && n < chunkLen && bytes < chunkBytes; n++ {
				bytes += 300 + size(list[n])
			}
			if !yield(list[:n:n]) {
				return
			}
			list = list[n:]
		}
	}
}

func metaSize(m eventnode.Membership) int { return len(m.Meta) }

func nameSize(g eventnode.GroupSize) int { return len(g.Group) }
