// Command chatroom has three people, each at a node of their own, talk in a room, which is
// a live topic: who is there gets each line, in the order of who says it; nothing is kept.
// With --name it is you who talks, until the end of the input: try that in several
// terminals, over one cluster (--connect).
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/bus"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/examples/nodes"
)

type (
	// Joined tells that somebody has come.
	Joined struct{ Who string }
	// Said has what somebody has said.
	Said struct{ Who, Text string }
	// Left tells that somebody has gone.
	Left struct{ Who string }
)

// One that is registered wrongly is told when a bus starts.
var _, _, _ = event.Register[Joined]("room_joined"), event.Register[Said]("line_said"), event.Register[Left]("room_left")

const patience = 5 * time.Second // with a node that does not answer

func main() {
	name := flag.String("name", "", "who you are; without it three people talk")
	os.Exit(nodes.Main(func(ctx context.Context, out io.Writer, connect string) error {
		cluster, stop, err := nodes.Live(ctx, connect, 3)
		if err != nil {
			return err
		}
		defer stop()
		if *name == "" {
			return talk(ctx, out, cluster)
		}
		return chat(ctx, out, cluster[0].Address, *name)
	}))
}

func talk(ctx context.Context, out io.Writer, cluster []nodes.Node) error {
	ann, err1 := enter(ctx, out, cluster[0].Address, "ann")
	bob, err2 := enter(ctx, out, cluster[1].Address, "bob")
	cleo, err3 := enter(ctx, out, cluster[2].Address, "cleo")
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	return errors.Join(
		ann.say(ctx, "good morning!"),
		bob.say(ctx, "morning, ann. tea?"),
		cleo.say(ctx, "for me too, please"),
		cleo.leave(ctx), // she does not see what comes
		ann.say(ctx, "she is in a hurry"),
		bob.leave(ctx), ann.leave(ctx),
	)
}

// chat says what is read, until its end or ctrl-C.
func chat(ctx context.Context, out io.Writer, address, name string) error {
	p, err := enter(ctx, out, address, name)
	if err != nil {
		return err
	}
	lines := make(chan string)
	go func() { // it ends with the program: a read cannot be interrupted
		for s := bufio.NewScanner(os.Stdin); s.Scan(); {
			lines <- s.Text()
		}
		close(lines)
	}()
	for {
		select {
		case line, more := <-lines:
			if !more {
				return p.leave(ctx)
			}
			if err := p.say(ctx, line); err != nil {
				return err
			}
		case <-ctx.Done():
			return p.leave(context.WithoutCancel(ctx))
		}
	}
}

type person struct {
	*bus.Bus
	client  *client.Client
	name    string
	goodbye event.ID   // of the event with which this one leaves
	seen    chan error // how it ended to see what happens
}

// enter has somebody come into the room, and see what happens there.
func enter(ctx context.Context, out io.Writer, address, name string) (p *person, err error) {
	p = &person{name: name, goodbye: event.NewID(), seen: make(chan error, 1)}
	if p.client, err = client.Dial(ctx, []string{address}); err != nil {
		return nil, err
	}
	see := func(what ...any) { fmt.Fprintf(out, "%-4s | %s\n", name, fmt.Sprint(what...)) }
	p.Bus, err = bus.New(bus.Config{
		Transport: bus.Topic{Live: p.client, Topics: []string{"topic:tea"}},
		OnGap:     func(_ context.Context, gap eventnode.Gap) { see("something is missing here: ", gap.Reason) },
	})
	if err != nil {
		return nil, err
	}
	// Longer than ctx: one leaves in good order after ctrl-C, too.
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	_, err1 := bus.On(p.Consumer, func(_ context.Context, e Joined) error { see(e.Who, " is here"); return nil })
	_, err2 := bus.On(p.Consumer, func(_ context.Context, e Said) error { see(e.Who, ": ", e.Text); return nil })
	_, err3 := bus.On(p.Consumer, func(ctx context.Context, e Left) error {
		see(e.Who, " has gone")
		if bus.Received(ctx).Event.ID == p.goodbye {
			end()
		}
		return nil
	})
	if err := errors.Join(err1, err2, err3, p.Start(ctx)); err != nil {
		return nil, err
	}
	go func() { p.seen <- p.Run(life) }()
	return p, p.ProduceSync(life, patience, Joined{name}) // others see it, so it is done: ctrl-C comes after
}

// say returns when all nodes with people in the room have it.
func (p *person) say(ctx context.Context, text string) error {
	return p.ProduceSync(ctx, patience, Said{p.name, text})
}

// leave says so, and waits until everything before it was seen.
func (p *person) leave(ctx context.Context) error {
	if err := p.ProduceSync(ctx, patience, Left{p.name}, event.WithID(p.goodbye)); err != nil {
		return err
	}
	return errors.Join(<-p.seen, p.Close(ctx), p.client.Close())
}
