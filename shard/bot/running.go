package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/cache"
	"github.com/eventnode/eventnode/shard"
	"github.com/eventnode/eventnode/shard/fleet"
	"github.com/eventnode/eventnode/source"
)

// resume is what is kept of a shard, for the node that goes on with it.
type resume struct {
	At shard.Resume `json:"at"`
	// Last is the newest payload that became events.
	Last source.Origin `json:"last"`
	// Node is whose cache knows the shard's guilds.
	Node eventnode.NodeID `json:"node"`
}

// running is a shard on this node.
type running struct {
	b        *Bot
	id       fleet.ShardID
	shard    *shard.Shard
	pipeline *source.Pipeline
}

var _ fleet.Shard = (*running)(nil)

// permit is the cluster's limiter, to a shard.
type permit fleet.Permit

// Permit implements shard.Limiter.
func (p permit) Permit(ctx context.Context, _ int) error { return p(ctx) }

// open makes a shard that is to run here. It is fleet.Config.Open.
func (b *Bot) open(ctx context.Context, o fleet.Opening) (fleet.Shard, error) {
	var at resume
	if len(o.Resume) > 0 {
		if err := json.Unmarshal(o.Resume, &at); err != nil {
			return nil, fmt.Errorf("what was kept of shard %v does not decode: %w: %w", o.ID, fleet.ErrFatal, err)
		}
	}
	was := b.pastOf(o.ID)
	at = was.goOn(at, b.cfg.Fleet.Node.ID)
	cfg := b.cfg.Shard
	cfg.Shard, cfg.Shards, cfg.Resume, cfg.Identify = o.ID.Index, o.ID.Total, at.At, permit(o.Permit)
	cfg.Normalise = b.normalise
	r := &running{b: b, id: o.ID}
	var err error
	if r.shard, err = shard.New(cfg); err != nil {
		return nil, fmt.Errorf("%w: %w", fleet.ErrFatal, err)
	}
	if r.pipeline, err = source.New(source.Config{
		Source: r.shard, Cache: written{b.cache, was, b.cfg.Written}, Handlers: b.cfg.Handlers, Dispatcher: b.live, After: at.Last,
		Window: b.cfg.Window, Logger: cfg.Logger, Registerer: cfg.Registerer,
	}); err != nil {
		return nil, fmt.Errorf("%w: %w", fleet.ErrFatal, err)
	}
	b.here(o.ID)
	if at.At.Session != "" && at.Node != b.cfg.Fleet.Node.ID {
		was.forget()
		b.takeOver(ctx, at, o.ID)
	}
	if o.Unknown {
		b.unknown(ctx, o.ID)
	}
	return r, nil
}

// takeOver fetches what another node knows of a shard that comes from there.
func (b *Bot) takeOver(ctx context.Context, at resume, id fleet.ShardID) {
	ctx, cancel := context.WithTimeout(ctx, b.cfg.TakeOver)
	defer cancel()
	err := b.cache.Forget(ctx, id.Index, id.Total) // of when it was here before
	n := 0
	if err == nil {
		n, err = cache.Take(ctx, b.cfg.Store, remote{b: b, node: at.Node}.shardOf(ctx, id, at.At))
	}
	if err != nil {
		b.cfg.Shard.Logger.WarnContext(ctx, "not all that was cached of a shard came with it: old is null of some things", "shard", id.String(), "from", at.Node, "entries", n, "error", err)
	}
}

// unknown tells consumers that events may be missing which nobody can name.
func (b *Bot) unknown(ctx context.Context, id fleet.ShardID) {
	gap, _ := json.Marshal(shard.Gap{Why: shard.GapInvalidSession}) // it has nothing that could fail
	err := b.live.Dispatch(ctx, []source.Event{{
		Name: shard.GapName, Data: gap, Origin: source.Origin{Source: b.cfg.Shard.Name, Shard: id.Index, Shards: id.Total},
	}})
	if err != nil {
		b.cfg.Shard.Logger.WarnContext(ctx, "a gap was not told", "shard", id.String(), "error", err)
	}
}

// Run implements fleet.Shard.
func (r *running) Run(ctx context.Context) error {
	defer r.b.leave(r.id)
	err := r.pipeline.Run(ctx)
	r.b.pastOf(r.id).ended(r.at())
	if errors.Is(err, shard.ErrRefused) {
		return fmt.Errorf("%w: %w", fleet.ErrFatal, err)
	}
	return err
}

// Stop implements fleet.Shard.
func (r *running) Stop(ctx context.Context) { _, _ = r.shard.Stop(ctx) } // Progress has the one, and Run the other

// Progress implements fleet.Shard.
func (r *running) Progress() fleet.Progress {
	at := r.shard.Resume()
	p := fleet.Progress{State: fleet.StateStarting, Problem: r.shard.Trouble(), Session: at.Session, Seq: at.Seq}
	switch {
	case r.shard.Connected():
		p.State = fleet.StateConnected
	case at.Session != "":
		p.State = fleet.StateResuming
	}
	if at.Session != "" {
		p.Resume, _ = json.Marshal(resume{at, r.pipeline.Last(), r.b.cfg.Fleet.Node.ID}) // words and numbers
	}
	return p
}

// at is where the shard is.
func (r *running) at() resume {
	return resume{r.shard.Resume(), r.pipeline.Last(), r.b.cfg.Fleet.Node.ID}
}
