// Command presence shows who is online: each person is a member of a process group, at a
// node of their own, and whoever wants to know monitors that group. A monitor begins with
// who is there, and then tells each change: who comes, who goes, and whose node is lost.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/examples/nodes"
)

// A group exists as long as it has a member. Scopes keep those of applications apart.
const (
	scope  = "example-presence"
	online = "online"
)

func main() { os.Exit(nodes.Main(run)) }

func run(ctx context.Context, out io.Writer, connect string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cluster, stop, err := nodes.Live(ctx, connect, 3)
	if err != nil {
		return err
	}
	defer stop()

	ann, err := come(ctx, cluster[0].Address, "ann")
	if err != nil {
		return err
	}
	defer ann.Close()
	monitor, err := ann.group.Monitor(ctx, online)
	if err != nil {
		return err
	}
	defer monitor.Close()
	fmt.Fprintln(out, "ann sees:", names(monitor.Snapshot()[online]))

	var bob, cleo *person
	for _, step := range []func() error{
		func() (err error) { bob, err = come(ctx, cluster[1].Address, "bob"); return err },
		func() (err error) { cleo, err = come(ctx, cluster[2].Address, "cleo"); return err },
		func() error { return bob.group.SetMeta(ctx, online, bob.member, "bob (away)") },
		func() error { return bob.Close() },
		func() error {
			cluster[2].Stop() // cleo's node goes, and her membership with it
			return cleo.Close()
		},
	} {
		if err := step(); err != nil {
			return err
		}
		change, err := monitor.Next(ctx)
		if err != nil {
			return err
		}
		show(out, change)
	}

	// The same members get what is sent to their group.
	sent, err := ann.group.Broadcast(ctx, online, event.New("office_closed", nil))
	if err != nil {
		return err
	}
	got, err := ann.member.Receive(ctx)
	fmt.Fprintf(out, "%d got %s\n", sent.Delivered, got.Event.Name)
	return err
}

// show prints a change.
func show(out io.Writer, c eventnode.Change) {
	if c.Resync != nil { // who watches was away, or too slow: this is how it is now
		fmt.Fprintln(out, "now here:", names(c.Resync[online]))
	}
	for _, m := range c.Joined {
		fmt.Fprintf(out, "+ %s, at %s\n", m.Meta, m.Member.Node.ID)
	}
	for _, m := range c.Updated {
		fmt.Fprintf(out, "~ %s\n", m.Meta)
	}
	for _, m := range c.Left {
		fmt.Fprintf(out, "- %s\n", m.Meta)
	}
}

// names lists who is in a group.
func names(members []eventnode.Membership) string {
	var list []string
	for _, m := range members {
		list = append(list, m.Meta)
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// person is somebody who is online.
type person struct {
	client *client.Client
	group  eventnode.Scope
	member eventnode.Member
}

// come connects somebody to a node, and joins the group there.
func come(ctx context.Context, address, name string) (*person, error) {
	c, err := client.Dial(ctx, []string{address}, client.WithName(name))
	if err != nil {
		return nil, err
	}
	p := &person{client: c, group: c.Scope(scope)}
	if p.member, err = c.NewMember(ctx, 0); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	// The metadata is the application's own. All nodes know when Join returns.
	_, err = p.group.Join(ctx, online, []eventnode.Member{p.member}, eventnode.WithMeta(name), eventnode.WithJoinWait(5*time.Second))
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return p, nil
}

// Close leaves all groups, and the cluster.
func (p *person) Close() error { return errors.Join(p.member.Close(), p.client.Close()) }
