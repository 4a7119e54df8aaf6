//go:build !next_version

package streams

import (
	"context"

	"github.com/eventnode/eventnode/streams/internal/replica"
)

// rehearse is for programs that are built to test upgrades.
func (s *Streams) rehearse(context.Context, *replica.Replica) {}
