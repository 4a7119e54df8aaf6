package cluster_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/node"
	"github.com/eventnode/eventnode/test/cluster"
)

// senders post CloudEvents to a stream, each one after the other, at one node after the
// other, and an event again and again until it was taken.
type senders struct {
	t    *testing.T
	urls []string

	mu    sync.Mutex
	taken map[string]string // ids, and the positions that were answered
	tries map[int]int       // statuses; 0: no answer
}

// send posts events, whose ids begin with name, as long as more says so.
func (s *senders) send(ctx context.Context, name string, more func(i int) bool) {
	client := &http.Client{Transport: &http.Transport{}, Timeout: 20 * time.Second}
	defer client.CloseIdleConnections()
	at := rand.IntN(len(s.urls))
	for i := 0; more(i); i++ {
		id := fmt.Sprintf("%s-%d", name, i)
		for ctx.Err() == nil {
			status, position := s.post(ctx, client, s.urls[at], id)
			s.mu.Lock()
			s.tries[status]++
			if status/100 == 2 {
				s.taken[id] = position
			}
			s.mu.Unlock()
			if status/100 == 2 {
				break
			}
			if status/100 == 4 {
				s.t.Errorf("%s was refused with %d", id, status)
				return
			}
			at = (at + 1) % len(s.urls)
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// post posts an event; its position is "" if the stream knew it.
func (s *senders) post(ctx context.Context, client *http.Client, url, id string) (status int, position string) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(`{"id":"`+id+`"}`))
	if err != nil {
		s.t.Error(err)
		return http.StatusBadRequest, ""
	}
	for name, value := range map[string]string{"specversion": "1.0", "id": id, "source": "/senders", "type": "sent"} {
		r.Header.Set("ce-"+name, value)
	}
	r.Header.Set("Content-Type", event.JSON)
	resp, err := client.Do(r)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		Position string `json:"position"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return 0, ""
	}
	return resp.StatusCode, answer.Position
}

// Events are posted at all nodes of a cluster, and at one that keeps no copy, while the
// stream's leader is killed with -9: what was answered is there, at the position that
// was answered, and everything is there once.
func TestIngestSurvivesTheLeader(t *testing.T) {
	if testing.Short() {
		t.Skip("its nodes are processes: the race detector would not see them")
	}
	c := cluster.Start(t, cluster.Config{Processes: true, Storage: true, HTTP: true})
	c.Declare(stream, eventnode.StreamConfig{})
	const path = "/v1/streams/" + stream + "/events"
	s := &senders{t: t, urls: []string{"http://" + edge(t, c).HTTPAddress() + path}, taken: map[string]string{}, tries: map[int]int{}}
	for _, n := range c.Running() {
		s.urls = append(s.urls, "http://"+n.HTTPAddress()+path)
	}
	sending, enough := context.WithCancel(t.Context())
	trying, giveUp := context.WithCancel(t.Context())
	var done sync.WaitGroup
	defer done.Wait()
	defer giveUp()
	defer enough()
	for i := range 4 {
		done.Go(func() { s.send(trying, fmt.Sprint(i), func(int) bool { return sending.Err() == nil }) })
	}
	s.more(c, 200)
	leader := c.Leader(stream).Name()
	c.Kill(leader)
	s.more(c, 200)
	c.Restart(leader)
	s.more(c, 200)
	enough()
	done.Wait()
	t.Logf("%d events taken; answers by status: %v", len(s.taken), s.tries)
	s.check(allOf(c).Streams())
}

// edge is a node without storage in this process, which is not killed.
func edge(t *testing.T, c *cluster.Cluster) *node.Node {
	t.Helper()
	n, err := node.New(node.Config{
		ID: "edge", GossipAddress: "127.0.0.1:0", RPCAddress: "127.0.0.1:0", HTTPAddress: "127.0.0.1:0", HTTPIngest: true,
		Seeds: []string{c.Node("n1").GossipAddress(), c.Node("n2").GossipAddress()},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-n.Ready():
	case err := <-ended:
		t.Fatal(err)
	}
	return n
}

// more waits until n more events were taken.
func (s *senders) more(c *cluster.Cluster, n int) {
	s.t.Helper()
	count := func() int {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.taken)
	}
	want := count() + n
	c.Eventually(30*time.Second, func() error {
		if got := count(); got < want {
			return fmt.Errorf("%d of %d events were taken", got, want)
		}
		return nil
	})
}

// check reads the stream: each event that was taken is there once, where it was said to
// be, and no other is.
func (s *senders) check(streams eventnode.Streams) {
	s.t.Helper()
	there := map[string]string{}
	for e, err := range streams.Read(s.t.Context(), stream) {
		if err != nil {
			s.t.Fatal(err)
		}
		id := e.Event.Meta[event.MetaOriginalID]
		if there[id] != "" {
			s.t.Errorf("%s is there twice: at %s and %s", id, there[id], e.Position)
		}
		there[id] = e.Position.String()
		if string(e.Event.Data) != `{"id":"`+id+`"}` || e.Event.Name != "sent" || e.Event.Source != "/senders" {
			s.t.Errorf("%s is %+v", id, e.Event)
		}
	}
	for id, position := range s.taken {
		if there[id] == "" || position != "" && there[id] != position {
			s.t.Errorf("%s was taken at %q, and is at %q", id, position, there[id])
		}
	}
	if len(s.taken) != len(there) {
		s.t.Errorf("%d events were taken, %d are there", len(s.taken), len(there))
	}
}

// Without a majority a sender is told to come again, and is served when there is one.
func TestIngestWithoutMajority(t *testing.T) {
	if testing.Short() {
		t.Skip("its nodes are processes: the race detector would not see them")
	}
	c := cluster.Start(t, cluster.Config{Processes: true, Storage: true, HTTP: true})
	c.Declare(stream, eventnode.StreamConfig{})
	s := &senders{t: t, urls: []string{"http://" + c.Node("n1").HTTPAddress() + "/v1/streams/" + stream + "/events"}, taken: map[string]string{}, tries: map[int]int{}}
	s.send(t.Context(), "before", func(i int) bool { return i < 1 })
	c.KillAll("n2", "n3")
	client := &http.Client{Transport: &http.Transport{}, Timeout: 40 * time.Second}
	defer client.CloseIdleConnections()
	c.Eventually(60*time.Second, func() error {
		if status, _ := s.post(t.Context(), client, s.urls[0], "without"); status != http.StatusServiceUnavailable {
			return fmt.Errorf("answered %d", status)
		}
		return nil
	})
	c.Restart("n2")
	s.send(t.Context(), "after", func(i int) bool { return i < 1 })
	if s.tries[http.StatusCreated] != 2 {
		t.Errorf("answers by status: %v", s.tries)
	}
}

// What is posted at one process reaches a subscriber at another one.
func TestIngestToATopic(t *testing.T) {
	if testing.Short() {
		t.Skip("its nodes are processes: the race detector would not see them")
	}
	c := cluster.Start(t, cluster.Config{Processes: true, HTTP: true})
	sub, err := c.Node("n3").Live().Subscribe(t.Context(), []string{"topic:orders"})
	if err != nil {
		t.Fatal(err)
	}
	s := &senders{t: t, urls: []string{"http://" + c.Node("n1").HTTPAddress() + "/v1/topics/topic:orders/events"}, taken: map[string]string{}, tries: map[int]int{}}
	const count = 50
	s.send(t.Context(), "a", func(i int) bool { return i < count })
	for i := range count {
		d, err := sub.Receive(t.Context())
		if err != nil || d.Gap != nil || d.Event.Meta[event.MetaOriginalID] != fmt.Sprintf("a-%d", i) {
			t.Fatalf("%d: %+v, %v", i, d, err)
		}
	}
	if s.tries[http.StatusAccepted] != count {
		t.Errorf("answers by status: %v", s.tries)
	}
}
