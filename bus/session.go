package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/eventnode/eventnode"
)

// session is what Start opens and Close closes, again and again if need be.
type session[T any] struct {
	mu    sync.Mutex
	state sessionState
	now   T
}

type sessionState uint8

const (
	sessionClosed sessionState = iota
	sessionOpening
	sessionOpen
)

// start opens it.
func (s *session[T]) start(open func() (T, error)) error {
	s.mu.Lock()
	if s.state != sessionClosed {
		s.mu.Unlock()
		return fmt.Errorf("it was started already: %w", eventnode.ErrInvalidArgument)
	}
	s.state = sessionOpening
	s.mu.Unlock()
	now, err := open()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.state = sessionClosed
		return err
	}
	s.state, s.now = sessionOpen, now
	return nil
}

// get returns what is open.
func (s *session[T]) get() (T, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != sessionOpen {
		var none T
		return none, fmt.Errorf("it is not started: %w", eventnode.ErrClosed)
	}
	return s.now, nil
}

// end returns what is to be closed; false: nothing is open.
func (s *session[T]) end() (T, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var none T
	if s.state != sessionOpen {
		return none, false
	}
	now := s.now
	s.state, s.now = sessionClosed, none
	return now, true
}

// Starter is what is started and closed: a Producer, a Consumer, a Bus.
type Starter interface {
	Start(ctx context.Context) error
	Close(ctx context.Context) error
}

// closeTime bounds the Close of With.
const closeTime = 10 * time.Second

// With starts s, calls f and closes s, also if f fails or panics. It returns what failed
// of these. Closing may take 10 s, also if ctx has ended.
func With(ctx context.Context, s Starter, f func(ctx context.Context) error) (err error) {
	if err := s.Start(ctx); err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
		defer cancel()
		err = errors.Join(err, s.Close(ctx))
	}()
	return f(ctx)
}
