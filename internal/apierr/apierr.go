package apierr

import (
	"errors"
	"strconv"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	"github.com/eventnode/eventnode"
)

// Domain is the ErrorInfo.domain of this project's reasons.
const Domain = "eventnode"

// maxText bounds messages and topics in a status, in bytes: it travels in
// HTTP/2 headers, which proxies bound to a few KiB.
const maxText = 1024

// The keys of ErrorInfo.metadata.
const (
	keyTopic  = "topic"  // TopicError
	keyStream = "stream" // StreamError
	keyWhy    = "why"
	keyLimit  = "limit" // LimitError
	keyMax    = "max"
	keyGot    = "got"
	noMessage = "no message"
)

// ToStatus turns an error into a gRPC status error. nil stays nil, and so does
// a status. An error that is not in the table is codes.Internal, with its
// message: whoever asks a node also runs it.
func ToStatus(err error) error {
	if err == nil {
		return nil
	}
	r, ok := find(err)
	if !ok {
		if s, isStatus := status.FromError(err); isStatus {
			return s.Err()
		}
		return status.Error(codes.Internal, clean(err.Error()))
	}
	s := status.New(r.code, clean(err.Error()))
	info := &errdetails.ErrorInfo{Reason: r.reason, Domain: Domain, Metadata: Details(err)}
	if detailed, err := s.WithDetails(protoadapt.MessageV1Of(info)); err == nil {
		s = detailed
	}
	return s.Err()
}

// Details keeps the fields of typed errors, for FromReason; nil if there are none.
func Details(err error) map[string]string {
	if t, ok := errors.AsType[*eventnode.TopicError](err); ok {
		return map[string]string{keyTopic: clean(t.Topic), keyWhy: clean(t.Reason)}
	}
	if l, ok := errors.AsType[*eventnode.LimitError](err); ok {
		return map[string]string{keyLimit: clean(l.Limit), keyMax: strconv.Itoa(l.Max), keyGot: strconv.Itoa(l.Got)}
	}
	if s, ok := errors.AsType[*eventnode.StreamError](err); ok {
		return map[string]string{keyStream: clean(s.Stream)}
	}
	return nil
}

// clean makes text that protobuf takes.
func clean(s string) string {
	if len(s) > maxText {
		s = s[:maxText]
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// FromStatus turns a gRPC error into an *Error, which errors.Is and errors.As
// tell apart by the sentinels and types of package eventnode, and status.Code
// by its code. nil stays nil, and so does an error that is no status.
//
// A status without our reason is told apart by its code where that is clear.
// codes.Unavailable is ErrUnavailable also if the connection was lost after the
// request was sent: callers for whom that is a difference know whether it was.
func FromStatus(err error) error {
	s, ok := status.FromError(err)
	if err == nil || !ok {
		return err
	}
	e := &Error{Message: s.Message(), status: s}
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && info.GetDomain() == Domain {
			e.Reason = info.GetReason()
			e.cause = typed(sentinelOf(e.Reason), e.Message, info.GetMetadata())
		}
	}
	if e.cause == nil {
		e.cause = sentinelOfCode(s.Code())
	}
	return e
}

// typed is the error behind a sentinel: of its type, if it has one.
func typed(sentinel error, message string, meta map[string]string) error {
	switch {
	case errors.Is(sentinel, eventnode.ErrBadTopic) && len(meta) == 0:
		return &eventnode.TopicError{Reason: message}
	case errors.Is(sentinel, eventnode.ErrBadTopic):
		return &eventnode.TopicError{Topic: meta[keyTopic], Reason: meta[keyWhy]}
	case errors.Is(sentinel, eventnode.ErrLimit):
		return &eventnode.LimitError{Limit: meta[keyLimit], Max: number(meta[keyMax]), Got: number(meta[keyGot])}
	case meta[keyStream] != "":
		return &eventnode.StreamError{Stream: meta[keyStream], Reason: message, Err: sentinel}
	}
	return sentinel
}

func number(s string) int {
	n, _ := strconv.Atoi(s) // 0 is what LimitError has for a number not known
	return n
}

// Reason returns the stable word for err: "" for nil, "INTERNAL" for what is
// not in the table.
func Reason(err error) string {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok && e.Reason != "" {
		return e.Reason
	}
	if r, ok := find(err); ok {
		return r.reason
	}
	return reasonInternal
}

// FromReason is the inverse of Reason and Details, for errors that travel inside
// messages. An empty reason is nil. Without details the fields of a *LimitError,
// and the topic of a *TopicError, are not known: the message has them.
func FromReason(reason, message string, details map[string]string) error {
	if reason == "" {
		return nil
	}
	return &Error{Reason: reason, Message: message, cause: typed(sentinelOf(reason), message, details)}
}

// Error is an error that came over the wire.
type Error struct {
	// Reason is the stable word; empty if the other side is not one of ours. It
	// may be one that this version does not know.
	Reason string
	// Message is what the other side said.
	Message string

	cause  error          // sentinel or typed error; nil if not known
	status *status.Status // nil if it came inside a message
}

// Error returns the message.
func (e *Error) Error() string {
	switch {
	case e.Message != "":
		return e.Message
	case e.cause != nil:
		return e.cause.Error()
	case e.Reason != "":
		return e.Reason
	}
	return noMessage
}

// Unwrap returns the sentinel or typed error of package eventnode.
func (e *Error) Unwrap() error { return e.cause }

// GRPCStatus lets status.Code and status.FromError see the status.
func (e *Error) GRPCStatus() *status.Status {
	if e.status != nil {
		return e.status
	}
	if r, ok := find(e.cause); ok {
		return status.New(r.code, e.Error())
	}
	return status.New(codes.Internal, e.Error())
}
