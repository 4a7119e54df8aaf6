package streams

import (
	"context"
	"slices"

	"github.com/eventnode/eventnode"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/streams/internal/replica"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// The fetcher looks whether there is anything, which takes three rows a stream, before it
// proposes a fetch. When it finds nothing it waits in the desk's lines, into which it had
// stepped before it looked: see package consuming.

// fetchBytes bounds what one fetch hands out, about: others of the group want some, too.
const fetchBytes = 4 << 20

// fetchAll has events handed out for as long as the consumer is there.
func (c *consumer) fetchAll(ctx context.Context) error {
	desk := c.s.cfg.Desk
	var told uint64 // that there is nothing for the credit which was given until then
	for {
		events, bytes, given, err := c.credit.wait(ctx)
		if err != nil {
			return err
		}
		desk.Park(c.waiter)
		found, err := c.fetch(ctx, events, bytes)
		switch {
		case err != nil:
			return err
		case found:
			told = 0
			desk.Leave(c.waiter)
			if events, _, _ := c.credit.left(); events == 0 {
				desk.PassOn(c.waiter)
			}
			continue
		case told != given:
			told = given
			if err := c.push(ctx, outbound{msg: &eventnodev1.ConsumeResponse{Idle: true}}); err != nil {
				return err
			}
		}
		select {
		case <-c.waiter.C:
		case <-c.credit.more:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// fetch has events handed out, if there are any, and sends them.
func (c *consumer) fetch(ctx context.Context, events uint64, bytes int64) (found bool, err error) {
	cmd, err := c.look(events, bytes)
	if err != nil || len(cmd.GetLeases()) == 0 {
		return false, err
	}
	if left, _, _ := c.credit.left(); left == 0 { // it ends: what was found it has given back
		return false, nil
	}
	after := c.settled.Load() // before it is submitted: the reader notes it behind that
	wait, err := c.p.Submit(ctx, &replica.Proposal{Command: &storagev1.Command{Command: &storagev1.Command_Fetch{Fetch: cmd}}})
	if err != nil {
		return false, err
	}
	r, err := wait(ctx)
	if err == nil {
		err = r.Err
	}
	if err != nil || len(r.Fetched) == 0 {
		c.s.metrics.fetches.WithLabelValues("nothing").Inc()
		return false, err
	}
	c.s.metrics.fetches.WithLabelValues("some").Inc()
	return true, c.sendAll(ctx, r.Fetched, after)
}

// look makes the command to fetch with, for the streams that have something; none if no
// stream has.
func (c *consumer) look(events uint64, bytes int64) (*storagev1.Fetch, error) {
	v, done, err := c.p.Look()
	if err != nil {
		return nil, err
	}
	defer done()
	cmd := &storagev1.Fetch{Group: c.group, Consumer: c.number, Each: c.each, MaxBytes: fetchBytes}
	if c.countBytes {
		cmd.MaxBytes = uint64(min(bytes, fetchBytes))
	}
	var fit, again uint64
	c.turn++
	for i := range c.ids {
		i = (i + c.turn) % len(c.ids)
		r, n, err := c.lookAt(v, i, cmd.GetMaxBytes())
		if err != nil {
			return nil, err
		}
		if !r.Any() {
			continue
		}
		fit, again = fit+n, again+r.Again
		cmd.Leases = append(cmd.Leases, &storagev1.StreamLease{Stream: c.ids[i], Epoch: c.lease.Epoch})
	}
	if c.each {
		cmd.Leases = cmd.Leases[:min(uint64(len(cmd.Leases)), events)] // each gives one event at least
		events = max(events/uint64(len(c.ids)), 1)
	}
	if c.countBytes && again == 0 {
		events = min(events, max(fit, 1))
	}
	cmd.MaxEvents = uint32(min(events, state.MaxFetch*mostStreams))
	return cmd, nil
}

// lookAt says what there is in a stream and, if all of it is new, how much of it fits.
func (c *consumer) lookAt(v state.View, i int, bytes uint64) (r state.Ready, fit uint64, err error) {
	st, found, err := v.Head(c.ids[i], c.names[i])
	if err == nil && !found {
		err = eventnode.StreamNotFound(c.names[i].String())
	}
	if err == nil {
		r, err = v.Ready(st, c.group, c.number)
	}
	if err != nil || r.New == 0 || r.Again > 0 || !c.countBytes {
		return r, 0, err
	}
	share := max(bytes/uint64(len(c.ids)), 1)
	fit, err = v.Fit(c.ids[i], r.Next, min(r.New, state.MaxFetch), int(share))
	return r, fit, err
}

// sendAll sends what was handed out after a request to settle.
func (c *consumer) sendAll(ctx context.Context, fetched []state.Fetched, after uint64) error {
	if err := c.tellLost(ctx, fetched); err != nil {
		return err
	}
	work := c.work(fetched, after)
	for len(work) > 0 {
		var l *load
		var err error
		if l, work, err = c.gather(work); err != nil {
			return err
		}
		if l.count == 0 {
			continue // it is gone since
		}
		m, err := l.message()
		if err != nil {
			return err
		}
		c.credit.use(l.count, len(*l.records))
		if err := c.push(ctx, outbound{msg: m}); err != nil {
			return err
		}
		c.s.metrics.delivered.Add(float64(l.count))
		c.s.metrics.redelivered.Add(float64(l.again))
	}
	return nil
}

// tellLost tells what is gone.
func (c *consumer) tellLost(ctx context.Context, fetched []state.Fetched) error {
	m := &eventnodev1.ConsumeResponse{}
	for _, f := range fetched {
		if len(f.Lost) > 0 {
			m.Lost = append(m.Lost, &eventnodev1.StreamEvents{Stream: c.placeOf(f.Stream), Numbers: rangesOut(f.Lost)})
			c.s.metrics.missed.Add(float64(f.Lost.Count()))
		}
	}
	if len(m.GetLost()) == 0 {
		return nil
	}
	return c.push(ctx, outbound{msg: m})
}

// placeOf is the place of a stream in the list of the consumer's.
func (c *consumer) placeOf(id uint64) uint32 { return uint32(slices.Index(c.ids, id)) }
