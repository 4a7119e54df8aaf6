package streamsdk

import (
	"context"
	"errors"
	"testing"

	"google.golang.org/grpc/metadata"

	"github.com/eventnode/eventnode/access"
	"github.com/eventnode/eventnode/internal/permit"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// nothing permits nothing.
type nothing struct{}

func (nothing) May(access.Use) error { return errors.New("not permitted") }

// lockService says whose right a call has.
type lockService struct {
	Service
	check func(ctx context.Context)
}

func (s lockService) LockInfo(ctx context.Context, _ *eventnodev1.LockInfoRequest) (*eventnodev1.LockInfoResponse, error) {
	s.check(ctx)
	return &eventnodev1.LockInfoResponse{}, nil
}

func (s lockService) DeleteStream(ctx context.Context, _ *eventnodev1.DeleteStreamRequest) (*eventnodev1.DeleteStreamResponse, error) {
	s.check(ctx)
	return &eventnodev1.DeleteStreamResponse{}, nil
}

// What a node asks its own streams for is its own right, also while it serves a caller who
// may not: nothing that the caller sent goes along.
func TestLocalCallsAreTheNodesOwn(t *testing.T) {
	caller := permit.With(metadata.NewIncomingContext(t.Context(), metadata.Pairs("authorization", "Bearer x")), nothing{})
	checked := 0
	check := func(ctx context.Context) {
		checked++
		if err := permit.May(ctx, access.Publish, "s"); err != nil {
			t.Error(err)
		}
		if md, _ := metadata.FromIncomingContext(ctx); len(md) > 0 {
			t.Errorf("sent along: %v", md)
		}
	}
	local := Local(lockService{check: check})
	if _, err := local.DeleteStream(caller, &eventnodev1.DeleteStreamRequest{}); err != nil {
		t.Error(err)
	}
	if err := local.Call(caller, eventnodev1.LockService_LockInfo_FullMethodName, Effect(false), &eventnodev1.LockInfoRequest{}, &eventnodev1.LockInfoResponse{}); err != nil {
		t.Error(err)
	}
	c := newLocalCall(caller)
	defer c.cancel()
	check(c.Context())
	if checked != 3 {
		t.Errorf("checked %d calls", checked)
	}
}
