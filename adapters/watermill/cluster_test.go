package watermill_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/adapters/watermill"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/test/cluster"
)

// The leader of three nodes is killed while messages are published and received, by
// subscriptions of each kind: each has all of them, and those that promise it in order. What
// was on its way when the leader went is stored once.
func TestLeaderIsKilled(t *testing.T) {
	const all = 300
	c := cluster.Start(t, cluster.Config{Storage: true})
	c.Declare("orders", eventnode.StreamConfig{Retain: eventnode.RetainLimits}) // who has no group holds nothing back
	leader, others := c.Leader("orders"), c.Followers("orders")
	cl := others[0].Client(others[1])
	streams := cl.Streams(client.WithPatience(patience))
	var ended sync.WaitGroup
	for kind, cfg := range map[string]watermill.SubscriberConfig{
		"sharing":         {Group: "sharing"},
		"exclusive":       {Group: "exclusive", Exclusive: true},
		"keyed":           {Group: "keyed", GroupConfig: &eventnode.ConsumerGroupConfig{Keyed: true}},
		"without a group": {},
	} {
		cfg.Streams, cfg.Consumers = streams, cl.Consumers()
		s, err := watermill.NewSubscriber(cfg)
		must(t, err)
		messages := subscribe(t, s, "orders")
		ended.Go(func() {
			receiveAll(t, kind, messages, all)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	p, err := watermill.NewPublisher(watermill.PublisherConfig{Streams: streams})
	must(t, err)
	for i := range all {
		if i == all/2 {
			c.Kill(leader.Name())
		}
		m := message.NewMessage(fmt.Sprint(i), nil)
		m.Metadata[watermill.MetadataKey] = "one"
		must(t, p.Publish("orders", m))
	}
	ended.Wait()
	info, err := streams.Info(t.Context(), "orders")
	if must(t, err); info.Published != all {
		t.Errorf("%d messages are stored, want %d", info.Published, all)
	}
}

// receiveAll receives messages that are numbered, in order; those that had come before may
// come again.
func receiveAll(t *testing.T, kind string, messages <-chan *message.Message, all int) {
	late := time.After(2 * patience)
	for want := 0; want < all; {
		select {
		case m := <-messages:
			switch n, err := strconv.Atoi(m.UUID); {
			case err != nil || n > want:
				t.Errorf("%s: message %q, want %d", kind, m.UUID, want)
				return
			case n == want:
				want++
			}
			m.Ack()
		case <-late:
			t.Errorf("%s: %d of %d messages", kind, want, all)
			return
		}
	}
}

// threeNodes are processes of the real binary, and a client of all of them.
type threeNodes struct {
	*cluster.Cluster
	client *client.Client
}

func startCluster(t *testing.T) *threeNodes {
	t.Helper()
	if os.Getenv("EVENTNODE_BINARY") == "" { // this module cannot build it
		path := filepath.Join(t.TempDir(), "eventnode")
		build := exec.Command("go", "build", "-o", path, "./cmd/eventnode")
		build.Dir = "../.."
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("go build: %v: %s", err, out)
		}
		t.Setenv("EVENTNODE_BINARY", path)
	}
	c := cluster.Start(t, cluster.Config{Processes: true, Storage: true})
	c.Declare("first", eventnode.StreamConfig{}) // it is founded
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var addrs []string
	for _, n := range c.Running() {
		addrs = append(addrs, n.RPCAddress())
	}
	cl, err := client.Dial(ctx, addrs)
	must(t, err)
	t.Cleanup(func() { _ = cl.Close() })
	return &threeNodes{c, cl}
}

// restarter kills the leader of a stream with -9 when it is asked to, and starts its node
// again. One restart waits for the other.
type restarter struct {
	c      *threeNodes
	stream func() (string, error)

	mu   sync.Mutex
	done int
}

// serveRestarts returns the command that restarts a leader, and who carries it out.
func (c *threeNodes) serveRestarts(t *testing.T, stream func() (string, error)) ([]string, *restarter) {
	t.Helper()
	r := &restarter{c: c, stream: stream}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	self, err := os.Executable()
	must(t, err)
	return []string{self, "-restart", server.URL}, r
}

// ServeHTTP implements http.Handler.
func (r *restarter) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	stream, err := r.stream()
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	leader := r.c.Leader(stream).Name()
	r.c.Kill(leader)
	next := r.c.Leader(stream).Name()
	r.c.Restart(leader)
	r.c.Eventually(patience, r.c.Linked)
	r.done++
	_, _ = fmt.Fprintf(w, "%s led %s, was killed and is back; %s leads", leader, stream, next)
}

// wait waits for the second restart. It may have to wait for the first one, and then
// TestReconnect is done before it is.
func (r *restarter) wait(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		r.mu.Lock()
		done := r.done
		r.mu.Unlock()
		if done == 2 {
			return
		}
		if time.Now().After(end) {
			t.Errorf("%d leaders were killed, want 2", done)
			return
		}
	}
}
