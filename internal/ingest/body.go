package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/cloudhttp"
)

// bound is how long a body may be.
type bound struct {
	limit  eventnode.LimitError
	expect int // how long it is, as far as the header says
}

// over is the error for a body that is longer; got is 0 if nobody knows how long.
func (b bound) over(got int) error {
	b.limit.Got = got
	return &b.limit
}

// bound returns how long the body of a request may be, or why it is too long.
func (h *Handler) bound(r *http.Request, mode cloudhttp.Mode) (bound, error) {
	b := bound{limit: eventnode.LimitError{Limit: "max_body_bytes", Max: h.cfg.MaxBodyBytes}}
	if mode == cloudhttp.Binary {
		b.limit = eventnode.LimitError{Limit: "max_event_bytes", Max: h.cfg.MaxEventBytes}
	}
	b.expect = b.limit.Max
	switch n := r.ContentLength; {
	case n > int64(b.limit.Max):
		return b, b.over(int(n))
	case n >= 0:
		b.expect = int(n)
	}
	return b, nil
}

// hurry bounds how long the sender may take for its body, read or not: the server reads
// what is left of a small one before it answers.
func (h *Handler) hurry(w http.ResponseWriter) *http.ResponseController {
	control := http.NewResponseController(w)
	// Where deadlines are not supported, as in a test of one call, there are none.
	_ = control.SetReadDeadline(time.Now().Add(h.cfg.ReadTimeout))
	return control
}

// read reads the body. Behind it there is no deadline: the server goes on reading, to see
// the sender go, and that must not end by itself.
func (h *Handler) read(w http.ResponseWriter, r *http.Request, b bound, control *http.ResponseController) ([]byte, error) {
	body, err := readAll(http.MaxBytesReader(w, r.Body, int64(b.limit.Max)), r.ContentLength)
	if err == nil {
		_ = control.SetReadDeadline(time.Time{})
		return body, nil
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, b.over(0)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, &statusError{http.StatusRequestTimeout, fmt.Sprintf("the body took longer than %v", h.cfg.ReadTimeout), context.DeadlineExceeded}
	}
	return nil, fmt.Errorf("the body could not be read: %w: %w", eventnode.ErrInvalidArgument, err)
}

// readAll reads a body whose length is known, unless it is negative.
func readAll(r io.Reader, length int64) ([]byte, error) {
	if length < 0 {
		return io.ReadAll(r)
	}
	body := make([]byte, length)
	_, err := io.ReadFull(r, body)
	return body, err
}
