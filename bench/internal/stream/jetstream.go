package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// jetStream uses nats.go's jetstream package with its defaults: asynchronous
// publishes with at most 4,000 of them without an ack, an ordered consumer.
type jetStream struct {
	nc *nats.Conn
	js jetstream.JetStream

	mu   sync.Mutex
	errs []error
}

func dialJetStream(addrs []string) (*jetStream, error) {
	s := &jetStream{}
	// Reconnecting without a pause and without an end is what a client that must go
	// on would ask for.
	nc, err := nats.Connect("nats://"+strings.Join(addrs, ",nats://"), nats.DontRandomize(),
		nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond), nats.RetryOnFailedConnect(true))
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", addrs, err)
	}
	s.nc = nc
	if s.js, err = jetstream.New(nc, jetstream.WithPublishAsyncErrHandler(s.note)); err != nil {
		nc.Close()
		return nil, err
	}
	return s, nil
}

// note keeps the first few asynchronous publishes that failed.
func (s *jetStream) note(_ jetstream.JetStream, _ *nats.Msg, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.errs) < 4 {
		s.errs = append(s.errs, err)
	}
}

func (s *jetStream) trouble() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.errs...)
}

func (s *jetStream) batcher(b Batches) batcher { return &asyncBatcher{s: s, wait: b.Wait} }

// publish publishes under an ID, by which the server knows an event again.
func (s *jetStream) publish(ctx context.Context, id string, data []byte) error {
	if id == "" {
		_, err := s.js.Publish(ctx, Name, data)
		return err
	}
	_, err := s.js.Publish(ctx, Name, data, jetstream.WithMsgID(id))
	return err
}

// pullEvents is how many events the server may be ahead of a reader. The default of
// 500 is for handlers that take their time.
const pullEvents = 4000

func (s *jetStream) read(ctx context.Context, last uint64, see func([]byte) bool) error {
	if last > 0 {
		return errOnlyAll
	}
	c, err := s.js.OrderedConsumer(ctx, Name, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return err
	}
	msgs, err := c.Messages(jetstream.PullMaxMessages(pullEvents))
	if err != nil {
		return err
	}
	defer msgs.Stop()
	defer context.AfterFunc(ctx, msgs.Stop)()
	for {
		m, err := msgs.Next()
		if err != nil {
			return err
		}
		if !see(m.Data()) {
			return nil
		}
	}
}

func (s *jetStream) close() { s.nc.Close() }

// asyncBatcher publishes asynchronously; the client's own window is how far ahead
// it may be.
type asyncBatcher struct {
	s    *jetStream
	wait bool
}

// add keeps a copy: the client holds on to it until the ack.
func (b *asyncBatcher) add(ctx context.Context, data []byte) error {
	data = slices.Clone(data)
	for {
		_, err := b.s.js.PublishAsync(Name, data)
		if !errors.Is(err, jetstream.ErrTooManyStalledMsgs) {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

func (b *asyncBatcher) flush(ctx context.Context) error {
	if b.wait {
		return b.finish(ctx)
	}
	return b.s.trouble()
}

func (b *asyncBatcher) finish(ctx context.Context) error {
	select {
	case <-b.s.js.PublishAsyncComplete():
		return b.s.trouble()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
