package cluster_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/chat/directory"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/gateway"
	"github.com/eventnode/eventnode/gateway/gatewaytest"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/test/cluster"
)

// Who is in the guild of these tests, with a token of that name.
const (
	ann   = 1001
	ben   = 1002
	eve   = 1003 // is in no guild
	robot = 1004 // is a bot

	chatGuild   = 7 << 22
	chatChannel = chatGuild + 1

	// The robot's other guild. Of two shards it is the first one's, the other one is the second's.
	robotGuild   = 8 << 22
	robotChannel = robotGuild + 1
)

// chatWorld is three processes with gateways, which know a guild of two friends.
type chatWorld struct {
	*cluster.Cluster
	t        *testing.T
	anywhere *client.Client // of whatever node lives
}

// startChat starts them, with more arguments on their command lines.
func startChat(t *testing.T, args ...string) *chatWorld {
	t.Helper()
	w := newChat(t, fmt.Sprintf("ann %d\nben %d\neve %d\nrobot %d bot\n", ann, ben, eve, robot), args...)
	w.change(
		directory.PutUser(&eventnodev1.DirectoryUser{Id: ann, Username: "ann"}),
		directory.PutUser(&eventnodev1.DirectoryUser{Id: ben, Username: "ben"}),
		directory.PutUser(&eventnodev1.DirectoryUser{Id: eve, Username: "eve"}),
		directory.PutUser(&eventnodev1.DirectoryUser{Id: robot, Username: "robot", Bot: true}),
		directory.PutGuild(&eventnodev1.DirectoryGuild{Id: chatGuild, OwnerId: ann, Name: "the guild"}),
		directory.PutChannel(&eventnodev1.DirectoryChannel{Id: chatChannel, GuildId: chatGuild, Name: "general"}),
		directory.PutGuild(&eventnodev1.DirectoryGuild{Id: robotGuild, OwnerId: ann, Name: "the robot's"}),
		directory.PutChannel(&eventnodev1.DirectoryChannel{Id: robotChannel, GuildId: robotGuild, Name: "general"}),
		directory.PutMember(&eventnodev1.DirectoryMember{GuildId: chatGuild, UserId: ann}),
		directory.PutMember(&eventnodev1.DirectoryMember{GuildId: chatGuild, UserId: ben}),
		directory.PutMember(&eventnodev1.DirectoryMember{GuildId: chatGuild, UserId: robot}),
		directory.PutMember(&eventnodev1.DirectoryMember{GuildId: robotGuild, UserId: robot}),
		directory.PutFriendship(ann, ben))
	return w
}

// newChat is such processes, whose clients have these tokens, and which know nobody.
func newChat(t *testing.T, tokens string, args ...string) *chatWorld {
	t.Helper()
	if testing.Short() {
		t.Skip("its nodes are processes: the race detector would not see them")
	}
	path := filepath.Join(t.TempDir(), "tokens")
	if err := os.WriteFile(path, []byte(tokens), 0o600); err != nil {
		t.Fatal(err)
	}
	w := &chatWorld{Cluster: cluster.Start(t, cluster.Config{Processes: true, Storage: true, HTTP: true, GatewayTokens: path, Args: args}), t: t}
	var all []string
	for _, n := range w.Running() {
		all = append(all, n.RPCAddress())
	}
	var err error
	if w.anywhere, err = client.Dial(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.anywhere.Close() })
	return w
}

// change changes the directory, on all nodes.
func (w *chatWorld) change(changes ...*eventnodev1.DirectoryChange) {
	w.t.Helper()
	w.Eventually(30*time.Second, func() error {
		changed, err := w.Node("n1").Client().Chat().Change(w.t.Context(), changes...)
		if err == nil && len(changed.Missing)+len(changed.Refused) > 0 {
			err = fmt.Errorf("missing %v, refused %v", changed.Missing, changed.Refused)
		}
		return err
	})
}

// connect connects to a node as soon as its gateway takes clients.
func (w *chatWorld) connect(node string) (c *gatewaytest.Client) {
	w.t.Helper()
	w.Eventually(30*time.Second, func() (err error) {
		c, err = gatewaytest.Dial(w.soon(), w.Node(node).GatewayAddress())
		return err
	})
	w.t.Cleanup(c.Cut)
	return c
}

func (w *chatWorld) login(node, token string) *gatewaytest.Client {
	w.t.Helper()
	c := w.connect(node)
	if _, err := c.Identify(w.soon(), token, nil); err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *chatWorld) soon() context.Context {
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	w.t.Cleanup(cancel)
	return ctx
}

