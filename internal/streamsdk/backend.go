package streamsdk

import (
	"context"

	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// Backend is a cluster's StreamService. Its errors are told apart with errors.Is by
// the sentinels of package eventnode: ErrUnavailable says that nothing was done
// that could not be done again, ErrOutcomeUnknown that a call that writes was
// perhaps done. All methods may be called concurrently.
type Backend interface {
	// DeclareStream and the next six are the calls of that name.
	DeclareStream(ctx context.Context, req *eventnodev1.DeclareStreamRequest) (*eventnodev1.DeclareStreamResponse, error)
	UpdateStream(ctx context.Context, req *eventnodev1.UpdateStreamRequest) (*eventnodev1.UpdateStreamResponse, error)
	DeleteStream(ctx context.Context, req *eventnodev1.DeleteStreamRequest) (*eventnodev1.DeleteStreamResponse, error)
	ListStreams(ctx context.Context, req *eventnodev1.ListStreamsRequest) (*eventnodev1.ListStreamsResponse, error)
	StreamInfo(ctx context.Context, req *eventnodev1.StreamInfoRequest) (*eventnodev1.StreamInfoResponse, error)
	DeclarePool(ctx context.Context, req *eventnodev1.DeclarePoolRequest) (*eventnodev1.DeclarePoolResponse, error)
	ListPools(ctx context.Context, req *eventnodev1.ListPoolsRequest) (*eventnodev1.ListPoolsResponse, error)

	// Pipe opens a PublishStream, at the node with this rpc address: at any, if it
	// is "". It returns when a leader has taken it, or not: then nothing was sent. It
	// ends with ctx, too.
	Pipe(ctx context.Context, address string) (Pipe, error)
	// Read opens a Read. It ends with ctx, too.
	Read(ctx context.Context, req *eventnodev1.ReadRequest) (Reader, error)
}

// Pipe is a PublishStream. One goroutine sends, one other receives; any closes.
type Pipe interface {
	// Send sends an encoded PublishStreamRequest, a block from wire.NewBlock that it
	// takes over. After an error Recv says what happened.
	Send(request *[]byte) error
	// Recv waits for the next answer.
	Recv() (*eventnodev1.PublishStreamResponse, error)
	// Close ends both.
	Close()
}

// Reader is the answers to a Read.
type Reader interface {
	// Recv waits for the next ReadResponse, encoded, which is the caller's. io.EOF is
	// the good end.
	Recv() ([]byte, error)
	// Close ends it.
	Close()
}
