package chatsdk

import (
	"context"

	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// Backend is a cluster's ChatService. Its errors are told apart with errors.Is by the
// sentinels of package eventnode: ErrUnavailable says that nothing was done that could not
// be done again, ErrOutcomeUnknown that a call which must be made once was perhaps made.
// All methods may be called concurrently.
type Backend interface {
	// Dispatch and Change are made once at most.
	Dispatch(ctx context.Context, req *eventnodev1.ChatServiceDispatchRequest) (*eventnodev1.ChatServiceDispatchResponse, error)
	Change(ctx context.Context, req *eventnodev1.ChatServiceChangeRequest) (*eventnodev1.ChatServiceChangeResponse, error)

	// Subscribe and the next three may be made again when the answer was lost.
	Subscribe(ctx context.Context, req *eventnodev1.ChatServiceSubscribeRequest) (*eventnodev1.ChatServiceSubscribeResponse, error)
	Unsubscribe(ctx context.Context, req *eventnodev1.ChatServiceUnsubscribeRequest) (*eventnodev1.ChatServiceUnsubscribeResponse, error)
	Remove(ctx context.Context, req *eventnodev1.ChatServiceRemoveRequest) (*eventnodev1.ChatServiceRemoveResponse, error)
	CloseSession(ctx context.Context, req *eventnodev1.ChatServiceCloseSessionRequest) (*eventnodev1.ChatServiceCloseSessionResponse, error)

	// Export and ListSessions call take with each answer, on the caller's goroutine, and
	// return its error at once. They are begun again only while take was not called.
	Export(ctx context.Context, req *eventnodev1.ChatServiceExportRequest, take func(*eventnodev1.ChatServiceExportResponse) error) error
	ListSessions(ctx context.Context, req *eventnodev1.ChatServiceListSessionsRequest, take func(*eventnodev1.ChatServiceListSessionsResponse) error) error
}