// send dispatches a message to the channel and says who was reached.
func (w *chatWorld) send(node, text string) eventnode.Reached {
	w.t.Helper()
	reached, err := w.Node(node).Client().Chat().Dispatch(w.soon(), fmt.Sprint("channel:", chatChannel), "MESSAGE_CREATE", map[string]string{"content": text})
	if err != nil {
		w.t.Fatal(err)
	}
	return reached
}

// until skips what a client is sent until it is this.
func (w *chatWorld) until(c *gatewaytest.Client, eventType, with string) {
	w.t.Helper()
	for {
		p, err := c.Next(w.soon())
		if err != nil {
			w.t.Fatalf("waiting for %s %s: %v", eventType, with, err)
		}
		if p.Type == eventType && strings.Contains(string(p.Data), with) {
			return
		}
	}
}

// L17x: after a kill -9 the sessions of that node are gone for everybody: its users are
// offline unless they have others, events still reach everybody else, and who comes back
// elsewhere has to begin anew there.
func TestL17x_ChatNodeIsKilled(t *testing.T) {
	w := startChat(t)
	a := w.login("n1", "ann")
	b, also := w.login("n2", "ben"), w.login("n3", "ben")
	w.until(a, "PRESENCE_UPDATE", `"online"`)
	w.Kill("n2")
	w.Eventually(20*time.Second, func() error {
		if got := w.send("n1", "to all"); got.Count != 2 || len(got.Missing) > 0 {
			return fmt.Errorf("reached %+v", got)
		}
		return nil
	})
	w.until(also, "MESSAGE_CREATE", "to all")
	c := w.gone("n3", b)
	if _, err := c.Identify(w.soon(), "ben", nil); err != nil {
		t.Fatal(err)
	}
	w.until(a, "MESSAGE_CREATE", "to all")
	also.Cut()
	c.Cut()
	w.Kill("n3")
	w.until(a, "PRESENCE_UPDATE", `"offline"`)
}

// gone is a client that asked a node for the session of another one, and was told that it is
// not there any more: until the node takes the other's for dead it says to come again.
func (w *chatWorld) gone(node string, lost *gatewaytest.Client) (c *gatewaytest.Client) {
	w.t.Helper()
	w.Eventually(20*time.Second, func() error {
		c = w.connect(node)
		missed, err := c.Resume(w.soon(), lost)
		if err == nil || len(missed) > 0 {
			w.t.Fatalf("resumed, with %v", missed)
		}
		if _, closed := errors.AsType[*gatewaytest.ClosedError](err); closed {
			return err
		}
		return nil
	})
	return c
}

// L12x: with a journal a client whose node is killed with kill -9, while messages are sent,
// resumes at another and misses none that was answered; round after round, so that each node
// has been the dead one, and one that came back has the sessions of others.
func TestChatJournal(t *testing.T) {
	w := startChat(t, "--session-journal", "sessions")
	names := []string{"n1", "n2", "n3"}
	c := w.login(names[0], "ben")
	sender := w.keepSending(func(_ eventnode.Reached, err error) bool { return err == nil })
	var got []string
	for at := range names {
		got = append(got, w.some(c)...)
		w.Kill(names[at])
		got = append(got, w.rest(c)...)
		next, missed := w.resume(names[(at+1)%3], c)
		got = append(got, missed...)
		c = next
		got = append(got, w.some(c)...)
		w.Restart(names[at])
	}
	got = append(got, w.read(c, sender.last())...)
	w.complete(got[:len(got)-1], sender.sure)
}

// rest reads what a killed node has sent a client.
func (w *chatWorld) rest(c *gatewaytest.Client) (got []string) {
	for {
		p, err := c.Next(w.soon())
		if err != nil {
			return got
		}
		got = append(got, content(p)...)
	}
}

// resume resumes at a node, as soon as that knows that the session's own is dead.
func (w *chatWorld) resume(node string, from *gatewaytest.Client) (c *gatewaytest.Client, got []string) {
	w.t.Helper()
	w.Eventually(30*time.Second, func() error {
		c = w.connect(node)
		missed, err := c.Resume(w.soon(), from)
		if closed, ok := errors.AsType[*gatewaytest.ClosedError](err); err != nil && (!ok || closed.Code != int(gateway.CloseUnknown)) {
			w.t.Fatal(err)
		}
		for _, p := range missed {
			got = append(got, content(p)...)
		}
		return err
	})
	return c, got
}

