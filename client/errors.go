package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
)

// DialError says that no address answered. It is eventnode.ErrUnavailable:
// nothing was done.
type DialError struct {
	// Addrs were tried.
	Addrs []string
	// Errs says what happened at each, in the same order.
	Errs []error
}

func (e *DialError) Error() string {
	reasons := make([]string, len(e.Errs))
	for i, err := range e.Errs {
		reasons[i] = err.Error()
	}
	return fmt.Sprintf("no node answered at %s (%s)", strings.Join(e.Addrs, ", "), strings.Join(reasons, "; "))
}

// Is reports whether target is eventnode.ErrUnavailable.
func (e *DialError) Is(target error) bool { return target == eventnode.ErrUnavailable }

// Unwrap returns what happened at each address.
func (e *DialError) Unwrap() []error { return e.Errs }

// ErrTokenInClear is returned where a token would go to another machine without TLS. Secure
// the connection (WithTLS), or say that it may (WithTokenInClear).
var ErrTokenInClear = errors.New("the token does not go to another machine in the clear")

// errLost: the connection or the stream broke. What that means depends on what
// was under way; callers of this package never see it alone.
var errLost = errors.New("connection to the node lost")

// errClientClosed is what everything of a closed client returns.
var errClientClosed = fmt.Errorf("client: %w", eventnode.ErrClosed)

// failure says why a call or a stream on this connection failed: with what the
// node said, with the cause of ctx's end, or with errLost.
func (c *conn) failure(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, errLost):
		return err
	case errors.Is(err, io.EOF), c.isLost(), !said(err):
		return fmt.Errorf("%s: %w: %s", c.addr, errLost, status.Convert(err).Message())
	}
	if _, ok := errors.AsType[*apierr.Error](err); !ok {
		err = apierr.FromStatus(err)
	}
	if errors.Is(err, eventnode.ErrClosed) {
		// What is closed is the node, nothing of the caller's.
		return fmt.Errorf("%s is going away: %w", c.addr, eventnode.ErrUnavailable)
	}
	return err
}

// said reports whether the node said err. gRPC makes up a status, without a
// reason of ours, for a broken connection.
func said(err error) bool {
	if _, ok := errors.AsType[*apierr.Error](err); ok {
		return true
	}
	s, ok := status.FromError(err)
	if !ok {
		return true
	}
	switch s.Code() {
	case codes.Unavailable, codes.Canceled, codes.Internal, codes.Unknown:
	default:
		return true
	}
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && info.GetDomain() == apierr.Domain {
			return true
		}
	}
	return false
}

// permanent reports whether trying again cannot help.
func permanent(err error) bool {
	for _, target := range []error{
		eventnode.ErrBadTopic, eventnode.ErrInvalidArgument, eventnode.ErrInvalidEvent,
		eventnode.ErrPermissionDenied, eventnode.ErrUnauthenticated, eventnode.ErrSlowSubscriber,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	return status.Code(err) == codes.Unimplemented
}

// undone is what an operation returns that can be lost without harm, and was.
func undone(err error) error {
	if errors.Is(err, errLost) {
		return fmt.Errorf("%w: %w", eventnode.ErrUnavailable, err)
	}
	return err
}

// unknown is what an operation returns that may have been done.
func unknown(err error) error {
	if errors.Is(err, errLost) {
		return fmt.Errorf("%w: %w", eventnode.ErrOutcomeUnknown, err)
	}
	return err
}

// outcomeUnknown is ErrOutcomeUnknown with its cause for people only: a cause
// that is ErrUnavailable would say that nothing was done.
func outcomeUnknown(cause error) error {
	return fmt.Errorf("%w: %s", eventnode.ErrOutcomeUnknown, cause.Error())
}

// reportError is what Flush returns.
func reportError(refused *eventnode.RefusedError, unknown int, cause error) error {
	var errs []error
	if refused.Count > 0 {
		errs = append(errs, refused)
	}
	if unknown > 0 {
		errs = append(errs, fmt.Errorf("%d events: %w", unknown, outcomeUnknown(cause)))
	}
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}

// isEOF reports whether the other side ended the stream: the reason comes from
// receiving.
func isEOF(err error) bool { return errors.Is(err, io.EOF) }
