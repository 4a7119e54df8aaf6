package ingest

import (
	"errors"
	"net/http"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
)

// statusError is an error with a status of its own.
type statusError struct {
	status int
	text   string
	cause  error // has the reason
}

// Error says what to do.
func (e *statusError) Error() string { return e.text }

// Unwrap returns the cause.
func (e *statusError) Unwrap() error { return e.cause }

var (
	errNotFound = &statusError{http.StatusNotFound, "no such path: POST to /v1/topics/{topic}/events, " +
		"/v1/streams/{stream}/events or /v1/namespaces/{namespace}/streams/{stream}/events", eventnode.ErrInvalidArgument}
	errMethod = &statusError{http.StatusMethodNotAllowed, "use POST", eventnode.ErrInvalidArgument}
	errBusy   = &statusError{http.StatusServiceUnavailable,
		"this node has as many requests under way as it takes: try again, or at another node", eventnode.ErrUnavailable}
)

// Refused is the body of an answer that is none of the good ones.
type Refused struct {
	Error Refusal `json:"error"`
}

// Refusal says why.
type Refusal struct {
	Reason  string            `json:"reason"`
	Message string            `json:"message"`
	Details map[string]string `json:"details,omitempty"`
}

// refuse answers with an error.
func (h *Handler) refuse(w http.ResponseWriter, err error) {
	h.count.refused.WithLabelValues(Refuse(w, err)).Inc()
}

// Refuse answers a request with an error, and returns its reason.
func Refuse(w http.ResponseWriter, err error) (reason string) {
	status, reason := statusOf(err)
	switch status {
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", retryAfter(reason))
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	respond(w, status, Refused{Refusal{reason, err.Error(), apierr.Details(err)}})
	return reason
}

// statusOf is the status of an error, and its reason.
func statusOf(err error) (status int, reason string) {
	reason = apierr.Reason(err)
	if own, ok := errors.AsType[*statusError](err); ok {
		return own.status, reason
	}
	if limit, ok := errors.AsType[*eventnode.LimitError](err); ok && isSize(limit.Limit) {
		return http.StatusRequestEntityTooLarge, reason
	}
	return statusOfReason(reason), reason
}

// isSize reports whether a limit is about how much a request has.
func isSize(limit string) bool {
	switch limit {
	case "max_event_bytes", "max_body_bytes", "max_batch_bytes", "max_batch_events":
		return true
	}
	return false
}

func statusOfReason(reason string) int {
	switch reason {
	case "BAD_TOPIC", "INVALID_EVENT", "INVALID_ARGUMENT", "LIMIT":
		return http.StatusBadRequest
	case "UNAUTHENTICATED":
		return http.StatusUnauthorized
	case "PERMISSION_DENIED":
		return http.StatusForbidden
	case "STREAM_NOT_FOUND":
		return http.StatusNotFound
	case "UNAVAILABLE", "CLOSED", "CANCELED", "STREAM_FULL", "STORAGE_FULL": // nothing was done
		return http.StatusServiceUnavailable
	case "OUTCOME_UNKNOWN", "DEADLINE_EXCEEDED":
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}

// retryAfter is when to come again, in seconds: an election takes about one, and a full
// stream waits for its consumers.
func retryAfter(reason string) string {
	if reason == "STREAM_FULL" || reason == "STORAGE_FULL" {
		return "5"
	}
	return "1"
}
