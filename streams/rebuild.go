package streams

import (
	"context"
	"fmt"
	"time"

	"github.com/eventnode/eventnode/streams/internal/identity"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// A copy that is damaged, has diverged, or lacks what it once had, is put aside and
// replaced: the node begins again with an empty directory and a new UUID, and gets
// everything from its peers. Nothing of the old one is guessed, and it never votes
// again. The leader removes its UUID, since the node's name has a new one.

// rebuildWait is how long a node looks for a leader before it gives up.
const rebuildWait = 15 * time.Second

// rebuild replaces the copy, which failed for a reason. It does so only while
// another replica leads: then a majority is there without this one.
func (s *Streams) rebuild(ctx context.Context, why error) error {
	s.cfg.Logger.Error("this copy is damaged and takes part no more", "dir", s.cfg.Dir, "replica", s.Replica(), "error", why)
	cluster := s.remembered().Founding.Cluster
	if err := s.elsewhere(ctx); err != nil {
		return fmt.Errorf("the copy in %s is damaged and cannot be rebuilt: %w. Start the other nodes first; "+
			"if they are lost, restore a backup into a new cluster", s.cfg.Dir, err)
	}
	if err := s.dir.Close(); err != nil {
		return err
	}
	for _, step := range replacing(s.cfg.Dir, cluster, s.clearFS) {
		if err := step(); err != nil {
			return fmt.Errorf("replace %s: %w", s.cfg.Dir, err)
		}
	}
	dir, err := identity.Open(identity.Config{Path: s.cfg.Dir, Format: state.Level})
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.dir, s.founded, s.replica = dir, joined(cluster), nil
	s.mu.Unlock()
	s.caught.Store(0)
	s.cfg.Logger.Warn("the copy is rebuilt from its peers", "dir", s.cfg.Dir, "replica", dir.UUID(), "damaged", s.cfg.Dir+asideSuffix)
	return nil
}

// clearFS removes the copy where it is not in the directory.
func (s *Streams) clearFS() error {
	if s.cfg.FS == nil {
		return nil
	}
	return s.cfg.FS.RemoveAll(partitionDir(s.cfg.Dir))
}
