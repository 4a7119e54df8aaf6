package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// Topic carries events by live topics, of a client or an embedded node: at most once. Each
// consumer that was started gets each event, in the order of its producer; what it misses
// it is told (Config.OnGap). What is produced while nobody is subscribed is gone.
type Topic struct {
	// Live is a client or a node. Required.
	Live eventnode.Live
	// Topics are where to produce to, and what to subscribe to: "kind:key". Required.
	Topics []string
	// TopicsOf says where to produce an event to instead. Defaults to Topics.
	TopicsOf func(e event.Event) []string
	// Subscribe changes subscriptions: their queue, their policy. With
	// eventnode.WithCatchUp what is missing comes from a stream that records the topics.
	Subscribe []eventnode.SubscribeOption
}

var _ Transport = Topic{}

// Guarantee implements Transport.
func (Topic) Guarantee() Guarantee { return AtMostOnce }

// check refuses what cannot be used.
func (t Topic) check() error {
	if t.Live == nil || len(t.Topics) == 0 && t.TopicsOf == nil {
		return fmt.Errorf("a bus of topics needs Live and Topics: %w", eventnode.ErrInvalidArgument)
	}
	return nil
}

// OpenSender implements Transport.
func (t Topic) OpenSender(ctx context.Context) (Sender, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	p, err := t.Live.NewPublisher(ctx)
	if err != nil {
		return nil, err
	}
	return &topicSender{t: t, p: p}, nil
}

// topicSender dispatches.
type topicSender struct {
	t Topic
	p eventnode.PublisherCloser
}

// Send implements Sender. With accepted it asks for receipts: so it learns what became of
// each event, whoever else dispatches.
func (s *topicSender) Send(ctx context.Context, evs []event.Event, accepted bool) error {
	var opts []eventnode.DispatchOption
	if accepted {
		opts = append(opts, eventnode.WithReceipt(0))
	}
	for i, e := range evs {
		topics := s.t.Topics
		if s.t.TopicsOf != nil {
			topics = s.t.TopicsOf(e)
		}
		if _, err := s.p.DispatchMany(ctx, topics, e, opts...); err != nil {
			if len(evs) > 1 {
				err = &event.ProduceError{Name: e.Name, ID: e.ID, Err: fmt.Errorf("event %d of %d, those before it were produced: %w", i+1, len(evs), err)}
			}
			return err
		}
	}
	return nil
}

// Flush implements Sender.
func (s *topicSender) Flush(ctx context.Context) error { return s.p.Flush(ctx) }

// Close implements Sender.
func (s *topicSender) Close(ctx context.Context) error { return s.p.Close(ctx) }

// OpenReceiver implements Transport.
func (t Topic) OpenReceiver(ctx context.Context) (Receiver, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	opened := context.AfterFunc(ctx, end)
	sub, err := t.Live.Subscribe(life, t.Topics, t.Subscribe...)
	if err != nil {
		end()
		return nil, err
	}
	if !opened() {
		end()
		return nil, errors.Join(context.Cause(ctx), sub.Close())
	}
	return &topicReceiver{sub: sub, end: end}, nil
}

// topicReceiver is a subscription.
type topicReceiver struct {
	sub eventnode.Subscription
	end context.CancelFunc
}

// Receive implements Receiver.
func (r *topicReceiver) Receive(ctx context.Context, take func(context.Context, *Delivery) error) error {
	open := new(localSettler)
	defer open.Wait()
	for {
		got, err := r.sub.Receive(ctx)
		switch {
		case err == nil:
		case errors.Is(err, eventnode.ErrClosed) || ctx.Err() != nil:
			return nil
		default:
			return err
		}
		d := &Delivery{Event: got.Event, Topics: got.Topics, Deliveries: 1, Gap: got.Gap, Settler: open}
		if d.Gap == nil {
			open.Add(1)
		}
		if err := take(ctx, d); err != nil {
			return err
		}
	}
}

// Close implements Receiver.
func (r *topicReceiver) Close() error {
	defer r.end()
	return r.sub.Close()
}

// localSettler counts what is not settled yet. What is said goes nowhere.
type localSettler struct{ sync.WaitGroup }

// Settle implements Settler.
func (s *localSettler) Settle(_ *Delivery, what eventnode.Settlement) error {
	if what.Verb != eventnode.VerbExtend {
		s.Done()
	}
	return nil
}

// Withdrawn implements Settler.
func (*localSettler) Withdrawn(*Delivery) bool { return false }
