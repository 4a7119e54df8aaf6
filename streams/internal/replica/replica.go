package replica

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/raft"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/backoff"
	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/raftlog"
	"github.com/eventnode/eventnode/streams/internal/snapshot"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// Replica is one copy of a partition.
type Replica struct {
	cfg    Config
	clock  clock
	others atomic.Pointer[Others]

	mu      sync.Mutex
	now     *session // nil: it does not run
	opening bool     // the files are being opened
	lives   uint64   // how often they were
	why     error    // the last session ended; nil: none has, or there is another
}

// New returns a replica, which Run brings to life.
func New(cfg Config) (*Replica, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &Replica{cfg: cfg, clock: clock{wall: cfg.WallClock}}
	r.others.Store(&Others{})
	return r, nil
}

// handOver bounds how long a stopping leader looks for another one.
const handOver = 2 * time.Second

// Run takes part until ctx ends, which is no error, or until the replica cannot
// go on by itself: an fsync that failed (raftlog.ErrFsync: end the process), damage
// (raftlog.ErrDamaged, snapshot.ErrDamaged, engine.ErrDamaged: replace the copy), or an entry of a newer
// version (state.ErrEntry). After a write that failed otherwise, or came late, it
// opens the files again.
func (r *Replica) Run(ctx context.Context) error {
	for failures := 0; ; failures++ {
		started := time.Now()
		err := r.session(ctx, failures > 0)
		r.ended(err)
		switch {
		case ctx.Err() != nil:
			return nil
		case isFinal(err):
			return err
		case time.Since(started) > time.Minute:
			failures = 0
		}
		r.cfg.Logger.Error("the replica stopped, and is opened again", "error", err)
		select {
		case <-time.After(backoff.Backoff{}.Next(failures, rand.Float64())):
		case <-ctx.Done():
			return nil
		}
	}
}

// isFinal reports whether opening again cannot help.
func isFinal(err error) bool {
	for _, target := range []error{
		raftlog.ErrFsync, engine.ErrFormat, snapshot.ErrFormat, state.ErrEntry, errHangs,
	} {
		if errors.Is(err, target) {
			return true
		}
	}
	return IsDamage(err)
}

// IsDamage reports whether an error says that this copy is not what it was, or not
// all of it. It must not vote, and is to be replaced by one of its peers'.
func IsDamage(err error) bool {
	return errors.Is(err, raftlog.ErrDamaged) || errors.Is(err, raftlog.ErrBehindFloor) ||
		errors.Is(err, engine.ErrDamaged) || errors.Is(err, snapshot.ErrDamaged)
}

// Report tells the replica of an error that somebody met who looked at its state:
// damage ends it.
func (r *Replica) Report(err error) {
	if s, stopped := r.present(); stopped == nil && IsDamage(err) {
		s.fail(fmt.Errorf("state: %w", err))
	}
}

// ChainAt is the hash over the state at an entry, if it is one of the last thousand
// that were applied since the files were opened.
func (r *Replica) ChainAt(index uint64) (engine.Chain, bool) {
	s, err := r.present()
	if err != nil {
		return 0, false
	}
	return s.chains.at(index)
}

// Hear tells the replica how the other voters are.
func (r *Replica) Hear(o Others) { r.others.Store(&o) }

// Observe tells the replica a peer's time; warm says that the peer has it of a
// leader, or continued it as one.
func (r *Replica) Observe(stampMS int64, warm bool) { r.clock.observe(stampMS, warm, time.Now()) }

// session opens the replica and returns when its part is over.
func (r *Replica) session(ctx context.Context, again bool) error {
	s := &session{
		cfg: r.cfg, clock: &r.clock, others: &r.others, started: time.Now(), store: new(held), applied: newProgress(),
		over: make(chan struct{}), silent: make(chan struct{}), health: health{low: r.cfg.MinFreeBytes},
	}
	if again {
		s.health.ail("its files had to be opened again", s.started)
	}
	r.begun()
	if err := s.open(); err != nil {
		return err
	}
	s.start()
	r.set(s)
	select {
	case <-ctx.Done():
		bounded, cancel := context.WithTimeout(context.Background(), handOver)
		s.stop(bounded)
		cancel()
	case <-s.over:
	}
	r.set(nil)
	return errors.Join(s.err, s.end(ctx))
}

