package streamsdk

import (
	"context"
	"fmt"
	"iter"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/eventnode/eventnode"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// Consumers is the consumers of one namespace of a cluster.
type Consumers struct{ cfg Config }

var _ eventnode.Consumers = (*Consumers)(nil)

// NewConsumers makes a Consumers. It starts nothing.
func NewConsumers(cfg Config) *Consumers { return &Consumers{cfg: cfg.withDefaults()} }

// message is a pointer to a protobuf message.
type message[R any] interface {
	*R
	proto.Message
}

// invoke makes a unary call, until it is answered or patience has run out.
func invoke[R any, P message[R]](ctx context.Context, cfg Config, method string, effect Effect, req proto.Message) (P, error) {
	return again(ctx, cfg, effect, func() (P, error) {
		resp := P(new(R))
		return resp, cfg.Consumers.Call(ctx, method, effect, req, resp)
	})
}

// stream is a stream's full name.
func (c *Consumers) stream(name string) *eventnodev1.StreamName {
	return &eventnodev1.StreamName{Namespace: c.cfg.Namespace, Name: name}
}

// AddGroup implements eventnode.Consumers.
func (c *Consumers) AddGroup(ctx context.Context, stream, group string, cfg eventnode.ConsumerGroupConfig, start eventnode.StartPlace) (bool, error) {
	place, err := placeToProto(start)
	if err != nil {
		return false, err
	}
	config, err := groupConfigToProto(cfg)
	if err != nil {
		return false, err
	}
	r, err := invoke[eventnodev1.AddConsumerGroupResponse](ctx, c.cfg, eventnodev1.ConsumerService_AddConsumerGroup_FullMethodName, Harmless,
		&eventnodev1.AddConsumerGroupRequest{Stream: c.stream(stream), Group: group, Config: config, Start: place})
	return r.GetCreated(), err
}

// UpdateGroup implements eventnode.Consumers.
func (c *Consumers) UpdateGroup(ctx context.Context, stream, group string, cfg eventnode.ConsumerGroupConfig) error {
	config, err := groupConfigToProto(cfg)
	if err != nil {
		return err
	}
	_, err = invoke[eventnodev1.UpdateConsumerGroupResponse](ctx, c.cfg, eventnodev1.ConsumerService_UpdateConsumerGroup_FullMethodName, Harmless,
		&eventnodev1.UpdateConsumerGroupRequest{Stream: c.stream(stream), Group: group, Config: config})
	return err
}

// RemoveGroup implements eventnode.Consumers.
func (c *Consumers) RemoveGroup(ctx context.Context, stream, group string) error {
	_, err := invoke[eventnodev1.RemoveConsumerGroupResponse](ctx, c.cfg, eventnodev1.ConsumerService_RemoveConsumerGroup_FullMethodName, Once,
		&eventnodev1.RemoveConsumerGroupRequest{Stream: c.stream(stream), Group: group})
	return err
}

// Groups implements eventnode.Consumers.
func (c *Consumers) Groups(ctx context.Context, stream string) iter.Seq2[eventnode.ConsumerGroupInfo, error] {
	return func(yield func(eventnode.ConsumerGroupInfo, error) bool) {
		req := &eventnodev1.ListConsumerGroupsRequest{Stream: c.stream(stream)}
		for more := true; more; {
			page, err := c.groups(ctx, req)
			if err != nil {
				yield(eventnode.ConsumerGroupInfo{}, err)
				return
			}
			for _, d := range page.GetGroups() {
				if !yield(groupFromProto(stream, d, page.GetNow()), nil) {
					return
				}
				req.After = d.GetGroup()
			}
			more = page.GetMore() && len(page.GetGroups()) > 0
		}
	}
}

func (c *Consumers) groups(ctx context.Context, req *eventnodev1.ListConsumerGroupsRequest) (*eventnodev1.ListConsumerGroupsResponse, error) {
	return invoke[eventnodev1.ListConsumerGroupsResponse](ctx, c.cfg, eventnodev1.ConsumerService_ListConsumerGroups_FullMethodName, Harmless, req)
}

// group is a consumer group with its consumers.
func (c *Consumers) group(ctx context.Context, stream, group string) (*eventnodev1.ConsumerGroupDescription, *timestamppb.Timestamp, error) {
	if group == "" {
		return nil, nil, fmt.Errorf("a consumer group has a name: %w", eventnode.ErrInvalidArgument)
	}
	page, err := c.groups(ctx, &eventnodev1.ListConsumerGroupsRequest{Stream: c.stream(stream), Group: group, Consumers: true})
	switch {
	case err != nil:
		return nil, nil, err
	case len(page.GetGroups()) == 0:
		return nil, nil, eventnode.ConsumerGroupNotFound(stream, group)
	}
	return page.GetGroups()[0], page.GetNow(), nil
}

// Group implements eventnode.Consumers.
func (c *Consumers) Group(ctx context.Context, stream, group string) (eventnode.ConsumerGroupInfo, error) {
	d, now, err := c.group(ctx, stream, group)
	if err != nil {
		return eventnode.ConsumerGroupInfo{}, err
	}
	return groupFromProto(stream, d, now), nil
}

// Seek implements eventnode.Consumers.
func (c *Consumers) Seek(ctx context.Context, stream, group string, to eventnode.StartPlace) error {
	place, err := placeToProto(to)
	if err != nil {
		return err
	}
	_, err = invoke[eventnodev1.SeekConsumerGroupResponse](ctx, c.cfg, eventnodev1.ConsumerService_SeekConsumerGroup_FullMethodName, Once,
		&eventnodev1.SeekConsumerGroupRequest{Stream: c.stream(stream), Group: group, To: place})
	return err
}

// Pending implements eventnode.Consumers.
func (c *Consumers) Pending(ctx context.Context, stream, group string, consumer int) iter.Seq2[eventnode.PendingEntry, error] {
	return func(yield func(eventnode.PendingEntry, error) bool) {
		number, err := consumerNumber(consumer, 0)
		req := &eventnodev1.ListPendingRequest{Stream: c.stream(stream), Group: group, Consumer: number}
		for err == nil {
			var page *eventnodev1.ListPendingResponse
			if page, err = invoke[eventnodev1.ListPendingResponse](ctx, c.cfg, eventnodev1.ConsumerService_ListPending_FullMethodName, Harmless, req); err != nil {
				break
			}
			for _, e := range page.GetEntries() {
				if !yield(pendingFromProto(e), nil) {
					return
				}
			}
			if page.GetNext() <= req.GetFrom() {
				return
			}
			req.From = page.GetNext()
		}
		yield(eventnode.PendingEntry{}, err)
	}
}

// Claim implements eventnode.Consumers.
func (c *Consumers) Claim(ctx context.Context, stream, group string, from, to int) (uint64, error) {
	f, err := consumerNumber(from, 1)
	if err != nil {
		return 0, err
	}
	t, err := consumerNumber(to, 1)
	if err != nil {
		return 0, err
	}
	if f == t {
		return 0, fmt.Errorf("claimed by consumer %d from itself: %w", from, eventnode.ErrInvalidArgument)
	}
	r, err := invoke[eventnodev1.ClaimPendingResponse](ctx, c.cfg, eventnodev1.ConsumerService_ClaimPending_FullMethodName, Once,
		&eventnodev1.ClaimPendingRequest{Stream: c.stream(stream), Group: group, From: f, To: t})
	return r.GetMoved(), err
}

// DeleteConsumer implements eventnode.Consumers.
func (c *Consumers) DeleteConsumer(ctx context.Context, stream, group string, consumer int) error {
	number, err := consumerNumber(consumer, 1)
	if err != nil {
		return err
	}
	_, err = invoke[eventnodev1.DeleteConsumerResponse](ctx, c.cfg, eventnodev1.ConsumerService_DeleteConsumer_FullMethodName, Harmless,
		&eventnodev1.DeleteConsumerRequest{Stream: c.stream(stream), Group: group, Consumer: number})
	return err
}

// consumerNumber is the number of a consumer, from least on.
func consumerNumber(n, least int) (uint32, error) {
	if n < least || int64(n) > 1<<32-1 {
		return 0, fmt.Errorf("consumer %d: consumers are numbered from 1 on: %w", n, eventnode.ErrInvalidArgument)
	}
	return uint32(n), nil
}
