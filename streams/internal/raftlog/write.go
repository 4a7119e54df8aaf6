package raftlog

import (
	"errors"
	"fmt"
	"time"
)

// write runs fn, which writes to the disk, after the write before it. It
// returns when fn does, or after WriteDeadline. If fn fails, or is late, the log
// is dead.
func (l *Log) write(what string, fn func() error) error {
	if err := l.life.begin(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() {
		err := l.inTurn(what, fn)
		l.life.end() // before the caller knows, so that it may close
		done <- err
	}()
	timer := time.NewTimer(l.cfg.WriteDeadline)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
	}
	err := l.life.fail(fmt.Errorf("%s: %w: no end after %v", what, ErrLate, l.cfg.WriteDeadline))
	l.codec.shutdown(err)
	l.metrics.late.Inc()
	l.logger.Error("log write is late", "write", what, "deadline", l.cfg.WriteDeadline)
	return err
}

func (l *Log) inTurn(what string, fn func() error) error {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-l.life.dead:
	}
	if err := l.life.failure(); err != nil {
		return err // of the write before, while this one waited
	}
	l.since.Store(int64(time.Since(l.opened)) | 1)
	err := fn()
	l.since.Store(0)
	if errors.Is(err, ErrNotContiguous) {
		return err // nothing was done
	}
	if err != nil {
		return l.life.fail(fmt.Errorf("%s: %w", what, err))
	}
	// A write in the background may have failed beside this one. This one is
	// done nevertheless, and the next one fails.
	return nil
}
