//go:build unix

package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/eventnode/eventnode"
)

// devRun is a `dev` under test.
type devRun struct {
	stdout, stderr *buffer
	stop           context.CancelFunc
	code           chan int
}

// startDev runs dev in this process; its nodes are processes of the test binary
// in the given role, which answer as f does as soon as they listen.
func startDev(t *testing.T, role string, f *fake, args ...string) *devRun {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
	return startDevHere(t, role, f, args...)
}

func startDevHere(t *testing.T, role string, f *fake, args ...string) *devRun {
	t.Helper()
	t.Setenv(roleVariable, role)
	ctx, stop := context.WithCancel(t.Context())
	r := &devRun{stdout: new(buffer), stderr: new(buffer), stop: stop, code: make(chan int, 1)}
	a := &app{stdout: r.stdout, stderr: r.stderr, dial: func(ctx context.Context, addrs []string, _ string) (cluster, error) {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", addrs[0])
		if err != nil {
			return nil, err
		}
		return f, conn.Close()
	}}
	go func() { r.code <- a.run(ctx, append([]string{"dev", "--json"}, args...)) }()
	return r
}

// ready waits for the nodes.
func (r *devRun) ready(t *testing.T) []devNode {
	t.Helper()
	var ready devReadyJSON
	poll(t, "the cluster is ready", func() error {
		return json.Unmarshal([]byte(r.stdout.String()), &ready)
	})
	return ready.Nodes
}

// poll waits until try succeeds.
func poll(t *testing.T, what string, try func() error) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within 30 s: %s: %v", what, err)
		}
	}
}

// gone fails unless the process has ended.
func gone(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d is there: %v", pid, err)
	}
}

// devControl runs `dev kill` or `dev start`.
func devControl(t *testing.T, args ...string) result {
	t.Helper()
	return runFake(t, &fake{}, "", append([]string{"dev"}, args...)...)
}

// The life of a dev cluster: it starts, a node is killed and started again under
// the same addresses, it ends, and leaves nothing.
func TestDev(t *testing.T) {
	defer goleak.VerifyNone(t)
	f := &fake{status: eventnode.Status{Healthy: true, Nodes: 2}}
	dev := startDev(t, "stub", f, "--nodes", "2")
	nodes := dev.ready(t)
	if len(nodes) != 2 || nodes[0].Name != "n1" || nodes[1].Name != "n2" || nodes[1].PID == 0 || nodes[0].RPC == nodes[1].RPC {
		t.Fatalf("nodes %+v", nodes)
	}

	if r := devControl(t, "kill", "n2"); r.code != 0 || r.stdout != "n2 was killed\n" {
		t.Errorf("kill: %+v", r)
	}
	gone(t, nodes[1].PID)
	for _, tt := range []struct{ op, node, want string }{
		{"kill", "n2", "n2 does not run: start it with"},
		{"start", "n1", "n1 runs already"},
		{"kill", "n9", `no node "n9": they are called n1 to n2`},
	} {
		if r := devControl(t, tt.op, tt.node); r.code != exitError || !strings.Contains(r.stderr, tt.want) {
			t.Errorf("%s %s: %+v", tt.op, tt.node, r)
		}
	}
	var answer devAnswer
	if r := devControl(t, "start", "n2", "--json"); json.Unmarshal([]byte(r.stdout), &answer) != nil || answer.Node == nil {
		t.Fatalf("start: %+v", r)
	}
	again := *answer.Node
	if again.PID == nodes[1].PID || again.RPC != nodes[1].RPC || again.Gossip != nodes[1].Gossip || again.Data != nodes[1].Data {
		t.Errorf("started as %+v, was %+v", again, nodes[1])
	}
	poll(t, "both starts are in its log", func() error {
		log, err := os.ReadFile(again.Log)
		if err == nil && (strings.Count(string(log), "--name n2 --cluster dev --gossip "+again.Gossip) != 2 || strings.Count(string(log), "--http "+again.HTTP+" --http-ingest --gateway "+again.Gateway+" --gateway-tokens "+again.Tokens) != 2) {
			err = fmt.Errorf("log %q", log)
		}
		return err
	})

	dev.stop()
	begin := time.Now()
	if code := <-dev.code; code != exitOK {
		t.Errorf("exit code %d: %s", code, dev.stderr)
	}
	if time.Since(begin) > devStopTimeout {
		t.Error("the nodes were not asked to end, but killed")
	}
	gone(t, nodes[0].PID)
	gone(t, again.PID)
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "*", "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if r := devControl(t, "kill", "n1"); r.code != exitError || !strings.Contains(r.stderr, "no dev cluster runs") {
		t.Errorf("kill after the end: %+v", r)
	}
}

