package cluster_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
)

// firstFailure is one of the things that go wrong in a real network, on machines of their
// own with nodes that run the real binary.
type firstFailure struct {
	nodes  int
	flags  map[int]string // of each node, besides those of all
	keys   map[int]string // what /etc/eventnode/gossip.key holds
	before func(l *lan)   // before the nodes start
	mend   func(l *lan, nodes map[int]*background)
	cause  string
	seen   []sight
}

// sight is what a node is to tell of another, in its log and in members.
type sight struct {
	at      int    // whose
	node    string // whom: its name, or its address if it is no member
	state   string
	link    string
	version bool // that it knows it
	says    string
}

func key(c string) string { return strings.Repeat(c, 42) + "E=" } // 32 bytes in base64

const keyFlag = "--gossip-key-file /etc/eventnode/gossip.key"

// Each first failure of a real network shows in members, with state, link, version and
// what to do, at each node that can see it; each such node's log has one line of it, however
// often it tries; and when it is mended, the nodes find each other, and say that it is over.
func TestFirstFailures(t *testing.T) {
	udp := "open UDP port 7400 between this machine and 10.0.0."
	for what, f := range map[string]firstFailure{
		"rpc dropped": {
			before: func(l *lan) { l.machine(2).drop("tcp", 7401) }, mend: func(l *lan, _ map[int]*background) { l.machine(2).allow() },
			cause: "rpc_blocked",
			seen:  []sight{{1, "n2", "alive", "connecting", true, "n2 answers gossip at 10.0.0.2:7400 but not rpc at 10.0.0.2:7401: open TCP port 7401"}},
		},
		"rpc rejected": {
			before: func(l *lan) { l.machine(2).reject("tcp", 7401) }, mend: func(l *lan, _ map[int]*background) { l.machine(2).allow() },
			cause: "rpc_blocked",
			seen:  []sight{{1, "n2", "alive", "connecting", true, "open TCP port 7401"}},
		},
		"rpc refused": {
			flags: map[int]string{2: "--advertise-rpc 10.0.0.2:7409"},
			cause: "rpc_refused",
			seen:  []sight{{1, "n2", "alive", "connecting", true, "rpc at 10.0.0.2:7409 refuses connections"}},
		},
		"no UDP": {
			before: func(l *lan) { l.machine(1).drop("udp", 7400); l.machine(2).drop("udp", 7400) },
			mend:   func(l *lan, _ map[int]*background) { l.machine(1).allow(); l.machine(2).allow() },
			cause:  "udp_blocked",
			seen:   []sight{{1, "n2", "alive", "up", true, udp + "2"}, {2, "n1", "alive", "up", true, udp + "1"}},
		},
		"no UDP one way, and a third node": {
			nodes: 3, before: func(l *lan) { l.machine(2).drop("udp", 7400, "10.0.0.1") },
			mend:  func(l *lan, _ map[int]*background) { l.machine(2).allow() },
			cause: "udp_blocked",
			seen:  []sight{{1, "n2", "alive", "up", true, udp + "2"}, {2, "n1", "alive", "up", true, udp + "1"}},
		},
		"two keys": {
			flags: map[int]string{1: keyFlag, 2: keyFlag}, keys: map[int]string{1: key("A"), 2: key("B")},
			cause: "gossip_key",
			seen:  []sight{{1, "10.0.0.2:7400", "refused", "down", false, "another gossip key"}, {2, "10.0.0.1:7400", "refused", "down", false, "another gossip key"}},
		},
		"a key at one": {
			flags: map[int]string{1: keyFlag}, keys: map[int]string{1: key("A")},
			cause: "gossip_key",
			seen:  []sight{{1, "10.0.0.2:7400", "refused", "down", false, "10.0.0.2:7400 has no gossip key"}, {2, "10.0.0.1:7400", "refused", "down", false, "this node has none"}},
		},
		"a key at the other, which alone has a seed": {
			flags: map[int]string{3: keyFlag}, keys: map[int]string{3: key("A")}, nodes: 3,
			cause: "gossip_key",
			seen:  []sight{{1, "10.0.0.3", "refused", "down", false, "10.0.0.3 has a gossip key"}, {3, "10.0.0.1:7400", "refused", "down", false, "10.0.0.1:7400 has no gossip key"}},
		},
		"two names of clusters": {
			flags: map[int]string{1: "--cluster east", 2: "--cluster west"},
			cause: "cluster_name",
			seen:  []sight{{1, "10.0.0.2:7400", "refused", "down", false, `of cluster \"west\", this node of \"east\"`}, {2, "10.0.0.1:7400", "refused", "down", false, `of cluster \"east\", this node of \"west\"`}},
		},
		"gossip dropped": {
			before: func(l *lan) { l.machine(2).drop("tcp", 7400); l.machine(1).drop("tcp", 7400) },
			mend:   func(l *lan, _ map[int]*background) { l.machine(1).allow(); l.machine(2).allow() },
			cause:  "gossip_blocked",
			seen:   []sight{{1, "10.0.0.2:7400", "unreachable", "down", false, "open TCP and UDP port 7400"}},
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			f.run(t)
		})
	}
}

func (f firstFailure) run(t *testing.T) {
	f.nodes = max(f.nodes, 2)
	l := newLAN(t, f.nodes)
	if f.before != nil {
		f.before(l)
	}
	nodes := map[int]*background{}
	for i := 1; i <= f.nodes; i++ {
		nodes[i] = f.serve(t, l, i)
	}
	for _, s := range f.seen {
		l.eventually(time.Minute, func() error { return f.told(l.machine(s.at), nodes[s.at], s) })
	}
	if f.mend != nil {
		f.mended(t, l, nodes)
	}
	for i, b := range nodes {
		for line := range strings.SplitSeq(b.printed(), "\n") {
			if strings.Contains(line, "something is wrong") && !strings.Contains(line, "cause="+f.cause+" ") {
				t.Errorf("n%d complains of something else: %s", i, line)
			}
		}
	}
}

