package dispatch

import (
	"fmt"
	"slices"
	"time"

	"github.com/eventnode/eventnode"
)

// maxHolderBytes bounds the name of a holder.
const maxHolderBytes = 128

// checkSubscribe refuses what cannot be subscribed to, and returns the topics
// sorted, each once. The result is the caller's own.
func (d *Dispatcher) checkSubscribe(topics []string, o eventnode.SubscribeOptions) ([]string, error) {
	if err := d.checkOptions(o); err != nil {
		return nil, err
	}
	if len(topics) == 0 {
		return nil, fmt.Errorf("no topic to subscribe to: %w", eventnode.ErrInvalidArgument)
	}
	if len(topics) > d.cfg.MaxTopicsPerSubscription {
		return nil, &eventnode.LimitError{Limit: "max_topics_per_subscription", Max: d.cfg.MaxTopicsPerSubscription, Got: len(topics)}
	}
	for _, t := range topics {
		if _, err := d.parseInterest(t); err != nil {
			return nil, err
		}
	}
	if err := d.checkQueueKeys(topics, o.QueueGroup); err != nil {
		return nil, err
	}
	topics = slices.Clone(topics)
	slices.Sort(topics)
	return slices.Compact(topics), nil
}

// clip lowers what the subscriber left to the defaults to what is allowed here.
func (d *Dispatcher) clip(o *eventnode.SubscribeOptions) {
	if o.QueueEvents == eventnode.DefaultQueueEvents {
		o.QueueEvents = min(o.QueueEvents, d.cfg.MaxQueueEvents)
	}
	if o.QueueBytes == eventnode.DefaultQueueBytes {
		o.QueueBytes = min(o.QueueBytes, d.cfg.MaxQueueBytes)
	}
	if o.MaxBlock == eventnode.DefaultMaxBlock {
		o.MaxBlock = min(o.MaxBlock, d.cfg.MaxBlock)
	}
}

// checkOptions refuses options beyond the limits.
func (d *Dispatcher) checkOptions(o eventnode.SubscribeOptions) error {
	switch {
	case o.Policy > eventnode.PolicyBlock:
		return fmt.Errorf("unknown policy %d: %w", o.Policy, eventnode.ErrInvalidArgument)
	case o.QueueEvents > d.cfg.MaxQueueEvents:
		return &eventnode.LimitError{Limit: "max_queue_events", Max: d.cfg.MaxQueueEvents, Got: o.QueueEvents}
	case o.QueueBytes > d.cfg.MaxQueueBytes:
		return &eventnode.LimitError{Limit: "max_queue_bytes", Max: d.cfg.MaxQueueBytes, Got: o.QueueBytes}
	case o.MaxBlock > d.cfg.MaxBlock:
		return &eventnode.LimitError{Limit: "max_block_ms", Max: int(d.cfg.MaxBlock / time.Millisecond), Got: int(o.MaxBlock / time.Millisecond)}
	case len(o.Holder) > maxHolderBytes:
		return &eventnode.LimitError{Limit: "max_holder_bytes", Max: maxHolderBytes, Got: len(o.Holder)}
	}
	if err := o.CheckQueueGroup(); err != nil {
		return err
	}
	return o.Filter.Check()
}
