package command

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/node"
)

const (
	// addrVariable names the environment variable that --addr defaults to.
	addrVariable = "EVENTNODE_ADDR"
	// dialTimeout leaves room for an answer within two seconds.
	dialTimeout = 1500 * time.Millisecond
	// callTimeout bounds a command that asks one question.
	callTimeout = 10 * time.Second
)

// addAddr adds --addr to a command that speaks to a node.
func (a *app) addAddr(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&a.addrs, "addr", nil,
		"HOST:PORT of a node's rpc; several: the first that answers (default $"+addrVariable+", then "+defaultAddr()+")")
	a.security.add(cmd.Flags())
}

// defaultAddr is where a node of the default configuration serves.
func defaultAddr() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(node.DefaultRPCPort))
}

// addresses returns what --addr says, or its defaults, with ports.
func (a *app) addresses() ([]string, error) {
	list := a.addrs
	if len(list) == 0 {
		list = strings.FieldsFunc(a.getenv(addrVariable), func(r rune) bool { return r == ',' || r == ' ' })
	}
	if len(list) == 0 {
		return []string{defaultAddr()}, nil
	}
	out := make([]string, 0, len(list))
	for _, s := range list {
		addr, err := withPort(strings.TrimSpace(s), node.DefaultRPCPort)
		if err != nil {
			return nil, err
		}
		out = append(out, addr)
	}
	return out, nil
}

// withPort adds the default port to an address that has none: "10.0.0.1", "::1"
// and "[::1]" alike.
func withPort(addr string, port int) (string, error) {
	if addr == "" {
		return "", usagef("an address is empty: write HOST:PORT")
	}
	bare := strings.TrimSuffix(strings.TrimPrefix(addr, "["), "]")
	if net.ParseIP(bare) != nil || !strings.Contains(addr, ":") {
		return net.JoinHostPort(bare, strconv.Itoa(port)), nil
	}
	_, p, err := net.SplitHostPort(addr)
	if err != nil {
		return "", usagef("address %q: write HOST:PORT", addr)
	}
	if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
		return "", usagef("address %q: the port is not one of 1 to 65535", addr)
	}
	return addr, nil
}

// connect dials the cluster for cmd.
func (a *app) connect(cmd *cobra.Command) (cluster, error) {
	addrs, err := a.addresses()
	if err != nil {
		return nil, err
	}
	return a.connectTo(cmd.Context(), addrs, cmd.CommandPath())
}

// connectTo dials one of addrs. Its error says what to start.
func (a *app) connectTo(ctx context.Context, addrs []string, name string) (cluster, error) {
	c, err := a.dial(ctx, addrs, name)
	if err == nil {
		return c, nil
	}
	if ctx.Err() != nil || !errors.Is(err, eventnode.ErrUnavailable) {
		return nil, err
	}
	return nil, fmt.Errorf("no node answers at %s%s: start a local cluster with `eventnode dev` or a node with `eventnode serve`, or name one that runs with --addr",
		strings.Join(addrs, ", "), because(err))
}

// because names the cause, unless it is that nobody listens.
func because(err error) string {
	var dial *client.DialError
	if !errors.As(err, &dial) {
		return ""
	}
	for _, cause := range dial.Errs {
		if cause != nil && !errors.Is(cause, syscall.ECONNREFUSED) && !strings.Contains(cause.Error(), "connection refused") {
			return " (" + cause.Error() + ")"
		}
	}
	return ""
}

// ask connects, asks one question within callTimeout, and closes.
func (a *app) ask(cmd *cobra.Command, question func(ctx context.Context, c cluster) error) error {
	c, err := a.connect(cmd)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), callTimeout)
	defer cancel()
	return errors.Join(question(ctx, c), c.Close())
}

// connected connects, does what may take long, and closes.
func (a *app) connected(cmd *cobra.Command, do func(ctx context.Context, c cluster) error) error {
	c, err := a.connect(cmd)
	if err != nil {
		return err
	}
	return errors.Join(do(cmd.Context(), c), c.Close())
}

// dialClient is app.dial in the real program.
func dialClient(ctx context.Context, addrs []string, name string, opts ...client.Option) (cluster, error) {
	c, err := client.Dial(ctx, addrs, append(opts, client.WithName(name), client.WithDialTimeout(dialTimeout))...)
	if err != nil {
		return nil, err
	}
	return connection{c}, nil
}
