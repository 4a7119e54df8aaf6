package cluster_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// guide is the README's section on three machines.
type guide struct {
	ports []opening
	steps []step
}

// step is a command, with its lines joined, and the machines it is for.
type step struct {
	on   []string
	line string
}

// readGuide reads the section: its table of ports, and its commands, each for the machines
// that the comment before it names.
func readGuide(t *testing.T) guide {
	t.Helper()
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(page), "\n## On three machines\n")
	if !ok {
		t.Fatal("the README has no section `On three machines`")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var g guide
	for _, row := range regexp.MustCompile(`(?m)^\| (\d+) \| ([^|]+) \|`).FindAllStringSubmatch(section, -1) {
		number, err := strconv.Atoi(row[1])
		if err != nil {
			t.Fatal(err)
		}
		for protocol := range strings.SplitSeq(row[2], " and ") {
			g.ports = append(g.ports, opening{strings.ToLower(strings.TrimSpace(protocol)), number})
		}
	}
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(section, -1) {
		g.steps = append(g.steps, readSteps(block[1])...)
	}
	return g
}

func readSteps(block string) []step {
	var steps []step
	var on []string
	for line := range strings.SplitSeq(strings.ReplaceAll(block, "\\\n", " "), "\n") {
		switch {
		case strings.HasPrefix(line, "# on "):
			on = regexp.MustCompile(`\d+\.\d+\.\d+\.\d+`).FindAllString(line, -1)
		case line != "":
			steps = append(steps, step{on, line})
		}
	}
	return steps
}

// The README's commands for three machines, as they stand, on machines with its addresses
// whose firewalls let in only the ports that it names: the cluster forms, is healthy, has
// nothing to complain of, and events and streams go between all nodes.
func TestReadmeOnThreeMachines(t *testing.T) {
	g := readGuide(t)
	if len(g.ports) != 3 || len(g.steps) < 12 {
		t.Fatalf("read only %+v", g)
	}
	l := newLAN(t, 3)
	machines := []*machine{l.machine(1), l.machine(2), l.machine(3)}
	for _, m := range machines {
		m.firewall(g.ports...)
	}
	w := &walk{t: t, lan: l, machines: machines, printed: map[string]string{}}
	for _, s := range g.steps {
		for _, at := range s.on {
			w.do(l.at(at), s.line)
		}
	}
	w.finish()
	for _, to := range machines {
		crosses(t, machines, to)
	}
}

// walk is somebody who follows the README.
type walk struct {
	t        *testing.T
	lan      *lan
	machines []*machine
	nodes    []*background
	waiting  *background       // a subscriber
	printed  map[string]string // by the second word of the command
}

func (w *walk) do(m *machine, line string) {
	w.t.Helper()
	words := strings.Fields(line)
	switch {
	case words[0] == "eventnode" && words[1] == "serve":
		w.nodes = append(w.nodes, m.start(line))
		return
	case words[0] == "eventnode" && words[1] == "subscribe":
		w.waiting = m.start(line)
		return
	case words[0] == "eventnode" && words[1] == "members":
		w.formed()
	case words[0] == "eventnode" && words[1] == "dispatch":
		w.subscribed()
	}
	out, err := m.run(line)
	if err != nil {
		w.t.Fatal(err)
	}
	if words[0] == "eventnode" {
		w.printed[words[1]] += out
	}
	if strings.Contains(line, "gossip.key") {
		w.copyKey(m)
	}
}

// copyKey copies the key to the others, as the comment says.
func (w *walk) copyKey(from *machine) {
	w.t.Helper()
	const file = "/etc/eventnode/gossip.key"
	key, err := os.ReadFile(from.path(file))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, m := range w.machines {
		if err := os.WriteFile(filepath.Clean(m.path(file)), key, 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
}

// formed waits until each node has a link to each other one, and streams can be made.
func (w *walk) formed() {
	w.t.Helper()
	w.lan.eventually(time.Minute, func() error {
		for _, m := range w.machines {
			if err := m.linked(len(w.machines)); err != nil {
				return err
			}
		}
		_, err := w.machines[0].run("eventnode raft status")
		return err
	})
}

// subscribed waits until the node of the one that dispatches knows of the subscriber.
func (w *walk) subscribed() {
	w.t.Helper()
	w.lan.eventually(20*time.Second, func() error {
		out, err := w.machines[0].run("eventnode subscriptions topic:orders --json")
		if err == nil && !strings.Contains(out, "topic:orders") {
			err = fmt.Errorf("nobody subscribes: %s", out)
		}
		return err
	})
}

// finish checks what the commands printed, and that no node has told of a first failure.
func (w *walk) finish() {
	w.t.Helper()
	select {
	case <-w.waiting.done:
	case <-time.After(20 * time.Second):
		w.t.Error("the subscriber still waits")
	}
	for printed, want := range map[string]string{
		w.waiting.printed(): "hello", w.printed["status"]: "n1 is healthy", w.printed["consume"]: `{"id":1}`, w.printed["members"]: "n3",
	} {
		if !strings.Contains(printed, want) {
			w.t.Errorf("%q lacks %q", printed, want)
		}
	}
	for _, n := range w.nodes {
		for line := range strings.SplitSeq(n.printed(), "\n") {
			if strings.Contains(line, `msg="something is wrong`) {
				w.t.Errorf("a node complains: %s", line)
			}
		}
	}
}

// crosses checks that what any node dispatches comes to a subscriber of one.
func crosses(t *testing.T, machines []*machine, to *machine) {
	t.Helper()
	topic := "topic:at-" + to.name
	sub := to.start(fmt.Sprintf("eventnode subscribe %s --count %d", topic, len(machines)))
	for _, from := range machines {
		to.lan.eventually(20*time.Second, func() error {
			out, err := from.run(fmt.Sprintf("eventnode subscriptions %s --json", topic))
			if err == nil && !strings.Contains(out, topic) {
				err = fmt.Errorf("nobody subscribes: %s", out)
			}
			return err
		})
		if _, err := from.run(fmt.Sprintf("eventnode dispatch %s --data from-%s", topic, from.at)); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-sub.done:
	case <-time.After(20 * time.Second):
		t.Errorf("events for %s are missing: %s", to.at, sub.printed())
	}
	for _, from := range machines {
		if !strings.Contains(sub.printed(), "from-"+from.at) {
			t.Errorf("at %s nothing came from %s: %s", to.at, from.at, sub.printed())
		}
	}
}
