package client

import (
	"context"
	"errors"
	"io"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/convert"
	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// scope is a namespace of groups. It holds nothing.
type scope struct {
	c    *Client
	name string
}

var _ eventnode.Scope = scope{}

// Scope returns a namespace of groups with a state of its own. "" is the
// default scope. Reads and monitors ask the connected node; joins go through
// the client's members, which join again when their node was lost.
func (c *Client) Scope(name string) eventnode.Scope { return scope{c, name} }

// Name implements eventnode.Scope.
func (s scope) Name() string { return s.name }

// Members implements eventnode.Scope.
func (s scope) Members(ctx context.Context, group string) ([]eventnode.Membership, error) {
	return s.members(ctx, group, false)
}

// LocalMembers implements eventnode.Scope.
func (s scope) LocalMembers(ctx context.Context, group string) ([]eventnode.Membership, error) {
	return s.members(ctx, group, true)
}

func (s scope) members(ctx context.Context, group string, local bool) (list []eventnode.Membership, err error) {
	req := &eventnodev1.MembersRequest{Scope: s.name, Group: group, Local: local}
	err = s.c.repeat(ctx, func(cn *conn) error {
		list = nil
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		chunks, err := eventnodev1.NewGroupServiceClient(cn.cc).Members(ctx, req)
		if err != nil {
			return err
		}
		return each(chunks.Recv, func(r *eventnodev1.MembersResponse) {
			list = append(list, convert.MembershipsFromProto(r.GetMembers())...)
		})
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// Groups implements eventnode.Scope.
func (s scope) Groups(ctx context.Context) ([]eventnode.GroupSize, error) {
	return s.groups(ctx, false)
}

// LocalGroups implements eventnode.Scope.
func (s scope) LocalGroups(ctx context.Context) ([]eventnode.GroupSize, error) {
	return s.groups(ctx, true)
}

func (s scope) groups(ctx context.Context, local bool) (list []eventnode.GroupSize, err error) {
	req := &eventnodev1.GroupsRequest{Scope: s.name, Local: local}
	err = s.c.repeat(ctx, func(cn *conn) error {
		list = nil
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		chunks, err := eventnodev1.NewGroupServiceClient(cn.cc).Groups(ctx, req)
		if err != nil {
			return err
		}
		return each(chunks.Recv, func(r *eventnodev1.GroupsResponse) {
			list = append(list, convert.GroupSizesFromProto(r.GetGroups())...)
		})
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// each calls f with each chunk until the end of the stream.
func each[T any](recv func() (*T, error), f func(*T)) error {
	for {
		chunk, err := recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		f(chunk)
	}
}

// Monitor implements eventnode.Scope.
func (s scope) Monitor(ctx context.Context, group string) (eventnode.Monitor, error) {
	return s.c.newMonitor(ctx, &eventnodev1.MonitorRequest{Scope: s.name, Group: &group})
}

// MonitorScope implements eventnode.Scope.
func (s scope) MonitorScope(ctx context.Context) (eventnode.Monitor, error) {
	return s.c.newMonitor(ctx, &eventnodev1.MonitorRequest{Scope: s.name})
}

// Broadcast implements eventnode.Scope.
func (s scope) Broadcast(ctx context.Context, group string, ev event.Event) (eventnode.BroadcastResult, error) {
	return s.broadcast(ctx, group, &ev, false)
}

// BroadcastLocal implements eventnode.Scope.
func (s scope) BroadcastLocal(ctx context.Context, group string, ev event.Event) (eventnode.BroadcastResult, error) {
	return s.broadcast(ctx, group, &ev, true)
}

func (s scope) broadcast(ctx context.Context, group string, ev *event.Event, local bool) (eventnode.BroadcastResult, error) {
	if err := ev.Validate(); err != nil {
		return eventnode.BroadcastResult{}, err
	}
	req := &eventnodev1.BroadcastRequest{Scope: s.name, Group: group, Event: wire.ToProto(ev), Local: local}
	var r *eventnodev1.BroadcastResponse
	err := s.c.once(ctx, func(cn *conn) (err error) {
		r, err = eventnodev1.NewGroupServiceClient(cn.cc).Broadcast(ctx, req)
		return err
	})
	return eventnode.BroadcastResult{Delivered: int(r.GetDelivered()), Missing: convert.NodeIDsFromProto(r.GetMissing())}, err
}

// SendOne implements eventnode.Scope.
func (s scope) SendOne(ctx context.Context, group string, ev event.Event, pick eventnode.Pick) (eventnode.MemberRef, error) {
	if err := ev.Validate(); err != nil {
		return eventnode.MemberRef{}, err
	}
	req := &eventnodev1.SendOneRequest{
		Scope: s.name, Group: group, Event: wire.ToProto(&ev),
		Strategy: convert.StrategyToProto(pick.Strategy), HashKey: pick.Key,
	}
	var r *eventnodev1.SendOneResponse
	err := s.c.once(ctx, func(cn *conn) (err error) {
		r, err = eventnodev1.NewGroupServiceClient(cn.cc).SendOne(ctx, req)
		return err
	})
	return convert.MemberRefFromProto(r.GetMember()), err
}
