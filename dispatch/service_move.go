package dispatch

// A node that goes away tells the streams of its clients, once each. A client opens its
// subscriptions on another node, and closes them here with drain: they leave their topics
// at once, and end when what was queued is sent.

// SendAway tells the clients on gRPC streams to go to another node. Nothing else changes:
// whoever stays is served until Run ends.
func (d *Dispatcher) SendAway() { d.move.Do(func() { close(d.moving) }) }

// drain closes a subscription when what it has is sent. One that is not there has ended
// already.
func (ss *subscribeStream) drain(number uint64) {
	ss.mu.Lock()
	sub := ss.subs[number]
	if sub != nil {
		sub.drains = true
	}
	ss.mu.Unlock()
	if sub != nil && sub.sub != nil {
		sub.sub.rise()
		ss.wake(sub)
	}
}

// isDrained reports whether a subscription, which has nothing to send, was drained.
func (ss *subscribeStream) isDrained(sub *streamSub) bool {
	ss.mu.Lock()
	drains := sub.drains
	ss.mu.Unlock()
	return drains && sub.sub.queue.isDrained()
}

// isDrained reports whether nothing is queued, and no publisher waits with something.
func (q *queue) isDrained() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.items.n == 0 && len(q.tail) == 0 && q.waiting == 0
}

// isClosed reports whether a channel on which nothing is sent was closed; nil: it is not.
func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
