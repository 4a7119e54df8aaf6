package chat

import (
	"context"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// An event may be on its way here for a session that has just moved to another node: who
// sent it did not know of that one, or has asked it before the session was there. So a node
// remembers for a while what such a session subscribed to, and sends on what comes for it.
// A session that is sent an event by two ways takes it once.

// departedFor is how long a session that has moved is remembered: longer than an event is
// under way.
const departedFor = 10 * time.Second

// departed are the sessions that have left this node lately. It has no lock.
type departed struct {
	table  *table // what they subscribed to
	byUser map[sessions.Snowflake][]*sessions.Session
	to     map[*sessions.Session]eventnode.NodeID
	queue  []departure // the oldest first
}

type departure struct {
	session *sessions.Session
	until   time.Time
}

func newDeparted() *departed {
	return &departed{table: newTable(), byUser: map[sessions.Snowflake][]*sessions.Session{}, to: map[*sessions.Session]eventnode.NodeID{}}
}

// add remembers a session that is about to leave; false: it is leaving already.
func (d *departed) add(s *sessions.Session, to eventnode.NodeID, subscribed []*subscribers, now time.Time) bool {
	if _, leaving := d.to[s]; leaving {
		return false
	}
	d.to[s] = to
	d.byUser[s.User] = append(d.byUser[s.User], s)
	for _, in := range subscribed {
		f, _ := in.flags(s)
		d.table.add(s, in.topic, f)
	}
	clear(d.table.moved) // nobody is told of these
	d.queue = append(d.queue, departure{s, now.Add(departedFor)})
	return true
}

// forget forgets a session that did not leave, or has come back.
func (d *departed) forget(s *sessions.Session) {
	if _, ok := d.to[s]; !ok {
		return
	}
	delete(d.to, s)
	d.table.drop(s)
	clear(d.table.moved)
	d.queue = slices.DeleteFunc(d.queue, func(o departure) bool { return o.session == s })
	rest := slices.DeleteFunc(slices.Clone(d.byUser[s.User]), func(o *sessions.Session) bool { return o == s })
	if d.byUser[s.User] = rest; len(rest) == 0 {
		delete(d.byUser, s.User)
	}
}

// forgetID is forget of a session that comes back under its ID.
func (d *departed) forgetID(user sessions.Snowflake, id sessions.ID) {
	for _, s := range d.byUser[user] {
		if s.ID() == id {
			d.forget(s)
			return
		}
	}
}

// expire forgets those whose time is over, and says when the next one's is; zero: there is
// none.
func (d *departed) expire(now time.Time) (next time.Time) {
	for len(d.queue) > 0 {
		if first := d.queue[0]; first.until.After(now) {
			return first.until
		} else {
			d.forget(first.session)
		}
	}
	return time.Time{}
}

// forgetDeparted is expire.
func (h *Hub) forgetDeparted() (next time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.departed.expire(time.Now())
}

// toFollow is who of the departed an event is for, by where they are. The caller holds mu.
func (h *Hub) toFollow(d *Delivery, topics []string) map[eventnode.NodeID][]*sessions.Session {
	if len(h.departed.to) == 0 {
		return nil
	}
	after := &Delivery{hub: h, event: d.event, facts: facts{data: d.event.Data}, only: d.only, except: d.except, after: map[*sessions.Session]bool{}}
	h.each(after, topics)
	out := map[eventnode.NodeID][]*sessions.Session{}
	for s := range after.after {
		out[h.departed.to[s]] = append(out[h.departed.to[s]], s)
	}
	return out
}

// sendOn sends an event on to sessions that have moved.
func (h *Hub) sendOn(ctx context.Context, c *clusterv1.ChatDispatch, moved map[eventnode.NodeID][]*sessions.Session, answer *eventnodev1.ChatServiceDispatchResponse) {
	for node, who := range moved {
		only := &eventnodev1.ChatFilter{}
		for _, s := range who {
			only.SessionIds = append(only.SessionIds, string(s.ID()))
		}
		on := proto.CloneOf(c)
		on.Request.Only, on.Request.Except, on.SentOn = only, nil, true
		resp, err := h.cfg.Cluster.Call(ctx, node, &clusterv1.ChatRequest{
			Position: h.cfg.Progress.Applied().String(), What: &clusterv1.ChatRequest_Dispatch{Dispatch: on},
		})
		if err != nil {
			h.metrics.failures.WithLabelValues("call").Inc()
			answer.Missing = append(answer.Missing, string(node))
			continue
		}
		addReached(answer, resp.GetDispatch())
	}
}
