package pg

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	_ "embed" // for the module's source
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/eventnode/eventnode/bench/internal/proc"
	"github.com/eventnode/eventnode/bench/internal/suite"
	"github.com/eventnode/eventnode/internal/loopback"
)

//go:embed bench_peer.erl
var source []byte

// module is the name of the Erlang module in source.
const module = "bench_peer"

// portWait bounds waiting for the port mapper.
const portWait = 10 * time.Second

// underShell runs a program until standard input ends, however that comes about:
// a port mapper does not read it, and would outlive a bench that was killed.
const underShell = `trap "" INT TERM; "$0" "$@" & cat >/dev/null; kill -9 $!; wait`

// Cluster is a number of Erlang nodes that know each other.
type Cluster struct {
	runtime  *runtime
	env      *suite.Env
	beams    string // the directory of the compiled module
	cookie   string
	epmdPort string
	epmd     *proc.Process
	nodes    []*proc.Process
}

// Start compiles what nodes run and starts a port mapper for them.
func Start(ctx context.Context, env *suite.Env) (*Cluster, error) {
	r, err := find()
	if err != nil {
		return nil, err
	}
	c := &Cluster{runtime: r, env: env, cookie: rand.Text()}
	if c.beams, err = r.compile(ctx, env.Dir); err != nil {
		return nil, fmt.Errorf("compile %s: %w", module, err)
	}
	if err := c.startEpmd(ctx); err != nil {
		return nil, fmt.Errorf("start epmd: %w", err)
	}
	return c, nil
}

// compile compiles the module into a directory that is named for its source,
// once; several runs may do so at the same time.
func (r *runtime) compile(ctx context.Context, parent string) (string, error) {
	dir := filepath.Join(parent, fmt.Sprintf("pg-%x", sha256.Sum256(source))[:15])
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	draft, err := os.MkdirTemp(parent, "pg-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(draft) }()
	file := filepath.Join(draft, module+".erl")
	if err := os.WriteFile(file, source, 0o600); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, r.erlc, "-Werror", "-o", draft, file)
	cmd.Env = append(os.Environ(), "HOME="+draft)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %.500s", err, out)
	}
	if err := os.Rename(draft, dir); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	return dir, nil
}

// startEpmd starts a port mapper in the foreground.
func (c *Cluster) startEpmd(ctx context.Context) error {
	address, err := loopback.Address()
	if err != nil {
		return err
	}
	if _, c.epmdPort, err = net.SplitHostPort(address); err != nil {
		return err
	}
	cmd := exec.Command("/bin/sh", "-c", underShell, c.runtime.epmd, "-port", c.epmdPort, "-address", "127.0.0.1")
	cmd.Env = append(os.Environ(), "HOME="+c.beams)
	// Its log has one line for each connection that only looked whether it is there.
	// The shell, too, must get the chance to end it: Stop is what ends both.
	c.epmd, err = proc.Start(context.WithoutCancel(ctx), "epmd", cmd, nil)
	if err != nil {
		return err
	}
	if err := awaitPort(ctx, address); err != nil {
		c.Stop()
		return err
	}
	return nil
}

// awaitPort waits until something listens.
func awaitPort(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, portWait)
	defer cancel()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return err
		case <-again.C:
		}
	}
}

// Add starts one more node, connects it to those that are there, and returns it
// when it can be asked.
func (c *Cluster) Add(ctx context.Context) (*proc.Process, error) {
	p, err := c.start(ctx, len(c.nodes)+1)
	if err != nil {
		return nil, err
	}
	others := c.nodes
	c.nodes = append(c.nodes, p)
	if err := p.Receive(ctx, nil); err != nil {
		return nil, err
	}
	words := []string{"connect"}
	for i := range others {
		words = append(words, nodeName(i+1))
	}
	return p, p.Ask(ctx, strings.Join(words, " "), nil)
}

func nodeName(number int) string { return fmt.Sprintf("n%d@127.0.0.1", number) }

// start starts a node's process.
func (c *Cluster) start(ctx context.Context, number int) (*proc.Process, error) {
	cmd := exec.Command(c.runtime.erl, "-noshell",
		"-name", nodeName(number), "-setcookie", c.cookie, "-start_epmd", "false",
		"-kernel", "inet_dist_use_interface", "{127,0,0,1}",
		"-kernel", "logger", `[{handler,default,logger_std_h,#{config=>#{type=>standard_error}}}]`,
		"-pa", c.beams,
		"+P", "2000000", // processes
		"+zdbbl", "32768", // KiB buffered a link before senders wait
		"+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none",
		"-run", module, "main")
	cmd.Env = append(os.Environ(), "HOME="+c.beams, "ERL_CRASH_DUMP_SECONDS=0",
		"ERL_EPMD_ADDRESS=127.0.0.1", "ERL_EPMD_PORT="+c.epmdPort)
	return proc.Start(ctx, fmt.Sprintf("pg-%d", number), cmd, c.env.Log)
}

// Stop ends all nodes and the port mapper, and waits for their ends.
func (c *Cluster) Stop() {
	proc.StopAll(c.nodes...)
	proc.StopAll(c.epmd)
}

// add starts several nodes.
func (c *Cluster) add(ctx context.Context, n int) error {
	for range n {
		if _, err := c.Add(ctx); err != nil {
			return fmt.Errorf("start node: %w", err)
		}
	}
	return nil
}

// cpu sums up the CPU time of all nodes.
func (c *Cluster) cpu() (time.Duration, error) {
	var sum time.Duration
	for _, p := range c.nodes {
		used, err := p.CPU()
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}
