package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/chat"
	"github.com/eventnode/eventnode/groups"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	"github.com/eventnode/eventnode/sessions"
)

// chatScope has a group for each topic that sessions of some node subscribe to, in which
// these nodes are, and one in which all nodes with a chat service are. sessionScope has a
// group for each session, in which its node is, with what all nodes know of it.
const (
	chatScope    = "eventnode.chat"
	sessionScope = "eventnode.sessions"
	chatNodes    = "nodes"
)

// joinBatch is how many groups are joined or left as one change.
const joinBatch = 10_000

// chatCluster is the other nodes, for a hub.
type chatCluster struct {
	p        *parts
	topics   eventnode.Scope
	sessions eventnode.Scope
	member   eventnode.Member

	mu         sync.Mutex
	wanted     map[string]bool // the topics joined
	registered map[sessions.ID]bool
}

var _ chat.Cluster = (*chatCluster)(nil)

func newChatCluster(p *parts) *chatCluster {
	return &chatCluster{
		p: p, topics: p.groups.ReservedScope(chatScope), sessions: p.groups.ReservedScope(sessionScope),
		wanted: map[string]bool{}, registered: map[sessions.ID]bool{},
	}
}

// open makes the membership handle and says that this node has a chat service.
func (c *chatCluster) open(ctx context.Context) (err error) {
	if c.member, err = c.p.groups.NewMember(ctx, 1); err != nil {
		return err
	}
	_, err = c.topics.Join(ctx, chatNodes, []eventnode.Member{c.member})
	return err
}

// Announce implements chat.Cluster.
func (c *chatCluster) Announce(ctx context.Context, topics []string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	news := slices.DeleteFunc(slices.Clone(topics), func(t string) bool { return c.wanted[t] })
	for some := range slices.Chunk(news, joinBatch) {
		if _, err := c.topics.JoinMany(ctx, some, c.member); err != nil {
			return err
		}
		for _, t := range some {
			c.wanted[t] = true
		}
	}
	return nil
}

// Withdraw implements chat.Cluster.
func (c *chatCluster) Withdraw(ctx context.Context, topics []string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	had := slices.DeleteFunc(slices.Clone(topics), func(t string) bool { return !c.wanted[t] })
	for some := range slices.Chunk(had, joinBatch) {
		if _, err := c.topics.LeaveMany(ctx, some, c.member); err != nil {
			return err
		}
		for _, t := range some {
			delete(c.wanted, t)
		}
	}
	return nil
}

// Register implements chat.Cluster.
func (c *chatCluster) Register(ctx context.Context, id sessions.ID, meta *clusterv1.ChatSessionMeta) error {
	b, err := proto.Marshal(meta)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.registered[id] {
		return c.sessions.SetMeta(ctx, string(id), c.member, string(b))
	}
	_, err = c.sessions.Join(ctx, string(id), []eventnode.Member{c.member}, eventnode.WithMeta(string(b)))
	if err == nil {
		c.registered[id] = true
	}
	return err
}

