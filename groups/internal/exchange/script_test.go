package exchange

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/groups/internal/table"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

// story is a few nodes whose messages move when the script says so.
//
//	nodes a b c          make them, each in epoch 1; log=N bounds their logs
//	meet a b ...         links and membership, for each pair
//	up|down|alive|gone a b [epoch=N]   tell a about b
//	restart a            a new life, one epoch higher, that knows nobody
//	join|leave a g 1 2   members of a; meta=... for join
//	tick a [N]           N ticks (4: one hash), always to the first peer
//	deliver              move all messages until there are none, and print
//	lose                 drop all messages on their way
//	show a               a's table
type story struct {
	nodes map[string]*Exchange
	refs  map[string]eventnode.NodeRef
	way   []onItsWay
	log   int
}

type onItsWay struct {
	from, to eventnode.NodeRef
	msg      []byte
}

// TestScripts plays the scenarios in testdata.
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "../../testdata", func(t *testing.T, path string) {
		s := &story{nodes: map[string]*Exchange{}, refs: map[string]eventnode.NodeRef{}}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var b strings.Builder
			s.run(t, d, &b)
			return b.String()
		})
	})
}

func (s *story) run(t *testing.T, d *datadriven.TestData, b *strings.Builder) {
	var names []string
	meta, epoch := "", uint64(0)
	for _, a := range d.CmdArgs {
		switch {
		case len(a.Vals) == 0:
			names = append(names, a.Key)
		case a.Key == "meta":
			meta = a.Vals[0]
		case a.Key == "epoch":
			epoch, _ = strconv.ParseUint(a.Vals[0], 10, 64)
		case a.Key == "log":
			s.log, _ = strconv.Atoi(a.Vals[0])
		}
	}
	other := func() eventnode.NodeRef {
		ref := s.refs[names[1]]
		if epoch > 0 {
			ref.Epoch = epoch
		}
		return ref
	}
	var x *Exchange
	if len(names) > 0 {
		x = s.nodes[names[0]]
	}
	switch d.Cmd {
	case "nodes":
		for _, n := range names {
			s.boot(n, 1)
		}
	case "restart":
		s.boot(names[0], s.refs[names[0]].Epoch+1)
	case "meet":
		for _, a := range names {
			for _, o := range names {
				if a != o {
					s.nodes[a].NodeAlive(s.refs[o])
					s.nodes[a].PeerUp(s.refs[o])
				}
			}
		}
	case "up":
		x.PeerUp(other())
	case "down":
		x.PeerDown(other())
	case "alive":
		x.NodeAlive(other())
	case "gone":
		x.NodeGone(other())
	case "join", "leave":
		delta := table.Delta{Group: names[1]}
		for _, r := range names[2:] {
			ref, _ := strconv.ParseUint(r, 10, 64)
			m := table.Member{Ref: ref, Times: 1, Meta: meta}
			if d.Cmd == "join" {
				delta.Joined = append(delta.Joined, m)
			} else {
				delta.Left = append(delta.Left, m)
			}
		}
		x.Change("", []table.Delta{delta})
	case "tick":
		n := 1
		if len(names) > 1 {
			n, _ = strconv.Atoi(names[1])
		}
		for range n {
			x.Tick(0)
		}
	case "lose":
		s.collect(b)
		s.way = nil
		return
	case "deliver":
		s.deliver(t, b)
		return
	case "show":
		s.show(names[0], b)
	default:
		t.Fatalf("%s: unknown command %q", d.Pos, d.Cmd)
	}
	s.collect(b)
}

func (s *story) boot(name string, epoch uint64) {
	s.refs[name] = eventnode.NodeRef{ID: eventnode.NodeID(name), Epoch: epoch}
	s.nodes[name] = New(Config{Self: s.refs[name], LogLength: s.log})
}

func (s *story) names() []string {
	var names []string
	for n := range s.nodes {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// collect puts what the nodes say on its way, and prints what they notice.
func (s *story) collect(b *strings.Builder) {
	for _, name := range s.names() {
		outs, evs := s.nodes[name].Take()
		for _, e := range evs {
			for _, d := range e.Diffs {
				fmt.Fprintf(b, "%s notices: %s of %s:%s%s%s\n", name, d.Group, e.Origin,
					list(" +", d.Joined), list(" -", d.Left), list(" ~", d.Updated))
			}
		}
		for _, o := range outs {
			s.way = append(s.way, onItsWay{s.refs[name], o.To, o.Msg})
		}
	}
}

func (s *story) deliver(t *testing.T, b *strings.Builder) {
	for range 1000 {
		if len(s.way) == 0 {
			return
		}
		batch := s.way
		s.way = nil
		for _, l := range batch {
			fmt.Fprintf(b, "%s>%s %s\n", l.from.ID, l.to.ID, spell(l.msg))
			if x := s.nodes[string(l.to.ID)]; s.refs[string(l.to.ID)] == l.to {
				x.Receive(l.from, l.msg)
			}
			s.collect(b)
		}
		for _, n := range s.names() {
			s.nodes[n].Flush()
		}
		s.collect(b)
	}
	t.Fatal("the messages do not end")
}

func (s *story) show(name string, b *strings.Builder) {
	tab := s.nodes[name].Table("")
	if tab == nil {
		b.WriteString("nothing\n")
		return
	}
	for _, p := range tab.Parts() {
		fmt.Fprintf(b, "%s version %d\n", p.Ref, p.Version)
		for _, d := range tab.Copy(p.Ref.ID) {
			fmt.Fprintf(b, "  %s:%s\n", d.Group, list(" ", d.Joined))
		}
	}
}

func list(sign string, ms []table.Member) string {
	var b strings.Builder
	for _, m := range ms {
		fmt.Fprintf(&b, "%s%d", sign, m.Ref)
		if m.Times > 1 {
			fmt.Fprintf(&b, "*%d", m.Times)
		}
		if m.Meta != "" {
			fmt.Fprintf(&b, "=%s", m.Meta)
		}
	}
	return b.String()
}

// spell prints a message in one line.
func spell(msg []byte) string {
	m := new(clusterv1.Exchange)
	if err := proto.Unmarshal(msg, m); err != nil {
		return err.Error()
	}
	switch k := KindOf(msg); k {
	case KindChangeSet:
		c := m.GetChangeSet()
		return fmt.Sprintf("change of %s to %d", refOf(c.GetOrigin()), c.GetVersion())
	case KindApplied:
		return fmt.Sprintf("applied %d", m.GetApplied().GetVersion())
	case KindDigest:
		var b strings.Builder
		for _, e := range m.GetDigest().GetEntries() {
			fmt.Fprintf(&b, " %s:%d", refOf(e.GetOrigin()), e.GetVersion())
		}
		if m.GetDigest().GetReply() {
			b.WriteString(", reply")
		}
		return "digest" + b.String()
	case KindPull:
		return fmt.Sprintf("pull %s from %d", refOf(m.GetPull().GetOrigin()), m.GetPull().GetHave())
	case KindSync:
		c := m.GetSync()
		return fmt.Sprintf("copy of %s at %d, chunk %d", refOf(c.GetOrigin()), c.GetVersion(), c.GetChunk())
	default:
		return k.String()
	}
}
