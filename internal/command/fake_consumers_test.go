package command

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
)

// fakeDurable is streams, consumer groups and locks in memory, of which the tests
// script what commands get and record what they do.
type fakeDurable struct {
	streams []eventnode.StreamInfo
	infos   []eventnode.ConsumerGroupInfo
	events  []eventnode.StreamEvent // what a consumer is handed
	taken   bool                    // somebody else is the consumer
	lost    uint64
	pending []eventnode.PendingEntry
	dead    []eventnode.DeadLetter
	lock    *fakeLock
	err     error         // of all questions
	asked   chan struct{} // if set, closed by Info, which then waits for the end of its context

	mu      sync.Mutex
	did     []string // what was asked for, in words
	settled []string // what became of events, in words
}

func (f *fake) Streams(...client.StreamsOption) eventnode.Streams {
	return &fakeStreams{d: &f.durable}
}

func (f *fake) Consumers(...client.StreamsOption) eventnode.Consumers {
	return &fakeConsumers{d: &f.durable}
}
func (f *fake) Locks(...client.StreamsOption) eventnode.Locks { return &fakeLocks{d: &f.durable} }

// note records what was asked for.
func (d *fakeDurable) note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.did = append(d.did, fmt.Sprintf(format, args...))
}

// words are what was settled.
func (d *fakeDurable) words() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.settled)
}

// all ranges over a list, or has an error.
func all[T any](list []T, err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		if err != nil {
			yield(none, err)
			return
		}
		for _, v := range list {
			if !yield(v, nil) {
				return
			}
		}
	}
}

type fakeStreams struct {
	eventnode.Streams
	d *fakeDurable
}

func (s *fakeStreams) List(context.Context) iter.Seq2[eventnode.StreamInfo, error] {
	return all(s.d.streams, s.d.err)
}

func (s *fakeStreams) Info(ctx context.Context, stream string) (eventnode.StreamInfo, error) {
	if s.d.asked != nil {
		close(s.d.asked)
		<-ctx.Done()
		return eventnode.StreamInfo{}, ctx.Err()
	}
	for _, i := range s.d.streams {
		if i.Name == stream {
			return i, nil
		}
	}
	return eventnode.StreamInfo{}, eventnode.StreamNotFound(stream)
}

type fakeConsumers struct {
	eventnode.Consumers
	d *fakeDurable
}

func (c *fakeConsumers) AddGroup(_ context.Context, stream, group string, cfg eventnode.ConsumerGroupConfig, start eventnode.StartPlace) (bool, error) {
	c.d.note("add %s/%s %+v newest=%v at=%v since=%v", stream, group, cfg, start.Newest, start.At, !start.Since.IsZero())
	return true, c.d.err
}

func (c *fakeConsumers) UpdateGroup(_ context.Context, stream, group string, cfg eventnode.ConsumerGroupConfig) error {
	c.d.note("update %s/%s %+v", stream, group, cfg)
	return c.d.err
}

func (c *fakeConsumers) RemoveGroup(_ context.Context, stream, group string) error {
	c.d.note("remove %s/%s", stream, group)
	return c.d.err
}

func (c *fakeConsumers) Seek(_ context.Context, stream, group string, to eventnode.StartPlace) error {
	c.d.note("seek %s/%s newest=%v at=%v", stream, group, to.Newest, to.At)
	return c.d.err
}

func (c *fakeConsumers) Groups(_ context.Context, stream string) iter.Seq2[eventnode.ConsumerGroupInfo, error] {
	return all(slices.DeleteFunc(slices.Clone(c.d.infos), func(g eventnode.ConsumerGroupInfo) bool { return g.Stream != stream }), c.d.err)
}

func (c *fakeConsumers) Group(_ context.Context, stream, group string) (eventnode.ConsumerGroupInfo, error) {
	for _, g := range c.d.infos {
		if g.Stream == stream && g.Name == group {
			return g, nil
		}
	}
	return eventnode.ConsumerGroupInfo{}, eventnode.ConsumerGroupNotFound(stream, group)
}

func (c *fakeConsumers) Pending(_ context.Context, stream, group string, consumer int) iter.Seq2[eventnode.PendingEntry, error] {
	c.d.note("pending %s/%s %d", stream, group, consumer)
	return all(c.d.pending, c.d.err)
}

func (c *fakeConsumers) Claim(_ context.Context, stream, group string, from, to int) (uint64, error) {
	c.d.note("claim %s/%s %d %d", stream, group, from, to)
	return 3, c.d.err
}

func (c *fakeConsumers) DeadLetters(context.Context, string) iter.Seq2[eventnode.DeadLetter, error] {
	return all(c.d.dead, c.d.err)
}

