package node

import (
	"context"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// earlyScope is a Scope that was asked for before the node was ready: each call
// waits for that, then goes to the table's own scope.
type earlyScope struct {
	node *Node
	name string
}

var _ eventnode.Scope = (*earlyScope)(nil)

// late calls f with the table's scope once the node is ready.
func late[T any](ctx context.Context, s *earlyScope, f func(eventnode.Scope) (T, error)) (T, error) {
	p, err := s.node.settled(ctx)
	if err != nil {
		var zero T
		return zero, err
	}
	return f(p.groups.Scope(s.name))
}

// Name implements eventnode.Scope.
func (s *earlyScope) Name() string { return s.name }

// SetMeta implements eventnode.Scope.
func (s *earlyScope) SetMeta(ctx context.Context, group string, member eventnode.Member, meta string) error {
	_, err := late(ctx, s, func(t eventnode.Scope) (struct{}, error) {
		return struct{}{}, t.SetMeta(ctx, group, member, meta)
	})
	return err
}

// Join implements eventnode.Scope.
func (s *earlyScope) Join(ctx context.Context, group string, members []eventnode.Member, opts ...eventnode.JoinOption) (eventnode.JoinResult, error) {
	return late(ctx, s, func(t eventnode.Scope) (eventnode.JoinResult, error) { return t.Join(ctx, group, members, opts...) })
}

// Leave implements eventnode.Scope.
func (s *earlyScope) Leave(ctx context.Context, group string, members ...eventnode.Member) (eventnode.LeaveResult, error) {
	return late(ctx, s, func(t eventnode.Scope) (eventnode.LeaveResult, error) { return t.Leave(ctx, group, members...) })
}

// JoinMany implements eventnode.Scope.
func (s *earlyScope) JoinMany(ctx context.Context, groups []string, member eventnode.Member, opts ...eventnode.JoinOption) (eventnode.JoinResult, error) {
	return late(ctx, s, func(t eventnode.Scope) (eventnode.JoinResult, error) { return t.JoinMany(ctx, groups, member, opts...) })
}

// LeaveMany implements eventnode.Scope.
func (s *earlyScope) LeaveMany(ctx context.Context, groups []string, member eventnode.Member) (eventnode.LeaveResult, error) {
	return late(ctx, s, func(t eventnode.Scope) (eventnode.LeaveResult, error) { return t.LeaveMany(ctx, groups, member) })
}

// Members implements eventnode.Scope.
func (s *earlyScope) Members(ctx context.Context, group string) ([]eventnode.Membership, error) {
	return late(ctx, s, func(t eventnode.Scope) ([]eventnode.Membership, error) { return t.Members(ctx, group) })
}

// LocalMembers implements eventnode.Scope.
func (s *earlyScope) LocalMembers(ctx context.Context, group string) ([]eventnode.Membership, error) {
	return late(ctx, s, func(t eventnode.Scope) ([]eventnode.Membership, error) { return t.LocalMembers(ctx, group) })
}

// Groups implements eventnode.Scope.
func (s *earlyScope) Groups(ctx context.Context) ([]eventnode.GroupSize, error) {
	return late(ctx, s, func(t eventnode.Scope) ([]eventnode.GroupSize, error) { return t.Groups(ctx) })
}

// LocalGroups implements eventnode.Scope.
func (s *earlyScope) LocalGroups(ctx context.Context) ([]eventnode.GroupSize, error) {
	return late(ctx, s, func(t eventnode.Scope) ([]eventnode.GroupSize, error) { return t.LocalGroups(ctx) })
}

// Monitor implements eventnode.Scope.
func (s *earlyScope) Monitor(ctx context.Context, group string) (eventnode.Monitor, error) {
	return late(ctx, s, func(t eventnode.Scope) (eventnode.Monitor, error) { return t.Monitor(ctx, group) })
}

// MonitorScope implements eventnode.Scope.
func (s *earlyScope) MonitorScope(ctx context.Context) (eventnode.Monitor, error) {
	return late(ctx, s, func(t eventnode.Scope) (eventnode.Monitor, error) { return t.MonitorScope(ctx) })
}

// Broadcast implements eventnode.Scope.
func (s *earlyScope) Broadcast(ctx context.Context, group string, ev event.Event) (eventnode.BroadcastResult, error) {
	return late(ctx, s, func(t eventnode.Scope) (eventnode.BroadcastResult, error) { return t.Broadcast(ctx, group, ev) })
}

// BroadcastLocal implements eventnode.Scope.
func (s *earlyScope) BroadcastLocal(ctx context.Context, group string, ev event.Event) (eventnode.BroadcastResult, error) {
	return late(ctx, s, func(t eventnode.Scope) (eventnode.BroadcastResult, error) { return t.BroadcastLocal(ctx, group, ev) })
}

// SendOne implements eventnode.Scope.
func (s *earlyScope) SendOne(ctx context.Context, group string, ev event.Event, pick eventnode.Pick) (eventnode.MemberRef, error) {
	return late(ctx, s, func(t eventnode.Scope) (eventnode.MemberRef, error) { return t.SendOne(ctx, group, ev, pick) })
}
