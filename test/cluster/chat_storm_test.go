//go:build unix

package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eventnode/eventnode/chat/directory"
	"github.com/eventnode/eventnode/gateway/gatewaytest"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
)

const (
	// stormSessions is how many clients a storm has, unless stormVariable says another number.
	stormSessions = 10_000
	stormVariable = "EVENTNODE_STORM"
	// stormUser is the first client's user.
	stormUser = 1 << 20
	// stormIntents are for guilds, messages, and what they say: of presences, n users of one
	// guild who come one by one get n²/2.
	stormIntents = 1<<0 | 1<<9 | 1<<15
	// openAtOnce is how many identify at a time, connectAtOnce how many wait for the
	// gateway's first word: kernels have a queue of 4,096 for a listener.
	openAtOnce, connectAtOnce = 128, 1_024
	// stormPace is between two events, each to all.
	stormPace = 500 * time.Millisecond
	// stormTime bounds what one client waits for.
	stormTime = 2 * time.Minute
)

// stormSize is how many clients there are to be, as far as this process may have sockets.
func stormSize(t *testing.T) int {
	t.Helper()
	n := stormSessions
	if text := os.Getenv(stormVariable); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 {
			t.Fatalf("%s is %q, no number of clients", stormVariable, text)
		}
	}
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	const others = 1_000
	if most := int(min(files.Cur, 1<<30)) - others; n > most {
		t.Logf("%d clients, not %d: a process may have %d files", most, n, files.Cur)
		n = most
	}
	return n
}

// startStorm starts three nodes with so many users in one guild.
func startStorm(t *testing.T, n int) *chatWorld {
	t.Helper()
	var tokens strings.Builder
	changes := []*eventnodev1.DirectoryChange{
		directory.PutUser(&eventnodev1.DirectoryUser{Id: ann, Username: "ann"}),
		directory.PutGuild(&eventnodev1.DirectoryGuild{Id: chatGuild, OwnerId: ann, Name: "the guild"}),
		directory.PutChannel(&eventnodev1.DirectoryChannel{Id: chatChannel, GuildId: chatGuild, Name: "general"}),
	}
	for i := range n {
		id := uint64(stormUser + i)
		fmt.Fprintf(&tokens, "%s %d\n", stormToken(i), id)
		changes = append(changes,
			directory.PutUser(&eventnodev1.DirectoryUser{Id: id, Username: stormToken(i)}),
			directory.PutMember(&eventnodev1.DirectoryMember{GuildId: chatGuild, UserId: id}))
	}
	w := newChat(t, tokens.String())
	for some := range slices.Chunk(changes, 1_000) {
		w.change(some...)
	}
	return w
}

func stormToken(i int) string { return "user-" + strconv.Itoa(i) }

// storm is many clients, who are about to lose their connections.
type storm struct {
	addresses        []string
	opening, dialing chan struct{} // places
	opened, resumed  errgroup.Group
	heard            []*listener
	clients          []*gatewaytest.Client
}

// A storm: all clients of three nodes lose their connections at once, and come back at once,
// some to the node where they were and most to another one, while events go on. All of them
// resume; each has every event, once and in order; and no node is unready for a moment.
func TestChatReconnectStorm(t *testing.T) {
	n := stormSize(t)
	w := startStorm(t, n)
	s := &storm{
		opening: make(chan struct{}, openAtOnce), dialing: make(chan struct{}, connectAtOnce),
		heard: make([]*listener, n), clients: make([]*gatewaytest.Client, n),
	}
	for _, node := range w.Running() {
		w.connect(node.Name()).Cut() // it takes clients
		s.addresses = append(s.addresses, node.GatewayAddress())
	}
	ctx, cancel := context.WithTimeout(t.Context(), stormTime+time.Duration(n)*10*time.Millisecond)
	defer cancel()
	begun := time.Now()
	for i := range n {
		s.opened.Go(func() error { return s.open(ctx, i) })
	}
	if err := s.opened.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d sessions after %v", n, time.Since(begun))

	stop := w.talkAt(stormPace, "n1", anyNumber)
	ready := w.watchReady()
	begun = time.Now()
	for i, c := range s.clients {
		c.Cut()
		s.resumed.Go(func() error { return s.comeBack(ctx, i) })
	}
	if err := s.resumed.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("all have resumed after %v", time.Since(begun))
	ready()
	w.heard(s.heard, stop())
}

// open opens a client's session, and has it listen.
func (s *storm) open(ctx context.Context, i int) error {
	s.opening <- struct{}{}
	defer func() { <-s.opening }()
	c, err := gatewaytest.Dial(ctx, s.addresses[i%len(s.addresses)])
	if err != nil {
		return err
	}
	s.clients[i], s.heard[i] = c, &listener{name: stormToken(i), done: make(chan struct{})}
	if _, err = c.Identify(ctx, stormToken(i), map[string]any{"intents": stormIntents}); err != nil {
		return err
	}
	return c.Send(1, c.Seq)
}

// comeBack resumes a client's session, on the next node or the same, and listens.
func (s *storm) comeBack(ctx context.Context, i int) error {
	l, at := s.heard[i], s.addresses[(i+i/len(s.addresses))%len(s.addresses)]
	for {
		c, err := s.dial(ctx, at)
		if err != nil {
			return err
		}
		missed, err := c.Resume(ctx, s.clients[i])
		for _, p := range missed {
			l.got = append(l.got, content(p)...)
		}
		switch _, closed := errors.AsType[*gatewaytest.ClosedError](err); {
		case err == nil:
			go func() { defer close(l.done); l.err = l.listen(ctx, c); c.Cut() }()
			return nil
		case !closed || len(missed) > 0: // closed: it is to come again
			return fmt.Errorf("%s: %w", l.name, err)
		}
		c.Cut()
	}
}

// dial connects to a node, as soon as there is a place.
func (s *storm) dial(ctx context.Context, address string) (*gatewaytest.Client, error) {
	s.dialing <- struct{}{}
	defer func() { <-s.dialing }()
	return gatewaytest.Dial(ctx, address)
}

// watchReady asks all nodes all the time whether they are ready, until stop.
func (w *chatWorld) watchReady() (stop func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	var watching sync.WaitGroup
	for _, node := range w.Running() {
		watching.Go(func() {
			asked := 0
			for ; ctx.Err() == nil; asked++ {
				if status := readiness(node.HTTPAddress()); status != http.StatusText(http.StatusOK) {
					w.t.Errorf("%s is not ready: %s", node.Name(), status)
					return
				}
			}
			w.t.Logf("%s was asked %d times", node.Name(), asked)
		})
	}
	stop = sync.OnceFunc(func() { cancel(); watching.Wait() })
	w.t.Cleanup(stop)
	return stop
}

// readiness is what a node answers when it is asked whether it is ready.
func readiness(address string) string {
	asking := http.Client{Timeout: 10 * time.Second}
	resp, err := asking.Get("http://" + address + "/readyz")
	if err != nil {
		return err.Error()
	}
	_ = resp.Body.Close()
	return http.StatusText(resp.StatusCode)
}
