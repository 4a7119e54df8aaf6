package chatsdk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/convert"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// Chat is a chat service.
type Chat struct{ backend Backend }

var _ eventnode.Chat = (*Chat)(nil)

// New makes a Chat. It starts nothing.
func New(b Backend) *Chat { return &Chat{b} }

// Dispatch implements eventnode.Chat.
func (c *Chat) Dispatch(ctx context.Context, topic, eventType string, data any, opts ...eventnode.ChatOption) (eventnode.Reached, error) {
	return c.DispatchMany(ctx, []string{topic}, eventType, data, opts...)
}

// DispatchMany implements eventnode.Chat.
func (c *Chat) DispatchMany(ctx context.Context, topics []string, eventType string, data any, opts ...eventnode.ChatOption) (eventnode.Reached, error) {
	payload, err := encode(data)
	if err != nil {
		return eventnode.Reached{}, err
	}
	o := eventnode.NewChatOptions(opts...)
	req := &eventnodev1.ChatServiceDispatchRequest{
		Topics: topics, Type: eventType, Data: payload, List: o.List, Only: filterToProto(o.Only), Except: filterToProto(&o.Except),
	}
	r, err := c.backend.Dispatch(ctx, req)
	if err != nil {
		return eventnode.Reached{}, explained(err)
	}
	return eventnode.Reached{Count: int(r.GetReached()), Sessions: r.GetSessionIds(), Missing: convert.NodeIDsFromProto(r.GetMissing())}, nil
}

// encode makes JSON of what was handed in, which stays the caller's: an embedded node keeps
// the payload for those who resume.
func encode(data any) ([]byte, error) {
	var payload []byte
	switch d := data.(type) {
	case json.RawMessage:
		payload = d
	case []byte:
		payload = d
	default:
		b, err := json.Marshal(data)
		if err != nil {
			return nil, fmt.Errorf("data: %w: %w", eventnode.ErrInvalidArgument, err)
		}
		return b, nil
	}
	if !json.Valid(payload) {
		return nil, fmt.Errorf("data is no JSON: %w", eventnode.ErrInvalidArgument)
	}
	return bytes.Clone(payload), nil
}

// Subscribe implements eventnode.Chat.
func (c *Chat) Subscribe(ctx context.Context, who []eventnode.ChatSubscriber, topics ...eventnode.ChatSubscription) (eventnode.ChatSubscribed, error) {
	req := &eventnodev1.ChatServiceSubscribeRequest{Subscribers: subscribersToProto(who), Subscriptions: subscriptionsToProto(topics)}
	r, err := c.backend.Subscribe(ctx, req)
	return eventnode.ChatSubscribed{Sessions: int(r.GetSessions()), Missing: convert.NodeIDsFromProto(r.GetMissing())}, explained(err)
}

// Unsubscribe implements eventnode.Chat.
func (c *Chat) Unsubscribe(ctx context.Context, who []eventnode.ChatSubscriber, topics ...string) (eventnode.ChatSubscribed, error) {
	r, err := c.backend.Unsubscribe(ctx, &eventnodev1.ChatServiceUnsubscribeRequest{Subscribers: subscribersToProto(who), Topics: topics})
	return eventnode.ChatSubscribed{Sessions: int(r.GetSessions()), Missing: convert.NodeIDsFromProto(r.GetMissing())}, explained(err)
}

// Reset implements eventnode.Chat.
func (c *Chat) Reset(ctx context.Context, topics ...string) (eventnode.ChatRemoved, error) {
	return c.remove(ctx, topics, true)
}

// Remove implements eventnode.Chat.
func (c *Chat) Remove(ctx context.Context, topics ...string) (eventnode.ChatRemoved, error) {
	return c.remove(ctx, topics, false)
}

func (c *Chat) remove(ctx context.Context, topics []string, keep bool) (eventnode.ChatRemoved, error) {
	if len(topics) == 0 {
		return eventnode.ChatRemoved{}, fmt.Errorf("say at least one topic: %w", eventnode.ErrInvalidArgument)
	}
	r, err := c.backend.Remove(ctx, &eventnodev1.ChatServiceRemoveRequest{Topics: topics, Keep: keep})
	return eventnode.ChatRemoved{Ended: int(r.GetEnded()), Missing: convert.NodeIDsFromProto(r.GetMissing())}, explained(err)
}

// errEnough ends a list: who ranges over it wants no more.
var errEnough = errors.New("no more is wanted")

// Sessions implements eventnode.Chat.
func (c *Chat) Sessions(ctx context.Context, filter eventnode.ChatSessionFilter) iter.Seq2[eventnode.ChatSession, error] {
	return func(yield func(eventnode.ChatSession, error) bool) {
		req := &eventnodev1.ChatServiceListSessionsRequest{UserId: filter.User, GuildId: filter.Guild, SessionId: filter.Session}
		var missing []eventnode.NodeID
		err := c.backend.ListSessions(ctx, req, func(r *eventnodev1.ChatServiceListSessionsResponse) error {
			missing = append(missing, convert.NodeIDsFromProto(r.GetMissing())...)
			for _, s := range r.GetSessions() {
				if !yield(sessionFromProto(s), nil) {
					return errEnough
				}
			}
			return nil
		})
		if err == nil && len(missing) > 0 {
			err = &eventnode.MissingError{Nodes: missing}
		}
		if err != nil && !errors.Is(err, errEnough) {
			yield(eventnode.ChatSession{}, explained(err))
		}
	}
}

// CloseSession implements eventnode.Chat.
func (c *Chat) CloseSession(ctx context.Context, id string) error {
	_, err := c.backend.CloseSession(ctx, &eventnodev1.ChatServiceCloseSessionRequest{SessionId: id})
	return explained(err)
}

// Change makes changes of the directory, in order.
func (c *Chat) Change(ctx context.Context, changes ...*eventnodev1.DirectoryChange) (eventnode.ChatChanged, error) {
	r, err := c.backend.Change(ctx, &eventnodev1.ChatServiceChangeRequest{Changes: changes})
	if err != nil {
		return eventnode.ChatChanged{}, explained(err)
	}
	return changedFromProto(r)
}

// Export ranges over the changes that would make the directory.
func (c *Chat) Export(ctx context.Context) iter.Seq2[*eventnodev1.DirectoryChange, error] {
	return func(yield func(*eventnodev1.DirectoryChange, error) bool) {
		err := c.backend.Export(ctx, &eventnodev1.ChatServiceExportRequest{}, func(r *eventnodev1.ChatServiceExportResponse) error {
			for _, change := range r.GetChanges() {
				if !yield(change, nil) {
					return errEnough
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(nil, explained(err))
		}
	}
}

// explained says more of an error that a node without a chat service answers with.
func explained(err error) error {
	if err != nil && status.Code(err) == codes.Unimplemented {
		return fmt.Errorf("%w: %w", ErrNone, err)
	}
	return err
}
