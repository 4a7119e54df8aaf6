package replica

import (
	"fmt"

	"github.com/eventnode/eventnode"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/state"
)

// mayUse fails for a command of a level that the partition does not use yet: some
// replica may not know it, and would stop. The level never goes back, so what is
// allowed now is allowed when the command is applied.
func (s *session) mayUse(c *storagev1.Command) error {
	need := state.Needs(c)
	if need <= 1 {
		return nil
	}
	store, release := s.store.use()
	defer release()
	level, err := state.NewView(store, s.cfg.Partition).Level()
	if err == nil && need > level {
		err = fmt.Errorf("this needs level %d of the storage commands, and %d is used until all replicas are upgraded: %w", need, level, eventnode.ErrUnavailable)
	}
	return err
}

// checkLevel fails if the state that is open is of a newer program.
func (s *session) checkLevel() error {
	store, release := s.store.use()
	defer release()
	return state.NewView(store, s.cfg.Partition).CheckLevel()
}

// raised tells the owner that a level is used, before anything of it is applied.
func (f *fsm) raised(results []state.Result) error {
	for _, r := range results {
		if r.Level == 0 || f.s.cfg.OnLevel == nil {
			continue
		}
		if err := f.s.cfg.OnLevel(r.Level); err != nil {
			return fmt.Errorf("level %d of the storage commands: %w", r.Level, err)
		}
	}
	return nil
}
