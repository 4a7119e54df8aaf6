package eventnode_test

import (
	"errors"
	"fmt"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// A group exists as long as it has a member. A member that joins twice is in it twice.
func ExampleScope() {
	ctx, n, stop := embedded()
	defer stop()
	workers := n.Scope("") // "" is the default scope; nothing needs to be created
	ada, err := n.NewMember(ctx, 0)
	must(err)
	joined, err := workers.Join(ctx, "resize", []eventnode.Member{ada, ada}, eventnode.WithMeta("gpu"))
	fmt.Println("joined:", joined.Joined, err)

	members, err := workers.Members(ctx, "resize")
	must(err)
	for _, m := range members {
		fmt.Println(m.Member.Node.ID, m.Meta, m.Member == ada.Ref())
	}
	must(workers.SetMeta(ctx, "resize", ada, "busy"))

	left, err := workers.Leave(ctx, "resize", ada, ada, ada)
	fmt.Println("left:", left.Left, "not joined:", left.NotJoined, err)
	_, err = workers.Leave(ctx, "resize", ada)
	fmt.Println(errors.Is(err, eventnode.ErrNotJoined))
	groups, err := workers.Groups(ctx)
	fmt.Println(groups, err)
	// Output:
	// joined: 2 <nil>
	// n1 gpu true
	// n1 gpu true
	// left: 2 not joined: 1 <nil>
	// true
	// [] <nil>
}

// A monitor begins with what is there, and then tells each difference, in order.
func ExampleMonitor() {
	ctx, n, stop := embedded()
	defer stop()
	online := n.Scope("chat")
	come := func(name string) eventnode.Member {
		m, err := n.NewMember(ctx, 0)
		must(err)
		_, err = online.Join(ctx, "online", []eventnode.Member{m}, eventnode.WithMeta(name))
		must(err)
		return m
	}
	ada := come("ada")
	monitor, err := online.Monitor(ctx, "online")
	must(err)
	fmt.Println("there:", monitor.Snapshot()["online"][0].Meta)

	come("grace")
	must(online.SetMeta(ctx, "online", ada, "ada (away)"))
	must(ada.Close()) // leaves all groups
	for range 3 {
		change, err := monitor.Next(ctx)
		must(err)
		for _, m := range change.Joined {
			fmt.Println("+", m.Meta)
		}
		for _, m := range change.Updated {
			fmt.Println("~", m.Meta)
		}
		for _, m := range change.Left {
			fmt.Println("-", m.Meta)
		}
	}
	fmt.Println(monitor.Close(), monitor.Close())
	// Output:
	// there: ada
	// + grace
	// ~ ada (away)
	// - ada (away)
	// true false
}

// Who watches a scope is told of all its groups.
func ExampleScope_MonitorScope() {
	ctx, n, stop := embedded()
	defer stop()
	rooms := n.Scope("rooms")
	monitor, err := rooms.MonitorScope(ctx)
	must(err)
	defer monitor.Close()
	ada, err := n.NewMember(ctx, 0)
	must(err)
	_, err = rooms.JoinMany(ctx, []string{"garden"}, ada)
	must(err)
	_, err = rooms.LeaveMany(ctx, []string{"garden"}, ada)
	must(err)
	for range 2 {
		change, err := monitor.Next(ctx)
		fmt.Println(change.Group, len(change.Joined), len(change.Left), err)
	}
	// Output:
	// garden 1 0 <nil>
	// garden 0 1 <nil>
}

// Broadcast reaches every member, once for each time it has joined.
func ExampleScope_Broadcast() {
	ctx, n, stop := embedded()
	defer stop()
	workers := n.Scope("")
	ada, err := n.NewMember(ctx, 0)
	must(err)
	grace, err := n.NewMember(ctx, 0)
	must(err)
	_, err = workers.Join(ctx, "workers", []eventnode.Member{ada, grace, grace})
	must(err)

	sent, err := workers.Broadcast(ctx, "workers", event.New("bell_rung", nil))
	fmt.Println("delivered:", sent.Delivered, "unreached nodes:", sent.Missing, err)
	for range 2 {
		got, err := grace.Receive(ctx)
		fmt.Println(got.Group, got.Event.Name, err)
	}
	// Output:
	// delivered: 3 unreached nodes: [] <nil>
	// workers bell_rung <nil>
	// workers bell_rung <nil>
}

// SendOne sends to one member: by load, at random, near, or the same for the same key.
func ExampleScope_SendOne() {
	ctx, n, stop := embedded()
	defer stop()
	workers := n.Scope("")
	for range 5 {
		m, err := n.NewMember(ctx, 0)
		must(err)
		_, err = workers.Join(ctx, "workers", []eventnode.Member{m})
		must(err)
	}
	byKey := eventnode.Pick{Strategy: eventnode.PickHash, Key: "user:42"}
	first, err := workers.SendOne(ctx, "workers", event.New("user_renamed", nil), byKey)
	must(err)
	second, err := workers.SendOne(ctx, "workers", event.New("user_deleted", nil), byKey)
	fmt.Println("the same:", first == second, err)
	_, err = workers.SendOne(ctx, "nobody", event.New("user_deleted", nil), eventnode.Pick{})
	fmt.Println(errors.Is(err, eventnode.ErrNoMembers))
	// Output:
	// the same: true <nil>
	// true
}
