package streams

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/eventnode/eventnode"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// What can be said of streams besides their events, and every way to say it wrong.
func TestStreamsAreDeclaredChangedListedAndDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, _ := alone(t, nil)
		cfg := &eventnodev1.StreamConfig{
			Retain: eventnodev1.Retain_RETAIN_LIMITS, MaxAge: durationpb.New(time.Hour), MaxBytes: 1 << 20, MaxCount: 5,
			Groups: []string{"b", "a"}, DedupeWindow: durationpb.New(time.Minute), DedupeMax: 7,
		}
		req := &eventnodev1.DeclareStreamRequest{Stream: streamName("orders"), Config: cfg}
		made, err := n.api.DeclareStream(t.Context(), req)
		if err != nil || !made.GetCreated() || made.GetConfig().GetPool() != "default" || made.GetConfig().GetMaxAge().AsDuration() != time.Hour ||
			made.GetConfig().GetDedupeMax() != 7 || !slices.Equal(made.GetConfig().GetGroups(), []string{"a", "b"}) {
			t.Fatalf("%v, %v", made, err)
		}
		cfg.Groups = []string{"c"}
		again, err := n.api.DeclareStream(t.Context(), req)
		if err != nil || again.GetCreated() || !slices.Equal(again.GetConfig().GetGroups(), []string{"a", "b", "c"}) {
			t.Errorf("%v, %v", again, err)
		}
		cfg.MaxCount = 2
		updated, err := n.api.UpdateStream(t.Context(), &eventnodev1.UpdateStreamRequest{Stream: streamName("orders"), Config: cfg})
		if err != nil || updated.GetConfig().GetMaxCount() != 2 || len(updated.GetConfig().GetGroups()) != 3 {
			t.Errorf("%v, %v", updated, err)
		}
		n.declare(t, "empty", nil)
		first := n.publish(t, "orders", events("1", "2", "3")...)
		info, err := n.api.StreamInfo(t.Context(), &eventnodev1.StreamInfoRequest{Stream: streamName("orders")})
		d := info.GetStream()
		if err != nil || d.GetCount() != 2 || d.GetPublished() != 3 || d.GetBytes() == 0 || d.GetFirst().GetSeq() != first.GetSeq()+1 ||
			d.GetLast().GetSeq() != 2 || d.GetLast().GetMs() != first.GetMs() || d.GetPartition() != 1 || d.GetLeader() != "n1" ||
			d.GetLeaderAddress() != "addr-n1" || d.GetCreated().AsTime().After(time.Now()) {
			t.Errorf("%v, %v", info, err)
		}
		list, err := n.api.ListStreams(t.Context(), &eventnodev1.ListStreamsRequest{Limit: 1})
		if err != nil || len(list.GetStreams()) != 1 || !list.GetMore() || list.GetStreams()[0].GetStream().GetName() != "empty" ||
			list.GetStreams()[0].GetFirst() != nil || list.GetStreams()[0].GetLast() != nil {
			t.Errorf("%v, %v", list, err)
		}
		list, err = n.api.ListStreams(t.Context(), &eventnodev1.ListStreamsRequest{After: list.GetStreams()[0].GetStream(), AllNamespaces: true})
		if err != nil || len(list.GetStreams()) != 1 || list.GetMore() || list.GetStreams()[0].GetStream().GetName() != "orders" {
			t.Errorf("%v, %v", list, err)
		}
		if _, err := n.api.DeleteStream(t.Context(), &eventnodev1.DeleteStreamRequest{Stream: streamName("orders")}); err != nil {
			t.Error(err)
		}
		_, err = n.api.StreamInfo(t.Context(), &eventnodev1.StreamInfoRequest{Stream: streamName("orders")})
		wantStatus(t, err, codes.NotFound, eventnode.ErrStreamNotFound)
	})
}

