package cluster

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Machines for processes, made of network namespaces: each node has one, with an
// address of its own, and all are on one switch, as is the test. Who is where is
// written into their neighbour tables. To cut a direction, the sender is told a
// station that does not exist: what it sends leaves, and nobody takes it, as on a
// real network. Nobody gets an error. What is to be slow, or lost now and then, goes by a
// detour: hosts_detour.go.
//
// It needs iproute2 and root.

// hosts is the machines of one cluster.
type hosts struct {
	t      testing.TB
	prefix string // of all names
	net    string // the first three numbers of addresses
	names  []string
	seed   uint64
	detour *detour // nil until something is to be delayed or lost

	// By number of node, from and to:
	cuts   map[[2]int]bool   // that are cut now
	bad    map[[2]int]bool   // that go by the detour, unless they are cut
	routes map[[2]int]string // the station that the sender was told, if it is not the receiver's
}

// NeedHosts skips the test where Config.Hosts cannot work, and says why.
func NeedHosts(t testing.TB) {
	t.Helper()
	if err := hostsWork(); err != nil {
		t.Skipf("no machines for processes here: %v", err)
	}
}

func hostsWork() error {
	if runtime.GOOS != "linux" {
		return errors.New("network namespaces are Linux's")
	}
	if os.Geteuid() != 0 {
		return errors.New("network namespaces need root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		return errors.New("iproute2 is not installed: apt-get install iproute2")
	}
	name := fmt.Sprintf("evt%d", os.Getpid())
	if err := ip("", "netns", "add", name); err != nil {
		return err
	}
	return ip("", "netns", "del", name)
}

// ip runs ip(8), which reads input.
func ip(input string, args ...string) error {
	cmd := exec.Command("ip", args...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// newHosts makes a switch and n machines. Seed decides what is random on their network.
func newHosts(t testing.TB, n int, seed uint64) *hosts {
	h := &hosts{t: t, seed: seed, cuts: map[[2]int]bool{}, bad: map[[2]int]bool{}, routes: map[[2]int]string{}}
	for range 16 {
		a, b := 128+rand.IntN(64), rand.IntN(256)
		h.prefix, h.net = fmt.Sprintf("ev%02x%02x", a, b), fmt.Sprintf("10.%d.%d", a, b)
		if err := ip("", "link", "add", h.prefix+"b", "type", "bridge"); err == nil {
			break
		}
		h.prefix = "" // taken, by another test
	}
	if h.prefix == "" {
		t.Fatal("no name is free for a bridge")
	}
	t.Cleanup(h.remove)
	h.do("", "addr", "add", h.net+".1/24", "dev", h.prefix+"b")
	h.do("", "link", "set", h.prefix+"b", "address", h.station(0), "up")
	for i := 1; i <= n; i++ {
		h.add(i, n)
	}
	return h
}

// add makes the machine of one of n nodes.
func (h *hosts) add(i, n int) {
	name, port := h.name(i), h.prefix+"p"+strconv.Itoa(i)
	h.do("", "netns", "add", name)
	h.names = append(h.names, name)
	h.do("", "link", "add", port, "type", "veth", "peer", "name", "eth0", "address", h.station(i), "netns", name)
	h.do("", "link", "set", port, "master", h.prefix+"b", "up")
	var setup strings.Builder
	fmt.Fprintf(&setup, "link set lo up\naddr add %s/24 dev eth0\nlink set eth0 up\n", h.address(i))
	for j := 0; j <= n; j++ {
		if j != i {
			fmt.Fprintln(&setup, h.neighbour(j, h.station(j)))
		}
	}
	h.do(setup.String(), "-n", name, "-batch", "-")
	h.do("", "neigh", "replace", h.address(i), "lladdr", h.station(i), "dev", h.prefix+"b", "nud", "permanent")
}

func (h *hosts) do(input string, args ...string) {
	h.t.Helper()
	if err := ip(input, args...); err != nil {
		h.t.Fatal(err)
	}
}

// name is that of a machine; 0 is where the test is.
func (h *hosts) name(i int) string { return h.prefix + "n" + strconv.Itoa(i) }

func (h *hosts) address(i int) string { return h.net + "." + strconv.Itoa(i+1) }

// station is a machine's Ethernet address.
func (h *hosts) station(i int) string { return fmt.Sprintf("02:65:76:00:00:%02x", i) }

// nobody is a station that does not exist.
const nobody = "02:65:76:ff:ff:ff"

func (h *hosts) neighbour(to int, station string) string {
	return fmt.Sprintf("neigh replace %s lladdr %s dev eth0 nud permanent", h.address(to), station)
}

// command is what runs a program on a node's machine. It keeps its process number.
func (h *hosts) command(i int, program string, args []string) *exec.Cmd {
	return exec.Command("ip", slices.Concat([]string{"netns", "exec", h.name(i), program}, args)...)
}

// setCut cuts or mends one direction between two nodes.
func (h *hosts) setCut(from, to int, cut bool) {
	h.t.Helper()
	h.cuts[[2]int{from, to}] = cut
	h.route(from, to)
}

// route tells a machine where what it sends to another is to go.
func (h *hosts) route(from, to int) {
	h.t.Helper()
	at, station := [2]int{from, to}, h.station(to)
	switch {
	case h.cuts[at]:
		station = nobody
	case h.bad[at]:
		station = detourStation(to)
	}
	if cmp.Or(h.routes[at], h.station(to)) == station {
		return
	}
	h.do(h.neighbour(to, station)+"\n", "-n", h.name(from), "-batch", "-")
	h.routes[at] = station
}

// remove removes everything.
func (h *hosts) remove() {
	if h.detour != nil {
		if err := h.detour.stop(); err != nil {
			h.t.Errorf("loss and delay between machines: %v", err)
		}
	}
	for _, name := range h.names {
		if err := ip("", "netns", "del", name); err != nil {
			h.t.Error(err)
		}
	}
	if err := ip("", "link", "del", h.prefix+"b"); err != nil {
		h.t.Error(err)
	}
}
