package shard

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/eventnode/eventnode/source"
)

// delivery is the goroutine that hands payloads to the pipeline, one after the other, and
// knows how far that is.
type delivery struct {
	cfg     Config
	window  *window
	metrics *series
	to      source.Deliver
	stop    <-chan struct{} // nothing more is begun

	mu   sync.Mutex
	done Resume // as far as it was handled
}

// run delivers until it is stopped (nil), ctx ends, or delivering fails.
func (d *delivery) run(ctx context.Context) error {
	for {
		select { // of both, stopping comes first
		case <-d.stop:
			return nil
		default:
		}
		i, ok := d.next()
		if !ok {
			return nil
		}
		if err := d.handle(ctx, i); err != nil {
			return err
		}
		d.window.done(i)
	}
}

// next waits for an item; not ok: it is stopped. To look for one first costs less than to
// wait for two things at once.
func (d *delivery) next() (i item, ok bool) {
	select {
	case i = <-d.window.queue:
		return i, true
	default:
	}
	select {
	case <-d.stop:
		return item{}, false
	case i = <-d.window.queue:
		return i, true
	}
}

// handle delivers an item, and notes that it was.
func (d *delivery) handle(ctx context.Context, i item) error {
	p := d.payload(i)
	if err := d.to(ctx, p); err != nil {
		return fmt.Errorf("deliver %.100q: %w", p.Name, err)
	}
	d.metrics.delivered.Inc()
	d.handled(i)
	return nil
}

// payload is an item as the pipeline has it.
func (d *delivery) payload(i item) source.Payload {
	origin := source.Origin{Source: d.cfg.Name, Shard: d.cfg.Shard, Shards: d.cfg.Shards}
	if i.gap != nil {
		d.cfg.OnGap(*i.gap)
		origin.Session = i.gap.Session
		return source.Payload{Name: GapName, Data: i.gap.data(), Origin: origin}
	}
	origin.Session, origin.Seq = i.event.session.id, i.event.session.seq
	return source.Payload{Name: i.event.name, Data: d.normalised(i.event), Origin: origin}
}

// normalised is the data of an event. One that cannot be normalised is not lost.
func (d *delivery) normalised(e event) (data []byte) {
	defer func() {
		if p := recover(); p != nil {
			d.metrics.failed(noteNormalise, fmt.Errorf("panic: %v", p))
			data = e.data
		}
	}()
	data, err := d.cfg.Normalise(e.name, e.data)
	if err != nil {
		d.metrics.failed(noteNormalise, err)
		return e.data
	}
	return data
}

// handled notes how far it is: of what a gap told, too. Behind one at which a session ends
// there is none to go on with, until an event of the next was handled.
func (d *delivery) handled(i item) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch at := i.event.session; {
	case i.gap != nil && i.gap.Last == 0:
		d.done.Session, d.done.ResumeGateway, d.done.Seq = "", "", 0
	case i.gap != nil && i.gap.Session == d.done.Session:
		d.done.Seq = i.gap.Last
	case at.seq > 0 && at.id != "":
		d.done.Session, d.done.ResumeGateway, d.done.Seq = at.id, at.url, at.seq
	}
}

// reached is how far payloads were handled.
func (d *delivery) reached() Resume {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.done
}

// connectedTo notes where the gateway is.
func (d *delivery) connectedTo(gateway string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done.Gateway = gateway
}

// progress is the goroutine that tells how far it is, until ctx ends. It tells once more
// then, of what was not told.
func (d *delivery) progress(ctx context.Context, ended <-chan struct{}) {
	told := d.reached()
	tell := func(ctx context.Context) {
		if at := d.reached(); at != told {
			told = at
			d.cfg.OnProgress(ctx, at)
		}
	}
	every := time.NewTicker(d.cfg.ProgressEvery)
	defer every.Stop()
	for {
		select {
		case <-every.C:
			tell(ctx)
		case <-ended:
			tell(context.WithoutCancel(ctx))
			return
		}
	}
}
