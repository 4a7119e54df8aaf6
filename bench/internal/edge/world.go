package edge

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/eventnode/eventnode/bench/internal/proc"
	"github.com/eventnode/eventnode/bench/internal/suite"
	"github.com/eventnode/eventnode/gateway/gatewaytest"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

const (
	// runTimeout bounds one run of one system.
	runTimeout = 10 * time.Minute
	// again is how long is waited before something is tried again.
	again = 100 * time.Millisecond
)

// world is what a run has started.
type world struct {
	env   *suite.Env
	dir   string
	nodes []*proc.Process
	ready []nodeReady
	procs []*proc.Process // all
	api   eventnodev1.ChatServiceClient
	conn  *grpc.ClientConn
	sent  uint64 // the number of the newest event
}

// in makes a world, and runs something in it.
func in(ctx context.Context, env *suite.Env, do func(context.Context, *world) (suite.Outcome, error)) (out suite.Outcome, err error) {
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	w := &world{env: env}
	if w.dir, err = os.MkdirTemp(env.Dir, "edge-"); err != nil {
		return out, err
	}
	defer w.stop()
	return do(ctx, w)
}

func (w *world) stop() {
	if w.conn != nil {
		_ = w.conn.Close()
	}
	for _, p := range slices.Backward(w.procs) { // clients first: they would complain
		p.Kill() // what they would do at their end is not measured
	}
	_ = os.RemoveAll(w.dir)
}

// start starts a process of a role.
func (w *world) start(ctx context.Context, role, name string, cfg, ready any) (*proc.Process, error) {
	p, err := proc.Start(ctx, name, exec.Command(w.env.Self, "edge", role), w.env.Log)
	if err != nil {
		return nil, err
	}
	w.procs = append(w.procs, p)
	if err := p.Send(cfg); err != nil {
		return nil, err
	}
	return p, p.Receive(ctx, ready)
}

// cluster starts so many nodes, and gives them a directory.
func (w *world) cluster(ctx context.Context, nodes, users, usersInGuild int) error {
	var seeds []string
	for i := range nodes {
		name := fmt.Sprintf("n%d", i+1)
		var r nodeReady
		p, err := w.start(ctx, "node", name, nodeConfig{ID: name, Dir: filepath.Join(w.dir, name), Seeds: seeds, Nodes: nodes}, &r)
		if err != nil {
			return err
		}
		w.nodes, w.ready = append(w.nodes, p), append(w.ready, r)
		seeds = []string{w.ready[0].Gossip}
	}
	var err error
	if w.conn, err = grpc.NewClient(w.ready[0].RPC, grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
		return err
	}
	w.api = eventnodev1.NewChatServiceClient(w.conn)
	for some := range slices.Chunk(people(users, usersInGuild), changesAtOnce) {
		if err := w.change(ctx, some); err != nil {
			return err
		}
	}
	for _, r := range w.ready {
		if err := answers(ctx, r.Gateway); err != nil {
			return err
		}
	}
	return nil
}

// answers waits until a gateway takes clients.
func answers(ctx context.Context, address string) error {
	return try(ctx, func() error {
		c, err := gatewaytest.Dial(ctx, address)
		if err == nil {
			c.Cut()
		}
		return err
	})
}

// try does something until it succeeds, or ctx ends.
func try(ctx context.Context, f func() error) error {
	for {
		err := f()
		if err == nil {
			return nil
		}
		if pause(ctx, again) != nil {
			return err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	over := time.NewTimer(d)
	defer over.Stop()
	select {
	case <-over.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// clients starts a process of clients, and has some be there.
func (w *world) clients(ctx context.Context, cfg clientsConfig, open ...openOrder) (*proc.Process, error) {
	p, err := w.start(ctx, "clients", fmt.Sprintf("clients-%d", len(w.procs)), cfg, nil)
	if err != nil {
		return nil, err
	}
	for _, o := range open {
		if _, err := ask[span](ctx, p, clientsOrder{Open: &o}); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// ask gives an order and takes the answer.
func ask[T any](ctx context.Context, p *proc.Process, order any) (answer T, err error) {
	err = p.Ask(ctx, order, &answer)
	return answer, err
}

// dispatch sends the next event to so many sessions, from node 1.
func (w *world) dispatch(ctx context.Context, sessions int) error {
	w.sent++
	resp, err := w.api.Dispatch(ctx, &eventnodev1.ChatServiceDispatchRequest{
		Topics: []string{fmt.Sprintf("channel:%d", channel(0, 0))}, Type: eventType, Data: eventData(w.sent),
	})
	if err == nil && (resp.GetReached() != uint64(sessions) || len(resp.GetMissing()) > 0) {
		err = fmt.Errorf("event %d reached %d of %d sessions, and not the nodes %v", w.sent, resp.GetReached(), sessions, resp.GetMissing())
	}
	return err
}

// profile writes CPU profiles of nodes while something runs, if they are asked for.
func (w *world) profile(ctx context.Context, name string, f func() error) error {
	if w.env.Profile == "" {
		return f()
	}
	for i, n := range w.nodes {
		file := filepath.Join(w.env.Profile, fmt.Sprintf("edge-%s-n%d.pprof", name, i+1))
		if _, err := ask[nothing](ctx, n, nodeOrder{CPU: file}); err != nil {
			return err
		}
	}
	errs := []error{f()}
	for _, n := range w.nodes {
		_, err := ask[nothing](ctx, n, nodeOrder{Done: true})
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// cpu is what processes have used so far.
func cpu(ps []*proc.Process) (sum time.Duration, err error) {
	for _, p := range ps {
		used, err := p.CPU()
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}
