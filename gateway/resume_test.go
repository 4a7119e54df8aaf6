package gateway_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventnode/eventnode/gateway"
	"github.com/eventnode/eventnode/gateway/gatewaytest"
	"github.com/eventnode/eventnode/sessions"
)

// long is logs that keep everything.
var long = sessions.Config{ReplayEvents: 1 << 20, ReplayBytes: 1 << 30}

// resume connects, and asks for a session.
func (e *edge) resume(token string, id sessions.ID, seen any) *client {
	e.world.t.Helper()
	return e.resumeIn("v=10", token, id, seen)
}

func (e *edge) resumeIn(query, token string, id sessions.ID, seen any) *client {
	e.world.t.Helper()
	c := e.dial(query)
	c.op(10)
	c.send(6, object{"token": token, "session_id": id, "seq": seen})
	return c
}

// cut ends a client's connection without a word, and waits until the gateway has seen it.
func (c *client) cut(s *sessions.Session) {
	c.t.Helper()
	c.conn.Close()
	eventually(c.t, "the session has no socket", func() bool { return !s.Attached() })
}

func (c *client) invalid() {
	c.t.Helper()
	if p := c.op(9); string(p.D) != "false" {
		c.t.Fatal(p)
	}
}

// LC-T5, W1, W2: a resume replays exactly what is behind what the client has seen, after
// 251 events and after 10,000, at both ends and from the beginning; RESUMED has the number
// of the last one; what is new comes behind it.
func TestResumeIsExact(t *testing.T) {
	w := newWorld(t, long)
	e := w.edge(nil)
	for _, n := range []int{251, 10_000} {
		for i, query := range []string{"v=10", "encoding=etf", "compress=zlib-stream", "compress=zstd-stream"} {
			if testing.Short() && n == 10_000 && i > 0 {
				continue
			}
			t.Run(fmt.Sprint(n, " ", query), func(t *testing.T) {
				c, s := e.identify("v=10", "bob", nil)
				c.cut(s)
				send(t, s, n-2)
				last := uint64(n)
				for _, seen := range []uint64{0, 1, 2, 3, last / 2, last - 1, last} {
					c = e.resumeIn(query, "bob", s.ID(), seen)
					if seen < 1 {
						c.event("READY", 1)
					}
					if seen < 2 {
						c.event("GUILD_CREATE", 2)
					}
					c.gets(max(seen+1, 3), last)
					c.event("RESUMED", last)
					send(t, s, 1)
					last++
					c.gets(last, last)
					c.cut(s)
				}
			})
		}
	}
}

// A session that ended, never was, or is another user's cannot be resumed, and the client
// may identify on the same connection, where heartbeats with the old number are no fault.
// A number that is ahead closes.
func TestNotResumed(t *testing.T) {
	e := newWorld(t, sessions.Config{ReplayEvents: 10}).edge(nil)
	_, old := e.identify("v=10", "bob", nil)
	e.world.End(old)
	_, live := e.identify("v=10", "bob", nil)
	for _, c := range []*client{e.resume("bob", old.ID(), 3), e.resume("bob", "x", 5), e.resume("alice", live.ID(), nil)} {
		c.invalid()
		c.send(1, 5)
		c.op(11)
		c.identify("alice", nil)
		c.ready()
		c.event("GUILD_CREATE", 2)
		c.event("GUILD_CREATE", 3)
	}
	c := e.resume("bob", "x", 500)
	c.invalid()
	c.identify("bob", nil)
	c.ready()
	c.event("GUILD_CREATE", 2)
	c.send(1, 500)
	c.op(11)
	c.send(1, 501)
	c.closes(gateway.CloseBadSeq)

	c, s := e.identify("v=10", "bob", nil)
	c.cut(s)
	e.resume("bob", s.ID(), 3).closes(gateway.CloseBadSeq)
	e.resume("bob", s.ID(), 1<<60).closes(gateway.CloseBadSeq)
	send(t, s, 11) // the log has the newest 10 of 13
	e.resume("bob", s.ID(), 2).invalid()
	if n := e.metric("missing_events_total", ""); n != 1 {
		t.Errorf("%v are missing", n)
	}
	if !strings.Contains(e.log.String(), "1 events from 3 on are not kept any more") {
		t.Error(e.log)
	}
	if gaps, stolen := e.metric("resumes_total", "gap"), e.metric("resumes_total", "not_owner"); gaps != 1 || stolen != 1 {
		t.Errorf("%v gaps, %v of others", gaps, stolen)
	}
}

