package durable

import (
	"context"
	"fmt"
	"time"

	"github.com/eventnode/eventnode/bench/internal/server"
	"github.com/eventnode/eventnode/bench/internal/stream"
	"github.com/eventnode/eventnode/bench/internal/suite"
)

// Metrics of many consumer groups.
var (
	manyRSS     = suite.Metric{Name: "groups_resident_bytes", Title: "resident memory of a node, the largest, all in place", Unit: "B"}
	manyAgain   = suite.Metric{Name: "groups_restarted_resident_bytes", Title: "the same after the restart", Unit: "B"}
	manyServing = suite.Metric{Name: "groups_start_seconds", Title: "from starting all nodes until a publish is acked and a consumer is handed an event", Unit: "s"}
	manyMaking  = suite.Metric{Name: "groups_made_per_second", Title: "making groups and handing out what is pending, one event at a time", Unit: "/s", Higher: true}
	manyDisk    = suite.Metric{Name: "groups_disk_bytes", Title: "on disk, of a node", Unit: "B"}
)

// shortGroups and shortPending are so few that they are made in a second.
const shortGroups, shortPending = 2000, 4000

// manyGroups makes many consumer groups with pending entries, starts all nodes again,
// and looks whether all of it is there.
func manyGroups(ctx context.Context, env *suite.Env) (out suite.Outcome, err error) {
	m := stream.Many{Groups: env.Groups, Pending: env.Pending / env.Groups}
	if env.Short {
		m = stream.Many{Groups: shortGroups, Pending: shortPending / shortGroups}
	}
	m.Progress = func(what string, done, all int) { fmt.Fprintf(env.Log, "%s: %d of %d\n", what, done, all) }
	b, err := open(ctx, env, suite.Eventnode)
	if err != nil {
		return out, err
	}
	defer b.close()
	const profiled = 30 // seconds, of what takes minutes
	profiles := b.cluster.Profile(ctx, env, profiled)
	began := time.Now()
	if err := m.Make(ctx, b.conn()); err != nil {
		return out, err
	}
	making := time.Since(began)
	if err := b.allThere(ctx, m); err != nil {
		return out, err
	}
	before, err := b.resident()
	if err != nil {
		return out, err
	}
	size, err := diskUsage(b.cluster.Data())
	if err != nil {
		return out, err
	}
	serving, err := b.restart(ctx, 0)
	if err != nil {
		return out, err
	}
	began = time.Now()
	if err := m.Serve(ctx, b.conn(), m.Groups-1); err != nil {
		return out, err
	}
	serving += time.Since(began)
	fmt.Fprintf(env.Log, "%d bytes resident, %v until all serve again\n", before, serving)
	if err := b.allThere(ctx, m); err != nil {
		return out, fmt.Errorf("after the restart: %w", err)
	}
	again, err := b.resident()
	if err != nil {
		return out, err
	}
	out.Note = fmt.Sprintf("%d consumer groups, %d pending entries", m.Groups, m.Groups*m.Pending)
	out.Values = map[string]float64{
		manyRSS.Name: float64(before), manyAgain.Name: float64(again), manyServing.Name: serving.Seconds(),
		manyMaking.Name: float64(m.Groups) / making.Seconds(), manyDisk.Name: float64(size) / server.Nodes,
	}
	return out, profiles()
}

// allThere fails unless all groups are there, with all that is pending.
func (b *bench) allThere(ctx context.Context, m stream.Many) error {
	groups, pending, err := m.Count(ctx, b.conn())
	if err == nil && (groups != m.Groups || pending != m.Groups*m.Pending) {
		err = fmt.Errorf("%d consumer groups with %d pending entries, and there were %d with %d", groups, pending, m.Groups, m.Groups*m.Pending)
	}
	return err
}
