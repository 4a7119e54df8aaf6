package replica

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/portmux"
	"github.com/eventnode/eventnode/internal/wire"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/raftnet"
	"github.com/eventnode/eventnode/streams/internal/state"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is machines with a replica each, on loopback and real disks.
type world struct {
	t       testing.TB
	cluster uuid.UUID
	logger  *slog.Logger
	tune    func(*Config)

	mu    sync.Mutex
	at    map[uuid.UUID]string
	nodes []*machine
}

// machine is a node with a replica, which can be stopped and started.
type machine struct {
	w    *world
	id   uuid.UUID
	dir  string
	life *life // nil: it is down
}

// life is one run of a machine.
type life struct {
	*Replica
	stop context.CancelFunc
	// unplug closes the port; connections stay.
	unplug context.CancelFunc
	ended  sync.WaitGroup
	err    error // of Replica.Run, valid after ended
}

func newWorld(t testing.TB, n int) *world {
	w := &world{t: t, cluster: uuid.New(), at: map[uuid.UUID]string{}, logger: slog.New(slog.DiscardHandler)}
	if os.Getenv("REPLICA_LOG") != "" {
		w.logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	for range n {
		w.nodes = append(w.nodes, &machine{w: w, id: uuid.New(), dir: t.TempDir()})
	}
	t.Cleanup(func() {
		for _, m := range w.nodes {
			m.stop()
		}
	})
	return w
}

// formed is a world whose machines run one partition.
func formed(t testing.TB, n int, tune func(*Config)) *world {
	t.Helper()
	w := newWorld(t, n)
	w.tune = tune
	var ids []uuid.UUID
	for _, m := range w.nodes {
		m.start()
		ids = append(ids, m.id)
	}
	w.eventually("running", func() bool { return w.nodes[0].life.Status().Running })
	if err := w.nodes[0].life.Form(ids); err != nil {
		t.Fatal(err)
	}
	w.leader()
	return w
}

func (w *world) resolve(id uuid.UUID) (string, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	address, ok := w.at[id]
	return address, ok
}

// start starts a machine that is down, at a new address.
func (m *machine) start() {
	w := m.w
	w.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	w.at[m.id] = listener.Addr().String()
	w.mu.Unlock()
	mux := portmux.New(portmux.Config{})
	conns := mux.Register(raftnet.Protocol(), listener.Addr())
	server, err := raftnet.New(raftnet.Config{Cluster: "test", Secret: []byte("secret"), Resolve: w.resolve, Logger: w.logger,
		Dial: func(ctx context.Context, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		}})
	if err != nil {
		w.t.Fatal(err)
	}
	cfg := Config{Dir: m.dir, Cluster: w.cluster, Partition: 1, ID: m.id, Net: server, Logger: w.logger.With("replica", m.id.String()[:4]),
		HeartbeatTimeout: 300 * time.Millisecond, MemoryBytes: 8 << 20}
	if w.tune != nil {
		w.tune(&cfg)
	}
	r, err := New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	network, unplug := context.WithCancel(context.Background())
	l := &life{Replica: r, stop: cancel, unplug: unplug}
	l.ended.Go(func() { _ = mux.Run(network, listener) })
	l.ended.Go(func() { _ = server.Run(network, conns) })
	l.ended.Go(func() {
		l.err = r.Run(ctx)
		unplug()
	})
	m.life = l
}

// stop stops a machine that runs.
func (m *machine) stop() {
	if m.life == nil {
		return
	}
	m.life.stop()
	m.life.ended.Wait()
	if err := m.life.err; err != nil {
		m.w.t.Errorf("machine %v: %v", m.id, err)
	}
	m.life = nil
}

// answers reports whether somebody takes connections at the machine's address.
func (m *machine) answers() bool {
	address, _ := m.w.resolve(m.id)
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// leader is the machine that leads, and is ready to.
func (w *world) leader() (leader *machine) {
	w.t.Helper()
	w.eventually("a leader", func() bool {
		for _, m := range w.nodes {
			if m.life != nil && m.life.Status().Leads {
				leader = m
				return true
			}
		}
		return false
	})
	return leader
}

// eventually waits until something holds, at most half a minute.
func (w *world) eventually(what string, holds func() bool) {
	w.t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("not within 30 s: %s", what)
		}
	}
}

// do proposes to whoever leads until it has a result. On a busy machine a leader may
// be lost before it has answered: what is published has a number, and is appended once.
func (w *world) do(p *Proposal) state.Result {
	w.t.Helper()
	if p.Publish != nil && p.Publish.Producer == nil {
		id := uuid.New()
		p.Publish.Producer = &storagev1.ProducerBatch{Producer: id[:], Number: 1}
	}
	for end := time.Now().Add(30 * time.Second); ; {
		r, err := w.leader().life.Propose(w.t.Context(), p)
		switch {
		case err == nil && r.Err == nil:
			return r
		case !errors.Is(err, ErrNotLeader) && !errors.Is(err, eventnode.ErrOutcomeUnknown), time.Now().After(end):
			w.t.Fatalf("%v, %v", err, r.Err)
		}
	}
}

// declare makes a stream and returns its number.
func (w *world) declare(name string) uint64 {
	w.t.Helper()
	w.do(&Proposal{Command: &storagev1.Command{Command: &storagev1.Command_DeclareStream{
		DeclareStream: &storagev1.DeclareStream{Name: &storagev1.StreamName{Name: name}}}}})
	v, done, err := w.leader().life.Read(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	defer done()
	s, err := v.Stream(state.Name{Name: name})
	if err != nil {
		w.t.Fatal(err)
	}
	return s.Row.GetId()
}

// publish is a proposal to publish events with these names.
func publish(stream uint64, size int, names ...string) *Proposal {
	var records []byte
	for _, name := range names {
		ev := event.New(name, make([]byte, size))
		records = wire.AppendEnvelope(records, nil, &ev)
	}
	return &Proposal{Events: [][]byte{records}, Publish: &storagev1.Publish{
		Stream: stream, Count: uint32(len(names)), Checksum: state.Checksum(records)}}
}

// names reads the names of a stream's events on a machine, as it has them.
func (m *machine) names(stream uint64) (names []string) {
	m.w.t.Helper()
	v, done, err := m.life.Look()
	if err != nil {
		m.w.t.Fatal(err)
	}
	defer done()
	for s, err := range v.Read(stream, 0, state.NoLimit) {
		if err != nil {
			m.w.t.Fatal(err)
		}
		for b := s.Records; len(b) > 0; {
			r, _, err := wire.NextRecord(b)
			if err != nil {
				m.w.t.Fatal(err)
			}
			ev, err := wire.DecodeEvent(r.Event)
			if err != nil {
				m.w.t.Fatal(err)
			}
			names = append(names, ev.Name)
			b = b[len(r.Raw):]
		}
	}
	return names
}