// mended puts the network right: the nodes find each other, and say that it is over.
func (f firstFailure) mended(t *testing.T, l *lan, nodes map[int]*background) {
	t.Helper()
	f.mend(l, nodes)
	for _, s := range f.seen {
		l.eventually(time.Minute, func() error { return f.over(l.machine(s.at), nodes[s.at], s) })
	}
	for _, s := range f.seen {
		if n := len(f.lines(nodes[s.at], s)); n != 1 {
			t.Errorf("n%d has %d lines of %s of %s", s.at, n, f.cause, s.node)
		}
	}
}

// serve starts a node.
func (f firstFailure) serve(t *testing.T, l *lan, i int) *background {
	t.Helper()
	m := l.machine(i)
	if k := f.keys[i]; k != "" {
		if err := os.MkdirAll(m.path("/etc/eventnode"), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(m.path("/etc/eventnode/gossip.key"), []byte(k+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b := m.start(fmt.Sprintf("eventnode serve --name n%d --gossip 0.0.0.0:7400 --rpc 0.0.0.0:7401 --join 10.0.0.1:7400 --join 10.0.0.2:7400 %s", i, f.flags[i]))
	t.Cleanup(func() {
		if k := f.keys[i]; k != "" && strings.Contains(b.printed(), strings.TrimSuffix(k, "E=")) {
			t.Errorf("n%d has printed its key", i)
		}
	})
	return b
}

// lines are those of a node's log about a sight.
func (f firstFailure) lines(b *background, s sight) []string {
	about := "node=" + s.node + " "
	if strings.Contains(s.node, ".") {
		about = `node="" address=` + s.node + " "
	}
	var found []string
	for line := range strings.SplitSeq(b.printed(), "\n") {
		if strings.Contains(line, `level=WARN msg="something is wrong with a node" cause=`+f.cause+" "+about) {
			found = append(found, line)
		}
	}
	return found
}

// told returns nil if a node has told of what is wrong, in both places.
func (f firstFailure) told(m *machine, b *background, s sight) error {
	lines := f.lines(b, s)
	if len(lines) != 1 || !strings.Contains(lines[0], s.says) {
		return fmt.Errorf("at %s the log has %d lines that should be one with %q: %q", m.at, len(lines), s.says, lines)
	}
	infos, err := m.members()
	if err != nil {
		return err
	}
	for _, n := range infos {
		if string(n.ID) == s.node || n.ID == "" && n.GossipAddress == s.node {
			return s.matches(n)
		}
	}
	return fmt.Errorf("at %s members does not list %s: %+v", m.at, s.node, infos)
}

func (s sight) matches(n eventnode.NodeInfo) error {
	if n.State != s.state || n.Link != s.link || (n.Version != "") != s.version || !strings.Contains(n.Trouble, strings.ReplaceAll(s.says, `\"`, `"`)) {
		return fmt.Errorf("want %+v: %+v", s, n)
	}
	return nil
}

// over returns nil if a node has told that it is over, and finds nothing wrong.
func (f firstFailure) over(m *machine, b *background, s sight) error {
	if !strings.Contains(b.printed(), `msg="that is over" cause=`+f.cause) {
		return fmt.Errorf("at %s it is not over", m.at)
	}
	infos, err := m.members()
	if err != nil {
		return err
	}
	for _, n := range infos {
		if n.Trouble != "" || n.State != "alive" {
			return fmt.Errorf("at %s: %+v", m.at, n)
		}
	}
	return m.linked(f.nodes)
}

// A node that comes with the name of a living one ends, and says to whom the name belongs
// and what to do. The living one goes on as it was, also as others see it, and has one
// line of it in its log and a row in members.
func TestNameTakenOnMachines(t *testing.T) {
	t.Parallel()
	l := newLAN(t, 3)
	f := firstFailure{cause: "name_taken", flags: map[int]string{}}
	f.serve(t, l, 1)
	living := f.serve(t, l, 2)
	l.eventually(time.Minute, func() error { return l.machine(1).linked(2) })
	before, err := l.machine(1).members()
	if err != nil {
		t.Fatal(err)
	}
	late := l.machine(3).start("eventnode serve --name n2 --gossip 0.0.0.0:7400 --rpc 0.0.0.0:7401 --join 10.0.0.1:7400")
	select {
	case <-late.done:
	case <-time.After(time.Minute):
		t.Fatal("the newcomer goes on")
	}
	for _, want := range []string{"10.0.0.2:7400", "10.0.0.2:7401", "10.0.0.3:7400", "--name"} {
		if late.err == nil || !strings.Contains(late.printed(), want) {
			t.Errorf("it ended with %v and does not say %q: %s", late.err, want, late.printed())
		}
	}
	s := sight{2, "10.0.0.3:7400", "refused", "down", false, "a node at 10.0.0.3:7400 came with the name of this one, n2, and must stop: give it another --name"}
	l.eventually(time.Minute, func() error { return f.told(l.machine(2), living, s) })
	after, err := l.machine(1).members()
	if err != nil {
		t.Fatal(err)
	}
	if len(after) != 2 || after[1].Epoch != before[1].Epoch || after[1].State != "alive" || after[1].Link != "up" {
		t.Errorf("n1 saw %+v, and then %+v", before, after)
	}
}
