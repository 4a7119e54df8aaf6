package cluster_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode/node"
	"github.com/eventnode/eventnode/test/cluster"
)

// logs are those of nodes in this process.
type logs struct {
	mu   sync.Mutex
	text map[string]*bytes.Buffer
}

// of is where a node's log goes.
func (l *logs) of(name string) *slog.Logger {
	return slog.New(slog.NewTextHandler(writer(func(p []byte) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.text[name] == nil {
			l.text[name] = new(bytes.Buffer)
		}
		l.text[name].Write(p)
	}), nil))
}

type writer func(p []byte)

func (w writer) Write(p []byte) (int, error) {
	w(p)
	return len(p), nil
}

// lines counts those of a node's log with a text.
func (l *logs) lines(name, text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.text[name] == nil {
		return 0
	}
	return strings.Count(l.text[name].String(), text)
}

// A node whose clock is three hours ahead is linked as any other, and each other node says
// so: one line in the log, by how much and what to do, the same in members and in a notice
// of status. That node says it of the others, and nobody of those whose clocks agree.
func TestClocksApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logged := &logs{text: map[string]*bytes.Buffer{}}
		c := cluster.Start(t, cluster.Config{Configure: func(name string, cfg *node.Config) {
			cfg.Logger = logged.of(name)
			if name == "n2" {
				cfg.Storage.WallClock = func() time.Time { return time.Now().Add(3 * time.Hour) }
			}
		}})
		says := func(at, of, want string) error {
			nodes, err := c.Node(at).Cluster().Nodes(t.Context())
			if err != nil {
				return err
			}
			for _, n := range nodes {
				if string(n.ID) == of && (!strings.Contains(n.Trouble, want) || (want == "") != (n.Trouble == "") || n.ClockAhead == nil || n.State != "alive" || n.Link != "up") {
					return fmt.Errorf("%s of %s, want %q: %+v", at, of, want, n)
				}
			}
			return nil
		}
		for _, s := range []struct{ at, of, want string }{
			{"n1", "n2", "the clock of n2 is 3h0m0s ahead of this node's: set both machines' clocks by NTP"},
			{"n3", "n2", "the clock of n2 is 3h0m0s ahead"},
			{"n2", "n1", "the clock of n1 is 3h0m0s behind"},
			{"n2", "n3", "the clock of n3 is 3h0m0s behind"},
			{"n1", "n3", ""},
			{"n3", "n1", ""},
		} {
			c.Eventually(20*time.Second, func() error { return says(s.at, s.of, s.want) })
		}
		status, err := c.Node("n1").Cluster().Status(t.Context())
		if err != nil || !status.Healthy || len(status.Notices) != 1 || !strings.Contains(status.Notices[0], "the clock of n2") {
			t.Errorf("%+v, %v", status, err)
		}
		c.Eventually(20*time.Second, func() error {
			if logged.lines("n1", "cause=clock node=n2") != 1 {
				return fmt.Errorf("n1 has not told of it")
			}
			return nil
		})
		time.Sleep(50 * time.Minute) // virtual: no retry, probe or look makes another line
		for at, want := range map[string]int{"n1": 1, "n2": 2, "n3": 1} {
			if n := logged.lines(at, "cause=clock"); n != want {
				t.Errorf("%s has %d lines, want %d", at, n, want)
			}
			if n := logged.lines(at, "something is wrong"); n != want {
				t.Errorf("%s complains of more", at)
			}
		}
	})
}
