// Command workqueue has two workers share the jobs of a durable stream. Each job goes to
// one of them, until it is done: one that is put off comes again when it was said, one
// that fails comes again later, and one that fails always becomes a dead letter, which
// is replayed when what was wrong with it is repaired.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/bus"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/examples/nodes"
)

// ImageUploaded is the job: the image needs a thumbnail.
type ImageUploaded struct {
	File string `json:"file"`
}

var _ = event.Register[ImageUploaded]("image_uploaded")

const (
	stream = "example-images"
	group  = "thumbnails"
)

func main() { os.Exit(nodes.Main(run)) }

func run(ctx context.Context, out io.Writer, connect string) error {
	cluster, stop, err := nodes.Durable(ctx, connect, 3)
	if err != nil {
		return err
	}
	defer stop()
	c, err := client.Dial(ctx, []string{cluster[0].Address})
	if err != nil {
		return err
	}
	defer c.Close()
	patience := client.WithPatience(30 * time.Second) // a cluster that begins has no leader yet
	streams, consumers := c.Streams(patience), c.Consumers(patience)
	if _, err := streams.Declare(ctx, stream, eventnode.StreamConfig{}); err != nil {
		return err
	}
	cfg := eventnode.ConsumerGroupConfig{MaxDeliver: 3, Backoff: 50 * time.Millisecond}
	if _, err := consumers.AddGroup(ctx, stream, group, cfg, eventnode.StartPlace{}); err != nil {
		return err
	}
	q := &queue{out: out, consumers: consumers, transport: bus.Stream{
		Streams: streams, Consumers: consumers, Stream: stream, Group: group, Batch: 1, // a job in hand, and one behind it
	}}
	work, done := context.WithCancel(ctx)
	defer done()
	workers, work := errgroup.WithContext(work)
	for nr := range 2 {
		workers.Go(func() error { return q.work(work, nr+1) })
	}
	err = q.manage(work)
	done()
	return errors.Join(err, workers.Wait())
}

// queue is what workers and those who give them work share.
type queue struct {
	out       io.Writer
	transport bus.Stream
	consumers eventnode.Consumers
	repaired  atomic.Bool
}

// work does jobs until ctx ends. What is in hand then is finished, or given back.
func (q *queue) work(ctx context.Context, nr int) error {
	say := func(job ImageUploaded, what any) { fmt.Fprintf(q.out, "worker %d: %s %v\n", nr, job.File, what) }
	worker, err := bus.NewConsumer(bus.Config{Transport: q.transport, OnError: func(_ context.Context, err error, e *bus.AckEvent) {
		fmt.Fprintf(q.out, "worker %d: failed for the %d. time: %v\n", nr, e.Deliveries(), err) // and so it is nacked
	}})
	if err != nil {
		return err
	}
	_, err = bus.On(worker, func(ctx context.Context, job ImageUploaded) error {
		e := bus.Received(ctx)
		switch {
		case job.File == "huge.png" && e.Deliveries() == 1:
			say(job, "is put off")
			return e.Nack(200 * time.Millisecond)
		case job.File == "broken.png" && !q.repaired.Load():
			return fmt.Errorf("%s is no image", job.File)
		}
		say(job, "is done")
		return nil
	})
	if err != nil {
		return err
	}
	return bus.With(ctx, worker, worker.Run)
}

// manage publishes jobs, and looks after those that fail.
func (q *queue) manage(ctx context.Context) error {
	p, err := bus.NewProducer(bus.Config{Transport: q.transport})
	if err != nil {
		return err
	}
	jobs := []any{ImageUploaded{"cat.png"}, ImageUploaded{"broken.png"}, ImageUploaded{"huge.png"}, ImageUploaded{"dog.png"}, ImageUploaded{"owl.png"}}
	err = bus.With(ctx, p, func(ctx context.Context) error { return p.ProduceAll(ctx, jobs...) })
	if err = errors.Join(err, q.settled(ctx)); err != nil {
		return err
	}
	var dead []uint64 // as `eventnode dead list` shows them
	for letter, err := range q.consumers.DeadLetters(ctx, stream) {
		if err != nil {
			return err
		}
		fmt.Fprintf(q.out, "dead:     %s after %d deliveries: %s\n", letter.Event.Event.Data, letter.Deliveries, letter.Reason)
		dead = append(dead, letter.Number)
	}
	q.repaired.Store(true)
	n, err := q.consumers.ReplayDeadLetters(ctx, stream, dead...)
	if err != nil {
		return err
	}
	fmt.Fprintf(q.out, "replayed: %d\n", n)
	return q.settled(ctx)
}

// settled waits until each job is done, or is a dead letter.
func (q *queue) settled(ctx context.Context) error {
	for tick := time.Tick(50 * time.Millisecond); ; {
		info, err := q.consumers.Group(ctx, stream, group)
		if err != nil || info.Lag+info.Pending == 0 {
			return err
		}
		select {
		case <-tick:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
