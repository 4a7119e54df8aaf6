package table

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/eventnode/eventnode/bench/internal/pg"
	"github.com/eventnode/eventnode/bench/internal/proc"
	"github.com/eventnode/eventnode/bench/internal/suite"
)

// runTimeout bounds one run of one system.
const runTimeout = 5 * time.Minute

// cluster is nodes of one system.
type cluster interface {
	// Add starts one more node, which knows those that are there, and returns
	// it when it serves.
	Add(ctx context.Context) (*proc.Process, error)
	// Stop ends all processes.
	Stop()
}

var (
	_ cluster = (*pg.Cluster)(nil)
	_ cluster = (*embedded)(nil)
)

// system starts a cluster without nodes.
type system func(ctx context.Context, env *suite.Env) (cluster, error)

func startPG(ctx context.Context, env *suite.Env) (cluster, error) { return pg.Start(ctx, env) }

func startEventnode(_ context.Context, env *suite.Env) (cluster, error) {
	return &embedded{env: env}, nil
}

// embedded is nodes of eventnode, each embedded in a process of the bench
// binary.
type embedded struct {
	env   *suite.Env
	seed  string // the gossip address of the first node
	nodes []*proc.Process
}

// Add implements cluster.
func (e *embedded) Add(ctx context.Context) (*proc.Process, error) {
	id := fmt.Sprintf("n%d", len(e.nodes)+1)
	args := []string{"table-node", "-id", id}
	if e.seed != "" {
		args = append(args, "-seed", e.seed)
	}
	if e.env.Profile != "" {
		args = append(args, "-profile", filepath.Join(e.env.Profile, "table-"+id+".pprof"))
	}
	p, err := proc.Start(ctx, id, exec.Command(e.env.Self, args...), e.env.Log)
	if err != nil {
		return nil, err
	}
	e.nodes = append(e.nodes, p)
	var up ready
	if err := p.Receive(ctx, &up); err != nil {
		return nil, err
	}
	if e.seed == "" {
		e.seed = up.Gossip
	}
	return p, nil
}

// Stop implements cluster. It kills, unless profiles are to be written: to say
// goodbye takes time when all leave at once, and nobody stays to hear it.
func (e *embedded) Stop() {
	if e.env.Profile != "" {
		proc.StopAll(e.nodes...)
		return
	}
	for _, p := range e.nodes {
		p.Kill()
	}
}

// run runs a measurement on a cluster of so many nodes.
func run(ctx context.Context, env *suite.Env, start system, nodes int,
	measure func(context.Context, cluster, []*proc.Process) (map[string]float64, error),
) (suite.Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	c, err := start(ctx, env)
	if err != nil {
		return suite.Outcome{}, fmt.Errorf("start cluster: %w", err)
	}
	defer c.Stop()
	var ns []*proc.Process
	for range nodes {
		n, err := c.Add(ctx)
		if err != nil {
			return suite.Outcome{}, fmt.Errorf("start node: %w", err)
		}
		ns = append(ns, n)
	}
	values, err := measure(ctx, c, ns)
	return suite.Outcome{Values: values}, err
}

// ask asks for an answer to a command of words.
func ask[T any](ctx context.Context, n *proc.Process, format string, args ...any) (T, error) {
	var answer T
	command := fmt.Sprintf(format, args...)
	if err := n.Ask(ctx, command, &answer); err != nil {
		return answer, fmt.Errorf("%s: %w", command, err)
	}
	return answer, nil
}

// order gives a command whose answer says nothing.
func order(ctx context.Context, n *proc.Process, format string, args ...any) error {
	_, err := ask[struct{}](ctx, n, format, args...)
	return err
}

// verify reads a node's table, which must hold exactly this.
func verify(ctx context.Context, n *proc.Process, want held) error {
	got, err := ask[held](ctx, n, "count")
	if err == nil && got != want {
		err = fmt.Errorf("%s has %d memberships in %d groups, not %d in %d", n.Name(), got.Memberships, got.Groups, want.Memberships, want.Groups)
	}
	return err
}
