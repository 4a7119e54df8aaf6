package streams

import (
	"context"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// DeclarePool makes a pool, or replaces its placement.
func (s *Service) DeclarePool(ctx context.Context, req *eventnodev1.DeclarePoolRequest) (*eventnodev1.DeclarePoolResponse, error) {
	return serve(ctx, s, eventnodev1.StreamService_DeclarePool_FullMethodName, writes, req, s.declarePool)
}

func (s *Service) declarePool(ctx context.Context, p partition, req *eventnodev1.DeclarePoolRequest) (*eventnodev1.DeclarePoolResponse, error) {
	r, err := propose(ctx, p, &storagev1.Command{Command: &storagev1.Command_SetPool{SetPool: &storagev1.SetPool{
		Pool: poolIn(req.GetPool()), Update: req.GetUpdate(),
	}}})
	if err != nil {
		return nil, err
	}
	return &eventnodev1.DeclarePoolResponse{Created: r.Created, Pool: poolOut(r.Pool)}, nil
}

// ListPools lists the pools.
func (s *Service) ListPools(ctx context.Context, req *eventnodev1.ListPoolsRequest) (*eventnodev1.ListPoolsResponse, error) {
	return serve(ctx, s, eventnodev1.StreamService_ListPools_FullMethodName, reads, req, s.listPools)
}

func (s *Service) listPools(ctx context.Context, p partition, _ *eventnodev1.ListPoolsRequest) (*eventnodev1.ListPoolsResponse, error) {
	v, done, err := readNow(ctx, p)
	if err != nil {
		return nil, err
	}
	defer done()
	pools, err := v.Pools()
	resp := &eventnodev1.ListPoolsResponse{}
	for _, pool := range pools {
		resp.Pools = append(resp.Pools, poolOut(pool))
	}
	return resp, err
}

func poolIn(p *eventnodev1.Pool) *storagev1.Pool {
	in := &storagev1.Pool{Name: p.GetName(), Replicas: p.GetReplicas()}
	for key, value := range p.GetLabels() { // the state sorts them
		in.Labels = append(in.Labels, &storagev1.Label{Key: key, Value: value})
	}
	return in
}

func poolOut(p *storagev1.Pool) *eventnodev1.Pool {
	return &eventnodev1.Pool{Name: p.GetName(), Replicas: p.GetReplicas(), Labels: state.PoolLabels(p)}
}
