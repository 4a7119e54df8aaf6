package streams

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/eventnode/eventnode/internal/apierr"
	"github.com/eventnode/eventnode/internal/portmux"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/streams/internal/consuming"
	"github.com/eventnode/eventnode/streams/internal/raftnet"
	"github.com/eventnode/eventnode/streams/internal/replica"
)

// replicas is a partition of three, on loopback and real disks, each with a service
// that knows of the leader what its replica does.
type replicas struct {
	*testCluster
	ids  []uuid.UUID
	all  []*replica.Replica
	stop []func() // each ends one of them, like a process that is told to
}

func newReplicas(t testing.TB) *replicas {
	t.Helper()
	r := &replicas{}
	cluster := uuid.New()
	listeners := map[uuid.UUID]net.Listener{}
	for range 3 {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		id := uuid.New()
		r.ids, listeners[id] = append(r.ids, id), listener
	}
	resolve := func(id uuid.UUID) (string, bool) {
		l, ok := listeners[id]
		return l.Addr().String(), ok
	}
	var partitions []partition
	var desks []*consuming.Desk
	for _, id := range r.ids {
		desk, err := consuming.New(consuming.Config{LeaseTTL: 2 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		desks = append(desks, desk)
		one, stop := startReplica(t, cluster, id, listeners[id], resolve, desk)
		t.Cleanup(stop)
		r.all, r.stop, partitions = append(r.all, one), append(r.stop, stop), append(partitions, one)
	}
	r.testCluster = newCluster(t, nil, partitions...)
	for i, n := range r.nodes {
		n.service.cfg.Leader = func() (Leader, bool) { return r.leaderAt(i) }
		n.service.cfg.Desk = desks[i]
	}
	eventually(t, "the first runs", func() bool { return r.all[0].Status().Running })
	if err := r.all[0].Form(r.ids); err != nil {
		t.Fatal(err)
	}
	return r
}

func startReplica(t testing.TB, cluster, id uuid.UUID, listener net.Listener, resolve func(uuid.UUID) (string, bool), desk *consuming.Desk) (*replica.Replica, func()) {
	t.Helper()
	mux := portmux.New(portmux.Config{})
	conns := mux.Register(raftnet.Protocol(), listener.Addr())
	server, err := raftnet.New(raftnet.Config{Cluster: "test", Resolve: resolve, Dial: func(ctx context.Context, address string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	}})
	if err != nil {
		t.Fatal(err)
	}
	one, err := replica.New(replica.Config{Dir: t.TempDir(), Cluster: cluster, Partition: 1, ID: id, Net: server,
		HeartbeatTimeout: 300 * time.Millisecond, MemoryBytes: 8 << 20, OnDecided: desk.Decided})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	network, unplug := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	ended.Go(func() { _ = mux.Run(network, listener) })
	ended.Go(func() { _ = server.Run(network, conns) })
	ended.Go(func() {
		if err := desk.Run(ctx, one); err != nil {
			t.Errorf("desk of %v: %v", id, err)
		}
	})
	ended.Go(func() {
		if err := one.Run(ctx); err != nil {
			t.Errorf("replica %v: %v", id, err)
		}
		unplug()
	})
	return one, func() {
		cancel()
		ended.Wait()
	}
}

// leaderAt is who leads as one of the nodes sees it.
func (r *replicas) leaderAt(i int) (Leader, bool) {
	if at := slices.Index(r.ids, r.all[i].Status().Leader); at >= 0 {
		return Leader{Node: nodeName(at), Address: "addr-" + string(nodeName(at))}, true
	}
	return Leader{}, false
}

// roles is the place of the leader, and of one that follows.
func (r *replicas) roles(t testing.TB) (leader, follower int) {
	t.Helper()
	eventually(t, "a leader", func() bool {
		leader = slices.IndexFunc(r.all, (*replica.Replica).Leads)
		return leader >= 0
	})
	for i := range r.all {
		if i != leader && r.all[i].Status().Running {
			follower = i
		}
	}
	return leader, follower
}

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

// isRetry reports whether a call may be made again.
func isRetry(reason string) bool { return reason == "UNAVAILABLE" || reason == "OUTCOME_UNKNOWN" }

// produce publishes batches 1 to last, as a producer that sends what was not
// answered again, through whichever node, in order.
func (r *replicas) produce(t testing.TB, node, last int, answered func(number int)) {
	producer := slices.Repeat([]byte{1}, 16)
	for number := 1; number <= last; {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		stream, err := r.nodes[node].api.PublishStream(ctx)
		if err != nil {
			cancel()
			t.Error(err)
			return
		}
		go func() {
			for i := number; i <= last; i++ {
				req := request("a", fmt.Sprint(i))
				req.Batches[0].Producer, req.Batches[0].Number = producer, uint64(i)
				if stream.Send(req) != nil {
					return
				}
			}
			_ = stream.CloseSend()
		}()
		for {
			resp, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				if told, ok := errors.AsType[*apierr.Error](apierr.FromStatus(err)); !ok || !isRetry(told.Reason) {
					t.Error(err)
				}
				break
			}
			if reason := resp.GetResults()[0].GetErrorReason(); reason != "" {
				if !isRetry(reason) {
					t.Error(resp)
				}
				break
			}
			answered(number)
			number++
		}
		cancel()
	}
}

// Through three replicas: any node answers, what was acked is there when the leader
// goes, and a producer that sends again has each event stand there once, in order.
func TestServiceOverReplicas(t *testing.T) {
	r := newReplicas(t)
	leader, follower := r.roles(t)
	for method, err := range r.nodes[follower].all(t.Context()) {
		if err != nil {
			t.Errorf("%s: %v", method, err)
		}
	}
	r.nodes[follower].declare(t, "a", nil)
	follow, err := r.nodes[leader].api.Read(t.Context(), &eventnodev1.ReadRequest{Stream: streamName("a"), Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	const batches = 400
	var stopping sync.WaitGroup
	r.produce(t, follower, batches, func(number int) {
		if number == batches/4 {
			stopping.Go(r.stop[leader])
		}
	})
	stopping.Wait()
	for err == nil {
		_, err = follow.Recv()
	}
	if told, ok := errors.AsType[*apierr.Error](apierr.FromStatus(err)); !ok || told.Reason != "UNAVAILABLE" {
		t.Errorf("the reader's end: %v", err)
	}
	now, _ := r.roles(t)
	names := r.nodes[now].names(t, &eventnodev1.ReadRequest{Stream: streamName("a")})
	if len(names) != batches || names[0] != "1" || names[batches-1] != fmt.Sprint(batches) || !slices.IsSortedFunc(names, numeric) {
		t.Errorf("%d events: %v", len(names), names)
	}
	// Without a majority every call says so, within a second or so of real time.
	r.stop[now]()
	for i := range r.all {
		if i != now && i != leader {
			eventually(t, "it knows", func() bool { return !r.all[i].Leads() && r.all[i].Status().Leader == uuid.Nil })
			begun := time.Now()
			for method, err := range r.nodes[i].all(t.Context()) {
				if told, ok := errors.AsType[*apierr.Error](apierr.FromStatus(err)); !ok || told.Reason != "UNAVAILABLE" {
					t.Errorf("%s: %v", method, err)
				}
			}
			if took := time.Since(begun); took > 8*time.Second {
				t.Errorf("8 calls took %v", took)
			}
		}
	}
}