// A node that ends by itself is told, with what it said last; the others go on.
func TestDevNodeEnds(t *testing.T) {
	dev := startDev(t, "stub", &fake{status: eventnode.Status{Healthy: true, Nodes: 2}}, "--nodes", "2")
	nodes := dev.ready(t)
	if err := syscall.Kill(nodes[0].PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	poll(t, "the end is told", func() error {
		if !strings.Contains(dev.stderr.String(), `"ended":"n1"`) {
			return errors.New(dev.stderr.String())
		}
		return nil
	})
	if r := devControl(t, "start", "n1"); r.code != 0 {
		t.Errorf("start: %+v", r)
	}
	dev.stop()
	if code := <-dev.code; code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

// A node that cannot start ends dev with the reason; its log stays.
func TestDevCannotStart(t *testing.T) {
	dev := startDev(t, "broken", &fake{})
	if code := <-dev.code; code != exitError {
		t.Errorf("exit code %d", code)
	}
	lines := strings.Split(strings.TrimSpace(dev.stderr.String()), "\n") // a notice may come first
	var e struct{ Error string }
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &e); err != nil || !strings.Contains(e.Error, "exit status 7: no such luck (log: ") {
		t.Errorf("stderr %q: %v", dev.stderr, err)
	}
}

// Two clusters run beside each other; one directory is not shared.
func TestDevTwice(t *testing.T) {
	f := &fake{status: eventnode.Status{Healthy: true, Nodes: 1}}
	data := t.TempDir()
	first := startDev(t, "stub", f, "--nodes", "1", "--data", data)
	one := first.ready(t)
	second := startDevHere(t, "stub", f, "--nodes", "1")
	two := second.ready(t)
	if one[0].RPC == two[0].RPC || one[0].Gossip == two[0].Gossip {
		t.Errorf("the same addresses: %+v, %+v", one, two)
	}
	third := startDevHere(t, "stub", f, "--nodes", "1", "--data", data)
	if code := <-third.code; code != exitError || !strings.Contains(third.stderr.String(), "choose another --data") {
		t.Errorf("code %d, stderr %s", code, third.stderr)
	}
	if r := devControl(t, "kill", "n1", "--data", data); r.code != 0 {
		t.Errorf("kill: %+v", r)
	}
	gone(t, one[0].PID)
	if err := syscall.Kill(two[0].PID, 0); err != nil {
		t.Errorf("the other one was killed: %v", err)
	}
	for _, dev := range []*devRun{first, second} {
		dev.stop()
		if code := <-dev.code; code != exitOK {
			t.Errorf("exit code %d: %s", code, dev.stderr)
		}
	}
	if _, err := os.Stat(one[0].Log); err != nil {
		t.Errorf("the directory of --data is not kept: %v", err)
	}
}

// Where a default port is taken the nodes get free ones, each its own.
func TestDevPorts(t *testing.T) {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", devBasePort))
	if err == nil {
		defer func() { _ = l.Close() }()
	} // else it is taken by somebody else: as good
	addrs, standard, err := devPorts(8)
	if err != nil || standard || len(addrs) != 8 {
		t.Fatalf("%v, %v, %v", addrs, standard, err)
	}
	seen := map[string]bool{}
	for _, a := range addrs {
		for _, address := range []string{a.gossip, a.rpc, a.http, a.gateway} {
			if seen[address] {
				t.Errorf("twice: %+v", a)
			}
			seen[address] = true
		}
	}
}

// Others must not be able to put a socket where the user's clusters are.
func TestDevRegistryIsPrivate(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	dir, err := devRegistry()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := devRegistry(); err == nil {
		t.Error("a directory open to all was taken")
	}
}
