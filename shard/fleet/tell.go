package fleet

import (
	"context"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/backoff"
)

// tellAgain is after how long what could not be told is told again.
const tellAgain = time.Second

// told is what others were told by this node: a member of a group for the node, and one for
// each of its shards.
type told struct {
	groups Groups
	scope  eventnode.Scope
	runner *post
	named  bool // the runner is in the source's group among all sources
	shards map[int]*post
}

// post is a member and its metadata, as last told.
type post struct {
	member eventnode.Member
	meta   string
}

// tell tells others what is here whenever that changes, until ctx ends; then that nothing
// is.
func (f *Fleet) tell(ctx context.Context) {
	t := &told{groups: f.cfg.Groups, scope: f.scope, shards: map[int]*post{}}
	defer t.close()
	for ctx.Err() == nil {
		if err := f.tellOnce(ctx, t); err != nil {
			if ctx.Err() == nil {
				f.cfg.Logger.WarnContext(ctx, "what runs here cannot be told now", "error", err)
			}
			backoff.Wait(ctx, tellAgain)
			f.changed()
		}
		select {
		case <-f.telling:
		case <-ctx.Done():
		}
	}
}

// tellOnce tells what has changed.
func (f *Fleet) tellOnce(ctx context.Context, t *told) (err error) {
	f.mu.Lock()
	runner := runnerMeta{Spec: f.cfg.Shards, Leaving: f.leaving}
	f.mu.Unlock()
	if t.runner, err = t.say(ctx, t.runner, groupRunners, encode(runner)); err != nil {
		return err
	}
	if err := t.name(ctx, f.cfg.Source); err != nil {
		return err
	}
	present, states := map[int]bool{}, map[State]int{}
	for _, w := range f.here() {
		meta := w.meta()
		present[meta.Shard] = true
		states[meta.State]++
		p, err := t.say(ctx, t.shards[meta.Shard], groupShards, encode(meta))
		if err != nil {
			return err
		}
		t.shards[meta.Shard] = p
	}
	for shard, p := range t.shards {
		if !present[shard] {
			_ = p.member.Close()
			delete(t.shards, shard)
		}
	}
	for _, s := range []State{StateWaiting, StateStarting, StateResuming, StateConnected, StateRestarting, StateStopping, StateFailed} {
		f.metrics.held.WithLabelValues(string(s)).Set(float64(states[s]))
	}
	return nil
}

// say has a member of a group have this metadata.
func (t *told) say(ctx context.Context, p *post, group, meta string) (*post, error) {
	if p != nil && p.meta == meta {
		return p, nil
	}
	if p != nil {
		if err := t.scope.SetMeta(ctx, group, p.member, meta); err != nil {
			return p, err
		}
		return &post{p.member, meta}, nil
	}
	m, err := t.groups.NewMember(ctx, 1)
	if err != nil {
		return nil, err
	}
	if _, err := t.scope.Join(ctx, group, []eventnode.Member{m}, eventnode.WithMeta(meta)); err != nil {
		_ = m.Close()
		return nil, err
	}
	return &post{m, meta}, nil
}

// name tells that there is a source of this name.
func (t *told) name(ctx context.Context, source string) error {
	if t.named {
		return nil
	}
	_, err := t.groups.Scope(scopeSources).Join(ctx, source, []eventnode.Member{t.runner.member})
	t.named = err == nil
	return err
}

// close takes all back.
func (t *told) close() {
	for _, p := range t.shards {
		_ = p.member.Close()
	}
	if t.runner != nil {
		_ = t.runner.member.Close()
	}
}
