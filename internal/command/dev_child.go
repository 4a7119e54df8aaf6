package command

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// child is one process of a dev cluster.
type child struct {
	node devNode
	cmd  *exec.Cmd
	done chan struct{} // closed when it was waited for
	err  error         // how it ended; to be read after done
	// asked is set when its end was asked for.
	asked bool
}

// startChild starts a node. The caller waits for it with wait, and stays on its
// thread as long as it lives: on Linux a child dies with the thread that
// started it.
func startChild(executable string, n devNode, seeds []string) (*child, error) {
	if err := os.MkdirAll(n.Data, 0o755); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(n.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the child has its own
	args := []string{"serve"}
	if n.Source != "" {
		args = []string{"shard", "run", "--source", n.Source, "--gateway", n.From, "--bot-token-file", n.Token,
			"--shards", strconv.Itoa(demoShards), "--intents", strconv.Itoa(demoIntents)}
	}
	args = append(args,
		"--name", n.Name, "--cluster", "dev", "--gossip", n.Gossip, "--rpc", n.RPC,
		"--data", n.Data, "--join", strings.Join(seeds, ","), "--http", n.HTTP, "--http-ingest")
	if n.Gateway != "" {
		args = append(args, "--gateway", n.Gateway, "--gateway-tokens", n.Tokens)
	}
	if at := slices.Index(seeds, n.Gossip); at < maxFounders {
		args = append(args, "--bootstrap-expect", strconv.Itoa(min(len(seeds), maxFounders)))
	} else {
		args = append(args, "--no-storage")
	}
	c := &child{node: n, cmd: exec.Command(executable, args...), done: make(chan struct{})}
	c.cmd.Stdout, c.cmd.Stderr = log, log
	c.cmd.Env = withoutSettings(os.Environ()) // they are one node's
	c.cmd.SysProcAttr = childAttributes()
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", n.Name, err)
	}
	c.node.PID = c.cmd.Process.Pid
	return c, nil
}

// maxFounders is how many nodes of a dev cluster have storage: with exactly as many
// as found it there is only one way to do so.
const maxFounders = 5

// wait waits for its end. It is called once.
func (c *child) wait() {
	c.err = c.cmd.Wait()
	close(c.done)
}

// ended reports whether it has ended.
func (c *child) ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// stop asks it to end.
func (c *child) stop() {
	c.asked = true
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
}

// kill ends it at once.
func (c *child) kill() {
	c.asked = true
	_ = c.cmd.Process.Kill() // it may have ended
}

// why says how it ended: the last line of its log, and where the rest is.
func (c *child) why() string {
	state := "ended"
	if c.err != nil {
		state = c.err.Error()
	}
	return fmt.Sprintf("%s: %s: %s (log: %s)", c.node.Name, state, lastLine(c.node.Log), c.node.Log)
}

// lastLine is the last line of a file, at most 4 KiB of it.
func lastLine(file string) string {
	f, err := os.Open(file)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = f.Close() }()
	const most = 4 << 10
	if info, err := f.Stat(); err == nil && info.Size() > most {
		_, _ = f.Seek(-most, 2)
	}
	buf := make([]byte, most)
	n, _ := f.Read(buf)
	lines := bytes.Split(bytes.TrimSpace(buf[:n]), []byte("\n"))
	return string(lines[len(lines)-1])
}
