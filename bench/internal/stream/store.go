package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/eventnode/eventnode/bench/internal/suite"
)

// Name is the stream, of every system.
const Name = "bench"

// store is the stream of a system through a connection that its users would make.
type store interface {
	// batcher makes a publisher of batches; its calls come from one goroutine.
	batcher(b Batches) batcher
	// publish publishes one event and returns when it is acked. It may be called
	// concurrently. id is the same when an event is published again.
	publish(ctx context.Context, id string, data []byte) error
	// read calls see with the data of each event in their order, the last ones if
	// last is not 0, and goes on with what is published later until see returns
	// false. The data is valid during the call.
	read(ctx context.Context, last uint64, see func(data []byte) (more bool)) error
	close()
}

// batcher publishes in order. Data may be used again after add.
type batcher interface {
	add(ctx context.Context, data []byte) error
	// flush sends what was added. As far as the publisher may be ahead of its acks
	// it does not wait for them.
	flush(ctx context.Context) error
	// finish waits for all acks.
	finish(ctx context.Context) error
}

// Batches is how a publisher puts events together.
type Batches struct {
	// Size is events in a batch.
	Size int `json:"size"`
	// Wait says that each batch is waited for before the next one is begun. Else the
	// publisher is ahead of its acks as its system's users would be.
	Wait bool `json:"wait,omitempty"`
	// Many asks for eventnode's PublishMany in place of its flusher.
	Many bool `json:"many,omitempty"`
	// Keys has eventnode's flusher give each event a key, one of so many;
	// 0: none.
	Keys uint64 `json:"keys,omitempty"`
}

// errOnlyAll says that only eventnode's stream is read in parts.
var errOnlyAll = errors.New("a stream of this system is read from its beginning only")

// dial connects to a system.
func dial(ctx context.Context, system suite.System, addrs []string) (store, error) {
	switch system {
	case suite.Eventnode:
		return dialEventnode(ctx, addrs)
	case suite.JetStreamR3, suite.JetStreamR3Sync, suite.JetStreamR1:
		return dialJetStream(addrs)
	case suite.RedisEverysec, suite.RedisAlways:
		return dialRedis(addrs[0]), nil
	default:
		return nil, fmt.Errorf("no streams of %q", system)
	}
}

// ahead sends one batch while the next one is filled.
type ahead struct {
	wait    bool
	sending bool
	sent    chan error // has room for one
}

func newAhead(b Batches) ahead { return ahead{wait: b.Wait, sent: make(chan error, 1)} }

// send waits for the batch before and sends this one.
func (a *ahead) send(batch func() error) error {
	if a.wait {
		return batch()
	}
	if err := a.finish(); err != nil {
		return err
	}
	a.sending = true
	go func() { a.sent <- batch() }()
	return nil
}

// finish waits for the last batch.
func (a *ahead) finish() error {
	if !a.sending {
		return nil
	}
	a.sending = false
	return <-a.sent
}
