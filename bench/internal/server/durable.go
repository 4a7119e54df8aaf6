package server

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/eventnode/eventnode/bench/internal/suite"
	"github.com/eventnode/eventnode/internal/loopback"
)

// StartDurable starts servers that keep streams on disk, below env.Dir, where their
// logs are too. Our own nodes know each other then; whether streams can be made yet is
// to be tried.
func StartDurable(ctx context.Context, env *suite.Env, system suite.System) (*Cluster, error) {
	return start(ctx, func(ctx context.Context, c *Cluster) (err error) {
		if c.data, err = os.MkdirTemp(env.Dir, "data-"); err != nil {
			return err
		}
		switch system {
		case suite.Eventnode:
			return c.startEventnode(ctx, env, c.data)
		case suite.JetStreamR3, suite.JetStreamR1:
			return c.startJetStream(env, "")
		case suite.JetStreamR3Sync:
			return c.startJetStream(env, "always")
		case suite.RedisEverysec:
			return c.startRedis(env, "everysec")
		case suite.RedisAlways:
			return c.startRedis(env, "always")
		default:
			return fmt.Errorf("no servers with storage for %q", system)
		}
	})
}

// Data is the directory of what the cluster stores.
func (c *Cluster) Data() string { return c.data }

// jetStream is the configuration of one NATS server: address, name, store, when to
// sync, address for the others, and those of all.
const jetStream = `listen: %q
server_name: %q
jetstream { store_dir: %q%s }
cluster { name: bench, listen: %q, routes: [%s] }
`

// startJetStream starts three NATS servers with JetStream, which is told when to
// fsync only if sync says so.
func (c *Cluster) startJetStream(env *suite.Env, sync string) error {
	ports, err := loopback.Addresses(2 * Nodes)
	if err != nil {
		return err
	}
	if sync != "" {
		sync = ", sync_interval: " + sync
	}
	var routes []string
	for i := range Nodes {
		routes = append(routes, fmt.Sprintf("%q", "nats://"+ports[2*i]))
	}
	for i := range Nodes {
		c.Addrs = append(c.Addrs, ports[2*i+1])
		store, file := filepath.Join(c.data, nodeName(i)), filepath.Join(c.data, nodeName(i)+".conf")
		conf := fmt.Sprintf(jetStream, ports[2*i+1], nodeName(i), store, sync, ports[2*i], strings.Join(routes, ", "))
		if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
			return err
		}
		err := c.run(env, "nats-"+nodeName(i), env.NATSServer, "-c", file, "-l", filepath.Join(env.Dir, "nats-"+nodeName(i)+".log"))
		if err != nil {
			return err
		}
	}
	return nil
}
