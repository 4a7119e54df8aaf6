package streamsdk

import (
	"errors"
	"fmt"
	"time"

	"github.com/eventnode/eventnode"
)

// maxReason bounds the words of a terminate, as the nodes do.
const maxReason = 1024

// checkSettlement refuses what the node would refuse, where somebody hears it.
func checkSettlement(s eventnode.Settlement) error {
	switch {
	case s.Delay < 0:
		return fmt.Errorf("delay %v: it must not be below zero: %w", s.Delay, eventnode.ErrInvalidArgument)
	case s.Delay > 0 && s.Delay < time.Millisecond:
		return fmt.Errorf("delay %v: it is a millisecond at least: %w", s.Delay, eventnode.ErrInvalidArgument)
	case len(s.Reason) > maxReason:
		return &eventnode.LimitError{Limit: "max_reason_bytes", Max: maxReason, Got: len(s.Reason)}
	}
	return nil
}

// settleError says which event it is about.
func settleError(d *eventnode.StreamDelivery, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, eventnode.ErrFenced):
		return fmt.Errorf("event %s of stream %.255q: this consumer has lost its lease: %w", d.ID(), d.Stream(), err)
	}
	return fmt.Errorf("event %s of stream %.255q was settled before: %w", d.ID(), d.Stream(), err)
}
