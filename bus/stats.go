package bus

import "sync/atomic"

// counters count what a consumer did.
type counters struct {
	received, handled, failed, panicked, malformed, unhandled, duplicates, givenBack, gaps atomic.Uint64
}

// ConsumerStats is what a consumer has done since it was made.
type ConsumerStats struct {
	// Received is how many deliveries came; each is one of the next six, when it is over.
	Received uint64
	// Handled is how many were handled, or yielded by Consume.
	Handled uint64
	// Failed and Panicked are those of which a handler has done so.
	Failed, Panicked uint64
	// Malformed could not be read.
	Malformed uint64
	// Unhandled had no handler.
	Unhandled uint64
	// GivenBack were not tried, or not to the end.
	GivenBack uint64
	// Duplicates are those of Handled that Dedupe knew.
	Duplicates uint64
	// Gaps is how often events were missing.
	Gaps uint64
}

// Stats returns what the consumer has done so far.
func (c *Consumer) Stats() ConsumerStats {
	n := &c.count
	return ConsumerStats{
		Received: n.received.Load(), Handled: n.handled.Load(), Failed: n.failed.Load(), Panicked: n.panicked.Load(),
		Malformed: n.malformed.Load(), Unhandled: n.unhandled.Load(), GivenBack: n.givenBack.Load(),
		Duplicates: n.duplicates.Load(), Gaps: n.gaps.Load(),
	}
}
