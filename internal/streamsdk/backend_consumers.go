package streamsdk

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode/internal/wire"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// Effect is what a call does, and so when it may be made again.
type Effect bool

const (
	// Harmless means that to do it twice is as to do it once.
	Harmless Effect = false
	// Once means that it is not to be done twice.
	Once Effect = true
)

// ConsumerBackend is a cluster's ConsumerService and LockService. Errors are as those of
// Backend.
type ConsumerBackend interface {
	// Call makes a unary call, by its full name. If a call that is to be done once was
	// perhaps done the error is ErrOutcomeUnknown.
	Call(ctx context.Context, method string, effect Effect, req, resp proto.Message) error
	// Consume opens a Consume, at the node with this rpc address: at any, if it is "".
	// It ends with ctx, too. An error means that nothing was sent.
	Consume(ctx context.Context, address string) (ConsumeCall, error)
}

// ConsumeCall is a Consume. One goroutine sends, one other receives; any closes.
type ConsumeCall interface {
	// Send sends a request. After an error Recv says what happened.
	Send(req *eventnodev1.ConsumeRequest) error
	// CloseSend half-closes the call. Nothing is sent after it.
	CloseSend() error
	// Recv waits for the next ConsumeResponse, encoded, which is the caller's to
	// release. io.EOF is the good end.
	Recv() (wire.Piece, error)
	// Close ends both.
	Close()
}
