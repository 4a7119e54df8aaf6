package intake

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/eventnode/eventnode/cache"
	"github.com/eventnode/eventnode/discord"
	"github.com/eventnode/eventnode/node"
	"github.com/eventnode/eventnode/shard"
	"github.com/eventnode/eventnode/source"
)

// dial connects, as net.Dialer does.
type dial func(ctx context.Context, network, address string) (net.Conn, error)

// dispatched takes in with a node of its own, which dispatches to consumers on all nodes:
// there are none.
func dispatched(ctx context.Context, m *meter, url string, dial dial) (err error) {
	n, err := node.New(node.Config{ID: "n1", GossipAddress: "127.0.0.1:0", RPCAddress: "127.0.0.1:0"})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- n.Run(running) }()
	defer func() {
		stop()
		err = errors.Join(err, <-ended)
	}()
	select {
	case <-n.Ready():
	case err := <-ended:
		ended <- nil
		return fmt.Errorf("the node ended: %w", err)
	}
	live, err := source.NewLive(n, botName)
	if err != nil {
		return err
	}
	err = pipeline(ctx, m, url, dial, live)
	return errors.Join(err, live.Close(ctx))
}

// handled takes in for the handlers of one process.
func handled(ctx context.Context, m *meter, url string, dial dial) error {
	return pipeline(ctx, m, url, dial, nobody{})
}

const botName = "bot"

// pipeline takes in as package bot does: a shard, a cache, a handler, a dispatcher.
func pipeline(ctx context.Context, m *meter, url string, dial dial, to source.Dispatcher) error {
	cfg := shard.Config{
		Name: botName, Token: "Bot secret", Gateway: url, Dial: dial, Intents: 1<<16 - 1, NoMembers: true, Compress: "none",
		Normalise: func(_ string, data []byte) ([]byte, error) { return discord.Normalise(data) },
	}
	if m.rec.Zlib {
		cfg.Compress = "zlib-payload"
	}
	s, err := shard.New(cfg)
	if err != nil {
		return err
	}
	store, err := cache.NewMemory(cache.MemoryConfig{})
	if err != nil {
		return err
	}
	known, err := cache.New(cache.Config{Store: store})
	if err != nil {
		return err
	}
	handlers, err := source.NewHandlers(source.HandlersConfig{Mode: source.Sequential})
	if err != nil {
		return err
	}
	seen := &counted{to: to, meter: m}
	if err := handlers.Default(seen.handle); err != nil {
		return err
	}
	p, err := source.New(source.Config{Source: s, Cache: known, Handlers: handlers, Dispatcher: seen})
	if err != nil {
		return err
	}
	if err := seen.run(ctx, p); err != nil {
		return err
	}
	return check(ctx, m.rec.Known, known)
}

// counted is a dispatcher, and a handler, that tell the meter.
type counted struct {
	to      source.Dispatcher
	meter   *meter
	handled uint64
}

// handle is the handler.
func (c *counted) handle(_ context.Context, e source.Event) error {
	c.handled = e.Origin.Seq
	return nil
}

// Dispatch implements source.Dispatcher.
func (c *counted) Dispatch(ctx context.Context, events []source.Event) error {
	err := c.to.Dispatch(ctx, events)
	seq := events[0].Origin.Seq
	switch {
	case err != nil:
		c.meter.fail(err)
	case c.handled != seq:
		c.meter.fail(fmt.Errorf("event %d was dispatched and not handled", seq))
	}
	c.meter.see(seq)
	return err
}

// run runs a pipeline until the meter has seen all.
func (c *counted) run(ctx context.Context, p *source.Pipeline) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	select {
	case <-c.meter.completed:
		stop()
		return errors.Join(c.meter.failure, <-ended)
	case err := <-ended:
		return errors.Join(errors.New("the pipeline ended early"), err, context.Cause(ctx))
	}
}

// check says whether the cache knows what was said last.
func check(ctx context.Context, want expected, known *cache.Cache) error {
	member, err := known.Member(ctx, discord.Snowflake(want.Guild), discord.Snowflake(want.User))
	if err != nil {
		return err
	}
	channel, err := known.Channel(ctx, discord.Snowflake(want.Channel))
	if err != nil {
		return err
	}
	return want.compare(member.Nick, channel.Topic)
}

// nobody has nobody to send to.
type nobody struct{}

// Dispatch implements source.Dispatcher.
func (nobody) Dispatch(context.Context, []source.Event) error { return nil }
