package eventnode

import (
	"context"
	"iter"
	"time"

	"github.com/eventnode/eventnode/event"
)

// Groups is the table of process groups: Erlang pg's contract. A group is a
// multiset of members; it exists as long as it has one.
type Groups interface {
	// NewMember makes a member, owned by the caller. queue bounds what waits
	// for Receive, in events; 0 means 1,024. A full queue drops its oldest.
	NewMember(ctx context.Context, queue int) (Member, error)
	// Scope returns a namespace of groups with a state of its own. "" is the
	// default scope. Nothing needs to be created.
	Scope(name string) Scope
}

// Member is a handle that joins groups and receives what is sent to them.
type Member interface {
	// Ref names it in the cluster. A member held through a client gets a new
	// Ref when the client has to go to another node.
	Ref() MemberRef
	// Receive waits for the next event. It returns ErrClosed after Close.
	Receive(ctx context.Context) (Received, error)
	// All ranges over what Receive returns, until Close or the end of ctx.
	All(ctx context.Context) iter.Seq2[Received, error]
	// Close leaves all groups, in one change a scope.
	Close() error
}

// Received is an event sent to a group, or a gap.
type Received struct {
	Scope string
	Group string
	Event event.Event
	// Gap, if set, tells of events that this member missed at this place.
	Gap *Gap
}

// Membership is one membership in a group; a member that joined twice has two.
type Membership struct {
	Member MemberRef
	// Meta is the metadata it joined with: the application's own bytes.
	Meta string
}

// Scope is a namespace of groups.
type Scope interface {
	// Name returns the scope's name.
	Name() string

	// Join adds each member once for each time it is listed, as one change.
	// Members of somebody else are ErrNotOwner, before anything is changed.
	// With WithJoinWait it returns when every live node knows; the result
	// lists those that did not confirm in time.
	Join(ctx context.Context, group string, members []Member, opts ...JoinOption) (JoinResult, error)
	// Leave takes each member out once for each time it is listed, as one
	// change. If none of them was joined, the error is ErrNotJoined; if some
	// were, the result counts both.
	Leave(ctx context.Context, group string, members ...Member) (LeaveResult, error)
	// JoinMany joins one member to many groups, as one change.
	JoinMany(ctx context.Context, groups []string, member Member, opts ...JoinOption) (JoinResult, error)
	// LeaveMany takes one member out of many groups, as one change.
	LeaveMany(ctx context.Context, groups []string, member Member) (LeaveResult, error)
	// SetMeta replaces the metadata of a member in a group.
	SetMeta(ctx context.Context, group string, member Member, meta string) error

	// Members lists a group on all nodes, duplicates kept, in no order.
	Members(ctx context.Context, group string) ([]Membership, error)
	// LocalMembers lists those on this node (a client's: on the node that it
	// is connected to).
	LocalMembers(ctx context.Context, group string) ([]Membership, error)
	// Groups lists the non-empty groups with their number of memberships.
	Groups(ctx context.Context) ([]GroupSize, error)
	// LocalGroups lists the groups with a member on this node.
	LocalGroups(ctx context.Context) ([]GroupSize, error)

	// Monitor watches one group, which may be empty.
	Monitor(ctx context.Context, group string) (Monitor, error)
	// MonitorScope watches all groups.
	MonitorScope(ctx context.Context) (Monitor, error)

	// Broadcast sends an event to every member, once per membership, and
	// counts the queues that took it.
	Broadcast(ctx context.Context, group string, ev event.Event) (BroadcastResult, error)
	// BroadcastLocal does so for members on this node.
	BroadcastLocal(ctx context.Context, group string, ev event.Event) (BroadcastResult, error)
	// SendOne sends an event to one member. If that one is gone another is
	// tried; after a time-out none is, so the event arrives at most once. An
	// empty group is ErrNoMembers.
	SendOne(ctx context.Context, group string, ev event.Event, pick Pick) (MemberRef, error)
}

// GroupSize is a group and its number of memberships.
type GroupSize struct {
	Group   string
	Members int
}

// JoinResult says what a join did.
type JoinResult struct {
	// Joined counts memberships made.
	Joined int
	// Missing lists live nodes that did not confirm (WithJoinWait only).
	Missing []NodeID
}

// LeaveResult says what a leave did.
type LeaveResult struct {
	// Left counts memberships ended.
	Left int
	// NotJoined counts listed occurrences that were not joined.
	NotJoined int
}

// BroadcastResult says what a broadcast reached.
type BroadcastResult struct {
	// Delivered counts memberships whose queue took the event.
	Delivered int
	// Missing lists nodes with members that did not answer.
	Missing []NodeID
}

// JoinOptions is what JoinOption sets.
type JoinOptions struct {
	Meta string
	Wait time.Duration
}

// JoinOption changes one join.
type JoinOption func(*JoinOptions)

// WithMeta attaches metadata to the memberships made.
func WithMeta(meta string) JoinOption { return func(o *JoinOptions) { o.Meta = meta } }

// WithJoinWait makes the join return when every live node knows of it, at most
// after d.
func WithJoinWait(d time.Duration) JoinOption { return func(o *JoinOptions) { o.Wait = d } }

// NewJoinOptions applies opts.
func NewJoinOptions(opts ...JoinOption) JoinOptions {
	var o JoinOptions
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// Strategy chooses one member of a group.
type Strategy uint8

// The strategies.
const (
	PickRandom      Strategy = iota // each membership equally likely
	PickLeastLoaded                 // the shortest queue, as last heard
	PickLocalFirst                  // a random one of this node; if none, any
	PickHash                        // rendezvous hashing of Pick.Key
)

// Pick says how SendOne chooses.
type Pick struct {
	Strategy Strategy
	// Key is for PickHash: the same key goes to the same member as long as
	// that one is there.
	Key string
}

// Monitor is an atomic snapshot, then every difference in order.
type Monitor interface {
	// Snapshot is what the monitored groups held when the monitor was made.
	Snapshot() map[string][]Membership
	// Next waits for the next change. One goroutine at a time may call it.
	// It returns ErrClosed after Close.
	Next(ctx context.Context) (Change, error)
	// All ranges over changes until Close or the end of ctx.
	All(ctx context.Context) iter.Seq2[Change, error]
	// Close ends it: no change is returned afterwards. It reports false if it
	// was closed already.
	Close() bool
}

// Change is the exact multiset difference of one group, or a resync.
type Change struct {
	Group   string
	Joined  []Membership
	Left    []Membership
	Updated []Membership
	// Resync, if set, replaces everything known: the watcher fell behind, and
	// differences were dropped. The other fields are empty then.
	Resync map[string][]Membership
}
