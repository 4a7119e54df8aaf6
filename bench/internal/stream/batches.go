package stream

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
)

// publisher publishes batches over its own connection.
type publisher struct {
	batcher batcher
	source  *source
	cfg     BatchesConfig
}

// batches is the process of publishers of batches.
func (p process) batches(ctx context.Context, cfg BatchesConfig) error {
	var publishers []*publisher
	for i := range cfg.Publishers {
		s, err := dial(ctx, cfg.System, cfg.Addrs)
		if err != nil {
			return err
		}
		defer s.close()
		publishers = append(publishers, &publisher{s.batcher(cfg.Batches), newSource(cfg.From+i, cfg.Size), cfg})
	}
	if err := p.ready(); err != nil {
		return err
	}
	var g errgroup.Group
	r := Published{First: time.Now().UnixNano()}
	for _, pub := range publishers {
		g.Go(func() error { return pub.run(ctx) })
	}
	r.Trouble = text(g.Wait())
	r.Last = time.Now().UnixNano()
	for _, pub := range publishers {
		r.Acked = append(r.Acked, pub.source.next)
	}
	return p.answer(r)
}

// run publishes until its time or its number is up, and everything is acked.
func (p *publisher) run(ctx context.Context) error {
	began := time.Now()
	limit := time.Duration(p.cfg.Seconds * float64(time.Second))
	for {
		n := uint64(p.cfg.Batches.Size)
		if p.cfg.Events > 0 {
			n = min(n, p.cfg.Events-p.source.next)
		}
		if n == 0 || limit > 0 && time.Since(began) >= limit {
			return p.batcher.finish(ctx)
		}
		for range n {
			if err := p.batcher.add(ctx, p.source.event()); err != nil {
				return err
			}
		}
		if err := p.batcher.flush(ctx); err != nil {
			return err
		}
	}
}
