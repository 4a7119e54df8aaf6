package load

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// stream is one publisher at work.
type stream struct {
	pub    publisher
	topics []string
	next   []uint64 // by topic
	data   []byte
	rate   float64
	first  time.Time
	last   time.Time
}

// publish is the publisher process.
func (p process) publish(ctx context.Context, cfg PublisherConfig) error {
	if cfg.Size < StampBytes {
		return fmt.Errorf("size %d is less than %d", cfg.Size, StampBytes)
	}
	var conns []conn
	var streams []*stream
	for _, pc := range cfg.Conns {
		c, err := dial(ctx, cfg.System, pc.Addr)
		if err != nil {
			return err
		}
		defer c.close()
		pub, err := c.publisher(ctx)
		if err != nil {
			return err
		}
		conns = append(conns, c)
		streams = append(streams, &stream{
			pub: pub, topics: pc.Topics, next: make([]uint64, len(pc.Topics)),
			data: make([]byte, cfg.Size), rate: cfg.Rate / float64(len(cfg.Conns)),
		})
	}
	if _, err := p.ready(); err != nil {
		return err
	}
	var g errgroup.Group
	for _, s := range streams {
		g.Go(func() error { return s.run(time.Duration(cfg.Seconds * float64(time.Second))) })
	}
	err := g.Wait()
	r := Published{First: nanos(streams[0].first), Flushed: nanos(time.Now()), Trouble: text(err)}
	for i, s := range streams {
		r.Sent = append(r.Sent, s.next)
		r.First = min(r.First, nanos(s.first))
		r.Last = max(r.Last, nanos(s.last))
		if err := conns[i].trouble(); err != nil && r.Trouble == "" {
			r.Trouble = err.Error()
		}
	}
	if err := p.out.Encode(r); err != nil {
		return err
	}
	return p.last()
}

// last waits for the end of stdin: connections stay open, and the process can be
// looked at, until the coordinator has seen everything.
func (p process) last() error {
	var o Order
	_ = p.in.Decode(&o)
	return nil
}

// burst is how many events are sent between two looks at the clock.
const burst = 64

// run publishes for a time.
func (s *stream) run(d time.Duration) error {
	s.first = time.Now()
	now := s.first
	for sent := 0; now.Sub(s.first) < d; {
		n := burst
		if s.rate > 0 {
			n = s.due(now, sent)
		}
		for range n {
			if err := s.one(sent, now); err != nil {
				return err
			}
			sent++
			if s.rate > 0 {
				now = time.Now()
			}
		}
		s.last = time.Now()
		now = s.last
	}
	return s.pub.flush()
}

// due is how many events are due; it waits until there is one.
func (s *stream) due(now time.Time, sent int) int {
	const tick = time.Millisecond
	n := int(now.Sub(s.first).Seconds()*s.rate) - sent
	if n <= 0 {
		time.Sleep(tick)
	}
	return n
}

// one publishes an event to the topic whose turn it is.
func (s *stream) one(sent int, now time.Time) error {
	t := sent % len(s.topics)
	putStamp(s.data, s.next[t], now)
	s.next[t]++
	return s.pub.publish(s.topics[t], s.data)
}