// sender sends numbered messages from whatever node lives, until it is told to end.
type sender struct {
	w    *chatWorld
	sure []bool // by message: it was sent to everybody, as far as the sender knows
	stop context.CancelFunc
	done chan struct{}
}

// keepSending sends messages; sure says by a call's result whether all have one.
func (w *chatWorld) keepSending(sure func(eventnode.Reached, error) bool) *sender {
	ctx, stop := context.WithCancel(w.t.Context())
	s := &sender{w: w, stop: stop, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		for ctx.Err() == nil {
			s.sure = append(s.sure, sure(w.sendAnywhere(fmt.Sprint("m", len(s.sure)))))
		}
	}()
	w.t.Cleanup(func() { stop(); <-s.done })
	return s
}

// last ends it and sends a last message, which it recognises.
func (s *sender) last() func(text string) bool {
	s.stop()
	<-s.done
	_, err := s.w.sendAnywhere("last")
	if err != nil {
		s.w.t.Fatal(err)
	}
	return func(text string) bool { return text == "last" }
}

// L12x, L15: a rolling restart of all nodes, while messages are sent, loses none of them for
// a client that goes where it is welcome and resumes; and repeats none.
func TestChatRollingRestart(t *testing.T) {
	w := startChat(t, "--replay-events", "1000000", "--replay-bytes", "1000000000") // who sends does not wait for who reads
	at := 0
	names := []string{"n1", "n2", "n3"}
	c := w.login(names[at], "ben")
	sender := w.keepSending(func(r eventnode.Reached, err error) bool { return err == nil && len(r.Missing) == 0 })
	var got []string
	for range 3 {
		restarted := make(chan struct{})
		name := names[at]
		go func() {
			defer close(restarted)
			w.Stop(name)
		}()
		got = append(got, w.read(c, nil)...) // until it is told to go
		at = (at + 1) % 3
		next := w.connect(names[at])
		missed, err := next.Resume(w.soon(), c)
		for _, p := range missed {
			got = append(got, content(p)...)
		}
		if err != nil {
			t.Fatal(err)
		}
		c = next
		<-restarted
		w.Restart(name)
		got = append(got, w.some(c)...)
	}
	got = append(got, w.read(c, sender.last())...)
	w.complete(got[:len(got)-1], sender.sure)
}

// complete checks that messages came in order, each once, and all that were sent for sure.
func (w *chatWorld) complete(got []string, sure []bool) {
	w.t.Helper()
	lost, next := 0, 0
	for _, text := range got {
		var n int
		if _, err := fmt.Sscanf(text, "m%d", &n); err != nil || n < next {
			w.t.Fatalf("%s after m%d", text, next-1)
		}
		for ; next < n; next++ {
			if sure[next] {
				w.t.Fatalf("m%d is missing before %s", next, text)
			}
			lost++
		}
		next++
	}
	for ; next < len(sure); next++ {
		if sure[next] {
			w.t.Fatalf("m%d is missing at the end", next)
		}
	}
	w.t.Logf("%d messages, %d that were not answered did not come", len(sure), lost)
}

// sendAnywhere sends a message from a node that lives, once.
func (w *chatWorld) sendAnywhere(text string) (reached eventnode.Reached, err error) {
	for {
		reached, err = w.anywhere.Chat().Dispatch(w.t.Context(), fmt.Sprint("channel:", chatChannel), "MESSAGE_CREATE", map[string]string{"content": text})
		if !errors.Is(err, eventnode.ErrUnavailable) || errors.Is(err, eventnode.ErrOutcomeUnknown) || w.t.Context().Err() != nil {
			return reached, err
		}
	}
}

// read reads messages until one is the last, or the gateway ends the connection.
func (w *chatWorld) read(c *gatewaytest.Client, last func(text string) bool) (got []string) {
	w.t.Helper()
	for {
		p, err := c.Next(w.soon())
		if _, closed := errors.AsType[*gatewaytest.ClosedError](err); closed && last == nil {
			return got
		}
		if err != nil {
			w.t.Fatal(err)
		}
		got = append(got, content(p)...)
		if last != nil && len(got) > 0 && last(got[len(got)-1]) {
			return got
		}
	}
}

// some reads a few messages.
func (w *chatWorld) some(c *gatewaytest.Client) []string {
	n := 0
	return w.read(c, func(string) bool { n++; return n == 20 })
}

// content is what a payload says, if it is a message.
func content(p gatewaytest.Payload) []string {
	var said struct {
		Content string `json:"content"`
	}
	if p.Type != "MESSAGE_CREATE" || json.Unmarshal(p.Data, &said) != nil {
		return nil
	}
	return []string{said.Content}
}