func (c *fakeConsumers) ReplayDeadLetters(_ context.Context, stream string, numbers ...uint64) (uint64, error) {
	c.d.note("replay %s %d", stream, numbers)
	return uint64(len(numbers)), c.d.err
}

func (c *fakeConsumers) DropDeadLetters(_ context.Context, stream string, numbers ...uint64) (uint64, error) {
	c.d.note("drop %s %d", stream, numbers)
	return uint64(len(numbers)), c.d.err
}

func (c *fakeConsumers) Consumer(group string, opts ...eventnode.ConsumerOption) eventnode.Consumer {
	o := eventnode.NewConsumerOptions(opts...)
	c.d.note("consumer of %s, streams %v, manual %v, prefetch %v", group, o.Streams, o.ManualAck, !o.NoPrefetch)
	return &fakeConsumer{d: c.d, o: o}
}

// fakeConsumer hands out the fake's events, then ends or waits.
type fakeConsumer struct {
	eventnode.Consumer
	d     *fakeDurable
	o     eventnode.ConsumerOptions
	drain bool
}

func (c *fakeConsumer) DisableLoop() { c.drain = true }

func (c *fakeConsumer) ConsumeMany(ctx context.Context, nr, count int, handler eventnode.StreamHandler) (bool, error) {
	c.d.note("consume %d %d", nr, count)
	if c.d.taken || c.d.err != nil {
		return false, c.d.err
	}
	if c.d.lost > 0 {
		c.o.OnLost("orders", c.d.lost)
	}
	for batch := range slices.Chunk(c.d.events, count) {
		if ctx.Err() != nil {
			return true, nil
		}
		s := &fakeSettler{d: c.d, done: map[*eventnode.StreamDelivery]bool{}}
		var list []*eventnode.StreamDelivery
		for _, e := range batch {
			d := eventnode.NewStreamDelivery(e, 1, 5, s)
			list = append(list, &d)
		}
		err := handler(ctx, list)
		for _, d := range list {
			switch {
			case err != nil:
				_ = d.Nack(0)
			case !c.o.ManualAck:
				_ = d.Ack()
			}
		}
	}
	if !c.drain {
		<-ctx.Done()
	}
	return true, nil
}

// fakeSettler records what becomes of events.
type fakeSettler struct {
	d    *fakeDurable
	done map[*eventnode.StreamDelivery]bool
}

var verbWords = map[eventnode.Verb]string{
	eventnode.VerbAck: "ack", eventnode.VerbNack: "nack", eventnode.VerbNackSilent: "back",
	eventnode.VerbTerminate: "terminate", eventnode.VerbExtend: "extend",
}

func (s *fakeSettler) Settle(d *eventnode.StreamDelivery, as eventnode.Settlement) error {
	s.d.mu.Lock()
	defer s.d.mu.Unlock()
	if s.done[d] {
		return eventnode.ErrNotPending
	}
	s.done[d] = as.Verb != eventnode.VerbExtend
	word := verbWords[as.Verb] + " " + deliveryID(d)
	if as.Delay > 0 {
		word += " " + as.Delay.String()
	}
	if as.Reason != "" {
		word += " " + as.Reason
	}
	s.d.settled = append(s.d.settled, word)
	return nil
}

func (s *fakeSettler) Wait(context.Context) error { return nil }

type fakeLocks struct{ d *fakeDurable }

func (l *fakeLocks) Info(context.Context, string) (eventnode.LockInfo, error) {
	if l.d.lock == nil {
		return eventnode.LockInfo{}, l.d.err
	}
	return eventnode.LockInfo{Held: true, Token: l.d.lock.token, TTL: 1500 * time.Millisecond, Until: time.UnixMilli(1_700_000_000_000)}, l.d.err
}

func (l *fakeLocks) Obtain(_ context.Context, name string, ttl, wait time.Duration) (eventnode.Lock, error) {
	l.d.note("obtain %s %v %v", name, ttl, wait)
	if l.d.err != nil {
		return nil, l.d.err
	}
	return l.d.lock, nil
}

// fakeLock is refreshed as the test says.
type fakeLock struct {
	d       *fakeDurable
	token   uint64
	left    func() time.Duration // after a refresh
	refresh func() error
}

func (l *fakeLock) Name() string                                 { return "nightly" }
func (l *fakeLock) Token() uint64                                { return l.token }
func (l *fakeLock) TTL() time.Duration                           { return l.left() }
func (l *fakeLock) Refresh(context.Context, time.Duration) error { return l.refresh() }
func (l *fakeLock) Release(context.Context) error {
	l.d.note("release")
	return nil
}