// Unregister implements chat.Cluster.
func (c *chatCluster) Unregister(ctx context.Context, ids []sessions.ID) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var names []string
	for _, id := range ids {
		if c.registered[id] {
			names = append(names, string(id))
			delete(c.registered, id)
		}
	}
	var errs []error
	for some := range slices.Chunk(names, joinBatch) {
		_, err := c.sessions.LeaveMany(ctx, some, c.member)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Wait implements chat.Cluster.
func (c *chatCluster) Wait(ctx context.Context) []eventnode.NodeID {
	_, missing := c.p.groups.WaitVisible(ctx, chatScope, interestWait)
	_, also := c.p.groups.WaitVisible(ctx, sessionScope, interestWait)
	missing = append(missing, also...)
	slices.Sort(missing)
	return slices.Compact(missing)
}

// Peers implements chat.Cluster.
func (c *chatCluster) Peers() (peers []eventnode.NodeID) {
	members, err := c.topics.Members(context.Background(), chatNodes)
	if err != nil {
		return nil // the table has ended
	}
	for _, m := range members {
		if m.Member.Node.ID != c.p.self.ID {
			peers = append(peers, m.Member.Node.ID)
		}
	}
	slices.Sort(peers)
	return peers
}

// Call implements chat.Cluster.
func (c *chatCluster) Call(ctx context.Context, node eventnode.NodeID, req *clusterv1.ChatRequest) (*clusterv1.ChatResponse, error) {
	for _, s := range c.p.links.States() {
		if s.Ref.ID == node {
			return c.p.links.Chat(ctx, s.Ref, req)
		}
	}
	return nil, fmt.Errorf("no link to %s: %w", node, eventnode.ErrUnavailable)
}

// settle waits until this node knows what the others want and which sessions they have, a
// while at most: what it dispatches before that would not reach them. The others are asked
// to wait until it does.
func (c *chatCluster) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settleChat)
	defer cancel()
	knows := map[eventnode.NodeRef]bool{}
	for {
		left := c.unknown(ctx, knows)
		if len(left) == 0 {
			return
		}
		select {
		case <-time.After(settleInterval):
		case <-ctx.Done():
			c.p.cfg.Logger.Warn("what sessions of some nodes want is not known yet", "nodes", left)
			return
		}
	}
}

// settleChat bounds how long a starting node waits for what others want.
const settleChat = 5 * time.Second

// unknown are the nodes of which this one may not know what they want. It asks them, and
// notes the others.
func (c *chatCluster) unknown(ctx context.Context, knows map[eventnode.NodeRef]bool) (left []eventnode.NodeID) {
	for _, n := range c.p.members.Nodes() {
		if n.Ref == c.p.self || knows[n.Ref] {
			continue
		}
		resp, err := c.p.links.Chat(ctx, n.Ref, &clusterv1.ChatRequest{
			Position: eventnode.Position{}.String(), What: &clusterv1.ChatRequest_Barrier{Barrier: &clusterv1.ChatBarrier{}},
		})
		if err != nil || slices.Contains(resp.GetBarrier().GetMissing(), string(c.p.self.ID)) {
			left = append(left, n.Ref.ID)
			continue
		}
		knows[n.Ref] = true
	}
	return left
}

// interest hands the hub what other nodes want, and where sessions are: it has that before
// the other node is told that this one knows.
func (c *chatCluster) interest(hub *chat.Hub) {
	c.p.groups.Hook(chatScope, func(d groups.Diff) {
		if d.Origin != c.p.self && d.Group != chatNodes {
			hub.SetInterest(d.Group, d.Origin.ID, d.Members > 0)
		}
	})
	c.p.groups.Hook(sessionScope, func(d groups.Diff) {
		if d.Joined > 0 || d.Left > 0 {
			hub.SetPlace(d.Origin.ID, sessions.ID(d.Group), c.userOf(d))
		}
	})
}

// userOf is whose session a group of sessionScope is, if the node that says it is still in
// it; 0: it is not.
func (c *chatCluster) userOf(d groups.Diff) sessions.Snowflake {
	if d.Members == 0 {
		return 0
	}
	members, _ := c.sessions.Members(context.Background(), d.Group) // it is there
	for _, m := range members {
		meta := &clusterv1.ChatSessionMeta{}
		if m.Member.Node == d.Origin && proto.Unmarshal([]byte(m.Meta), meta) == nil {
			return sessions.Snowflake(meta.GetUserId())
		}
	}
	return 0
}

// follow hands the hub the sessions of all nodes until ctx ends.
func (c *chatCluster) follow(ctx context.Context, hub *chat.Hub) error {
	m, err := c.sessions.MonitorScope(ctx)
	if err != nil {
		return err
	}
	defer m.Close()
	f := sessionFollower{hub: hub, logger: c.p.cfg.Logger}
	f.replace(m.Snapshot())
	for {
		change, err := m.Next(ctx)
		switch {
		case ctx.Err() != nil || errors.Is(err, eventnode.ErrClosed):
			<-ctx.Done()
			return nil
		case err != nil:
			return err
		case change.Resync != nil:
			f.replace(change.Resync)
		default:
			f.apply(change)
		}
	}
}
