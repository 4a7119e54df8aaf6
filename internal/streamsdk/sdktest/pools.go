package sdktest

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// pool is a pool by name; the default one is always there. The caller holds mu.
func (c *Cluster) pool(name string) (*eventnodev1.Pool, error) {
	if p := c.pools[name]; p != nil {
		return p, nil
	}
	if name == eventnode.DefaultPool {
		return &eventnodev1.Pool{Name: name}, nil
	}
	return nil, fmt.Errorf("pool %s is not there: %w", name, eventnode.ErrPoolNotFound)
}

// DeclarePool makes a pool.
func (n *Node) DeclarePool(_ context.Context, req *eventnodev1.DeclarePoolRequest) (*eventnodev1.DeclarePoolResponse, error) {
	if err := n.c.enter(); err != nil {
		return nil, err
	}
	defer n.c.mu.Unlock()
	p := req.GetPool()
	base, _ := n.c.pool(eventnode.DefaultPool) //nolint:errcheck // it is there
	old, err := n.c.pool(p.GetName())
	silent := p.GetReplicas() == 0 && len(p.GetLabels()) == 0
	same := func(q *eventnodev1.Pool) bool {
		return p.GetReplicas() == q.GetReplicas() && maps.Equal(p.GetLabels(), q.GetLabels())
	}
	switch {
	case p.GetName() == "" || p.GetReplicas() > 5:
		return nil, apierr.ToStatus(eventnode.ErrInvalidArgument)
	case err == nil && !req.GetUpdate() && (silent || same(old)):
		return &eventnodev1.DeclarePoolResponse{Pool: old}, nil
	case err == nil && !req.GetUpdate():
		return nil, apierr.ToStatus(eventnode.ErrPoolDiffers)
	case err != nil && req.GetUpdate():
		return nil, apierr.ToStatus(err)
	case !silent && !same(base) && p.GetName() != eventnode.DefaultPool:
		return nil, apierr.ToStatus(eventnode.ErrInvalidArgument)
	}
	n.c.pools[p.GetName()] = proto.CloneOf(p)
	return &eventnodev1.DeclarePoolResponse{Created: err != nil, Pool: p}, nil
}

// ListPools lists the pools.
func (n *Node) ListPools(context.Context, *eventnodev1.ListPoolsRequest) (*eventnodev1.ListPoolsResponse, error) {
	if err := n.c.enter(); err != nil {
		return nil, err
	}
	defer n.c.mu.Unlock()
	base, _ := n.c.pool(eventnode.DefaultPool) //nolint:errcheck // it is there
	all := maps.Clone(n.c.pools)
	all[eventnode.DefaultPool] = base
	resp := &eventnodev1.ListPoolsResponse{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		resp.Pools = append(resp.Pools, proto.CloneOf(all[name]))
	}
	return resp, nil
}
