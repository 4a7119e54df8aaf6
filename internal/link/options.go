package link

import (
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/keepalive"

	"github.com/eventnode/eventnode/internal/wire"
)

// The sizes that links are tuned for. A stream window of 4 MiB lets a lane
// keep a fast network busy; buffers of 128 KiB make a system call carry half a
// frame.
const (
	StreamWindow    = 4 << 20
	ConnWindow      = 8 << 20
	ReadBuffer      = 128 << 10
	WriteBuffer     = 128 << 10
	MaxMessageBytes = 16 << 20 // the largest frame or call that is taken
)

// MetadataKey carries the token of an accepted link.
const MetadataKey = "eventnode-link"

// A peer that answers no ping for keepaliveTime+keepaliveTimeout is dead.
const (
	keepaliveTime    = 10 * time.Second
	keepaliveTimeout = 5 * time.Second
)

// ServerOptions are what the gRPC server that carries Service needs.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ForceServerCodecV2(wire.NewCodec()),
		experimental.BufferPool(wire.Pool()),
		grpc.StaticStreamWindowSize(StreamWindow),
		grpc.StaticConnWindowSize(ConnWindow),
		grpc.ReadBufferSize(ReadBuffer),
		grpc.WriteBufferSize(WriteBuffer),
		grpc.SharedWriteBuffer(false), //nolint:staticcheck // measured slower on a busy link; goes when gRPC takes it out
		grpc.MaxRecvMsgSize(MaxMessageBytes),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: keepaliveTime, Timeout: keepaliveTimeout}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: keepaliveTime / 2, PermitWithoutStream: true}),
	}
}
