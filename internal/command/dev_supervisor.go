package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"
)

const (
	// devStopTimeout bounds the nodes' goodbye before they are killed.
	devStopTimeout = 10 * time.Second
	// devPollEvery is how often a starting node is asked how it is.
	devPollEvery = 100 * time.Millisecond
)

// supervisor runs the processes of a dev cluster. One goroutine, that of run,
// starts and ends them and owns all fields; others only send to it:
//
//	one a child    waits for its end, then sends it to ends
//	control        accepts requests and sends them to requests
//	one a request  waits for the outcome and answers
type supervisor struct {
	a         *app
	dir       string
	keep      bool
	nodes     []devNode
	children  map[string]*child
	ends      chan *child
	requests  chan devCall
	quit      chan struct{} // closed when run no longer receives
	waiting   sync.WaitGroup
	announced bool
	then      func(ctx context.Context) // called when it is ready; returns when ctx ends
}

// devCall is a request under way.
type devCall struct {
	devRequest
	reply chan devReply // buffered: run never waits for it
}

// devReply is what run says to a request at once.
type devReply struct {
	child *child
	nodes int // how many should live after it
	err   error
}

func newSupervisor(a *app, nodes []devNode, dir string, keep bool) *supervisor {
	return &supervisor{
		a: a, nodes: nodes, dir: dir, keep: keep,
		children: make(map[string]*child),
		ends:     make(chan *child),
		requests: make(chan devCall),
		quit:     make(chan struct{}),
	}
}

// run starts the nodes, calls announce when they know each other, and keeps
// them until ctx ends. It returns when all have ended.
func (s *supervisor) run(ctx context.Context, announce func([]devNode) error) error {
	runtime.LockOSThread() // see startChild
	defer runtime.UnlockOSThread()
	ctx, cancel := context.WithCancel(ctx)
	defer s.waiting.Wait()
	defer close(s.quit)
	defer s.stopAll()
	defer cancel()

	control, err := s.listen(ctx)
	if err != nil {
		return err
	}
	defer control.close()
	for _, n := range s.nodes {
		if _, err := s.start(n); err != nil {
			return err
		}
	}
	ready := make(chan error, 1)
	nodes := s.running()
	s.waiting.Go(func() { ready <- s.a.devReady(ctx, nodes, len(nodes)) })
	for {
		select {
		case <-ctx.Done():
			return nil
		case c := <-s.ends:
			if err := s.childEnded(c); err != nil {
				return err
			}
		case call := <-s.requests:
			call.reply <- s.handle(call.devRequest)
		case err := <-ready:
			if ctx.Err() != nil {
				return nil
			}
			if err == nil {
				err = announce(nodes)
			}
			if err != nil {
				return err
			}
			s.announced = true
			s.waiting.Go(func() { s.then(ctx) })
		}
	}
}

// start starts a node.
func (s *supervisor) start(n devNode) (*child, error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var seeds []string
	for _, n := range s.nodes {
		seeds = append(seeds, n.Gossip)
	}
	c, err := startChild(executable, n, seeds)
	if err != nil {
		return nil, err
	}
	s.children[n.Name] = c
	s.waiting.Go(func() {
		c.wait()
		select {
		case s.ends <- c:
		case <-s.quit:
		}
	})
	return c, nil
}

// childEnded tells of an end that nobody asked for; before the cluster was
// ready it is an error.
func (s *supervisor) childEnded(c *child) error {
	switch {
	case c.asked:
		return nil
	case !s.announced:
		return errors.New(c.why())
	}
	s.a.notice(map[string]any{"ended": c.node.Name, "error": c.why()}, "%s\nstart it again with: eventnode dev start %s", c.why(), c.node.Name)
	return nil
}

// running lists the nodes with their processes.
func (s *supervisor) running() []devNode {
	var list []devNode
	for _, n := range s.nodes {
		if c := s.children[n.Name]; c != nil && !c.ended() {
			list = append(list, c.node)
		}
	}
	return list
}

// handle does what a request asks for, as far as that is done at once.
func (s *supervisor) handle(r devRequest) devReply {
	c := s.children[r.Node]
	if c == nil {
		return devReply{err: fmt.Errorf("there is no node %q: they are called n1 to n%d", r.Node, len(s.nodes))}
	}
	switch alive := !c.ended(); {
	case r.Op == "kill" && !alive:
		return devReply{err: fmt.Errorf("%s does not run: start it with `eventnode dev start %s`", r.Node, r.Node)}
	case r.Op == "kill":
		c.kill()
		s.a.notice(map[string]any{"killed": r.Node}, "%s was killed", r.Node)
		return devReply{child: c}
	case r.Op == "start" && alive:
		return devReply{err: fmt.Errorf("%s runs already", r.Node)}
	case r.Op == "start":
		started, err := s.start(c.node)
		if err == nil {
			s.a.notice(map[string]any{"started": r.Node}, "%s was started", r.Node)
		}
		return devReply{child: started, nodes: len(s.running()), err: err}
	}
	return devReply{err: fmt.Errorf("unknown request %q: is this program of the same version?", r.Op)}
}

// stopAll ends all nodes: politely, then not.
func (s *supervisor) stopAll() {
	for _, c := range s.children {
		c.stop()
	}
	late := time.NewTimer(devStopTimeout)
	defer late.Stop()
	for _, c := range s.children {
		select {
		case <-c.done:
		case <-late.C:
			for _, c := range s.children {
				c.kill()
			}
		}
		<-c.done
	}
}

// devReady waits until each of nodes is healthy and knows count nodes.
func (a *app) devReady(ctx context.Context, nodes []devNode, count int) error {
	ctx, cancel := context.WithTimeout(ctx, devReadyTimeout)
	defer cancel()
	tick := time.NewTicker(devPollEvery)
	defer tick.Stop()
	for _, n := range nodes {
		for problem := a.devProblem(ctx, n, count); problem != ""; problem = a.devProblem(ctx, n, count) {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return fmt.Errorf("%s is not ready: %s (log: %s)", n.Name, problem, n.Log)
			}
		}
	}
	return nil
}

// devProblem asks a node how it is and says what is wrong, if anything.
func (a *app) devProblem(ctx context.Context, n devNode, count int) string {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	c, err := a.dial(ctx, []string{n.RPC}, "eventnode dev")
	if err != nil {
		return err.Error()
	}
	defer func() { _ = c.Close() }()
	status, err := c.Status(ctx)
	switch {
	case err != nil:
		return err.Error()
	case status.Nodes < count:
		return fmt.Sprintf("it knows %d of %s", status.Nodes, plural(count, "node"))
	case !status.Healthy:
		return fmt.Sprintf("it is not healthy: %v", status.Problems)
	}
	return ""
}
