package server

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/eventnode/eventnode/bench/internal/suite"
	"github.com/eventnode/eventnode/internal/loopback"
)

const (
	redisServer = "redis-server"
	// redisTool is the same program: it looks at the name under which it is started.
	// Debian has it in redis-tools, a package without a service.
	redisTool = "redis-check-rdb"
)

// FindRedis looks for Redis's server in the PATH. It returns its path, or why there
// is none.
func FindRedis() (path, missing string) {
	for _, name := range []string{redisServer, redisTool} {
		if path, err := exec.LookPath(name); err == nil {
			return path, ""
		}
	}
	return "", "redis-server is not in the PATH: install Debian's package redis-tools, or redis-server"
}

// NameRedis returns a path by which what FindRedis found runs as the server; in dir,
// if it has to be given another name.
func NameRedis(dir, path string) (string, error) {
	if path == "" || filepath.Base(path) == redisServer {
		return path, nil
	}
	link := filepath.Join(dir, redisServer)
	return link, os.Symlink(path, link)
}

// startRedis starts one Redis with an append-only file and without snapshots.
func (c *Cluster) startRedis(env *suite.Env, fsync string) error {
	ports, err := loopback.Addresses(1)
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(ports[0])
	if err != nil {
		return err
	}
	c.Addrs = ports
	return c.run(env, "redis", env.Redis, "--bind", host, "--port", port, "--dir", c.data, "--save", "", "--appendonly", "yes",
		"--appendfsync", fsync, "--daemonize", "no", "--logfile", filepath.Join(env.Dir, "redis.log"))
}
