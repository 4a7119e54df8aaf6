package sdktest

import (
	"context"
	"slices"

	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// AddConsumerGroup adds a group.
func (n *Node) AddConsumerGroup(_ context.Context, req *eventnodev1.AddConsumerGroupRequest) (*eventnodev1.AddConsumerGroupResponse, error) {
	if err := n.c.enter(); err != nil {
		return nil, err
	}
	defer n.c.mu.Unlock()
	s, err := n.c.find(req.GetStream())
	if err != nil {
		return nil, err
	}
	before := len(s.config.GetGroups())
	s.config.Groups = merged(s.config.GetGroups(), []string{req.GetGroup()})
	return &eventnodev1.AddConsumerGroupResponse{Created: len(s.config.GetGroups()) > before}, nil
}

// RemoveConsumerGroup removes a group: its consumers are fenced.
func (n *Node) RemoveConsumerGroup(_ context.Context, req *eventnodev1.RemoveConsumerGroupRequest) (*eventnodev1.RemoveConsumerGroupResponse, error) {
	if err := n.c.enter(); err != nil {
		return nil, err
	}
	defer n.c.mu.Unlock()
	if _, err := n.c.group(req.GetStream(), req.GetGroup()); err != nil {
		return nil, err
	}
	s, _ := n.c.find(req.GetStream())
	s.config.Groups = slices.DeleteFunc(s.config.Groups, func(g string) bool { return g == req.GetGroup() })
	delete(s.handed, req.GetGroup())
	n.c.change()
	return &eventnodev1.RemoveConsumerGroupResponse{}, nil
}

// ListConsumerGroups says who holds the consumers of one group.
func (n *Node) ListConsumerGroups(_ context.Context, req *eventnodev1.ListConsumerGroupsRequest) (*eventnodev1.ListConsumerGroupsResponse, error) {
	if err := n.c.enter(); err != nil {
		return nil, err
	}
	defer n.c.mu.Unlock()
	all, err := n.c.group(req.GetStream(), req.GetGroup())
	if err != nil {
		return nil, err
	}
	s, _ := n.c.find(req.GetStream())
	d := &eventnodev1.ConsumerGroupDescription{Group: req.GetGroup(), Lag: s.published - uint64(len(all))}
	for _, h := range all {
		if !h.acked {
			d.Pending++
		}
	}
	for at, l := range n.c.leases {
		if at.namespace == req.GetStream().GetNamespace() && at.group == req.GetGroup() {
			d.Consumers = append(d.Consumers, &eventnodev1.ConsumerDescription{Consumer: at.number, Holder: []byte(l.holder), Epoch: l.epoch, Connected: l.here})
		}
	}
	return &eventnodev1.ListConsumerGroupsResponse{Groups: []*eventnodev1.ConsumerGroupDescription{d}}, nil
}

// DeleteConsumer ends a consumer.
func (n *Node) DeleteConsumer(_ context.Context, req *eventnodev1.DeleteConsumerRequest) (*eventnodev1.DeleteConsumerResponse, error) {
	if err := n.c.enter(); err != nil {
		return nil, err
	}
	defer n.c.mu.Unlock()
	if _, err := n.c.group(req.GetStream(), req.GetGroup()); err != nil {
		return nil, err
	}
	n.c.end(seat{req.GetStream().GetNamespace(), req.GetGroup(), req.GetConsumer()}, true)
	return &eventnodev1.DeleteConsumerResponse{}, nil
}

// Fence ends the lease of a consumer and grants it to the same holder anew, as a call of
// that holder does which was long under way.
func (c *Cluster) Fence(group string, number uint32) {
	c.set(func() {
		at := seat{"", group, number}
		old := c.leases[at]
		c.end(at, false)
		c.epoch++
		c.leases[at] = &lease{holder: old.holder, epoch: c.epoch, here: true, over: make(chan struct{})}
	})
}

// Take gives a consumer to another holder.
func (c *Cluster) Take(group string, number uint32) {
	c.set(func() {
		at := seat{"", group, number}
		c.end(at, true)
		c.epoch++
		c.leases[at] = &lease{holder: "somebody else", epoch: c.epoch, here: true, over: make(chan struct{})}
	})
}

// DropResults has the calls of consumers break instead of answering the next n requests
// to settle, which are done.
func (c *Cluster) DropResults(n int) { c.set(func() { c.dropResults = n }) }

// Settles counts requests to settle.
func (c *Cluster) Settles() (n int) {
	c.set(func() { n = c.settles })
	return n
}

// Consumers counts the Consume calls that were opened at a node.
func (c *Cluster) Consumers(node string) (n int) {
	c.set(func() { n = c.nodes[node].consumers })
	return n
}

// Unacked counts what a group was not delivered, or has not acked, of a stream.
func (c *Cluster) Unacked(stream, group string) (n int) {
	c.set(func() {
		s := c.streams[name{"", stream}]
		n = len(s.events)
		for _, h := range s.handed[group] {
			if h.acked {
				n--
			}
		}
	})
	return n
}
