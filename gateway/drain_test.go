package gateway_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/eventnode/eventnode/gateway"
	"github.com/eventnode/eventnode/gateway/gatewaytest"
	"github.com/eventnode/eventnode/sessions"
)

// A node that goes down tells its clients to reconnect, and closes with 4000. Whoever
// resumes on another node has lost nothing, though events go on all the time.
func TestDrain(t *testing.T) {
	w := newWorld(t, long)
	old, next := w.edge(func(c *gateway.Config) { c.ReconnectWait = 50 * time.Millisecond }), w.edge(nil)
	const clients, events = 20, 300
	var sending, reading sync.WaitGroup
	for range clients {
		c, s := old.identify("v=10", "bob", nil)
		c.event("GUILD_CREATE", 2)
		sending.Go(func() {
			for range events {
				send(t, s, 1)
				time.Sleep(time.Millisecond)
			}
		})
		reading.Go(func() {
			seen, told := uint64(2), false
			for {
				p, err := c.next()
				if err != nil {
					if end, ok := errors.AsType[closed](err); !ok || end.code != 4000 || !told {
						t.Errorf("%v, told to reconnect: %v", err, told)
					}
					break
				}
				if told = told || p.Op == 7; p.Op == 7 {
					continue
				}
				if seen++; told || p.S != seen {
					t.Errorf("got %v, want %d; told to reconnect: %v", p, seen, told)
				}
			}
			c.frame(ws.NewCloseFrame(ws.NewCloseFrameBody(1012, "")))
			c.conn.Close()
			k := next.resume("bob", s.ID(), seen)
			for seen < 2+events {
				if p := k.must(); p.T != "RESUMED" {
					if seen++; p.S != seen {
						t.Errorf("got %v, want %d", p, seen)
					}
				}
			}
		})
	}
	if err := old.Drain(t.Context()); err != nil {
		t.Error(err)
	}
	if n := old.metric("connections", ""); n != 0 {
		t.Errorf("%v connections are left", n)
	}
	if _, err := old.tryDial("v=10"); err == nil || !strings.Contains(err.Error(), "503") {
		t.Error(err)
	}
	sending.Wait()
	reading.Wait()
}

// Drain does not wait for clients that do nothing longer than it is told to, and Run ends
// what is left.
func TestDrainOfTheDead(t *testing.T) {
	e := oneEdge(t, func(c *gateway.Config) { c.CloseTimeout = time.Hour })
	c, s := e.identify("v=10", "bob", nil)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := e.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	e.stop()
	if s.Attached() {
		t.Error("the session has a socket")
	}
	for {
		if _, err := c.next(); err != nil {
			break
		}
	}
	if err := e.Run(t.Context()); !errors.Is(err, gateway.ErrRunning) {
		t.Error(err)
	}
}

// A manager that takes no new sessions has clients go elsewhere, and serves those that are
// there.
func TestNotAccepting(t *testing.T) {
	e := oneEdge(t, nil)
	c, s := e.identify("v=10", "bob", nil)
	c.event("GUILD_CREATE", 2)
	e.world.StopAccepting()
	late := e.dial("v=10")
	late.op(10)
	late.identify("bob", nil)
	late.op(7)
	late.closes(gateway.CloseUnknown)
	c.cut(s)
	e.resume("bob", s.ID(), 2).event("RESUMED", 2)
}

// slowIdentify opens sessions when it is let.
type slowIdentify struct {
	*gatewaytest.Backend
	asked, let chan struct{}
}

func (b slowIdentify) Identify(ctx context.Context, who sessions.Identity, p sessions.Presence, hello sessions.Hello) (*sessions.Session, error) {
	close(b.asked)
	<-b.let
	return b.Backend.Identify(ctx, who, p, hello)
}

// A session that is opened while its client is told to go is ended: the client does not
// know of it, and gets nothing behind RECONNECT.
func TestDrainWhileIdentifying(t *testing.T) {
	w := newWorld(t, sessions.Config{})
	slow := slowIdentify{w.Backend, make(chan struct{}), make(chan struct{})}
	e := w.edge(func(c *gateway.Config) { c.Backend = slow })
	c := e.dial("v=10")
	c.op(10)
	c.identify("bob", nil)
	<-slow.asked
	drained := make(chan error)
	go func() { drained <- e.Drain(t.Context()) }()
	c.op(7)
	close(slow.let)
	if p, err := c.next(); err == nil {
		t.Errorf("behind RECONNECT: %v", p)
	}
	c.conn.Close()
	if err := <-drained; err != nil {
		t.Error(err)
	}
	if n := w.Len(); n != 0 {
		t.Errorf("%d sessions", n)
	}
}
