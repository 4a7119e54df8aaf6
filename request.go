package eventnode

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/inbox"
)

// How a request works.
//
// A Requester has one subscription: its inbox, a topic of the kind "reply" whose key nobody
// can guess. A request is an event whose Meta names the inbox and an ID of the request; a
// replier dispatches its reply to that inbox, with the ID. The request is dispatched with a
// receipt: if that says that no subscription took it, there is nobody to wait for.
//
// One goroutine (inboxOf, in request_inbox.go) reads the inbox and gives each reply to the
// call that waits for it. One goroutine a request dispatches it, because a receipt may take
// longer than the reply: a node that is stopped has interest, too. Nothing is sent twice.

// RequesterConfig is what a Requester is made of. The zero value is good.
type RequesterConfig struct {
	// MaxWaiting bounds the requests under way; one more is a *LimitError. Defaults to 65,536.
	MaxWaiting int
	// Timeout ends requests whose context has no deadline. Defaults to 10 s.
	Timeout time.Duration
	// Holder is the name of the inbox for people who list subscriptions. Defaults to
	// "requester".
	Holder string
}

// The defaults of RequesterConfig.
const (
	DefaultMaxWaiting     = 65536
	DefaultRequestTimeout = 10 * time.Second
)

// Requester makes requests, whose replies all come to one subscription: make one, and keep
// it. It is safe for concurrent use.
//
// A request is at most once: it is never sent again by itself, and neither is a reply. What
// became of a request that ended without a reply is not known, except for ErrNoResponders:
// who repeats it needs a replier that can stand that.
type Requester struct {
	live Live
	cfg  RequesterConfig
	// life ends with Close.
	life context.Context //nolint:containedctx // of the goroutines that Close waits for
	stop context.CancelFunc
	wg   sync.WaitGroup

	mu      sync.Mutex // guards the rest
	inbox   *inboxOf   // nil: there is none yet, or it was lost
	desk    inbox.Desk
	running int // requests that hold a place; at most MaxWaiting
	gaps    uint64
}

// NewRequester makes a requester. Its first request subscribes. It is closed before live is.
func NewRequester(live Live, cfg RequesterConfig) (*Requester, error) {
	if live == nil || cfg.MaxWaiting < 0 || cfg.Timeout < 0 {
		return nil, fmt.Errorf("a requester needs a node or a client, and no negative numbers: %w", ErrInvalidArgument)
	}
	cfg.MaxWaiting = cmp.Or(cfg.MaxWaiting, DefaultMaxWaiting)
	cfg.Timeout = cmp.Or(cfg.Timeout, DefaultRequestTimeout)
	cfg.Holder = cmp.Or(cfg.Holder, "requester")
	r := &Requester{live: live, cfg: cfg}
	r.life, r.stop = context.WithCancel(context.Background())
	return r, nil
}

// RequesterStats counts what a Requester did.
type RequesterStats struct {
	// Waiting is how many requests are under way.
	Waiting int
	// Replies is how many came that somebody waited for, errors included.
	Replies uint64
	// Unclaimed is how many came that nobody waited for: late ones, others than the first,
	// and strange ones. They are gone.
	Unclaimed uint64
	// Gaps is how often replies may have been lost on the way.
	Gaps uint64
}

// Stats returns the counts so far.
func (r *Requester) Stats() RequesterStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return RequesterStats{Waiting: r.running, Replies: r.desk.Replies, Unclaimed: r.desk.Unclaimed, Gaps: r.gaps}
}

// Close ends the requester: requests under way end with ErrClosed.
func (r *Requester) Close() error {
	r.mu.Lock()
	r.stop()
	r.mu.Unlock()
	r.wg.Wait()
	return nil
}

// Request dispatches an event to a topic and returns the first reply to it. The event keeps
// its ID; its Meta goes along, with the reply address.
//
// If nobody subscribes to the topic it is ErrNoResponders, at once; if the replier says no,
// a *ReplyError; if the time of ctx is over, ctx's error. A reply that comes later is dropped.
// ErrOutcomeUnknown: the node was lost before it answered; somebody may have the request.
//
// Who only listens to the topic, a recorder, say, counts as somebody who may reply.
func (r *Requester) Request(ctx context.Context, topic string, ev event.Event) (event.Event, error) {
	ctx, cancel := r.deadline(ctx)
	defer cancel()
	a, err := r.ask(ctx, topic, ev, 1)
	if err != nil {
		return event.Event{}, err
	}
	defer a.close()
	reply, err := a.next(ctx)
	switch {
	case err != nil:
		return event.Event{}, err
	case reply == nil:
		return event.Event{}, &ReplyError{Topic: topic, Text: "there is no reply"}
	}
	return a.result(reply)
}

// RequestMany dispatches an event to a topic and ranges over the replies of all who reply,
// until as many came as [WithReplies] says, or a replier says that there are no more, or the
// end of ctx. That is the ordinary end, unless there are fewer replies than were asked for,
// or none: then the last pair has ctx's error.
//
// A reply that is an error is a pair with a *ReplyError, and others may follow; with any
// other error the range ends. Replies wait until they are taken: 1,024 of them, or 16 MiB,
// then the range ends with a *LimitError.
func (r *Requester) RequestMany(ctx context.Context, topic string, ev event.Event, opts ...RequestOption) iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		o := newRequestOptions(opts)
		if o.replies < 0 {
			yield(event.Event{}, fmt.Errorf("%d replies cannot be waited for: %w", o.replies, ErrInvalidArgument))
			return
		}
		ctx, cancel := r.deadline(ctx)
		defer cancel()
		a, err := r.ask(ctx, topic, ev, o.replies)
		if err != nil {
			yield(event.Event{}, err)
			return
		}
		defer a.close()
		for {
			reply, err := a.next(ctx)
			if err != nil {
				yield(event.Event{}, err)
				return
			}
			if reply == nil || !yield(a.result(reply)) {
				return
			}
		}
	}
}

// deadline gives a context one if it has none.
func (r *Requester) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, r.cfg.Timeout, fmt.Errorf("%w (of %v, as its context has none)", context.DeadlineExceeded, r.cfg.Timeout))
}

// RequestOption changes one RequestMany.
type RequestOption func(*requestOptions)

// requestOptions is what RequestOption sets.
type requestOptions struct{ replies int }

// WithReplies ends RequestMany with the n-th reply (0: any number).
func WithReplies(n int) RequestOption { return func(o *requestOptions) { o.replies = n } }

func newRequestOptions(opts []RequestOption) (o requestOptions) {
	for _, opt := range opts {
		opt(&o)
	}
	return o
}

// Request is one request without a Requester: see [Requester.Request]. It subscribes and
// unsubscribes, which takes longer than the request: who makes several keeps a Requester.
func Request(ctx context.Context, live Live, topic string, ev event.Event) (event.Event, error) {
	r, err := NewRequester(live, RequesterConfig{})
	if err != nil {
		return event.Event{}, err
	}
	defer r.Close()
	return r.Request(ctx, topic, ev)
}

// RequestMany is one request with several replies, without a Requester: see
// [Requester.RequestMany].
func RequestMany(ctx context.Context, live Live, topic string, ev event.Event, opts ...RequestOption) iter.Seq2[event.Event, error] {
	return func(yield func(event.Event, error) bool) {
		r, err := NewRequester(live, RequesterConfig{})
		if err != nil {
			yield(event.Event{}, err)
			return
		}
		defer r.Close()
		r.RequestMany(ctx, topic, ev, opts...)(yield)
	}
}
