package link

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc/status"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	"github.com/eventnode/eventnode/internal/wire"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// Send queues a run of encoded envelopes, each with its field 15 tag, for one
// peer: count events, all of topic. The bytes are held and sent as they are:
// the caller must not change them. Runs with the same lane number arrive in
// the order of their calls.
//
// A full lane makes Send wait as long as the link makes progress. It reports
// false if the run was dropped: the peer was not added, is down or stalled, or
// ctx ended. Drops are counted for the peer and told to it in place.
func (l *Links) Send(ctx context.Context, to eventnode.NodeRef, lane uint32, topic string, run wire.Piece, count int) bool {
	p := l.peer(to)
	if p == nil || len(run.Data) == 0 {
		return false
	}
	return p.enqueue(ctx, lane, item{topic: topic, data: run.Data, mem: run.Mem, count: count})
}

// SendQueued is Send for events that are not for the plain subscriptions of the peer alone.
func (l *Links) SendQueued(ctx context.Context, to eventnode.NodeRef, lane uint32, topic string, audience wire.Audience, run wire.Piece, count int) bool {
	p := l.peer(to)
	if p == nil || len(run.Data) == 0 {
		return false
	}
	return p.enqueue(ctx, lane, item{topic: topic, to: audience.Append([]byte{}), data: run.Data, mem: run.Mem, count: count})
}

// Track queues one encoded Envelope, in order with the runs of its lane, and
// asks for a receipt. reply is called exactly once, perhaps before Track
// returns, with the number of subscriptions reached, or with ErrUnavailable
// (not sent), ErrOutcomeUnknown (the link broke before the answer) or the
// error of ctx. It must be quick.
func (l *Links) Track(ctx context.Context, to eventnode.NodeRef, lane uint32, topic string, audience wire.Audience, envelope []byte, reply func(reached int, err error)) {
	p := l.peer(to)
	if p == nil {
		reply(0, eventnode.ErrUnavailable)
		return
	}
	id := p.tracker.add(ctx, reply)
	if id == 0 {
		reply(0, fmt.Errorf("%w: too many receipts wait for %s", eventnode.ErrUnavailable, to))
		return
	}
	it := item{topic: topic, data: envelope, count: 1, receipt: id}
	if len(audience.Groups) > 0 {
		it.to = audience.Append(nil)
	}
	if !p.enqueue(ctx, lane, it) {
		p.tracker.answer(id, 0, eventnode.ErrUnavailable)
	}
}

// SendExchange queues a group-table message, an encoded clusterv1.Exchange. It
// never blocks; it reports false if the link is not up or its queue is full. The
// bytes are held as they are: they must not be changed afterwards.
func (l *Links) SendExchange(to eventnode.NodeRef, msg []byte) bool {
	p := l.peer(to)
	if p == nil {
		return false
	}
	g := p.gen.Load()
	if g == nil {
		return false
	}
	if !g.exchanges.put(msg) {
		p.counters.exchangesRefused.Add(1)
		return false
	}
	return true
}

// Deliver calls the peer's Handler.Deliver. ErrUnavailable means surely not
// delivered, ErrOutcomeUnknown that nobody knows.
func (l *Links) Deliver(ctx context.Context, to eventnode.NodeRef, req *clusterv1.DeliverRequest) (*clusterv1.DeliverResponse, error) {
	g, err := l.up(to)
	if err != nil {
		return nil, err
	}
	resp, err := g.client.Deliver(g.outgoing(ctx), req)
	if err != nil {
		return nil, answerError(err)
	}
	return resp, nil
}

// ListSubscriptions calls the peer's Handler.ListSubscriptions.
func (l *Links) ListSubscriptions(ctx context.Context, to eventnode.NodeRef, topic string) ([]*eventnodev1.SubscriptionInfo, error) {
	g, err := l.up(to)
	if err != nil {
		return nil, err
	}
	resp, err := g.client.ListSubscriptions(g.outgoing(ctx), &clusterv1.ListSubscriptionsRequest{Topic: topic})
	if err != nil {
		return nil, answerError(err)
	}
	return resp.GetSubscriptions(), nil
}

// Storage calls the peer's Handler.Storage; errors as for Deliver.
func (l *Links) Storage(ctx context.Context, to eventnode.NodeRef, req *clusterv1.StorageRequest) (*clusterv1.StorageResponse, error) {
	g, err := l.up(to)
	if err != nil {
		return nil, err
	}
	resp, err := g.client.Storage(g.outgoing(ctx), req)
	if err != nil {
		return nil, answerError(err)
	}
	return resp, nil
}

// Chat calls the peer's Handler.Chat; errors as for Deliver.
func (l *Links) Chat(ctx context.Context, to eventnode.NodeRef, req *clusterv1.ChatRequest) (*clusterv1.ChatResponse, error) {
	g, err := l.up(to)
	if err != nil {
		return nil, err
	}
	resp, err := g.client.Chat(g.outgoing(ctx), req)
	if err != nil {
		return nil, answerError(err)
	}
	return resp, nil
}

// Source calls the peer's Handler.Source; take takes the parts of its answer, and ends the
// call by an error, which is returned. Errors as for Deliver else.
func (l *Links) Source(ctx context.Context, to eventnode.NodeRef, req *clusterv1.SourceRequest, take func(*clusterv1.SourceResponse) error) error {
	g, err := l.up(to)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answer, err := g.client.Source(g.outgoing(ctx), req)
	if err != nil {
		return answerError(err)
	}
	for {
		part, err := answer.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return answerError(err)
		}
		if err := take(part); err != nil {
			return err
		}
	}
}

// up returns the present link to a peer.
func (l *Links) up(to eventnode.NodeRef) (*generation, error) {
	p := l.peer(to)
	if p == nil {
		return nil, fmt.Errorf("%w: %s is no peer", eventnode.ErrUnavailable, to)
	}
	g := p.gen.Load()
	if g == nil {
		return nil, fmt.Errorf("%w: no link to %s", eventnode.ErrUnavailable, to)
	}
	return g, nil
}

// answerError tells what the peer said from what gRPC guesses: only the peer
// can say that nothing was done.
func answerError(err error) error {
	if st, ok := status.FromError(err); ok && len(st.Details()) > 0 {
		return apierr.FromStatus(err)
	}
	return fmt.Errorf("%w: %w", eventnode.ErrOutcomeUnknown, err)
}