func TestStreamErrors(t *testing.T) {
	n, _ := alone(t, nil)
	n.declare(t, "there", nil)
	declare := func(name string, fresh bool, cfg *eventnodev1.StreamConfig) error {
		_, err := n.api.DeclareStream(t.Context(), &eventnodev1.DeclareStreamRequest{Stream: streamName(name), Config: cfg, Fresh: fresh})
		return err
	}
	update := func(name string, cfg *eventnodev1.StreamConfig) error {
		_, err := n.api.UpdateStream(t.Context(), &eventnodev1.UpdateStreamRequest{Stream: streamName(name), Config: cfg})
		return err
	}
	limits := eventnodev1.Retain_RETAIN_LIMITS
	_, gone := n.api.DeleteStream(t.Context(), &eventnodev1.DeleteStreamRequest{Stream: streamName("absent")})
	for name, c := range map[string]struct {
		err  error
		code codes.Code
		want error
	}{
		"no name":        {declare("", false, nil), codes.InvalidArgument, eventnode.ErrInvalidArgument},
		"bad name":       {declare("a b", false, nil), codes.InvalidArgument, eventnode.ErrInvalidArgument},
		"long name":      {declare(strings.Repeat("a", 256), false, nil), codes.ResourceExhausted, eventnode.ErrLimit},
		"exists":         {declare("there", true, nil), codes.AlreadyExists, eventnode.ErrStreamExists},
		"differs":        {declare("there", false, &eventnodev1.StreamConfig{MaxBytes: 1}), codes.FailedPrecondition, eventnode.ErrStreamDiffers},
		"age of acked":   {declare("new", false, &eventnodev1.StreamConfig{MaxAge: durationpb.New(time.Hour)}), codes.InvalidArgument, eventnode.ErrInvalidArgument},
		"unknown retain": {declare("new", false, &eventnodev1.StreamConfig{Retain: 9}), codes.InvalidArgument, eventnode.ErrInvalidArgument},
		"negative age":   {declare("new", false, &eventnodev1.StreamConfig{Retain: limits, MaxAge: durationpb.New(-1)}), codes.InvalidArgument, eventnode.ErrInvalidArgument},
		"microseconds":   {declare("new", false, &eventnodev1.StreamConfig{Retain: limits, MaxAge: durationpb.New(1500)}), codes.InvalidArgument, eventnode.ErrInvalidArgument},
		"for ever":       {declare("new", false, &eventnodev1.StreamConfig{Retain: limits, MaxAge: &durationpb.Duration{Seconds: 300_000_000_000}}), codes.ResourceExhausted, eventnode.ErrLimit},
		"bad window":     {update("there", &eventnodev1.StreamConfig{DedupeWindow: durationpb.New(-1)}), codes.InvalidArgument, eventnode.ErrInvalidArgument},
		"update absent":  {update("absent", nil), codes.NotFound, eventnode.ErrStreamNotFound},
		"other pool":     {update("there", &eventnodev1.StreamConfig{Pool: "other"}), codes.InvalidArgument, eventnode.ErrInvalidArgument},
		"delete absent":  {gone, codes.NotFound, eventnode.ErrStreamNotFound},
	} {
		t.Run(name, func(t *testing.T) { wantStatus(t, c.err, c.code, c.want) })
	}
}

// all calls each method once and returns what it failed with.
func (n *testNode) all(ctx context.Context) map[string]error {
	a := streamName("a")
	out := map[string]error{}
	_, out["DeclareStream"] = n.api.DeclareStream(ctx, &eventnodev1.DeclareStreamRequest{Stream: a})
	_, out["UpdateStream"] = n.api.UpdateStream(ctx, &eventnodev1.UpdateStreamRequest{Stream: a})
	_, out["ListStreams"] = n.api.ListStreams(ctx, &eventnodev1.ListStreamsRequest{})
	_, out["StreamInfo"] = n.api.StreamInfo(ctx, &eventnodev1.StreamInfoRequest{Stream: a})
	batches := []*eventnodev1.PublishBatch{{Stream: a, Envelopes: events("1")}}
	_, out["Publish"] = n.api.Publish(ctx, &eventnodev1.PublishRequest{Batches: batches})
	out["PublishStream"] = n.produceOne(ctx, batches)
	out["Read"] = n.readAll(ctx, &eventnodev1.ReadRequest{Stream: a})
	_, out["DeleteStream"] = n.api.DeleteStream(ctx, &eventnodev1.DeleteStreamRequest{Stream: a})
	return out
}

func (n *testNode) produceOne(ctx context.Context, batches []*eventnodev1.PublishBatch) error {
	stream, err := n.api.PublishStream(ctx)
	if err != nil {
		return err
	}
	if err := stream.Send(&eventnodev1.PublishStreamRequest{Batches: batches}); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	resp, err := stream.Recv()
	if err != nil {
		return err
	}
	if reason := resp.GetResults()[0].GetErrorReason(); reason != "" {
		return errors.New(reason)
	}
	return stream.CloseSend()
}

func (n *testNode) readAll(ctx context.Context, req *eventnodev1.ReadRequest) error {
	stream, err := n.api.Read(ctx, req)
	for err == nil {
		_, err = stream.Recv()
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func TestServiceConfig(t *testing.T) {
	leader := func() (Leader, bool) { return Leader{}, false }
	forward := func(string) (grpc.ClientConnInterface, error) { return nil, errors.New("no") }
	for name, cfg := range map[string]ServiceConfig{
		"no self":       {Leader: leader, Forward: forward},
		"no leader":     {Self: "n", Forward: forward},
		"no forward":    {Self: "n", Leader: leader},
		"negative":      {Self: "n", Leader: leader, Forward: forward, MaxBatches: -1},
		"batch too big": {Self: "n", Leader: leader, Forward: forward, MaxBatchBytes: mostBatchBytes + 1},
	} {
		if _, err := NewService(cfg); !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
