package load

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/nats-io/nats.go"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/bench/internal/suite"
	"github.com/eventnode/eventnode/event"
)

// asks is a connection that requests, and one that replies with what it was asked.
type asks interface {
	conn
	reply(ctx context.Context, topic string) error
	// requester is called concurrently.
	requester() (func(ctx context.Context, topic string, data []byte) ([]byte, error), func() error, error)
}

var (
	_ asks = (*eventnodeConn)(nil)
	_ asks = (*natsConn)(nil)
)

// reply answers several requests at once: a reply that the node has taken is waited for. NATS
// answers one after the other, and waits for nothing.
func (n *eventnodeConn) reply(ctx context.Context, topic string) error {
	sub, err := n.c.Subscribe(ctx, []string{topic})
	if err != nil {
		return fmt.Errorf("reply to %s: %w", topic, err)
	}
	echo := eventnode.Replies(n.c, func(_ context.Context, d eventnode.Delivery) (event.Event, error) {
		return event.New("bench", d.Event.Data), nil
	})
	n.wg.Go(func() {
		err := eventnode.Handle(ctx, sub, echo, eventnode.WithConcurrency(0), eventnode.WithOnError(func(_ eventnode.Delivery, err error) { n.note(err) }))
		if err != nil {
			n.note(err)
		}
	})
	return nil
}

func (n *eventnodeConn) requester() (func(context.Context, string, []byte) ([]byte, error), func() error, error) {
	r, err := eventnode.NewRequester(n.c, eventnode.RequesterConfig{Timeout: pingWait})
	if err != nil {
		return nil, nil, err
	}
	return func(ctx context.Context, topic string, data []byte) ([]byte, error) {
		reply, err := r.Request(ctx, topic, event.New("bench", data))
		return reply.Data, err
	}, r.Close, nil
}

func (n *natsConn) reply(_ context.Context, topic string) error {
	_, err := n.nc.Subscribe(topic, func(m *nats.Msg) {
		if err := m.Respond(m.Data); err != nil {
			n.note(err)
		}
	})
	if err == nil {
		err = n.nc.Flush()
	}
	return err
}

func (n *natsConn) requester() (func(context.Context, string, []byte) ([]byte, error), func() error, error) {
	return func(_ context.Context, topic string, data []byte) ([]byte, error) {
		m, err := n.nc.Request(topic, data, pingWait)
		if err != nil {
			return nil, err
		}
		return m.Data, nil
	}, func() error { return nil }, nil
}

// RequesterConfig is a requester process.
type RequesterConfig struct {
	System suite.System `json:"system"`
	// From is where it requests, To where it replies.
	From string `json:"from"`
	To   string `json:"to"`
	Size int    `json:"size"`
	// AtOnce is how many requests are under way.
	AtOnce int `json:"at_once"`
	// Count is how many requests are measured, after a tenth of it to warm up.
	Count int `json:"count"`
}

// Requested is a requester's result.
type Requested struct {
	Latency Latency `json:"latency"`
	// Rate is requests a second.
	Rate float64 `json:"rate"`
}

// asking is a requester process at work.
type asking struct {
	cfg     RequesterConfig
	request func(ctx context.Context, topic string, data []byte) ([]byte, error)

	mu   sync.Mutex
	h    *hdrhistogram.Histogram
	errs []error
}

// request is the requester process: so many requests at once, each of which must have its
// own reply.
func (p process) request(ctx context.Context, cfg RequesterConfig) error {
	ends := make([]asks, 2)
	for i, addr := range []string{cfg.From, cfg.To} {
		c, err := dial(ctx, cfg.System, addr)
		if err != nil {
			return err
		}
		defer c.close()
		ends[i] = c.(asks)
	}
	const topic = "topic:ask"
	if err := ends[1].reply(ctx, topic); err != nil {
		return err
	}
	request, end, err := ends[0].requester()
	if err != nil {
		return err
	}
	defer func() { _ = end() }()
	if _, err := p.ready(); err != nil {
		return err
	}
	a := &asking{cfg: cfg, request: request}
	if err := a.run(ctx, topic, cfg.Count/10+1); err != nil {
		return err
	}
	began := time.Now()
	if err := a.run(ctx, topic, cfg.Count); err != nil {
		return err
	}
	rate := float64(cfg.Count) / time.Since(began).Seconds()
	for _, c := range ends {
		if err := c.trouble(); err != nil {
			return err
		}
	}
	return p.out.Encode(Requested{Latency: Percentiles(a.h), Rate: rate})
}

// run makes count requests.
func (a *asking) run(ctx context.Context, topic string, count int) error {
	a.h = NewHistogram()
	var all sync.WaitGroup
	for k := range a.cfg.AtOnce {
		all.Go(func() {
			if err := a.some(ctx, topic, k, count); err != nil {
				a.mu.Lock()
				defer a.mu.Unlock()
				a.errs = append(a.errs, err)
			}
		})
	}
	all.Wait()
	if len(a.errs) > 0 {
		return a.errs[0]
	}
	return nil
}

// some makes the requests of one goroutine: k, and then every AtOnce-th.
func (a *asking) some(ctx context.Context, topic string, k, count int) error {
	h := NewHistogram()
	for i := k; i < count; i += a.cfg.AtOnce {
		data := make([]byte, a.cfg.Size)
		sent := time.Now()
		putStamp(data, uint64(i), sent)
		got, err := a.request(ctx, topic, data)
		if err != nil {
			return fmt.Errorf("request %d: %w", i, err)
		}
		if err := h.RecordValue(int64(time.Since(sent))); err != nil {
			return err
		}
		if n := stampNumber(got); len(got) != len(data) || n != uint64(i) {
			return fmt.Errorf("request %d got the reply to %d", i, n)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.h.Merge(h)
	return nil
}
