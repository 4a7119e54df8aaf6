package fleet

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/eventnode/eventnode"
)

// once opens the shard and runs it.
func (w *worker) once(held context.Context, resume []byte) error {
	ctx, cut := context.WithCancelCause(held)
	defer cut(nil)
	sh, err := w.open(ctx, resume)
	if err != nil {
		return err
	}
	w.attach(sh)
	defer w.detach(sh)
	w.f.metrics.started.Inc()
	ended := make(chan error, 1)
	go func() { ended <- caught(func() error { return sh.Run(ctx) }) }()
	select {
	case err := <-ended:
		if err == nil {
			err = errByself
		}
		return err
	case <-w.asked:
		return w.stop(held, cut, sh, ended)
	case <-ctx.Done():
		return w.await(held, ended)
	}
}

// open opens the shard.
func (w *worker) open(ctx context.Context, resume []byte) (sh Shard, err error) {
	until, cancel := orAsked(ctx, w.asked)
	defer cancel()
	o := Opening{
		ID: w.id, Resume: resume, Unknown: w.opened(), Token: w.token, Changed: w.f.changed,
		Permit: func(ctx context.Context) error { return w.f.permit(ctx, w.id.Index, w.mark) },
	}
	failed := caught(func() (err error) { sh, err = w.f.cfg.Open(until, o); return err })
	if failed == nil && sh == nil {
		failed = errors.New("Config.Open returned no shard")
	}
	return sh, failed
}

// stop stops the shard in good order, and at once when its time is over.
func (w *worker) stop(held context.Context, cut context.CancelCauseFunc, sh Shard, ended <-chan error) error {
	w.set(StateStopping, "")
	ctx, cancel := context.WithTimeout(held, w.f.cfg.Drain)
	defer cancel()
	if err := caught(func() error { sh.Stop(ctx); return nil }); err != nil {
		cut(err)
	}
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		cut(errDrain)
		return w.await(held, ended)
	}
}

// await waits until Run has returned, which is soon.
func (w *worker) await(held context.Context, ended <-chan error) error {
	late := time.NewTimer(w.f.cfg.TTL / marginPart)
	defer late.Stop()
	select {
	case err := <-ended:
		return err
	case <-late.C:
	}
	if held.Err() != nil {
		w.f.metrics.overdue.Inc()
		w.f.cfg.Logger.ErrorContext(held, "a shard does not return although its lease is lost: another node may run it, too", "shard", w.id.String())
	} else {
		w.f.cfg.Logger.WarnContext(held, "a shard that was stopped does not return: its lease is kept until it does", "shard", w.id.String())
	}
	return <-ended
}

// orAsked is a context that ends also when somebody asks.
func orAsked(ctx context.Context, asked <-chan struct{}) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-asked:
			cancel(errStopped)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(nil); <-ended }
}

// caught calls f, and makes a *eventnode.PanicError of a panic.
func caught(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("it panicked: %w", &eventnode.PanicError{Value: v, Stack: debug.Stack()})
		}
	}()
	return f()
}