func (r *Replica) set(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = s
	if s != nil {
		r.opening, r.why = false, nil
		r.lives++
	}
}

// Life counts how often the files were opened, which a replica does again after a
// write that failed; 0: they are not open.
func (r *Replica) Life() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now == nil {
		return 0
	}
	return r.lives
}

// session is the present one, or errStopped.
func (r *Replica) present() (*session, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now == nil {
		return nil, errStopped
	}
	return r.now, nil
}

// Running reports whether the replica's files are open.
func (r *Replica) Running() bool {
	_, err := r.present()
	return err == nil
}

// Read returns the state with everything that was acked before the call, and what
// to call when done with it. Only the leader can: else it is ErrNotLeader.
func (r *Replica) Read(ctx context.Context) (state.View, func(), error) {
	s, err := r.present()
	if err == nil {
		err = s.reads.confirm(ctx)
	}
	if err != nil {
		return state.View{}, nil, err
	}
	return s.view()
}

// Look returns the state as this replica has it, which may be old.
func (r *Replica) Look() (state.View, func(), error) {
	s, err := r.present()
	if err != nil {
		return state.View{}, nil, err
	}
	return s.view()
}

// Applied returns the last entry that changed the state here, and what is closed
// when there is another.
func (r *Replica) Applied() (uint64, <-chan struct{}, error) {
	s, err := r.present()
	if err != nil {
		return 0, nil, err
	}
	at, next := s.applied.look()
	return at, next, nil
}

// Form makes these replicas the voters of a new partition. Nothing happens if this
// one has ever been part of one.
func (r *Replica) Form(voters []uuid.UUID) error {
	s, err := r.present()
	if err != nil {
		return err
	}
	var c raft.Configuration
	for _, id := range voters {
		c.Servers = append(c.Servers, voter(id))
	}
	if err := s.raft.BootstrapCluster(c).Error(); err != nil && !errors.Is(err, raft.ErrCantBootstrap) {
		return fmt.Errorf("form the partition: %w", err)
	}
	return nil
}

// voter is a replica as Raft knows it: its UUID is its address, too.
func voter(id uuid.UUID) raft.Server {
	return raft.Server{Suffrage: raft.Voter, ID: raft.ServerID(id.String()), Address: raft.ServerAddress(id.String())}
}

// Change is a step in who takes part.
type Change uint8

// The steps.
const (
	AddNonvoter Change = iota // takes entries, has no vote
	AddVoter
	Demote // from voter to non-voter
	Remove
)

// Change makes one step for a replica. Only the leader can. It returns when the
// majority has it.
func (r *Replica) Change(ctx context.Context, id uuid.UUID, step Change) error {
	s, err := r.present()
	if err != nil {
		return err
	}
	timeout := s.cfg.WriteDeadline
	if d, ok := ctx.Deadline(); ok {
		timeout = time.Until(d)
	}
	peer := voter(id)
	var f raft.IndexFuture
	switch step {
	case AddNonvoter:
		f = s.raft.AddNonvoter(peer.ID, peer.Address, 0, timeout)
	case AddVoter:
		f = s.raft.AddVoter(peer.ID, peer.Address, 0, timeout)
	case Demote:
		f = s.raft.DemoteVoter(peer.ID, 0, timeout)
	case Remove:
		f = s.raft.RemoveServer(peer.ID, 0, timeout)
	default:
		return fmt.Errorf("unknown change %d: %w", step, eventnode.ErrInvalidArgument)
	}
	if err := f.Error(); err != nil {
		return s.outcome(err)
	}
	return nil
}

// HandOver makes another replica lead: any one that has everything.
func (r *Replica) HandOver() error {
	s, err := r.present()
	if err != nil {
		return err
	}
	if err := s.handOver(); err != nil {
		return s.outcome(err)
	}
	return nil
}

// Leader is the replica that leads, as far as this one knows; uuid.Nil if none does.
func (r *Replica) Leader() uuid.UUID {
	s, err := r.present()
	if err != nil {
		return uuid.Nil
	}
	_, id := s.raft.LeaderWithID()
	leader, _ := uuid.Parse(string(id)) // "" if there is none
	return leader
}
