package cluster_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventnode/eventnode/gateway/gatewaytest"
)

// listener is a client that must not notice anything: what it was told.
type listener struct {
	name string
	got  []string
	err  error
	done chan struct{}
}

// audience has clients listen until they are told that it is over.
func (w *chatWorld) audience(clients ...*gatewaytest.Client) (all []*listener) {
	for i, c := range clients {
		l := &listener{name: fmt.Sprint("listener ", i), done: make(chan struct{})}
		go func() { defer close(l.done); l.err = l.listen(w.t.Context(), c) }()
		all = append(all, l)
	}
	return all
}

// beatAfter is how long a listener says nothing.
const beatAfter = 20 * time.Second

func (l *listener) listen(ctx context.Context, c *gatewaytest.Client) error {
	beat := time.Now()
	for {
		p, err := c.Next(ctx)
		if now := time.Now(); err == nil && now.Sub(beat) > beatAfter {
			beat, err = now, c.Send(1, c.Seq)
		}
		if err != nil {
			return err
		}
		if l.got = append(l.got, content(p)...); len(l.got) > 0 && l.got[len(l.got)-1] == "over" {
			return nil
		}
	}
}

// anyNumber is that it does not matter how many sessions are reached.
const anyNumber = -1

// talk has a node dispatch a message every few milliseconds, each to so many sessions, until
// stop, which returns them.
func (w *chatWorld) talk(node string, sessions int) (stop func() (said []string)) {
	return w.talkAt(5*time.Millisecond, node, sessions)
}

// talkAt is talk with another time between two messages.
func (w *chatWorld) talkAt(pace time.Duration, node string, sessions int) (stop func() (said []string)) {
	chat := w.Node(node).Client().Chat()
	say := func(text string) {
		r, err := chat.Dispatch(w.t.Context(), fmt.Sprint("channel:", chatChannel), "MESSAGE_CREATE", map[string]string{"guild_id": fmt.Sprint(chatGuild), "content": text})
		if err != nil || sessions != anyNumber && r.Count != sessions || len(r.Missing) > 0 {
			w.t.Errorf("%s: it reached %+v: %v", text, r, err)
		}
	}
	var over atomic.Bool
	var talking sync.WaitGroup
	var said []string
	talking.Go(func() {
		tick := time.NewTicker(pace)
		defer tick.Stop()
		for !over.Load() && !w.t.Failed() {
			said = append(said, fmt.Sprint("m", len(said)))
			say(said[len(said)-1])
			<-tick.C
		}
	})
	stop = sync.OnceValue(func() []string {
		over.Store(true)
		talking.Wait()
		if w.t.Context().Err() == nil {
			say("over")
		}
		return append(said, "over")
	})
	w.t.Cleanup(func() { stop() })
	return stop
}

// heard tests that each has got what was said: all of it, once and in order.
func (w *chatWorld) heard(audience []*listener, said []string) {
	w.t.Helper()
	for _, l := range audience {
		<-l.done
		if !slices.Equal(l.got, said) || l.err != nil {
			w.t.Errorf("%s has %d events, want %d: %v", l.name, len(l.got), len(said), l.err)
		}
	}
	w.t.Logf("%d events, each to %d sessions", len(said), len(audience))
}

// logged waits until a node has logged something.
func (w *chatWorld) logged(node, text string) {
	w.t.Helper()
	w.Eventually(10*time.Second, func() error {
		if !strings.Contains(w.Node(node).Log(), text) {
			return fmt.Errorf("not in the log of %s: %s", node, text)
		}
		return nil
	})
}

// httpGet is the status and the body of what a node serves to operators.
func (w *chatWorld) httpGet(node, path string) string {
	w.t.Helper()
	resp, err := http.Get("http://" + w.Node(node).HTTPAddress() + path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.Status + "\n" + string(body)
}

// peakMemory is how much memory a node has had at most, in bytes.
func (w *chatWorld) peakMemory(node string) int {
	w.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.Node(node).PID()))
	if err != nil {
		w.t.Fatal(err)
	}
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	kib, err := strconv.Atoi(string(m[1]))
	if err != nil {
		w.t.Fatal(err)
	}
	return kib << 10
}

// metric is the value of a node's metric.
func (w *chatWorld) metric(node, name string) float64 {
	w.t.Helper()
	m := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(w.httpGet(node, "/metrics"))
	if m == nil {
		w.t.Fatalf("no metric %s", name)
	}
	value, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		w.t.Fatal(err)
	}
	return value
}
