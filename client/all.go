package client

import (
	"context"
	"errors"
	"iter"

	"github.com/eventnode/eventnode"
)

// all ranges over what receive returns. The last pair holds the error, unless
// it is ErrClosed or the end of ctx or life.
func all[T any](ctx, life context.Context, receive func(context.Context) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			v, err := receive(ctx)
			if err != nil && expected(ctx, life, err) {
				return
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// expected reports whether err only says that somebody ended it.
func expected(ctx, life context.Context, err error) bool {
	return errors.Is(err, eventnode.ErrClosed) || ctx.Err() != nil ||
		life.Err() != nil && errors.Is(err, life.Err())
}
