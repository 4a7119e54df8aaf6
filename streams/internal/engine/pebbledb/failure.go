package pebbledb

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/eventnode/eventnode/streams/internal/engine"
)

// failure is the first reason why a store cannot go on. It is told from inside
// Pebble, with locks of Pebble held: nothing here waits or calls back.
type failure struct {
	fence *fence
	log   *slog.Logger
	done  chan struct{}

	mu  sync.Mutex
	err error
}

func newFailure(f *fence, log *slog.Logger) *failure {
	return &failure{fence: f, log: log, done: make(chan struct{})}
}

func (f *failure) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return
	}
	f.fence.fail()
	f.err = err
	close(f.done)
	f.log.Error("the store stopped", "error", err)
}

func (f *failure) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// first returns why the store stopped, or err if it did not.
func (f *failure) first(err error) error {
	if why := f.get(); why != nil {
		return why
	}
	return err
}

// background is for what Pebble could not do by itself.
func (f *failure) background(err error) {
	if isDamage(err) {
		f.set(damaged(err))
		return
	}
	f.set(fmt.Errorf("%w: %w", engine.ErrFailed, err))
}

// reading turns an error of a read into one of package engine. Damage ends the
// store, whoever found it.
func (f *failure) reading(err error) error {
	if err == nil {
		return nil
	}
	if isDamage(err) {
		err = damaged(err)
		f.set(err)
		return err
	}
	return fmt.Errorf("pebbledb: read: %w", err)
}

// isDamage also takes a file that is missing or ends too early for damage:
// Pebble knew it to be there.
func isDamage(err error) bool {
	return pebble.IsCorruptionError(err) || errors.Is(err, fs.ErrNotExist) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

func damaged(err error) error {
	d := &engine.DamagedError{Err: err}
	if info := pebble.ExtractDataCorruptionInfo(err); info != nil {
		d.File = info.Path
	}
	return d
}
