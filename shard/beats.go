package shard

import "time"

// beats is when heartbeats are sent, and when one that was not acknowledged means that the
// connection is dead.
//
// The first comes at a random point of the interval, the others at the interval. If the one
// before was not acknowledged when the next is due, the connection is dead: but not while
// nothing is read. Then the ACK may have come, and lie behind events for which there is no
// credit. So the rule is:
//
//	dead: a heartbeat was sent, and for one whole interval since then everything that came
//	      was read at once, and there was no ACK among it
//
// A consumer that is slow therefore does not end the connection, and one that is dead is
// noticed at most two intervals after reading went on.
type beats struct {
	interval time.Duration
	due      time.Time
	sent     time.Time // the oldest without an ACK; zero: there is none
	stopped  bool      // nothing is read
	flowing  time.Time // since when everything is read
}

// begin is at HELLO. rnd is in [0, 1).
func (b *beats) begin(now time.Time, interval time.Duration, rnd float64) {
	*b = beats{interval: interval, due: now.Add(time.Duration(rnd * float64(interval))), stopped: b.stopped, flowing: now}
}

// end is when there is no connection any more.
func (b *beats) end() { *b = beats{stopped: b.stopped} }

// dead reports whether the connection is, at a time when a heartbeat is due.
func (b *beats) dead(now time.Time) bool {
	since := b.sent
	if b.flowing.After(since) {
		since = b.flowing
	}
	return !b.sent.IsZero() && !b.stopped && now.Sub(since) >= b.interval
}

// beat notes that one is sent.
func (b *beats) beat(now time.Time) {
	if b.sent.IsZero() {
		b.sent = now
	}
}

// next has the next one be due.
func (b *beats) next(now time.Time) {
	if b.due = b.due.Add(b.interval); !b.due.After(now) {
		b.due = now.Add(b.interval)
	}
}

// ack is an ACK. Its latency is that of the connection if everything was read meanwhile.
func (b *beats) ack(now time.Time) (latency time.Duration, ok bool) {
	sent := b.sent
	b.sent = time.Time{}
	return now.Sub(sent), !sent.IsZero() && !b.stopped && !b.flowing.After(sent)
}

// stop and flow are told when reading stops and goes on.
func (b *beats) stop() { b.stopped = true }

func (b *beats) flow(now time.Time) {
	if b.stopped {
		b.stopped, b.flowing = false, now
	}
}
