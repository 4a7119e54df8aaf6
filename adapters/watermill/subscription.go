package watermill

import (
	"context"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/bus"
)

// subscription hands out messages one by one. It has one goroutine, in which receive
// calls take.
type subscription struct {
	cfg   *SubscriberConfig
	topic string
	ctx   context.Context //nolint:containedctx // that of Subscribe
	out   chan *message.Message
}

// receive hands out what comes until run ends: with the context of Subscribe, or by Close.
func (u *subscription) receive(run context.Context, in bus.Receiver) {
	defer close(u.out)
	defer func() { _ = in.Close() }() // it frees nothing
	err := in.Receive(run, func(lease context.Context, d *bus.Delivery) error {
		u.take(run, lease, d)
		return nil
	})
	if err != nil && run.Err() == nil {
		u.cfg.Logger.Error("a subscription has ended", "topic", u.topic, "group", u.cfg.Group, "error", err)
	}
}

// take hands out one message, and returns when it was settled.
func (u *subscription) take(run, lease context.Context, d *bus.Delivery) {
	switch {
	case d.Gap != nil:
		u.lost(*d.Gap)
		return
	case lease.Err() != nil || d.Settler.Withdrawn(d):
		u.settle(d, eventnode.Settlement{Verb: eventnode.VerbNackSilent})
		return
	}
	ctx, cancel := context.WithCancel(context.WithValue(u.ctx, deliveryKey{},
		&Delivery{Stream: d.Stream, Position: d.Position, Deliveries: d.Deliveries, Event: d.Event}))
	defer cancel()
	m := toMessage(&d.Event)
	m.SetContext(ctx)
	what := eventnode.Settlement{Verb: eventnode.VerbNackSilent}
	select {
	case u.out <- m:
		what = u.verdict(run, lease, m, cancel)
	case <-lease.Done():
	}
	u.settle(d, what)
}

// verdict waits for what is said of a message.
func (u *subscription) verdict(run, lease context.Context, m *message.Message, cancel func()) eventnode.Settlement {
	if what, ok := u.said(m, lease.Done()); ok {
		return what
	}
	if run.Err() == nil { // the lease is lost: what is said does not count, but the next message waits for it
		cancel()
		if what, ok := u.said(m, run.Done()); ok {
			return what
		}
	}
	late, stop := context.WithTimeout(context.WithoutCancel(run), u.cfg.CloseTimeout)
	defer stop()
	what, _ := u.said(m, late.Done())
	return what
}

// said waits for what is said of a message, or until it is over: then nothing was.
func (u *subscription) said(m *message.Message, over <-chan struct{}) (what eventnode.Settlement, ok bool) {
	select {
	case <-m.Acked():
		return eventnode.Settlement{Verb: eventnode.VerbAck}, true
	case <-m.Nacked():
		return eventnode.Settlement{Verb: eventnode.VerbNack, Delay: u.cfg.NackDelay}, true
	case <-over:
		return eventnode.Settlement{Verb: eventnode.VerbNackSilent}, false
	}
}

// settle says what becomes of an event.
func (u *subscription) settle(d *bus.Delivery, what eventnode.Settlement) {
	if err := d.Settler.Settle(d, what); err != nil {
		u.cfg.Logger.Info("a message comes again", "topic", u.topic, "group", u.cfg.Group, "position", d.Position.String(), "error", err)
	}
}

// lost tells of messages that are gone.
func (u *subscription) lost(gap eventnode.Gap) {
	if u.cfg.OnLost != nil {
		u.cfg.OnLost(u.topic, gap)
		return
	}
	u.cfg.Logger.Warn("messages are gone that were not delivered", "topic", u.topic, "group", u.cfg.Group, "messages", gap.Count)
}
