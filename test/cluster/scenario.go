package cluster

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
)

// scenario is a story that a script tells to a cluster.
type scenario struct {
	t       *testing.T
	c       *Cluster
	clients map[string]*client.Client
	members map[string]eventnode.Member
	names   map[eventnode.MemberRef]string // of all members, also under earlier refs
	watches map[string]*feed[eventnode.Change]
	subs    map[string]*feed[eventnode.Delivery]
}

// command is what one line of a script does. What it returns is printed.
type command func(s *scenario, a args) (string, error)

// commands are all there are, with their arguments.
//
//	start nodes=3 [late=n3]        a cluster; who is late waits for restart
//	kill|stop|restart|pause|resume NODE
//	partition n1,n2 n3             nodes apart from each other
//	cut from=n1 to=n2              one way only
//	heal
//	wait 2m                        virtual time passes
//	linked within=5s               waits until all running nodes have their links
//	nodes NODE                     the cluster as that node sees it
//
//	client NAME nodes=n1,n2        an SDK client; WHO is a node or a client
//	join WHO group=g [as=m] [times=1] [meta=text]
//	leave WHO group=g [as=m] [times=1]
//	end WHO [as=m]                 the member ends
//	members WHO group=g            who is in it: member*times=metadata
//	groups WHO                     all groups with their sizes
//	monitor WHO [group=g]          of all groups if none is named; prints its beginning
//	changes WHO                    what its monitors told since: each node's members in order
//
//	subscribe WHO topic=kind:key
//	dispatch WHO topic=kind:key data=text [receipt]
//	received WHO                   what its subscriptions got since
func commands() map[string]command {
	return map[string]command{
		"start": (*scenario).start, "wait": (*scenario).wait, "linked": (*scenario).linked, "nodes": (*scenario).nodes,
		"kill":      onNode(func(s *scenario, n string) { s.c.Kill(n) }),
		"stop":      onNode(func(s *scenario, n string) { s.c.Stop(n) }),
		"restart":   onNode(func(s *scenario, n string) { s.c.Restart(n) }),
		"pause":     onNode(func(s *scenario, n string) { s.c.Pause(n) }),
		"resume":    onNode(func(s *scenario, n string) { s.c.Resume(n) }),
		"partition": (*scenario).partition, "cut": (*scenario).cut, "heal": (*scenario).heal,
		"client": (*scenario).client, "join": (*scenario).join, "leave": (*scenario).leave, "end": (*scenario).end,
		"members": (*scenario).list, "groups": (*scenario).groups,
		"monitor": (*scenario).monitor, "changes": (*scenario).changes,
		"subscribe": (*scenario).subscribe, "dispatch": (*scenario).dispatch, "received": (*scenario).received,
	}
}

// Play runs the script in a file, in virtual time, and compares what its commands
// print with what the file says (go test -rewrite writes it). The output holds
// names, never epochs. After each command everything that is under way arrives,
// so that only wait, linked and restart let time pass.
func Play(t *testing.T, path string) {
	synctest.Test(t, func(t *testing.T) {
		s := &scenario{
			t: t, clients: map[string]*client.Client{}, members: map[string]eventnode.Member{},
			names:   map[eventnode.MemberRef]string{},
			watches: map[string]*feed[eventnode.Change]{}, subs: map[string]*feed[eventnode.Delivery]{},
		}
		datadriven.RunTest(t, path, s.run)
	})
}

// run does one command.
func (s *scenario) run(t *testing.T, d *datadriven.TestData) string {
	do, ok := commands()[d.Cmd]
	if !ok {
		d.Fatalf(t, "there is no command %q", d.Cmd)
	}
	if s.c == nil && d.Cmd != "start" {
		d.Fatalf(t, "a story begins with start")
	}
	out, err := do(s, readArgs(d.CmdArgs))
	synctest.Wait()
	s.learn()
	if err != nil {
		out = "error: " + err.Error()
	}
	if out == "" {
		return "ok\n"
	}
	return strings.TrimRight(out, "\n") + "\n"
}

// args are a command's arguments.
type args struct {
	plain []string // those without a value
	named map[string]string
}

func readArgs(list []datadriven.CmdArg) args {
	a := args{named: map[string]string{}}
	for _, arg := range list {
		if len(arg.Vals) == 0 {
			a.plain = append(a.plain, arg.Key)
		} else {
			a.named[arg.Key] = strings.Join(arg.Vals, ",")
		}
	}
	return a
}

// first returns the first plain argument: who does it.
func (a args) first() string { return append(slices.Clone(a.plain), "")[0] }

// get returns a named argument, or what stands for it.
func (a args) get(name, otherwise string) string { return cmp.Or(a.named[name], otherwise) }

// list returns a named argument that is a list: x=(n1,n2) or x=n1.
func (a args) list(name string) []string {
	return strings.FieldsFunc(a.named[name], func(r rune) bool { return r == ',' })
}

// onNode is a command about one node.
func onNode(do func(s *scenario, node string)) command {
	return func(s *scenario, a args) (string, error) {
		do(s, a.first())
		return "", nil
	}
}

func (s *scenario) start(a args) (string, error) {
	var nodes int
	if _, err := fmt.Sscan(a.get("nodes", "3"), &nodes); err != nil {
		return "", err
	}
	s.c = Start(s.t, Config{Nodes: nodes, Late: a.list("late")})
	return "", nil
}

func (s *scenario) wait(a args) (string, error) {
	d, err := time.ParseDuration(a.first())
	if err == nil {
		<-time.After(d)
	}
	return "", err
}

// linked fails the test if it takes longer.
func (s *scenario) linked(a args) (string, error) {
	d, err := time.ParseDuration(a.get("within", "5s"))
	if err == nil {
		s.c.Eventually(d, s.c.Linked)
	}
	return "", err
}

func (s *scenario) partition(a args) (string, error) {
	var sides [][]string
	for _, side := range a.plain {
		sides = append(sides, strings.Split(side, ","))
	}
	s.c.Partition(sides...)
	return "", nil
}

func (s *scenario) cut(a args) (string, error) {
	s.c.Cut(a.named["from"], a.named["to"])
	return "", nil
}

func (s *scenario) heal(args) (string, error) {
	s.c.Heal()
	return "", nil
}

// nodes prints each node with what gossip and the link say of it.
func (s *scenario) nodes(a args) (string, error) {
	infos, err := s.c.Node(a.first()).Cluster().Nodes(s.t.Context())
	if err != nil {
		return "", err
	}
	slices.SortFunc(infos, func(a, b eventnode.NodeInfo) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Epoch, b.Epoch))
	})
	var b strings.Builder
	for _, i := range infos {
		if i.ID == "" {
			continue // an address where no node is, so far
		}
		fmt.Fprintf(&b, "%s %s, link %s\n", i.ID, i.State, cmp.Or(i.Link, "none"))
	}
	return b.String(), nil
}

func (s *scenario) client(a args) (string, error) {
	nodes := a.list("nodes")
	if len(nodes) == 0 {
		return "", errors.New("client NAME nodes=n1")
	}
	var others []*Node
	for _, name := range nodes[1:] {
		others = append(others, s.c.Node(name))
	}
	s.clients[a.first()] = s.c.Node(nodes[0]).Client(others...)
	return "", nil
}

// who is a node or a client.
func (s *scenario) who(a args) eventnode.Live {
	if c := s.clients[a.first()]; c != nil {
		return c
	}
	return s.c.Node(a.first()).Live()
}
