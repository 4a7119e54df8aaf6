package cluster_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/test/cluster"
)

// lan is a network with the addresses of the README: machines 10.0.0.1, 10.0.0.2, ...,
// each a network namespace, on a switch in one more, so that nothing of it meets the
// networks of this machine or of other tests. What runs on a machine has a /etc and a
// /var/lib of its own.
type lan struct {
	t      testing.TB
	prefix string // of all names
	dir    string // what is on the machines' disks, and eventnode itself
	names  []string
}

// machine is one of them.
type machine struct {
	lan  *lan
	name string // of its namespace
	at   string // its address
}

// newLAN makes n machines, or skips the test and says why.
func newLAN(t testing.TB, n int) *lan {
	t.Helper()
	if testing.Short() {
		t.Skip("its nodes are processes: the race detector would not see them")
	}
	cluster.NeedHosts(t)
	binary, err := cluster.Binary()
	if err != nil {
		t.Fatal(err)
	}
	l := &lan{t: t, prefix: fmt.Sprintf("evl%06x", rand.IntN(1<<24)), dir: t.TempDir()}
	t.Cleanup(l.remove)
	if err := os.MkdirAll(filepath.Join(l.dir, "bin"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(binary, filepath.Join(l.dir, "bin", "eventnode")); err != nil {
		t.Fatal(err)
	}
	l.add(l.prefix + "s")
	l.ip("", "-n", l.prefix+"s", "link", "add", "br0", "up", "type", "bridge")
	for i := 1; i <= n; i++ {
		l.plug(i, n)
	}
	return l
}

// add makes a namespace.
func (l *lan) add(name string) {
	l.ip("", "netns", "add", name)
	l.names = append(l.names, name)
}

// plug makes machine i of n. Who is where is known to each from the start: a firewall of
// rules would keep the questions out.
func (l *lan) plug(i, n int) {
	name := l.machine(i).name
	l.add(name)
	port := fmt.Sprintf("p%d", i)
	l.ip("", "-n", l.prefix+"s", "link", "add", port, "type", "veth", "peer", "name", "eth0", "address", stationOf(i), "netns", name)
	l.ip("", "-n", l.prefix+"s", "link", "set", port, "master", "br0", "up")
	var setup strings.Builder
	fmt.Fprintf(&setup, "link set lo up\naddr add %s/24 dev eth0\nlink set eth0 up\n", l.machine(i).at)
	for j := 1; j <= n; j++ {
		if j != i {
			fmt.Fprintf(&setup, "neigh replace %s lladdr %s dev eth0 nud permanent\n", l.machine(j).at, stationOf(j))
		}
	}
	l.ip(setup.String(), "-n", name, "-batch", "-")
	for _, folder := range []string{"etc", "lib"} {
		if err := os.MkdirAll(filepath.Join(l.dir, name, folder), 0o750); err != nil {
			l.t.Fatal(err)
		}
	}
}

// stationOf is a machine's Ethernet address.
func stationOf(i int) string { return fmt.Sprintf("02:65:76:00:01:%02x", i) }

// machine is that with 10.0.0.i.
func (l *lan) machine(i int) *machine {
	return &machine{l, fmt.Sprintf("%sm%d", l.prefix, i), fmt.Sprintf("10.0.0.%d", i)}
}

// at is the machine with an address.
func (l *lan) at(address string) *machine {
	l.t.Helper()
	for i := range len(l.names) {
		if m := l.machine(i); m.at == address && slices.Contains(l.names, m.name) {
			return m
		}
	}
	l.t.Fatalf("there is no machine %s", address)
	return nil
}

func (l *lan) ip(input string, args ...string) {
	l.t.Helper()
	cmd := exec.Command("ip", args...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		l.t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

func (l *lan) remove() {
	for _, name := range l.names {
		if out, err := exec.Command("ip", "netns", "del", name).CombinedOutput(); err != nil {
			l.t.Errorf("%v: %s", err, out)
		}
	}
}

// path is a file of a machine as this one has it: /etc/... or /var/lib/....
func (m *machine) path(file string) string {
	file = strings.Replace(file, "/var/lib", "/lib", 1)
	return filepath.Join(m.lan.dir, m.name, file)
}

// command is what runs a line of shell on the machine.
func (m *machine) command(ctx context.Context, line string) *exec.Cmd {
	own := filepath.Join(m.lan.dir, m.name)
	script := fmt.Sprintf("mount --bind %[1]s/etc /etc && mount --bind %[1]s/lib /var/lib && export PATH=%[2]s/bin:$PATH\n%[3]s", own, m.lan.dir, line)
	cmd := exec.CommandContext(ctx, "ip", "netns", "exec", m.name, "sh", "-e", "-c", script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// run runs a line until it ends, and returns what it printed on stdout.
func (m *machine) run(line string) (string, error) {
	ctx, cancel := context.WithTimeout(m.lan.t.Context(), time.Minute)
	defer cancel()
	cmd := m.command(ctx, line)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("at %s: %s: %w: %s", m.at, line, err, stderr.String())
	}
	return string(out), nil
}

// background is a line that runs on a machine.
type background struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // set before done is closed

	mu  sync.Mutex
	out bytes.Buffer
}

// Write takes what it prints.
func (b *background) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.out.Write(p)
}

// printed is all that it has printed so far, on stdout and stderr.
func (b *background) printed() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.out.String()
}

// start starts a line; it is killed when the test ends.
func (m *machine) start(line string) *background {
	m.lan.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	if strings.HasPrefix(line, "eventnode ") {
		line = "exec " + line // so that it is what is killed
	}
	b := &background{cmd: m.command(ctx, line), done: make(chan struct{})}
	b.cmd.Stdout, b.cmd.Stderr = b, b
	if err := b.cmd.Start(); err != nil {
		cancel()
		m.lan.t.Fatal(err)
	}
	go func() {
		b.err = b.cmd.Wait()
		close(b.done)
	}()
	m.lan.t.Cleanup(func() {
		cancel()
		<-b.done
		if m.lan.t.Failed() {
			m.lan.t.Logf("at %s: %s\n%s", m.at, line, b.printed())
		}
	})
	return b
}

// members is what `eventnode members` says at the machine.
func (m *machine) members() ([]eventnode.NodeInfo, error) {
	out, err := m.run("eventnode members --json")
	if err != nil {
		return nil, err
	}
	var nodes []eventnode.NodeInfo
	for dec := json.NewDecoder(strings.NewReader(out)); dec.More(); {
		var n eventnode.NodeInfo
		if err := dec.Decode(&n); err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

// linked returns nil if the machine's node sees so many nodes, all alive and linked.
func (m *machine) linked(nodes int) error {
	all, err := m.members()
	if err != nil {
		return err
	}
	for _, n := range all {
		if n.State != "alive" || n.Link != "up" && n.Link != "self" {
			return fmt.Errorf("at %s: %+v", m.at, n)
		}
	}
	if len(all) != nodes {
		return fmt.Errorf("at %s: %d nodes, want %d: %+v", m.at, len(all), nodes, all)
	}
	return nil
}

// eventually asks until condition returns nil.
func (l *lan) eventually(d time.Duration, condition func() error) {
	l.t.Helper()
	deadline := time.NewTimer(d)
	defer deadline.Stop()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		err := condition()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			l.t.Fatalf("not within %v: %v", d, err)
		}
	}
}
