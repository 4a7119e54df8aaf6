package cluster_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/test/cluster"
)

// sealed is an event of random data that ends with its checksum.
func sealed(r *rand.Rand) event.Event {
	n := r.IntN(200)
	switch r.IntN(10) {
	case 0:
		n = r.IntN(80 << 10)
	case 1, 2:
		n = r.IntN(5 << 10)
	}
	data := make([]byte, n, n+4)
	for i := range data {
		data[i] = byte(r.Uint32())
	}
	return event.New("sealed", binary.BigEndian.AppendUint32(data, crc32.ChecksumIEEE(data)))
}

// broken says why an event is not what was dispatched.
func broken(e *event.Event) error {
	n := len(e.Data) - 4
	if n < 0 || e.Name != "sealed" || binary.BigEndian.Uint32(e.Data[n:]) != crc32.ChecksumIEEE(e.Data[:n]) {
		return fmt.Errorf("event %s %q with %d bytes is damaged", e.ID, e.Name, len(e.Data))
	}
	return nil
}

// keeper receives events and keeps them all.
type keeper struct {
	name string
	mu   sync.Mutex
	kept []event.Event
}

func (k *keeper) run(ctx context.Context, t *testing.T, sub eventnode.Subscription, pause func() time.Duration) {
	for {
		d, err := sub.Receive(ctx)
		if err != nil {
			return
		}
		if d.Gap != nil {
			continue
		}
		if err := broken(&d.Event); err != nil {
			t.Errorf("%s: on receipt: %v", k.name, err)
		}
		k.mu.Lock()
		k.kept = append(k.kept, d.Event)
		k.mu.Unlock()
		time.Sleep(pause()) // virtual time
	}
}

// Memory is shared between queues, links and streams and used again afterwards;
// no event is damaged by that, whatever its size, whoever drops or blocks, also
// if its receiver keeps it for ever.
func TestSharedMemoryDamagesNoEvent(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	events := 400
	if testing.Short() {
		events = 120
	}
	synctest.Test(t, func(t *testing.T) {
		c := cluster.Start(t, cluster.Config{})
		ctx, stop := context.WithCancel(t.Context())
		var keepers []*keeper
		var receiving sync.WaitGroup
		for i, name := range []string{"n1", "n2", "n3"} {
			for k, live := range []eventnode.Live{c.Node(name).Live(), c.Node(name).Client()} {
				for p, policy := range []eventnode.Policy{eventnode.PolicyDropOldest, eventnode.PolicyDropNewest, eventnode.PolicyBlock} {
					sub, err := live.Subscribe(ctx, []string{"topic:x", fmt.Sprintf("topic:%d", p)}, eventnode.WithPolicy(policy), eventnode.WithQueue(50, 64<<10), eventnode.WithMaxBlock(time.Minute))
					fatal(t, err)
					kp := &keeper{name: fmt.Sprintf("%s, %v, client %v", name, policy, k == 1)}
					keepers = append(keepers, kp)
					r := rand.New(rand.NewPCG(seed, uint64(100*i+10*k+p)))
					receiving.Go(func() {
						kp.run(ctx, t, sub, func() time.Duration { return time.Duration(r.IntN(3)) * time.Millisecond })
					})
				}
			}
		}
		var dispatching sync.WaitGroup
		for i, live := range []eventnode.Live{c.Node("n1").Client(), c.Node("n1").Client(), c.Node("n1").Live(), c.Node("n2").Client()} {
			r := rand.New(rand.NewPCG(seed, uint64(1000+i)))
			p, err := live.NewPublisher(ctx)
			fatal(t, err)
			dispatching.Go(func() {
				for range events {
					topics := []string{"topic:x"}
					if n := r.IntN(6); n < 3 {
						topics = append(topics, fmt.Sprintf("topic:%d", n))
					}
					if _, err := p.DispatchMany(ctx, topics, sealed(r)); err != nil {
						t.Error(err)
						return
					}
					if r.IntN(8) == 0 {
						time.Sleep(time.Duration(r.IntN(20)) * time.Millisecond)
					}
				}
				if err := p.Flush(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		dispatching.Wait()
		time.Sleep(10 * time.Second)
		stop()
		receiving.Wait()
		for _, k := range keepers {
			if len(k.kept) == 0 {
				t.Errorf("%s received nothing", k.name)
			}
			for i := range k.kept {
				if err := broken(&k.kept[i]); err != nil {
					t.Errorf("%s: kept: %v", k.name, err)
				}
			}
		}
	})
}
