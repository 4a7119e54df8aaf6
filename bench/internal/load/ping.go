package load

import (
	"context"
	"fmt"
	"time"
)

// pingWait is how long one event may take.
const pingWait = 10 * time.Second

// ping is the pinger process: the next event goes out when the last one came in.
func (p process) ping(ctx context.Context, cfg PingerConfig) error {
	from, err := dial(ctx, cfg.System, cfg.From)
	if err != nil {
		return err
	}
	defer from.close()
	to, err := dial(ctx, cfg.System, cfg.To)
	if err != nil {
		return err
	}
	defer to.close()
	const topic = "topic:ping"
	seen := make(chan uint64, 1)
	if err := to.subscribe(ctx, topic, func(data []byte) { seen <- stampNumber(data) }); err != nil {
		return err
	}
	pub, err := from.publisher(ctx)
	if err != nil {
		return err
	}
	if _, err := p.ready(); err != nil {
		return err
	}
	h, data := NewHistogram(), make([]byte, cfg.Size)
	warm := cfg.Count / 10
	timeout := time.NewTimer(pingWait)
	for i := range cfg.Count + warm {
		if i == warm {
			h.Reset()
		}
		sent := time.Now()
		putStamp(data, uint64(i), sent)
		if err := pub.publish(topic, data); err != nil {
			return err
		}
		timeout.Reset(pingWait)
		select {
		case n := <-seen:
			if n != uint64(i) {
				return fmt.Errorf("event %d came instead of %d", n, i)
			}
		case <-timeout.C:
			return fmt.Errorf("event %d did not come", i)
		}
		if err := h.RecordValue(int64(time.Since(sent))); err != nil {
			return err
		}
	}
	return p.out.Encode(Percentiles(h))
}
