package load

import (
	"context"
	"fmt"

	"github.com/eventnode/eventnode/bench/internal/suite"
)

// conn is a connection to one node of a system, as its users would make it.
type conn interface {
	// publisher makes a publisher; its calls come from one goroutine.
	publisher(ctx context.Context) (publisher, error)
	// subscribe calls see with the data of each event, one at a time, in the
	// order in which they come. The data is valid during the call.
	subscribe(ctx context.Context, topic string, see func(data []byte)) error
	close()
	// trouble says what the system itself told of losses; nil if nothing.
	trouble() error
}

// publisher sends events in order. data may be used again after publish.
type publisher interface {
	publish(topic string, data []byte) error
	// flush returns when the node has taken all that was published.
	flush() error
}

// dial connects to a node of a system.
func dial(ctx context.Context, system suite.System, addr string) (conn, error) {
	switch system {
	case suite.Eventnode:
		return dialEventnode(ctx, addr)
	case suite.NATS:
		return dialNATS(addr)
	default:
		return nil, fmt.Errorf("no client for %q", system)
	}
}
