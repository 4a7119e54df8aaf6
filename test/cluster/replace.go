package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"time"
)

// What is only for processes.

func (c *Cluster) processes() *processes {
	c.t.Helper()
	p, ok := c.host.(*processes)
	if !ok {
		c.t.Fatal("this is for clusters of processes")
	}
	return p
}

// Replace has a node run another binary from its next start on; "" is that of the others again.
func (c *Cluster) Replace(name, binary string) {
	c.t.Helper()
	if binary == "" {
		delete(c.processes().binary, name)
		return
	}
	c.processes().binary[name] = binary
}

// Command is the command that starts a node, for tests of a start that fails.
func (c *Cluster) Command(name string) *exec.Cmd {
	c.t.Helper()
	cmd, err := c.processes().command(c.Node(name))
	if err != nil {
		c.t.Fatal(err)
	}
	return cmd
}

// Log is what a node's processes have written so far.
func (c *Cluster) Log(name string) string {
	c.t.Helper()
	b, err := os.ReadFile(c.processes().logFile(name))
	if err != nil {
		c.t.Fatal(err)
	}
	return string(b)
}

// Ends waits for the end of a node that do makes end, and returns how it ended.
func (c *Cluster) Ends(name string, do func()) error {
	c.t.Helper()
	n, p := c.Node(name), c.processes()
	r := p.of(n)
	r.expected.Store(true)
	do()
	select {
	case <-r.done:
	case <-time.After(stopTimeout):
		c.t.Fatal(fmt.Errorf("%s has not ended within %v", name, stopTimeout))
	}
	n.gone()
	p.forget(n)
	return r.err
}
