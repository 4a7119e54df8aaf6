package shard_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"

	"github.com/eventnode/eventnode/gateway"
	"github.com/eventnode/eventnode/gateway/gatewaytest"
	"github.com/eventnode/eventnode/sessions"
	"github.com/eventnode/eventnode/shard"
	"github.com/eventnode/eventnode/source"
)

// A shard takes what a gateway says; another one, as if on another node, goes on behind what
// was handled.
func Example() {
	url, stop := exampleGateway()
	defer stop()
	cfg := shard.Config{Name: "chat", Token: "secret", Gateway: url, Intents: 1 << 0}
	for range 2 {
		s, err := shard.New(cfg)
		if err != nil {
			fmt.Println(err)
			return
		}
		payloads, over := make(chan source.Payload), make(chan error, 1)
		go func() {
			over <- s.Run(context.Background(), func(ctx context.Context, p source.Payload) error {
				select {
				case payloads <- p:
					return nil
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			})
		}()
		p := <-payloads
		fmt.Println(p.Origin.Seq, p.Name)
		enough, cancel := context.WithCancel(context.Background())
		cancel() // what is delivered now is not waited for, and comes again
		cfg.Resume, _ = s.Stop(enough)
		<-over
	}
	// Output:
	// 1 READY
	// 2 GUILD_CREATE
}

func exampleGateway() (url string, stop func()) {
	b, _ := gatewaytest.New(sessions.Config{}, map[sessions.Snowflake][]sessions.Snowflake{1: {4 << 22}})
	g, _ := gateway.New(gateway.Config{Backend: b, Authenticator: gatewaytest.Tokens{"secret": {User: 1, Bot: true}}})
	srv := httptest.NewServer(g.Handler())
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() { _ = g.Run(ctx); close(over) }()
	<-g.Ready()
	return "ws" + strings.TrimPrefix(srv.URL, "http"), func() { cancel(); <-over; srv.Close() }
}
