// Command chatgateway is a chat room for browsers: its page speaks to the gateway of a node,
// and writes by POST /channels/ID/messages, which dispatches MESSAGE_CREATE to channel:ID.
// The node is in this process, or, with --connect and --gateway, one that was started with
// `eventnode serve --data DIR --gateway HOST:PORT --gateway-tokens tokens.txt`.
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/eventnode/eventnode/chat/directory"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/examples/nodes"
	"github.com/eventnode/eventnode/gateway"
	"github.com/eventnode/eventnode/node"
)

//go:embed page.html
var page string

//go:embed chat.yaml
var people []byte

//go:embed tokens.txt
var tokens []byte

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "`HOST:PORT` to serve the page at")
	public := flag.String("gateway", "", "`URL` where browsers find the gateway, such as ws://127.0.0.1:7500; the default is the node in this process")
	os.Exit(nodes.Main(func(ctx context.Context, out io.Writer, connect string) error {
		dir, err := os.MkdirTemp("", "eventnode-chatgateway-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		file := filepath.Join(dir, "tokens.txt")
		if err := os.WriteFile(file, tokens, 0o600); err != nil {
			return err
		}
		auth, err := gateway.NewTokenFile(file)
		if err != nil {
			return err
		}
		r := &room{auth: auth, gateway: *public, names: map[uint64]string{}, channels: map[uint64]uint64{}}
		if connect == "" {
			return r.embed(ctx, dir, func(n *node.Node, chat service) error {
				fmt.Fprintln(out, "the gateway is at", n.GatewayAddress())
				return r.open(ctx, out, chat, *listen)
			})
		}
		c, err := client.Dial(ctx, []string{connect})
		if err != nil {
			return err
		}
		defer c.Close()
		if *public == "" {
			return errors.New("say with --gateway where the gateway of that cluster is")
		}
		return r.open(ctx, out, c.Chat(), *listen)
	}))
}

// embed runs a node with a gateway as long as f runs.
func (r *room) embed(ctx context.Context, dir string, f func(*node.Node, service) error) error {
	n, err := node.New(node.Config{
		ID: "n1", DataDir: filepath.Join(dir, "n1"), GossipAddress: "127.0.0.1:0", RPCAddress: "127.0.0.1:0",
		Chat: node.Chat{GatewayAddress: "127.0.0.1:0", Gateway: gateway.Config{Authenticator: r.auth, PublicURL: r.gateway}},
	})
	if err != nil {
		return err
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- n.Run(life) }()
	chat, err := n.Chat(ctx) // it waits until the node is ready
	if err == nil {
		if r.gateway == "" {
			r.gateway = "ws://" + n.GatewayAddress()
		}
		err = f(n, chat)
	}
	stop()
	return errors.Join(err, <-ended)
}

// open makes the directory what chat.yaml says, and serves the page until ctx ends.
func (r *room) open(ctx context.Context, out io.Writer, chat service, listen string) error {
	changes, err := directory.ParseFile(people)
	if err != nil {
		return err
	}
	for _, change := range changes {
		r.names[change.GetPutUser().GetId()] = change.GetPutUser().GetUsername()
		r.channels[change.GetPutChannel().GetId()] = change.GetPutChannel().GetGuildId()
	}
	made, err := chat.Change(ctx, changes...)
	if err != nil {
		return err
	}
	for _, refused := range made.Refused {
		return fmt.Errorf("chat.yaml: %w", refused.Err)
	}
	r.chat = chat
	return r.serve(ctx, out, listen)
}
