package streams

import (
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/streams/internal/consuming"
)

// ServiceConfig of a Service.
type ServiceConfig struct {
	// Self is this node. Required.
	Self eventnode.NodeID
	// Partition is the partition as this node has it; false: it has none. Called
	// for each call; must not block. Defaults to none: everything is forwarded.
	Partition func() (partition, bool)
	// Leader says who leads now, as far as this node knows; false: nobody. Called
	// often; must not block. Required.
	Leader func() (Leader, bool)
	// Forward is a connection to a node's rpc address, which is kept. Must not
	// block. Required.
	Forward func(address string) (grpc.ClientConnInterface, error)

	// Desk is where consumers of the partition are known, if it is here. Defaults to
	// one of a partition that is never here.
	Desk *consuming.Desk

	// MaxEventBytes bounds an encoded event. Defaults to 1 MiB.
	MaxEventBytes int
	// MaxBatchEvents and MaxBatchBytes bound a batch: it is one value in the state,
	// and a part of one entry of the log. Default to 8,192 and 4 MiB; at most 8 MiB.
	MaxBatchEvents, MaxBatchBytes int
	// MaxBatches bounds the batches of a request. Defaults to 1,024.
	MaxBatches int
	// MaxRequests and MaxRequestBytes bound what a producer's stream has under way;
	// a producer that sends more waits. One request is let in always. Default to 1,024
	// and 16 MiB.
	MaxRequests, MaxRequestBytes int

	// Logger takes what happens. Defaults to none.
	Logger *slog.Logger
	// Registerer takes the metrics. Defaults to none.
	Registerer prometheus.Registerer
}

// mostBatchBytes bounds MaxBatchBytes: with the smallest filling of an entry it
// stays well below what the log and its connections take at once.
const mostBatchBytes = 8 << 20

func (c ServiceConfig) withDefaults() (ServiceConfig, error) {
	if c.Self == "" || c.Leader == nil || c.Forward == nil {
		return c, fmt.Errorf("streams: Self, Leader and Forward are required: %w", eventnode.ErrInvalidArgument)
	}
	if c.Partition == nil {
		c.Partition = func() (partition, bool) { return nil, false }
	}
	for _, f := range []struct {
		name string
		at   *int
		def  int
	}{
		{"MaxEventBytes", &c.MaxEventBytes, 1 << 20},
		{"MaxBatchEvents", &c.MaxBatchEvents, 8192},
		{"MaxBatchBytes", &c.MaxBatchBytes, 4 << 20},
		{"MaxBatches", &c.MaxBatches, 1024},
		{"MaxRequests", &c.MaxRequests, 1024},
		{"MaxRequestBytes", &c.MaxRequestBytes, 16 << 20},
	} {
		if *f.at == 0 {
			*f.at = f.def
		}
		if *f.at < 0 {
			return c, fmt.Errorf("streams: %s is negative: %w", f.name, eventnode.ErrInvalidArgument)
		}
	}
	if c.MaxBatchBytes > mostBatchBytes {
		return c, fmt.Errorf("streams: MaxBatchBytes is %d, at most %d: %w", c.MaxBatchBytes, mostBatchBytes, eventnode.ErrInvalidArgument)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}
