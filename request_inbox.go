package eventnode

import (
	"context"
	"errors"
	"fmt"

	"github.com/eventnode/eventnode/internal/inbox"
)

// inboxOf is a requester's subscription. A client opens its subscriptions again by itself
// when its node is lost; one that ends for good is replaced by the next request.
type inboxOf struct {
	topic string
	// ready is closed when the subscription stands, or has failed.
	ready chan struct{}
	// err, guarded by the requester's mu, is why it has ended.
	err error
}

// errRequesterClosed ends what waits when the requester is closed.
var errRequesterClosed = fmt.Errorf("requester: %w", ErrClosed)

// open returns the inbox when it stands.
func (r *Requester) open(ctx context.Context) (*inboxOf, error) {
	in, err := r.current()
	if err != nil {
		return nil, err
	}
	select {
	case <-in.ready:
		return in, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("the inbox does not stand yet, nothing was sent: %w", context.Cause(ctx))
	}
}

// current returns the inbox, and begins one if there is none.
func (r *Requester) current() (*inboxOf, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.life.Err() != nil {
		return nil, errRequesterClosed
	}
	if r.inbox == nil {
		in := &inboxOf{topic: inbox.NewTopic(), ready: make(chan struct{})}
		r.inbox = in
		r.wg.Go(func() { r.lost(in, r.read(in)) })
	}
	return r.inbox, nil
}

// read subscribes to the inbox and takes what comes, until that ends.
func (r *Requester) read(in *inboxOf) error {
	sub, err := r.live.Subscribe(r.life, []string{in.topic}, WithHolder(r.cfg.Holder))
	if err != nil {
		return fmt.Errorf("subscribe to an inbox of the kind %q: %w", inbox.Kind, err)
	}
	defer sub.Close()
	close(in.ready)
	for {
		d, err := sub.Receive(r.life)
		if err != nil {
			return fmt.Errorf("the inbox has ended, and perhaps with it a reply: %w", err)
		}
		r.take(d)
	}
}

// take gives what came to who waits for it. A gap is noted with all who wait: a reply to
// them may be missing.
func (r *Requester) take(d Delivery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d.Gap == nil {
		r.desk.Deliver(d.Event)
		return
	}
	r.gaps++
}

// lost ends an inbox and all that wait for it.
func (r *Requester) lost(in *inboxOf, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.life.Err() != nil && !errors.Is(err, ErrClosed) {
		err = errRequesterClosed
	}
	in.err = err
	r.inbox = nil
	r.desk.FailAll(err)
	select {
	case <-in.ready:
	default:
		close(in.ready)
	}
}
