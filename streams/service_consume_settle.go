package streams

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/apierr"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/streams/internal/replica"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// answer is a request to settle that was submitted or refused, or the end.
type answer struct {
	request uint64
	verb    string
	wait    func(context.Context) (state.Result, error)
	err     error
	end     error
}

// submit submits what is settled, behind what was before.
func (c *consumer) submit(ctx context.Context, m *eventnodev1.SettleEvents) answer {
	a := answer{request: m.GetRequest(), verb: verbName(m.GetVerb())}
	cmd, err := c.settlement(m)
	if err == nil {
		a.wait, err = c.p.Submit(ctx, &replica.Proposal{Command: &storagev1.Command{Command: &storagev1.Command_Settle{Settle: cmd}}})
	}
	a.err = err
	c.settled.Store(m.GetRequest())
	return a
}

// settlement makes a command of what the consumer says.
func (c *consumer) settlement(m *eventnodev1.SettleEvents) (*storagev1.Settle, error) {
	out := &storagev1.Settle{Group: c.group, Consumer: c.number, Verb: storagev1.Verb(m.GetVerb()), Reason: m.GetReason()}
	if m.GetDelay() != nil {
		delay, err := milliseconds("delay", m.GetDelay())
		if err != nil {
			return nil, err
		}
		out.DelayMs = &delay
	}
	for i, e := range m.GetEvents() {
		place := int(e.GetStream())
		if place >= len(c.ids) {
			return nil, fmt.Errorf("stream %d of %d, counted from 0 on: %w", place, len(c.ids), eventnode.ErrInvalidArgument)
		}
		for _, o := range m.GetEvents()[:i] {
			if o.GetStream() == e.GetStream() {
				return nil, fmt.Errorf("events of stream %d twice: %w", place, eventnode.ErrInvalidArgument)
			}
		}
		set, err := rangesIn(e.GetNumbers())
		if err != nil {
			return nil, err
		}
		out.Settlements = append(out.Settlements, &storagev1.Settlement{Stream: c.ids[place], Epoch: c.lease.Epoch, Ranges: set.Encode()})
	}
	return out, nil
}

// answerAll answers requests, in their order, and says why there are no more.
func (c *consumer) answerAll(ctx context.Context) error {
	for {
		var a answer
		select {
		case a = <-c.answers:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if a.end != nil {
			return a.end
		}
		m, err := c.result(ctx, a)
		if pushed := c.push(ctx, outbound{msg: &eventnodev1.ConsumeResponse{Results: []*eventnodev1.SettleResult{m}}}); pushed != nil {
			return pushed
		}
		if err != nil {
			return err
		}
	}
}

// result waits for what became of a request. The error is one after which the consumer
// cannot go on.
func (c *consumer) result(ctx context.Context, a answer) (*eventnodev1.SettleResult, error) {
	var r state.Result
	err := a.err
	if a.wait != nil {
		if r, err = a.wait(ctx); err == nil {
			err = r.Err
		}
	}
	m := &eventnodev1.SettleResult{Request: a.request, Settled: r.Settled.Settled, Already: r.Settled.Already, Missed: r.Settled.Missed}
	if err == nil {
		c.s.metrics.settled.WithLabelValues(a.verb).Add(float64(m.GetSettled()))
		return m, nil
	}
	told := c.s.explain(err)
	m.ErrorReason, m.ErrorDetails = apierr.Reason(told), apierr.Details(told)
	m.ErrorMessage = strings.ToValidUTF8(told.Error(), "\uFFFD")
	switch {
	case errors.Is(err, eventnode.ErrFenced):
		return m, c.fenced()
	case isMoved(err), replica.IsDamage(err), ctx.Err() != nil:
		return m, err
	}
	return m, nil
}

// verbName is a verb in a metric.
func verbName(v eventnodev1.Verb) string {
	switch v {
	case eventnodev1.Verb_VERB_ACK:
		return "ack"
	case eventnodev1.Verb_VERB_NACK:
		return "nack"
	case eventnodev1.Verb_VERB_NACK_SILENT:
		return "nack_silent"
	case eventnodev1.Verb_VERB_TERMINATE:
		return "terminate"
	case eventnodev1.Verb_VERB_EXTEND:
		return "extend"
	case eventnodev1.Verb_VERB_UNSPECIFIED:
	}
	return "unknown"
}
