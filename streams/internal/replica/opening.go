package replica

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"github.com/eventnode/eventnode/streams/internal/engine"
	"github.com/eventnode/eventnode/streams/internal/hclogslog"
	"github.com/eventnode/eventnode/streams/internal/raftlog"
	"github.com/eventnode/eventnode/streams/internal/raftnet"
	"github.com/eventnode/eventnode/streams/internal/snapshot"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// open opens the files and joins Raft. What was opened before an error is closed.
func (s *session) open() (err error) {
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if err := s.openFiles(); err != nil {
		return err
	}
	s.layer, err = s.cfg.Net.Open(raftnet.Identity{Cluster: s.cfg.Cluster, Partition: s.cfg.Partition, Replica: s.cfg.ID})
	if err != nil {
		return fmt.Errorf("open the connections: %w", err)
	}
	s.layer.Hold() // until enter
	s.transport = raftnet.NewTransport(s.layer, raftnet.TransportConfig{
		Timeout: s.cfg.WriteDeadline + time.Second, Await: s.log.Await, Logger: s.cfg.Logger,
	})
	return s.startRaft()
}

// openFiles opens the log and the state.
func (s *session) openFiles() (err error) {
	s.log, err = raftlog.Open(raftlog.Config{
		Dir: filepath.Join(s.cfg.Dir, "log"), WriteDeadline: s.cfg.WriteDeadline,
		Logger: s.cfg.Logger, Registerer: s.cfg.Registerer, FS: s.cfg.LogFS,
	})
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	if s.had, err = s.log.LastIndex(); err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	return s.openState()
}

// startRaft starts Raft, in a goroutine that stable may end.
func (s *session) startRaft() error {
	err := errors.New("it could not keep its term")
	log := aheadLog{Log: s.log, raft: new(atomic.Pointer[raft.Raft])}
	started := make(chan struct{})
	go func() {
		defer close(started)
		s.raft, err = raft.NewRaft(s.raftConfig(), s.fsm, log, stable{s.log, s.fail}, s.snapshots, s.transport)
	}()
	if <-started; err != nil {
		return fmt.Errorf("start raft: %w", errors.Join(err, s.failure()))
	}
	log.raft.Store(s.raft)
	return nil
}

// raftConfig is hashicorp/raft's. Snapshots are taken by housekeeping, by bytes:
// raft's own counters never reach their limits.
func (s *session) raftConfig() *raft.Config {
	c := raft.DefaultConfig()
	c.LocalID = raft.ServerID(s.cfg.ID.String())
	c.HeartbeatTimeout, c.ElectionTimeout = s.cfg.HeartbeatTimeout, s.cfg.HeartbeatTimeout
	c.LeaderLeaseTimeout = s.lease()
	c.CommitTimeout = min(c.CommitTimeout, s.cfg.HeartbeatTimeout/4)
	c.MaxAppendEntries = 16
	c.SnapshotThreshold, c.SnapshotInterval = 1<<62, time.Hour
	c.NoSnapshotRestoreOnStart = true
	c.ShutdownOnRemove = false
	c.NoLegacyTelemetry = true
	c.Logger = hclogslog.New(s.cfg.Logger, hclogslog.Config{Name: "raft"})
	return c
}

// openState opens the state, and sees that it and the log fit together.
func (s *session) openState() (err error) {
	s.snapshots, err = snapshot.Open(snapshot.Config{
		Dir: filepath.Join(s.cfg.Dir, "state"), Engine: s.store.now, FS: s.cfg.FS, Logger: s.cfg.Logger, Registerer: s.cfg.Registerer,
	})
	if err != nil {
		return fmt.Errorf("open the snapshots: %w", err)
	}
	store, err := s.cfg.OpenEngine(s.snapshots.State())
	if err != nil {
		return fmt.Errorf("open the state: %w", err)
	}
	s.store.set(store)
	if err := errors.Join(s.snapshots.Check(store), s.snapshots.Align(s.log), s.checkLevel()); err != nil {
		return fmt.Errorf("open the state: %w", err)
	}
	applied, chain := store.Applied()
	s.fsm = &fsm{s: s, machine: state.New(s.cfg.Partition)}
	s.chains.note(applied.Index, chain)
	s.clock.applied(stampOf(store, s.cfg.Partition), time.Now(), false)
	s.applied.advance(applied.Index)
	return nil
}

// install puts a received state in the place of this one.
func (s *session) install() error {
	err := s.snapshots.Install(func(dir string) error {
		return s.store.replace(func() (engine.Store, error) { return s.cfg.OpenEngine(dir) })
	})
	if err == nil {
		err = s.checkLevel()
	}
	if err != nil {
		return err
	}
	store, release := s.store.use()
	defer release()
	applied, chain := store.Applied()
	s.chains.note(applied.Index, chain)
	s.clock.applied(stampOf(store, s.cfg.Partition), time.Now(), true)
	s.applied.advance(applied.Index)
	return nil
}
