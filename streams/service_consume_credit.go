package streams

import (
	"context"
	"sync"

	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// credit is what may still be sent.
type credit struct {
	more chan struct{} // capacity 1: there is more

	mu     sync.Mutex
	events uint64
	bytes  int64 // below 0 by what one event or chunk was larger
	count  bool  // bytes count
	given  uint64
	over   bool // nothing more is wanted
}

// mostCredit is far more than anybody sends.
const mostCredit = 1 << 50

func (c *credit) init(count bool) { c.more, c.count = make(chan struct{}, 1), count }

func (c *credit) add(m *eventnodev1.ConsumerCredit) {
	c.mu.Lock()
	c.events = min(c.events+min(m.GetEvents(), mostCredit), mostCredit)
	c.bytes = min(c.bytes+int64(min(m.GetBytes(), mostCredit)), mostCredit)
	c.given++
	c.mu.Unlock()
	select {
	case c.more <- struct{}{}:
	default:
	}
}

// stop says that nothing more is wanted: what the consumer gives back before it ends is
// not for itself.
func (c *credit) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
}

// use takes credit for what was sent.
func (c *credit) use(events uint64, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.events -= min(events, c.events)
	c.bytes -= int64(bytes)
}

// left is what there is: no events if there are no bytes. Given is another number when
// some was given since.
func (c *credit) left() (events uint64, bytes int64, given uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.over:
		return 0, 0, c.given
	case !c.count:
		return c.events, 0, c.given
	case c.bytes <= 0:
		return 0, 0, c.given
	}
	return c.events, c.bytes, c.given
}

// wait waits for credit.
func (c *credit) wait(ctx context.Context) (events uint64, bytes int64, given uint64, err error) {
	for {
		if events, bytes, given = c.left(); events > 0 {
			return events, bytes, given, nil
		}
		select {
		case <-c.more:
		case <-ctx.Done():
			return 0, 0, 0, context.Cause(ctx)
		}
	}
}
