package eventnodepubsub

import (
	"context"
	"errors"

	"gocloud.dev/gcerrors"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// errorCodes is what topics and subscriptions say of errors.
type errorCodes struct{}

// IsRetryable implements driver.Topic and driver.Subscription: nothing was done.
func (errorCodes) IsRetryable(err error) bool { return errors.Is(err, eventnode.ErrUnavailable) }

// ErrorAs implements driver.Topic and driver.Subscription.
func (errorCodes) ErrorAs(err error, i any) bool {
	switch p := i.(type) {
	case **eventnode.StreamError:
		return errors.As(err, p)
	case **eventnode.LimitError:
		return errors.As(err, p)
	case **event.InvalidError:
		return errors.As(err, p)
	}
	return false
}

// codes is which code an error has: that of the first row that it matches.
func codes() []struct {
	err  error
	code gcerrors.ErrorCode
} {
	return []struct {
		err  error
		code gcerrors.ErrorCode
	}{
		{eventnode.ErrLimit, gcerrors.ResourceExhausted},
		{eventnode.ErrStreamFull, gcerrors.ResourceExhausted},
		{eventnode.ErrStorageFull, gcerrors.ResourceExhausted},
		{eventnode.ErrInvalidEvent, gcerrors.InvalidArgument},
		{eventnode.ErrInvalidArgument, gcerrors.InvalidArgument},
		{eventnode.ErrStreamNotFound, gcerrors.NotFound},
		{eventnode.ErrConsumerGroupNotFound, gcerrors.NotFound},
		{eventnode.ErrUnauthenticated, gcerrors.PermissionDenied},
		{eventnode.ErrPermissionDenied, gcerrors.PermissionDenied},
		{eventnode.ErrClosed, gcerrors.FailedPrecondition},
		{context.Canceled, gcerrors.Canceled},
		{context.DeadlineExceeded, gcerrors.DeadlineExceeded},
	}
}

// ErrorCode implements driver.Topic and driver.Subscription.
func (errorCodes) ErrorCode(err error) gcerrors.ErrorCode {
	for _, row := range codes() {
		if errors.Is(err, row.err) {
			return row.code
		}
	}
	return gcerrors.Unknown
}
