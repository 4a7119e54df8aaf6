package streams

import (
	"context"

	"google.golang.org/grpc"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/streams/internal/consuming"
	"github.com/eventnode/eventnode/streams/internal/replica"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// Service serves streams, their consumer groups, and locks over gRPC, on every node: the one that leads answers, the
// others forward to it. The server must use wire.Codec, and its limit on received
// messages should be well above ServiceConfig.MaxBatchBytes.
//
// Without a leader a call waits for one for less than a second, and is UNAVAILABLE
// then. A call is forwarded once: a node to which a call was forwarded and which
// does not lead says that nobody does.
type Service struct {
	eventnodev1.UnimplementedStreamServiceServer
	eventnodev1.UnimplementedConsumerServiceServer
	eventnodev1.UnimplementedLockServiceServer
	cfg     ServiceConfig
	metrics *metrics
}

var (
	_ eventnodev1.StreamServiceServer   = (*Service)(nil)
	_ eventnodev1.ConsumerServiceServer = (*Service)(nil)
	_ eventnodev1.LockServiceServer     = (*Service)(nil)
)

// NewService makes the service; Register offers it.
func NewService(cfg ServiceConfig) (*Service, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(cfg.Registerer)
	if err != nil {
		return nil, err
	}
	if cfg.Desk == nil { // this node never leads
		if cfg.Desk, err = consuming.New(consuming.Config{}); err != nil {
			return nil, err
		}
	}
	return &Service{cfg: cfg, metrics: m}, nil
}

// Register offers the service on a server. Unlike the generated function it does
// not have the events of a PublishRequest decoded.
func (s *Service) Register(r grpc.ServiceRegistrar) {
	desc := eventnodev1.StreamService_ServiceDesc
	desc.Methods = append([]grpc.MethodDesc(nil), desc.Methods...)
	for i := range desc.Methods {
		if desc.Methods[i].MethodName == "Publish" {
			desc.Methods[i].Handler = s.publishFrame
		}
	}
	r.RegisterService(&desc, s)
	eventnodev1.RegisterConsumerServiceServer(r, s)
	eventnodev1.RegisterLockServiceServer(r, s)
}

// DeclareStream makes a stream.
func (s *Service) DeclareStream(ctx context.Context, req *eventnodev1.DeclareStreamRequest) (*eventnodev1.DeclareStreamResponse, error) {
	return serve(ctx, s, eventnodev1.StreamService_DeclareStream_FullMethodName, writes, req, s.declare)
}

func (s *Service) declare(ctx context.Context, p partition, req *eventnodev1.DeclareStreamRequest) (*eventnodev1.DeclareStreamResponse, error) {
	cfg, err := configIn(req.GetConfig())
	if err != nil {
		return nil, err
	}
	r, err := propose(ctx, p, &storagev1.Command{Command: &storagev1.Command_DeclareStream{DeclareStream: &storagev1.DeclareStream{
		Name: nameIn(req.GetStream()), Config: cfg, Fresh: req.GetFresh(), Partition: p.Status().Partition,
	}}})
	if err != nil {
		return nil, err
	}
	return &eventnodev1.DeclareStreamResponse{Created: r.Created, Config: configOut(r.Config)}, nil
}

// UpdateStream replaces a stream's configuration.
func (s *Service) UpdateStream(ctx context.Context, req *eventnodev1.UpdateStreamRequest) (*eventnodev1.UpdateStreamResponse, error) {
	return serve(ctx, s, eventnodev1.StreamService_UpdateStream_FullMethodName, writes, req, s.update)
}

func (s *Service) update(ctx context.Context, p partition, req *eventnodev1.UpdateStreamRequest) (*eventnodev1.UpdateStreamResponse, error) {
	cfg, err := configIn(req.GetConfig())
	if err != nil {
		return nil, err
	}
	r, err := propose(ctx, p, &storagev1.Command{Command: &storagev1.Command_UpdateStream{UpdateStream: &storagev1.UpdateStream{
		Name: nameIn(req.GetStream()), Config: cfg,
	}}})
	if err != nil {
		return nil, err
	}
	return &eventnodev1.UpdateStreamResponse{Config: configOut(r.Config)}, nil
}

// DeleteStream removes a stream.
func (s *Service) DeleteStream(ctx context.Context, req *eventnodev1.DeleteStreamRequest) (*eventnodev1.DeleteStreamResponse, error) {
	return serve(ctx, s, eventnodev1.StreamService_DeleteStream_FullMethodName, writes, req, s.remove)
}

func (s *Service) remove(ctx context.Context, p partition, req *eventnodev1.DeleteStreamRequest) (*eventnodev1.DeleteStreamResponse, error) {
	_, err := propose(ctx, p, &storagev1.Command{Command: &storagev1.Command_DeleteStream{DeleteStream: &storagev1.DeleteStream{
		Name: nameIn(req.GetStream()),
	}}})
	return &eventnodev1.DeleteStreamResponse{}, err
}

// propose has a command applied.
func propose(ctx context.Context, p partition, c *storagev1.Command) (state.Result, error) {
	r, err := p.Propose(ctx, &replica.Proposal{Command: c})
	if err == nil {
		err = r.Err
	}
	return r, err
}
