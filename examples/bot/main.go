// Command bot answers "!ping" with "pong". Nodes of a cluster take the events from the gateway
// (`eventnode shard run --source bot`); the bot is a client that consumes them, and answers by
// the REST API of the service. It may run as often as you like, at any nodes: each copy gets
// every event, and the first that obtains a lock of the message's name answers it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/bwmarrin/discordgo"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/discord"
	"github.com/eventnode/eventnode/examples/nodes"
	"github.com/eventnode/eventnode/source"
)

func main() {
	name := flag.String("source", "bot", "`NAME` of the source that the nodes run")
	api := flag.String("api", discordgo.EndpointAPI, "`URL` of the REST API")
	file := flag.String("token-file", "", "`FILE` with the bot's token")
	os.Exit(nodes.Main(func(ctx context.Context, out io.Writer, connect string) error {
		if connect == "" || *file == "" {
			return errors.New("say with --connect which node to ask, and with --token-file who the bot is")
		}
		token, err := os.ReadFile(*file)
		if err != nil {
			return err
		}
		discordgo.EndpointChannels = strings.TrimRight(*api, "/") + "/channels/"
		rest, err := discordgo.New("Bot " + strings.TrimSpace(string(token)))
		if err != nil {
			return err
		}
		return run(ctx, out, connect, *name, rest)
	}))
}

func run(ctx context.Context, out io.Writer, connect, name string, rest *discordgo.Session) error {
	c, err := client.Dial(ctx, []string{connect})
	if err != nil {
		return err
	}
	defer c.Close()
	group, err := source.NewConsumerGroup(c, name)
	if err != nil {
		return err
	}
	consumer, err := group.NewConsumer(ctx)
	if err != nil {
		return err
	}
	defer consumer.Close()
	handlers, err := source.NewHandlers(source.HandlersConfig{Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		return err
	}
	answer := func(ctx context.Context, m discord.MessageCreate, _ source.Event) error {
		if m.Content != "!ping" || m.Author == nil || m.Author.Bot {
			return nil
		}
		// Nobody gives the lock back: it also tells a message that comes again, which it does
		// when the node of its shard was killed.
		_, err := c.Locks().Obtain(ctx, "ping."+m.ID.String(), time.Minute, 0)
		if errors.Is(err, eventnode.ErrLockTaken) {
			return nil // another copy answers
		}
		if err == nil {
			_, err = rest.ChannelMessageSend(m.ChannelID.String(), "pong", discordgo.WithContext(ctx))
		}
		return err
	}
	if err := source.On(handlers, "MESSAGE_CREATE", answer); err != nil {
		return err
	}
	if err := group.Join(ctx, consumer); err != nil {
		return err
	}
	fmt.Fprintln(out, "listens to", name)
	return handlers.Run(ctx, consumer.Events(ctx, func(gap eventnode.Gap) { fmt.Fprintln(out, "missed events:", gap.Reason) }))
}
