package streamsdk

import (
	"context"
	"fmt"

	"github.com/eventnode/eventnode"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// DeclarePool implements eventnode.Streams.
func (s *Streams) DeclarePool(ctx context.Context, p eventnode.Pool) (bool, error) {
	return s.declarePool(ctx, p, false)
}

// UpdatePool implements eventnode.Streams.
func (s *Streams) UpdatePool(ctx context.Context, p eventnode.Pool) error {
	_, err := s.declarePool(ctx, p, true)
	return err
}

func (s *Streams) declarePool(ctx context.Context, p eventnode.Pool, update bool) (bool, error) {
	if p.Replicas < 0 {
		return false, fmt.Errorf("pool %.80q asks for %d replicas: %w", p.Name, p.Replicas, eventnode.ErrInvalidArgument)
	}
	req := &eventnodev1.DeclarePoolRequest{Update: update, Pool: &eventnodev1.Pool{Name: p.Name, Replicas: uint32(p.Replicas), Labels: p.Labels}}
	r, err := again(ctx, s.cfg, Harmless, func() (*eventnodev1.DeclarePoolResponse, error) {
		return s.cfg.Backend.DeclarePool(ctx, req)
	})
	return r.GetCreated(), err
}

// Pools implements eventnode.Streams.
func (s *Streams) Pools(ctx context.Context) ([]eventnode.Pool, error) {
	r, err := again(ctx, s.cfg, Harmless, func() (*eventnodev1.ListPoolsResponse, error) {
		return s.cfg.Backend.ListPools(ctx, &eventnodev1.ListPoolsRequest{})
	})
	var list []eventnode.Pool
	for _, p := range r.GetPools() {
		list = append(list, eventnode.Pool{Name: p.GetName(), Replicas: int(p.GetReplicas()), Labels: p.GetLabels()})
	}
	return list, err
}
