package groups

import (
	"context"
	"sync"

	"github.com/cespare/xxhash/v2"
	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

// fullPeers takes only as many messages as it was opened for.
type fullPeers struct {
	mu   sync.Mutex
	room int
	took [][]byte
}

func (f *fullPeers) open(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.room = n
}

func (f *fullPeers) all() [][]byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.took
}

func (f *fullPeers) SendExchange(_ eventnode.NodeRef, m []byte) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.room == 0 {
		return false
	}
	f.room--
	f.took = append(f.took, m)
	return true
}

func (*fullPeers) Deliver(context.Context, eventnode.NodeRef, *clusterv1.DeliverRequest) (*clusterv1.DeliverResponse, error) {
	return nil, eventnode.ErrUnavailable
}

// encoded is a message as it comes over a link.
func encoded(m *clusterv1.Exchange) [][]byte {
	b, err := proto.Marshal(m)
	if err != nil {
		panic(err)
	}
	return [][]byte{b}
}

func hashKey(key string) uint64 { return xxhash.Sum64String(key) }

func noEvent() event.Event { return event.Event{} }
