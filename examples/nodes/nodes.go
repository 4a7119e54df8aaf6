// Package nodes gives an example something to talk to: nodes in its own process, or those
// of a cluster that runs. Package httpservice shows how to embed a node; this is the same,
// several times.
package nodes

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/node"
)

// Main parses the flags of an example, with --connect among them, runs it until it ends or
// ctrl-C is pressed, and returns the exit code.
func Main(run func(ctx context.Context, out io.Writer, connect string) error) int {
	connect := flag.String("connect", "", "`HOST:PORT` of a node of a cluster that runs; without it nodes run in this process")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, *connect); err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, filepath.Base(os.Args[0])+":", err)
		return 1
	}
	return 0
}

// Node is a node that an example talks to.
type Node struct {
	// Address is where clients reach it.
	Address string
	// Stop ends it, if it runs in this process, and waits for that.
	Stop func()
}

// Live starts n nodes that keep nothing, or, if connect is not empty, none: then each of
// the n is that one. stop ends those that run.
func Live(ctx context.Context, connect string, n int) (list []Node, stop func(), err error) {
	return start(ctx, connect, n, "")
}

// Durable is Live with nodes that keep streams together, until stop removes them.
func Durable(ctx context.Context, connect string, n int) (list []Node, stop func(), err error) {
	if connect != "" {
		return start(ctx, connect, n, "")
	}
	dir, err := os.MkdirTemp("", "eventnode-example-")
	if err != nil {
		return nil, nil, err
	}
	list, end, err := start(ctx, connect, n, dir)
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, nil, err
	}
	return list, func() {
		end()
		_ = os.RemoveAll(dir)
	}, nil
}

// start starts n nodes with data in dir, if that is not empty.
func start(ctx context.Context, connect string, n int, dir string) (list []Node, stop func(), err error) {
	if connect != "" {
		return slices.Repeat([]Node{{Address: connect, Stop: func() {}}}, n), func() {}, nil
	}
	stop = func() {
		for _, one := range slices.Backward(list) {
			one.Stop()
		}
	}
	var seeds []string
	for i := range n {
		cfg := node.Config{
			ID: eventnode.NodeID(fmt.Sprint("n", i+1)), Seeds: seeds,
			GossipAddress: "127.0.0.1:0", RPCAddress: "127.0.0.1:0", // ports that are free
		}
		if dir != "" {
			cfg.DataDir = filepath.Join(dir, string(cfg.ID))
			cfg.Storage.BootstrapExpect = n
		}
		one, end, err := run(ctx, cfg)
		if err != nil {
			stop()
			return nil, nil, err
		}
		list = append(list, Node{Address: one.RPCAddress(), Stop: end})
		seeds = []string{one.GossipAddress()}
	}
	return list, stop, nil
}

// run runs one node. It outlives ctx: who uses it ends first.
func run(ctx context.Context, cfg node.Config) (n *node.Node, stop func(), err error) {
	n, err = node.New(cfg)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	var why error // set before ended is closed
	go func() {
		defer close(ended)
		why = n.Run(ctx)
	}()
	stop = func() {
		cancel()
		<-ended
	}
	select {
	case <-n.Ready():
		return n, stop, nil
	case <-ended:
		cancel()
		return nil, nil, fmt.Errorf("node %s: %w", cfg.ID, why)
	}
}
