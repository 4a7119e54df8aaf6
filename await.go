package eventnode

import (
	"context"
	"errors"
	"fmt"
)

// Await subscribes to topics until the first event that is holds of, and returns it. ready,
// if not nil, is called when the subscription stands: what it brings about is not missed. If
// ready fails, Await does.
//
// It fails with the cause of ctx's end, so give ctx a deadline; the error says if events were
// missing meanwhile, one of which may have been it. Options such as [WithNames] have the node
// leave out what cannot be it. is is called for one event after the other.
func Await(ctx context.Context, s Subscriber, topics []string, is func(Delivery) bool, ready func() error, opts ...SubscribeOption) (Delivery, error) {
	if is == nil {
		return Delivery{}, fmt.Errorf("what is awaited needs a predicate: %w", ErrInvalidArgument)
	}
	sub, err := s.Subscribe(ctx, topics, opts...)
	if err != nil {
		return Delivery{}, err
	}
	defer sub.Close()
	if ready != nil {
		if err := ready(); err != nil {
			return Delivery{}, err
		}
	}
	return await(ctx, sub, is)
}

// await reads until is holds.
func await(ctx context.Context, sub Subscription, is func(Delivery) bool) (Delivery, error) {
	var missed error
	for {
		d, err := sub.Receive(ctx)
		switch {
		case err != nil && ctx.Err() != nil:
			return Delivery{}, errors.Join(context.Cause(ctx), missed)
		case err != nil:
			return Delivery{}, errors.Join(err, missed)
		case d.Gap != nil:
			missed = fmt.Errorf("events were missing meanwhile (%s): what was awaited may have been one of them", d.Gap.Reason)
		case is(d):
			return d, nil
		}
	}
}
