//go:build next_version

package streams

import (
	"context"

	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	"github.com/eventnode/eventnode/streams/internal/replica"
)

// rehearse proposes the one command of a level that only programs built to test
// upgrades know, and says what became of it.
func (s *Streams) rehearse(ctx context.Context, r *replica.Replica) {
	err := s.propose(ctx, r, &storagev1.Command{Command: &storagev1.Command_Rehearse{Rehearse: &storagev1.Rehearse{}}})
	if err != nil {
		s.cfg.Logger.Info("a command of the next level was refused", "error", err)
		return
	}
	s.cfg.Logger.Info("a command of the next level was applied")
}
