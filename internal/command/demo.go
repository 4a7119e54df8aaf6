package command

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/source"
)

// `eventnode dev --demo` shows the whole way of an event:
//
//	this process ──► n1: chat service, gateway ══► n2, n3, ...: shards of a bot, caches
//	what happens                                        │
//	in two guilds    this process: a consumer at n1 ◄───┘ with old and new
//
// The nodes are processes, all arrows are sockets, and each node may be killed.

// demoYAML is what its directory has besides.
//
//go:embed dev_demo.yaml
var demoYAML []byte

const (
	demoSource = "demo"
	demoShards = 2
	// demoIntents are those of guilds, members, messages and what they say.
	demoIntents = 1<<0 | 1<<1 | 1<<9 | 1<<15
	// demoEvery is how often something happens.
	demoEvery = 500 * time.Millisecond
	// demoLookEvery is how often it is asked where the shards are.
	demoLookEvery = time.Second
	// demoAgain is after how long what has failed is tried again.
	demoAgain = time.Second
	// demoToken is that of the bot, in dev's token file.
	demoToken = "robot"
)

// demoTokenFile makes the file with the bot's token.
func demoTokenFile(dir string) (string, error) {
	name := filepath.Join(dir, "robot.txt")
	return name, os.WriteFile(name, []byte(demoToken+"\n"), 0o600)
}

// demo runs the demonstration on nodes that are ready, until ctx ends.
func (a *app) demo(ctx context.Context, nodes []devNode) {
	gateway, runners, all := nodes[0].RPC, []string(nil), []string(nil)
	for _, n := range nodes {
		all = append(all, n.RPC)
		if n.Source != "" {
			runners = append(runners, n.RPC)
		}
	}
	a.devLoad(ctx, []string{gateway}, demoYAML, true)
	connected := make(chan struct{}) // closed when all shards have been
	var parts sync.WaitGroup
	parts.Go(func() {
		select {
		case <-connected:
			a.demoAgain(ctx, []string{gateway}, sendTraffic(newTraffic(demoSeed)))
		case <-ctx.Done():
		}
	})
	parts.Go(func() { a.demoAgain(ctx, all, a.demoConsume) })
	parts.Go(func() { a.demoAgain(ctx, runners, a.demoLook(sync.OnceFunc(func() { close(connected) }))) })
	parts.Wait()
}

// demoAgain connects and does a part, again after what fails: nodes may be killed and started
// meanwhile.
func (a *app) demoAgain(ctx context.Context, addrs []string, part func(context.Context, cluster) error) {
	tick := time.NewTicker(demoAgain)
	defer tick.Stop()
	for ctx.Err() == nil {
		c, err := a.dial(ctx, addrs, "eventnode dev --demo")
		if err == nil {
			_ = part(ctx, c) // what fails comes again
			_ = c.Close()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// sendTraffic has things happen.
func sendTraffic(t *traffic) func(context.Context, cluster) error {
	return func(ctx context.Context, c cluster) error {
		tick := time.NewTicker(demoEvery)
		defer tick.Stop()
		for {
			h := t.next()
			if _, err := c.Chat().Dispatch(ctx, h.topic, h.name, h.data); err != nil {
				return err
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return nil
			}
		}
	}
}

// demoConsume prints what the source says.
func (a *app) demoConsume(ctx context.Context, c cluster) error {
	g, err := source.NewConsumerGroup(c, demoSource)
	if err != nil {
		return err
	}
	consumer, err := g.NewConsumer(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = consumer.Close() }()
	if err := g.Join(ctx, consumer); err != nil {
		return err
	}
	for got, err := range consumer.All(ctx) {
		if err != nil {
			return err
		}
		if err := a.printHappened(got); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) printHappened(got source.Received) error {
	if got.Gap != nil {
		return a.printObject(demoGapJSON{toGapJSON(got.Gap)}, func(w io.Writer) {
			fmt.Fprintf(w, "--- events that %s had may be missing here: %s\n", got.Gap.Node, got.Gap.Reason)
		})
	}
	e := demoEvent(got)
	return a.printObject(e, func(w io.Writer) { fmt.Fprintln(w, e) })
}

// demoLook says where the shards are whenever that changes, and calls a function when all are
// connected.
func (a *app) demoLook(connected func()) func(context.Context, cluster) error {
	last := ""
	return func(ctx context.Context, c cluster) error {
		tick := time.NewTicker(demoLookEvery)
		defer tick.Stop()
		for {
			shards, err := a.demoShards(ctx, c)
			if err != nil {
				return err
			}
			if text := demoWhere(shards); text != last {
				last = text
				if err := a.printWhere(text, shards); err != nil {
					return err
				}
			}
			if !slices.ContainsFunc(shards, func(s eventnode.ShardStatus) bool { return s.State != "connected" }) {
				connected()
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return nil
			}
		}
	}
}

// printWhere prints where shards are, in words or as JSON.
func (a *app) printWhere(text string, shards []eventnode.ShardStatus) error {
	line := demoShardsJSON{}
	for _, s := range shards {
		line.Shards = append(line.Shards, toShardJSON(demoSource, s))
	}
	return a.printObject(line, func(w io.Writer) { fmt.Fprintln(w, text) })
}

func (a *app) demoShards(ctx context.Context, c cluster) ([]eventnode.ShardStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return c.Sources().Shards(ctx, demoSource)
}

// writeDemoNext says what to type in a demonstration.
func writeDemoNext(w io.Writer, nodes []devNode) {
	one, last := nodes[1], nodes[len(nodes)-1]
	fmt.Fprintf(w, `
the gateway is at %s; the other nodes run the shards of a bot. Each line below is an event
with what was before and what is now; next, in another terminal:
  eventnode shards list %s --addr %s
  eventnode shards move %s 0 --to %s --addr %s
  eventnode shards stop %s 1 --addr %s
  eventnode shards start %s 1 --addr %s
  eventnode subscribe topic:source.%s --count 5 --json --addr %s
  eventnode groups members %s --scope %s --addr %s
  eventnode chat dispatch channel:33554433 MESSAGE_CREATE '{"id":"7","channel_id":"33554433","guild_id":"33554432","content":"hello"}' --addr %s
  eventnode dev kill %s
  eventnode dev start %s

ctrl-C stops all

`, nodes[0].Name, demoSource, one.RPC, demoSource, last.Name, one.RPC, demoSource, one.RPC, demoSource, one.RPC,
		demoSource, last.RPC, demoSource, source.GroupScope, one.RPC, nodes[0].RPC, last.Name, last.Name)
}
