package node_test

import (
	"context"
	"crypto/rand"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/eventnode/eventnode/node"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

// lockTTL is far longer than a holder of the test needs, also on a busy machine.
const lockTTL = 5 * time.Second

// guarded is what a lock guards: it refuses tokens that are smaller than one it has
// seen.
type guarded struct {
	t      *testing.T
	inside atomic.Int32

	mu    sync.Mutex
	token uint64
	count int
}

// enter is the work under the lock.
func (g *guarded) enter(token uint64) {
	if n := g.inside.Add(1); n != 1 {
		g.t.Errorf("%d holders at once", n)
	}
	defer g.inside.Add(-1)
	g.mu.Lock()
	defer g.mu.Unlock()
	if token <= g.token {
		g.t.Errorf("token %d behind %d", token, g.token)
	}
	g.token = token
	g.count++
	time.Sleep(2 * time.Millisecond) // for others to be there at the same time, if they may
}

// One holder at a time has a lock, asked for at every node, while its leader is cut off;
// tokens grow all the time, and everybody has it in the end.
func TestLocksOutliveTheLeader(t *testing.T) {
	t.Parallel()
	nodes, nets := consumingNodes(t)
	g := &guarded{t: t}
	const workers, rounds = 6, 20
	var working sync.WaitGroup
	for i := range workers {
		working.Go(func() {
			for range rounds {
				withLock(t, nodes, i, g)
			}
		})
	}
	eventually(t, "some had it", func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.count > workers*rounds/4
	})
	for i, n := range nodes {
		if leads(t, n.Node) {
			nets[i].Cut()
			break
		}
	}
	working.Wait()
	if g.count != workers*rounds {
		t.Errorf("%d of %d had it", g.count, workers*rounds)
	}
}

// withLock has the lock once, however often it takes to ask for it. What is not released
// because nobody answers ends by itself.
func withLock(t *testing.T, nodes []*stoppable, first int, g *guarded) {
	holder := make([]byte, 16)
	_, _ = rand.Read(holder) // it never fails
	name := &eventnodev1.LockName{Name: "l"}
	for at := first; ; at++ {
		if t.Context().Err() != nil {
			return
		}
		api, done := locksOf(t, nodes[at%len(nodes)].Node)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		resp, err := api.ObtainLock(ctx, &eventnodev1.ObtainLockRequest{Lock: name, Holder: holder, Ttl: durationpb.New(lockTTL), Wait: durationpb.New(8 * time.Second)})
		if err != nil {
			cancel()
			done()
			time.Sleep(10 * time.Millisecond)
			continue
		}
		g.enter(resp.GetLock().GetToken())
		_, _ = api.ReleaseLock(ctx, &eventnodev1.ReleaseLockRequest{Lock: name, Token: resp.GetLock().GetToken()})
		cancel()
		done()
		return
	}
}

func locksOf(t *testing.T, n *node.Node) (eventnodev1.LockServiceClient, func()) {
	conn, err := grpc.NewClient("passthrough:///"+n.RPCAddress(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Error(err)
	}
	return eventnodev1.NewLockServiceClient(conn), func() { _ = conn.Close() }
}

// leads reports whether a node's replica leads.
func leads(t *testing.T, n *node.Node) bool {
	s, err := dial(t, n).StorageStatus(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s.Leader == n.Self().ID
}
