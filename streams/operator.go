package streams

import (
	"context"
	"fmt"
	"log/slog"

	"google.golang.org/grpc"

	"github.com/eventnode/eventnode"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/streams/internal/replica"
)

// What operators ask goes from node to node as what they asked: the public call,
// marked as forwarded, with what the caller sent along. So one way carries single
// answers and streams with back-pressure alike, and each node's own authorizer
// decides about its part.

// OperatorConfig of an Operator.
type OperatorConfig struct {
	// Cluster is the cluster's name. Required.
	Cluster string
	// Version is the program's, for backups.
	Version string
	// Peers is what this node knows of others. Required.
	Peers Peers
	// Gone lists nodes with storage that were lost or left of late. Must not block.
	// Defaults to none.
	Gone func() []Node
	// Service is this node's service for clients: it knows who leads. Required.
	Service *Service
	// Streams is the durable plane of this node. Defaults to none.
	Streams *Streams
	// Logger takes what is found. Defaults to none.
	Logger *slog.Logger
}

// Operator serves operators over gRPC, on every node: how the replicas are, whether
// their files are sound, and a copy of everything.
type Operator struct {
	eventnodev1.UnimplementedStorageServiceServer
	cfg OperatorConfig
	// scrubbing holds a token while this node's replica is looked at.
	scrubbing chan struct{}
}

var _ eventnodev1.StorageServiceServer = (*Operator)(nil)

// NewOperator makes the service; Register offers it.
func NewOperator(cfg OperatorConfig) (*Operator, error) {
	if cfg.Cluster == "" || cfg.Peers == nil || cfg.Service == nil {
		return nil, fmt.Errorf("streams: Cluster, Peers and Service are required: %w", eventnode.ErrInvalidArgument)
	}
	if cfg.Gone == nil {
		cfg.Gone = func() []Node { return nil }
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Operator{cfg: cfg, scrubbing: make(chan struct{}, 1)}, nil
}

// Register offers the service on a server.
func (o *Operator) Register(r grpc.ServiceRegistrar) {
	eventnodev1.RegisterStorageServiceServer(r, o)
}

// self is this node's name.
func (o *Operator) self() eventnode.NodeID { return o.cfg.Service.cfg.Self }

// replica is this node's, if it has one.
func (o *Operator) replica() (*replica.Replica, bool) {
	if o.cfg.Streams == nil {
		return nil, false
	}
	return o.cfg.Streams.partition()
}

// at is a client of another node's operator service, and the context for its calls.
func (o *Operator) at(ctx context.Context, address string) (context.Context, eventnodev1.StorageServiceClient, error) {
	conn, err := o.cfg.Peers.Conn(address)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", err, eventnode.ErrUnavailable)
	}
	return outgoing(ctx, o.self()), eventnodev1.NewStorageServiceClient(conn), nil
}

// status is the status that ends a call.
func (o *Operator) status(err error) error { return o.cfg.Service.status(err) }
