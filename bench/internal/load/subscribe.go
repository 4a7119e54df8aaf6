package load

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// receiver is one subscription. The padding keeps the counters of two from
// sharing a cache line.
type receiver struct {
	seen    atomic.Uint64
	checker Checker
	latency *hdrhistogram.Histogram // nil if nobody asked
	_       [64]byte
}

func (r *receiver) see(data []byte) {
	r.checker.see(data)
	if r.latency != nil && len(data) >= StampBytes {
		_ = r.latency.RecordValue(max(0, int64(stampAge(data, time.Now()))))
	}
	r.seen.Add(1)
}

// NewHistogram counts nanoseconds up to a minute, to three digits.
func NewHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, int64(time.Minute), 3)
}

// Percentiles are those of a histogram of nanoseconds.
func Percentiles(h *hdrhistogram.Histogram) Latency {
	us := func(q float64) float64 { return float64(h.ValueAtQuantile(q)) / 1e3 }
	return Latency{P50: us(50), P99: us(99), P999: us(99.9)}
}

// subscribe is the subscriber process.
func (p process) subscribe(ctx context.Context, cfg SubscriberConfig) error {
	conns := make([]conn, cfg.Conns)
	for i := range conns {
		c, err := dial(ctx, cfg.System, cfg.Addr)
		if err != nil {
			return err
		}
		defer c.close()
		conns[i] = c
	}
	receivers := make([]*receiver, len(cfg.Topics))
	for i, topic := range cfg.Topics {
		receivers[i] = &receiver{}
		if cfg.Latency {
			receivers[i].latency = NewHistogram()
		}
		if err := conns[i%len(conns)].subscribe(ctx, topic, receivers[i].see); err != nil {
			return err
		}
	}
	o, err := p.ready()
	if err != nil {
		return err
	}
	if len(o.Expect) != len(receivers) {
		return fmt.Errorf("%d expectations for %d subscriptions", len(o.Expect), len(receivers))
	}
	return p.settle(o.Expect, receivers, conns)
}

// patience is how long to wait for an event that does not come.
const patience = 2 * time.Second

// settle waits for what was sent, and reports.
func (p process) settle(expect []uint64, receivers []*receiver, conns []conn) error {
	var all uint64
	for _, n := range expect {
		all += n
	}
	r := Received{}
	changed := time.Now()
	for {
		now, sum := time.Now(), uint64(0)
		for _, rc := range receivers {
			sum += rc.seen.Load()
		}
		if sum != r.Delivered {
			r.Delivered, changed = sum, now
		}
		if sum >= all || now.Sub(changed) > patience {
			break
		}
		time.Sleep(2 * time.Millisecond)
	}
	r.Last = nanos(changed)
	time.Sleep(100 * time.Millisecond) // for what comes twice
	latency := NewHistogram()
	for _, c := range conns {
		if err := c.trouble(); err != nil {
			r.Trouble = err.Error()
		}
		c.close()
	}
	for i, rc := range receivers {
		r.Wrong.Add(rc.checker.End(expect[i]))
		if rc.latency != nil {
			latency.Merge(rc.latency)
		}
	}
	r.Latency = Percentiles(latency)
	if err := p.out.Encode(r); err != nil {
		return err
	}
	return p.last()
}
