package eventnode

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime/debug"
	"time"

	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/inbox"
)

// Replier answers a request with an event, or with an error, whose text the requester gets
// as a *ReplyError (at most 1,024 bytes of it; of a panic no more than that there was one).
// The zero event and no error is no reply: somebody else may have one.
//
// Its caller is a [Handler] made by [Replies]. Who returns the request itself echoes it.
type Replier func(ctx context.Context, request Delivery) (event.Event, error)

// ManyReplier answers a request with several events; the requester is told when there are
// no more, which ends the request. An error is the last reply. Whether anybody still takes
// them is not known: the end of ctx is to end the range.
type ManyReplier func(ctx context.Context, request Delivery) iter.Seq2[event.Event, error]

// errNoRequest is what becomes of other events.
var errNoRequest = fmt.Errorf("this event is no request, nobody waits for a reply: its meta has no %s: %w", inbox.MetaReplyTo, ErrInvalidArgument)

// Replies makes a handler of a replier, for [Handle]; replies are dispatched by p, each when
// it is there. An event that is no request does not reach the replier, and is an error; so is
// a request whose replies are to go elsewhere than to an inbox. Gaps are passed over:
// requests may be missing there, and those who made them wait.
//
// What the replier returns as an error, and a panic, are the handler's error as well: they
// are logged, counted and told as Handle does. A reply that cannot be dispatched, because it
// is too large, say, is an error for both.
func Replies(p Publisher, r Replier) Handler {
	return replying(p, func(ctx context.Context, a *answer, request Delivery) error {
		reply, err := r(ctx, request)
		if err != nil {
			return a.fail(ctx, err, false)
		}
		if reply.ID == (event.ID{}) && reply.Name == "" && len(reply.Data) == 0 {
			return nil
		}
		return a.reply(ctx, reply, false)
	})
}

// RepliesMany is [Replies] for several replies.
func RepliesMany(p Publisher, r ManyReplier) Handler {
	return replying(p, func(ctx context.Context, a *answer, request Delivery) error {
		for reply, err := range r(ctx, request) {
			if err != nil {
				return a.fail(ctx, err, true)
			}
			if err := a.reply(ctx, reply, true); err != nil {
				return err
			}
		}
		_, err := a.p.Dispatch(ctx, a.to.ReplyTo, a.to.End())
		return err
	})
}

// answer is where the replies to one request go.
type answer struct {
	p       Publisher
	to      inbox.Request
	request event.Event
}

// replying makes a handler of what replies; a panic in it is a reply, too.
func replying(p Publisher, reply func(ctx context.Context, a *answer, request Delivery) error) Handler {
	return func(ctx context.Context, d Delivery) (err error) {
		if d.Gap != nil {
			return nil
		}
		to, ok, err := inbox.ParseRequest(d.Event.Meta)
		if err != nil {
			return err
		}
		if !ok {
			return errNoRequest
		}
		a := &answer{p: p, to: to, request: d.Event}
		defer func() {
			if v := recover(); v != nil {
				err = errors.Join(&PanicError{Value: v, Stack: debug.Stack()}, a.say(ctx, "it panicked", true))
			}
		}()
		return reply(ctx, a, d)
	}
}

// reply dispatches one. last: if that fails, none follows.
func (a *answer) reply(ctx context.Context, reply event.Event, last bool) error {
	if reply.ID == a.request.ID { // an echo is another event: it may come again
		reply.ID = event.NewID()
	}
	_, err := a.p.Dispatch(ctx, a.to.ReplyTo, a.to.Reply(reply))
	if errors.Is(err, ErrLimit) || errors.Is(err, ErrInvalidEvent) {
		return a.fail(ctx, fmt.Errorf("its reply cannot be sent: %w", err), last)
	}
	return err
}

// fail tells an error, and returns it.
func (a *answer) fail(ctx context.Context, err error, last bool) error {
	return errors.Join(err, a.say(ctx, err.Error(), last))
}

// say dispatches a reply that is an error.
func (a *answer) say(ctx context.Context, text string, last bool) error {
	_, err := a.p.Dispatch(ctx, a.to.ReplyTo, a.to.Fail(text, last))
	return err
}

// ReplyGrace is how long repliers that run when Reply is to end have to do so, and to reply,
// unless [WithReplyGrace] says otherwise.
const ReplyGrace = 10 * time.Second

// ReplyOption changes one Reply.
type ReplyOption func(*replyOptions)

// replyOptions is what ReplyOption sets.
type replyOptions struct {
	subscribe []SubscribeOption
	handle    []HandleOption
	ready     func(Subscription)
	grace     time.Duration
}

// WithSubscribeOptions are those of the subscription to the requests.
func WithSubscribeOptions(opts ...SubscribeOption) ReplyOption {
	return func(o *replyOptions) { o.subscribe = append(o.subscribe, opts...) }
}

// WithHandleOptions say how many repliers run at once, who is told of failures, and so on.
func WithHandleOptions(opts ...HandleOption) ReplyOption {
	return func(o *replyOptions) { o.handle = append(o.handle, opts...) }
}

// WithReady calls f when the subscription stands: requests are taken from then on. It is for
// looking at, Reply reads and closes it.
func WithReady(f func(Subscription)) ReplyOption {
	return func(o *replyOptions) { o.ready = f }
}

// WithReplyGrace sets how long repliers that run when Reply is to end have to do so. Defaults
// to ReplyGrace.
func WithReplyGrace(d time.Duration) ReplyOption {
	return func(o *replyOptions) { o.grace = d }
}

// Reply subscribes to topics and answers the requests that come, one after the other unless
// an option says otherwise, until ctx ends: then it is nil. Repliers that run by then have
// [ReplyGrace] to reply; what was queued behind them is lost, and who made these requests
// waits until its time is over.
//
// Each subscription to a topic gets each request, and a requester takes the first reply, or
// several. With [WithQueueGroup], among [WithSubscribeOptions], one of the group gets it. See [Replies] and [Handle].
func Reply(ctx context.Context, live Live, topics []string, r Replier, opts ...ReplyOption) error {
	if r == nil {
		return fmt.Errorf("who is to reply needs a function: %w", ErrInvalidArgument)
	}
	return serve(ctx, live, topics, Replies(live, r), opts)
}

// ReplyMany is [Reply] with several replies to each request.
func ReplyMany(ctx context.Context, live Live, topics []string, r ManyReplier, opts ...ReplyOption) error {
	if r == nil {
		return fmt.Errorf("who is to reply needs a function: %w", ErrInvalidArgument)
	}
	return serve(ctx, live, topics, RepliesMany(live, r), opts)
}

// serve handles requests until ctx ends.
func serve(ctx context.Context, live Live, topics []string, h Handler, opts []ReplyOption) error {
	o := replyOptions{grace: ReplyGrace}
	for _, opt := range opts {
		opt(&o)
	}
	sub, err := live.Subscribe(ctx, topics, o.subscribe...)
	if err != nil {
		return err
	}
	defer sub.Close()
	if o.ready != nil {
		o.ready(sub)
	}
	handling, done := outlasting(ctx, o.grace)
	defer done()
	err = Handle(handling, sub, h, o.handle...)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// outlasting returns a context that ends so much later than ctx.
func outlasting(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	unhook := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(grace, cancel)
		context.AfterFunc(longer, func() { timer.Stop() })
	})
	return longer, func() { unhook(); cancel() }
}
