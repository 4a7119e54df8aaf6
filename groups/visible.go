package groups

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/eventnode/eventnode"
)

// waiter waits until others have applied a version of this node's part.
type waiter struct {
	scope   string
	version uint64
	done    chan struct{}
}

// checkWaiters ends those whose version is known everywhere.
func (g *Groups) checkWaiters() {
	if len(g.waiters) == 0 {
		return
	}
	audience := g.x.Audience()
	everywhere := map[string]uint64{} // the version that all have, by scope
	for w := range g.waiters {
		version, ok := everywhere[w.scope]
		if !ok {
			version = math.MaxUint64
			for _, ref := range audience {
				version = min(version, g.x.Seen(w.scope, ref))
			}
			everywhere[w.scope] = version
		}
		if version >= w.version {
			delete(g.waiters, w)
			close(w.done)
		}
	}
}

// knows says which live nodes have applied a waiter's version: this one, those
// with a link, and those that membership holds alive.
func (g *Groups) knows(w *waiter) (known, missing []eventnode.NodeID) {
	known = []eventnode.NodeID{g.cfg.Self.ID}
	for _, ref := range g.x.Audience() {
		if g.x.Seen(w.scope, ref) >= w.version {
			known = append(known, ref.ID)
		} else {
			missing = append(missing, ref.ID)
		}
	}
	return known, missing
}

// WaitVisible waits until every live node has applied what this node has
// changed in scope so far, at most timeout, and says who knows, this node
// first, and who does not.
func (g *Groups) WaitVisible(ctx context.Context, scope string, timeout time.Duration) (known, missing []eventnode.NodeID) {
	known, missing, _ = g.waitVisible(ctx, scope, timeout)
	return known, missing
}

func (g *Groups) waitVisible(ctx context.Context, scope string, timeout time.Duration) (known, missing []eventnode.NodeID, err error) {
	known = []eventnode.NodeID{g.cfg.Self.ID}
	if isLocal(scope) {
		return known, nil, nil
	}
	w := &waiter{scope: scope, done: make(chan struct{})}
	if err := g.do(ctx, func() {
		w.version = g.x.Version(scope)
		known, missing = g.knows(w)
		if len(missing) > 0 && timeout > 0 {
			g.waiters[w] = struct{}{}
		}
	}); err != nil || len(missing) == 0 || timeout <= 0 {
		return known, missing, err
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-w.done:
	case <-timer.C:
	case <-ctx.Done():
		err = ctx.Err()
	case <-g.done:
		return known, missing, eventnode.ErrClosed
	}
	if e := g.do(context.WithoutCancel(ctx), func() {
		known, missing = g.knows(w)
		delete(g.waiters, w)
	}); e != nil {
		return known, missing, e
	}
	return slices.Clip(known), missing, err
}
