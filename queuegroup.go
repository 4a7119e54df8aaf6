package eventnode

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxQueueGroupBytes bounds the name of a queue group.
const MaxQueueGroupBytes = 64

// WithQueueGroup makes a subscription a member of a queue group: of all subscriptions that
// name it, on whatever node, one gets each event that is dispatched to a topic of theirs. Those
// on the publisher's node come first, of two at random the one with the shorter queue; who has
// no room, or whose filter does not want the event, is passed over. Subscriptions without a
// group are not touched by it.
//
// The name has at most [MaxQueueGroupBytes], no space and no control character. A member that is
// closed or lost loses what is in its queue. It cannot have a CatchUp.
func WithQueueGroup(name string) SubscribeOption {
	return func(o *SubscribeOptions) { o.QueueGroup = name }
}

// CheckQueueGroup refuses what is no name of a queue group, and what a member cannot have: a
// *LimitError, or ErrInvalidArgument.
func (o SubscribeOptions) CheckQueueGroup() error {
	name := o.QueueGroup
	switch {
	case name == "":
		return nil
	case len(name) > MaxQueueGroupBytes:
		return &LimitError{Limit: "max_queue_group_bytes", Max: MaxQueueGroupBytes, Got: len(name)}
	case !utf8.ValidString(name):
		return fmt.Errorf("the name of queue group %q is not valid UTF-8: %w", name, ErrInvalidArgument)
	case strings.ContainsFunc(name, unicode.IsSpace):
		return fmt.Errorf("the name of queue group %q has a space: %w", name, ErrInvalidArgument)
	case strings.ContainsFunc(name, unicode.IsControl):
		return fmt.Errorf("the name of queue group %q has a control character: %w", name, ErrInvalidArgument)
	case o.CatchUp != "":
		return fmt.Errorf("a member of queue group %q cannot catch up from a stream, which has the events of all members: %w", name, ErrInvalidArgument)
	}
	return nil
}