// Presences that were missed come as one, behind the rest and before RESUMED: the newest of
// each user and guild. A client that is cut off before that gets them by its next resume.
func TestPresencesAreMerged(t *testing.T) {
	e := newWorld(t, sessions.Config{}).edge(nil)
	c, s := e.identify("v=10", "bob", nil)
	c.cut(s)
	presence := func(user, guild int, status string) {
		t.Helper()
		ev, err := gatewaytest.Event("PRESENCE_UPDATE", object{"user": object{"id": fmt.Sprint(user)}, "guild_id": fmt.Sprint(guild), "status": status})
		if err == nil {
			_, err = s.Send(ev)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	statuses := func(p payload) string {
		t.Helper()
		var list []struct {
			User   struct{ ID string }
			Guild  string `json:"guild_id"`
			Status string
		}
		if err := json.Unmarshal(p.D, &list); err != nil {
			t.Fatal(err)
		}
		var words []string
		for _, l := range list {
			words = append(words, l.User.ID+"@"+l.Guild+" "+l.Status)
		}
		return strings.Join(words, ", ")
	}
	presence(1, 1, "online") // 3
	presence(2, 1, "online")
	send(t, s, 1) // 5
	presence(1, 1, "idle")
	presence(1, 2, "dnd") // 7
	send(t, s, 1)         // 8

	c = e.resume("bob", s.ID(), 1)
	c.event("GUILD_CREATE", 2)
	c.gets(5, 5)
	c.gets(8, 8)
	if got := statuses(c.event("PRESENCES_REPLACE", 9)); got != "2@1 online, 1@1 idle, 1@2 dnd" {
		t.Error(got)
	}
	c.event("RESUMED", 9)
	presence(2, 1, "offline") // 10: it is there, so it comes as it is
	c.event("PRESENCE_UPDATE", 10)
	c.cut(s)

	// It had seen 8: the presences before that were not seen yet.
	presence(1, 2, "online") // 11
	c = e.resume("bob", s.ID(), 8)
	if got := statuses(c.event("PRESENCES_REPLACE", 12)); got != "1@1 idle, 2@1 offline, 1@2 online" {
		t.Error(got)
	}
	c.event("RESUMED", 12)
}

// A client that is cut off again and again, on two nodes by turns, while several send, sees
// each event once and in order.
func TestResumeWhileSending(t *testing.T) {
	w := newWorld(t, long)
	edges := []*edge{w.edge(nil), w.edge(nil)}
	c, s := edges[0].identify("v=10", "bob", nil)
	c.event("GUILD_CREATE", 2)
	const senders, each = 4, 1_500
	var sending sync.WaitGroup
	for range senders {
		sending.Go(func() {
			for range each {
				if _, err := s.Send(&sessions.Event{Type: "MESSAGE_CREATE", Data: json.RawMessage(`{}`)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	seen, resumes := uint64(2), 0
	for seen < 2+senders*each {
		for range 97 {
			p := c.must()
			if p.T == "RESUMED" {
				continue
			}
			if seen++; p.S != seen || p.T != "MESSAGE_CREATE" {
				t.Fatalf("got %v, want %d", p, seen)
			}
			if seen == 2+senders*each {
				break
			}
		}
		c.cut(s)
		resumes++
		c = edges[resumes%2].resume("bob", s.ID(), seen)
	}
	sending.Wait()
	if p := c.op(0); p.T != "RESUMED" || p.S != seen {
		t.Error(p)
	}
	t.Logf("%d resumes", resumes)
}

// A session whose client answers is not taken from it, by nobody; one whose client does not
// is, here and on another node.
func TestTakeOver(t *testing.T) {
	w := newWorld(t, sessions.Config{})
	short := func(c *gateway.Config) { c.ProbeTimeout = 100 * time.Millisecond }
	holder, other := w.edge(short), w.edge(short)
	for _, at := range []*edge{holder, other} {
		if at == other {
			w.Ask(holder.Release)
		}
		c, s := holder.identify("v=10", "bob", nil)
		c.event("GUILD_CREATE", 2)
		answering := make(chan struct{})
		go func() { // it reads, and so it answers
			defer close(answering)
			if p, err := c.next(); err == nil && p.S != 3 {
				t.Error(p)
			}
		}()
		thief := at.resume("bob", s.ID(), 2)
		thief.invalid()
		send(t, s, 1)
		<-answering

		c.silent = true
		heir := at.resume("bob", s.ID(), 2)
		heir.gets(3, 3)
		heir.event("RESUMED", 3)
		for { // and the dead one is cut off
			if _, err := c.next(); err != nil {
				break
			}
		}
	}
	if n := holder.metric("resumes_total", "attached"); n != 1 {
		t.Errorf("%v were refused", n)
	}
}

// A session id alone is worth nothing: with another's token it is refused like one that is
// not there, its client does not notice, and there is a line in the log.
func TestStolenSession(t *testing.T) {
	e := oneEdge(t, nil)
	c, s := e.identify("v=10", "alice", nil)
	c.event("GUILD_CREATE", 2)
	c.event("GUILD_CREATE", 3)
	for range 3 {
		e.resume("bob", s.ID(), 1).invalid()
	}
	e.resume("eve", s.ID(), 1).closes(gateway.CloseAuthentication)
	send(t, s, 1)
	c.gets(4, 4)
	if n := e.metric("resumes_total", "not_owner"); n != 3 {
		t.Errorf("%v attempts", n)
	}
	if log := e.log.String(); !strings.Contains(log, "session was not resumed") || strings.Contains(log, "token=") || strings.Contains(log, string(s.ID())) {
		t.Error(log)
	}
}
