package streamsdk

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// echo is a Backend that does nothing but answer, each request after a delay: what a
// disk would take. One request is under way at a time.
type echo struct {
	Backend
	delay            time.Duration
	requests, events atomic.Int64
}

type echoPipe struct {
	*echo
	ctx     context.Context
	cancel  context.CancelFunc
	answers chan *eventnodev1.PublishStreamResponse
}

func (e *echo) Pipe(ctx context.Context, _ string) (Pipe, error) {
	p := &echoPipe{echo: e, answers: make(chan *eventnodev1.PublishStreamResponse, requestsInFlight)}
	p.ctx, p.cancel = context.WithCancel(ctx)
	return p, nil
}

func (p *echoPipe) Send(request *[]byte) error {
	var m eventnodev1.PublishStreamRequest
	if err := proto.Unmarshal(*request, &m); err != nil {
		return err
	}
	r := &eventnodev1.PublishStreamResponse{}
	p.requests.Add(1)
	for _, b := range m.GetBatches() {
		n := len(b.GetEnvelopes())
		p.events.Add(int64(n))
		r.Results = append(r.Results, &eventnodev1.PublishResult{First: &eventnodev1.Position{Ms: 1}, Appended: uint32(n)})
	}
	p.answers <- r
	return nil
}

func (p *echoPipe) Recv() (*eventnodev1.PublishStreamResponse, error) {
	select {
	case r := <-p.answers:
		if p.delay > 0 {
			time.Sleep(p.delay)
		}
		return r, nil
	case <-p.ctx.Done():
		return nil, p.ctx.Err()
	}
}

func (p *echoPipe) Close() { p.cancel() }

func benchStreams(b *testing.B, delay time.Duration) (*Streams, *echo) {
	e := &echo{delay: delay}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	b.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return New(Config{Backend: e, Context: ctx, Start: func(f func()) error {
		wg.Go(f)
		return nil
	}}), e
}

// BenchmarkPublish is callers that publish one event at a time to one stream, where
// an answer takes as long as a fast disk's fsync. The more events a request has, the
// better.
func BenchmarkPublish(b *testing.B) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s, e := benchStreams(b, 500*time.Microsecond)
			data := make([]byte, 128)
			b.ReportAllocs()
			var left atomic.Int64
			left.Store(int64(b.N))
			var wg sync.WaitGroup
			b.ResetTimer()
			for range callers {
				wg.Go(func() {
					for left.Add(-1) >= 0 {
						if _, err := s.Publish(context.Background(), "a", event.New("n", data)); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(e.events.Load())/float64(e.requests.Load()), "events/request")
		})
	}
}

// BenchmarkFlush is one caller that buffers and flushes.
func BenchmarkFlush(b *testing.B) {
	for _, n := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("events=%d", n), func(b *testing.B) {
			s, _ := benchStreams(b, 0)
			f := s.NewFlusher()
			data := make([]byte, 128)
			b.ReportAllocs()
			for b.Loop() {
				for range n {
					if err := f.PublishEvent("a", event.New("n", data)); err != nil {
						b.Fatal(err)
					}
				}
				if _, err := f.Flush(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/event")
		})
	}
}

// BenchmarkPage decodes a response of 1,000 events.
func BenchmarkPage(b *testing.B) {
	const n = 1000
	c := newCall("a", eventnode.PublishOptions{})
	for range n {
		ev := event.New("n", make([]byte, 128))
		c.add(&ev)
	}
	head, err := proto.Marshal(&eventnodev1.ReadResponse{Slices: []*eventnodev1.Slice{{First: &eventnodev1.Position{Ms: 1}, Count: n, Number: 1}}})
	if err != nil {
		b.Fatal(err)
	}
	msg := append(head, c.records...)
	b.ReportAllocs()
	b.SetBytes(int64(len(msg)))
	for b.Loop() {
		p, err := parsePage(msg)
		if err != nil {
			b.Fatal(err)
		}
		for range p.events("a") {
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/event")
}
