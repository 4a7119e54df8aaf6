package chat

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/chat/directory"
	"github.com/eventnode/eventnode/internal/apierr"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// Bounds of the service's messages.
const (
	maxChanges     = directory.MaxSubmit
	maxChangeBytes = 4 << 20
	exportBatch    = 500
	listBatch      = 1_000
)

// Changer changes the directory on all nodes.
type Changer interface {
	// Submit makes changes, in order, and returns when this node has applied them, with
	// what became of each.
	Submit(ctx context.Context, changes ...*eventnodev1.DirectoryChange) ([]error, eventnode.Position, error)
}

// Exporter says what changes would make the directory.
type Exporter interface {
	All() iter.Seq[*eventnodev1.DirectoryChange]
}

// Service is a Hub over gRPC.
type Service struct {
	eventnodev1.UnimplementedChatServiceServer
	hub    *Hub
	change Changer
	export Exporter
}

// NewService makes the service of a hub whose directory is changed by change, and is what
// export says.
func NewService(h *Hub, change Changer, export Exporter) *Service {
	return &Service{hub: h, change: change, export: export}
}

// Dispatch implements the service.
func (s *Service) Dispatch(ctx context.Context, req *eventnodev1.ChatServiceDispatchRequest) (*eventnodev1.ChatServiceDispatchResponse, error) {
	return answered(s.hub.Dispatch(ctx, req))
}

// Subscribe implements the service.
func (s *Service) Subscribe(ctx context.Context, req *eventnodev1.ChatServiceSubscribeRequest) (*eventnodev1.ChatServiceSubscribeResponse, error) {
	return answered(s.hub.Subscribe(ctx, req))
}

// Unsubscribe implements the service.
func (s *Service) Unsubscribe(ctx context.Context, req *eventnodev1.ChatServiceUnsubscribeRequest) (*eventnodev1.ChatServiceUnsubscribeResponse, error) {
	return answered(s.hub.Unsubscribe(ctx, req))
}

// Remove implements the service.
func (s *Service) Remove(ctx context.Context, req *eventnodev1.ChatServiceRemoveRequest) (*eventnodev1.ChatServiceRemoveResponse, error) {
	return answered(s.hub.Remove(ctx, req))
}

// answered makes an error one of gRPC's.
func answered[T any](resp *T, err error) (*T, error) {
	if err != nil {
		return nil, apierr.ToStatus(err)
	}
	return resp, nil
}

// Change implements the service.
func (s *Service) Change(ctx context.Context, req *eventnodev1.ChatServiceChangeRequest) (*eventnodev1.ChatServiceChangeResponse, error) {
	if err := checkChanges(req); err != nil {
		return nil, apierr.ToStatus(err)
	}
	errs, at, err := s.change.Submit(ctx, req.GetChanges()...)
	if errors.Is(err, directory.ErrNotAppliedYet) {
		// Its causes say that nothing was done, which is not so.
		err = fmt.Errorf("%w: %s", eventnode.ErrOutcomeUnknown, err.Error())
	}
	if err != nil {
		return nil, apierr.ToStatus(err)
	}
	resp := &eventnodev1.ChatServiceChangeResponse{Position: at.String(), Missing: names(s.hub.Barrier(ctx))}
	for i, err := range errs {
		if err != nil {
			resp.Refused = append(resp.Refused, &eventnodev1.ChatRefusedChange{Index: uint32(i), Reason: apierr.Reason(err), Message: err.Error()})
		}
	}
	return resp, nil
}

func checkChanges(req *eventnodev1.ChatServiceChangeRequest) error {
	n, size := len(req.GetChanges()), proto.Size(req)
	switch {
	case n == 0:
		return fmt.Errorf("no changes: %w", eventnode.ErrInvalidArgument)
	case n > maxChanges:
		return &eventnode.LimitError{Limit: "max_changes", Max: maxChanges, Got: n}
	case size > maxChangeBytes:
		return &eventnode.LimitError{Limit: "max_change_bytes", Max: maxChangeBytes, Got: size}
	}
	return nil
}

// Export implements the service. What is sent is the directory of one moment.
func (s *Service) Export(_ *eventnodev1.ChatServiceExportRequest, stream grpc.ServerStreamingServer[eventnodev1.ChatServiceExportResponse]) error {
	s.hub.mu.RLock()
	all := slices.Collect(s.export.All())
	s.hub.mu.RUnlock()
	for some := range slices.Chunk(all, exportBatch) {
		if err := stream.Send(&eventnodev1.ChatServiceExportResponse{Changes: some}); err != nil {
			return err
		}
	}
	return nil
}

// ListSessions implements the service.
func (s *Service) ListSessions(req *eventnodev1.ChatServiceListSessionsRequest, stream grpc.ServerStreamingServer[eventnodev1.ChatServiceListSessionsResponse]) error {
	all, missing := s.hub.ListSessions(stream.Context(), req)
	slices.SortFunc(all, bySession)
	for some := range slices.Chunk(all, listBatch) {
		if err := stream.Send(&eventnodev1.ChatServiceListSessionsResponse{Sessions: some}); err != nil {
			return err
		}
	}
	return stream.Send(&eventnodev1.ChatServiceListSessionsResponse{Missing: names(missing)})
}

// CloseSession implements the service.
func (s *Service) CloseSession(ctx context.Context, req *eventnodev1.ChatServiceCloseSessionRequest) (*eventnodev1.ChatServiceCloseSessionResponse, error) {
	if req.GetSessionId() == "" {
		return nil, apierr.ToStatus(fmt.Errorf("say which session: %w", eventnode.ErrInvalidArgument))
	}
	if err := s.hub.CloseSession(ctx, sessions.ID(req.GetSessionId())); err != nil {
		return nil, apierr.ToStatus(err)
	}
	return &eventnodev1.ChatServiceCloseSessionResponse{}, nil
}
