package raftnet

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/raft"
	"go.uber.org/goleak"

	"github.com/eventnode/eventnode/internal/portmux"
	"github.com/eventnode/eventnode/streams/internal/hclogslog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is what nodes share: where replicas are, and how to reach an address.
type world struct {
	t       *testing.T
	cluster uuid.UUID
	listen  func(host string) net.Listener
	dial    func(host string) DialFunc
	mux     portmux.Config
	tune    func(*Config)
	unsafe  bool // switch the check of targets off

	mu sync.Mutex
	at map[uuid.UUID]string
}

func (w *world) resolve(id uuid.UUID) (string, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	address, ok := w.at[id]
	return address, ok
}

func (w *world) moved(id uuid.UUID, address string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at[id] = address
}

// lose makes a replica one that nobody has heard of.
func (w *world) lose(id uuid.UUID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.at, id)
}

// disk is what outlives a process.
type disk struct {
	id        uuid.UUID
	logs      *raft.InmemStore
	snapshots *raft.InmemSnapshotStore
}

func newDisk() *disk {
	return &disk{id: uuid.New(), logs: raft.NewInmemStore(), snapshots: raft.NewInmemSnapshotStore()}
}

// process is one life of a node with one replica.
type process struct {
	w      *world
	host   string
	disk   *disk
	server *Server
	layer  *Layer
	raft   *raft.Raft
	fsm    *state
	stop   context.CancelFunc
	ended  chan error
}

// start runs a node on a host: the port, the server, one layer, no Raft yet.
func (w *world) start(host string, d *disk) *process {
	w.t.Helper()
	cfg := Config{Cluster: "test", Secret: []byte("secret"), Resolve: w.resolve, Dial: w.dial(host)}
	if w.tune != nil {
		w.tune(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	s.checkTarget = s.checkTarget && !w.unsafe
	p := &process{w: w, host: host, disk: d, server: s, fsm: &state{}, ended: make(chan error, 2)}
	l := w.listen(host)
	m := portmux.New(w.mux)
	m.Register(portmux.HTTP2(), l.Addr())
	conns := m.Register(Protocol(), l.Addr())
	ctx, cancel := context.WithCancel(context.Background())
	p.stop = cancel
	go func() { p.ended <- m.Run(ctx, l) }()
	go func() { p.ended <- s.Run(ctx, conns) }()
	p.layer, err = s.Open(Identity{Cluster: w.cluster, Partition: 1, Replica: d.id})
	if err != nil {
		w.t.Fatal(err)
	}
	w.moved(d.id, l.Addr().String())
	return p
}

// startRaft adds the replica.
func (p *process) startRaft(timeout time.Duration) *process {
	p.w.t.Helper()
	cfg := raft.DefaultConfig()
	cfg.LocalID = raft.ServerID(p.disk.id.String())
	cfg.HeartbeatTimeout, cfg.ElectionTimeout, cfg.LeaderLeaseTimeout = timeout, timeout, timeout/2
	cfg.Logger = hclogslog.New(slog.New(slog.DiscardHandler), hclogslog.Config{})
	cfg.TrailingLogs = 1 // who is behind after a snapshot needs it
	transport := NewTransport(p.layer, TransportConfig{})
	r, err := raft.NewRaft(cfg, p.fsm, p.disk.logs, p.disk.logs, p.disk.snapshots, transport)
	if err != nil {
		p.w.t.Fatal(err)
	}
	p.raft = r
	return p
}

// end stops the process.
func (p *process) end() {
	p.w.t.Helper()
	if p.raft != nil {
		if err := p.raft.Shutdown().Error(); err != nil {
			p.w.t.Error(err)
		}
	}
	_ = p.layer.Close()
	p.stop()
	for range 2 {
		if err := <-p.ended; err != nil && !errors.Is(err, net.ErrClosed) {
			p.w.t.Error(err)
		}
	}
}

// state is the state of a test's replica: what was applied.
type state struct {
	mu   sync.Mutex
	seen []string
}

func (l *state) Apply(e *raft.Log) any {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen = append(l.seen, string(e.Data))
	return nil
}

func (l *state) has(s string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Contains(l.seen, s)
}

func (l *state) Snapshot() (raft.FSMSnapshot, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return copied(strings.Join(l.seen, "\n")), nil
}

func (l *state) Restore(r io.ReadCloser) error {
	b, err := io.ReadAll(r)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen = strings.Split(string(b), "\n")
	return errors.Join(err, r.Close())
}

// copied is a snapshot of a state.
type copied string

func (c copied) Persist(to raft.SnapshotSink) error {
	_, err := io.WriteString(to, string(c))
	return errors.Join(err, to.Close())
}

func (copied) Release() {}

// three starts and bootstraps three replicas on hosts 1 to 3.
func (w *world) three(timeout time.Duration) []*process {
	w.t.Helper()
	var all []*process
	var servers []raft.Server
	for i := range 3 {
		p := w.start("10.0.0."+strconv.Itoa(i+1), newDisk())
		all = append(all, p)
		id := p.disk.id.String()
		servers = append(servers, raft.Server{ID: raft.ServerID(id), Address: raft.ServerAddress(id)})
	}
	for _, p := range all {
		p.startRaft(timeout)
	}
	if err := all[0].raft.BootstrapCluster(raft.Configuration{Servers: servers}).Error(); err != nil {
		w.t.Fatal(err)
	}
	return all
}

// until polls, in the bubble's time or in real time.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not in 30 s: %s", what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// leader waits until one of all leads and the others follow it.
func leader(t *testing.T, all ...*process) (lead *process, others []*process) {
	t.Helper()
	until(t, "a leader that all follow", func() bool {
		lead, others = nil, nil
		for _, p := range all {
			if p.raft.State() == raft.Leader {
				lead = p
			} else {
				others = append(others, p)
			}
		}
		if lead == nil || len(others) != len(all)-1 {
			return false
		}
		for _, p := range all {
			if _, id := p.raft.LeaderWithID(); string(id) != lead.disk.id.String() {
				return false
			}
		}
		return true
	})
	return lead, others
}

func (p *process) apply(t *testing.T, what string) {
	t.Helper()
	if err := p.raft.Apply([]byte(what), 5*time.Second).Error(); err != nil {
		t.Fatalf("apply %s: %v", what, err)
	}
}

// applyAny applies on whoever leads: in real time that may change.
func applyAny(t *testing.T, what string, all ...*process) {
	t.Helper()
	until(t, what+" applied", func() bool {
		lead, _ := leader(t, all...)
		return lead.raft.Apply([]byte(what), 5*time.Second).Error() == nil
	})
}

func everywhere(t *testing.T, what string, all ...*process) {
	t.Helper()
	for _, p := range all {
		until(t, what+" on "+p.host, func() bool { return p.fsm.has(what) })
	}
}
