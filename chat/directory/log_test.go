package directory_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/chat/directory"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/node"
	"github.com/eventnode/eventnode/sessions"
)

// Submit says of each change what became of it, and when it returns they are applied here.
// A node that was stopped and starts again has the same directory before it is ready.
func TestSubmitAndRestart(t *testing.T) {
	cfg := node.Config{ID: "n1", DataDir: t.TempDir()}
	n, running := startNode(t, cfg)
	r := follow(t, n)
	if !r.Applied().IsZero() {
		t.Error("an empty stream has a position")
	}
	errs, at, err := r.Submit(t.Context(), user(1, "ada"), directory.DeleteUser(9), user(2, "grace"), directory.PutFriendship(1, 2))
	if err != nil || len(errs) != 4 || errs[0] != nil || !errors.Is(errs[1], directory.ErrUnknownUser) || errs[2] != nil || errs[3] != nil {
		t.Fatal(errs, err)
	}
	if r.Applied() != at || r.Wait(t.Context(), at) != nil {
		t.Errorf("applied %s, want %s", r.Applied(), at)
	}
	text, err := os.ReadFile("testdata/example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	changes, err := directory.ParseFile(text)
	if err != nil {
		t.Fatal(err)
	}
	r.submit(t, changes...)
	want, last := r.all(), r.Applied()
	r.end(t, "log")
	running.end(t, "n1")

	n, _ = startNode(t, cfg)
	r = follow(t, n)
	if r.all() != want || r.Applied() != last {
		t.Errorf("at %s, want %s; rows %+v", r.Applied(), last, r.state.Rows())
	}
}

// Two nodes that both change the directory hold the same; one goes on where it was when
// the only node with storage is stopped and starts again while it follows, and while
// changes are submitted.
func TestTwoNodesHoldTheSame(t *testing.T) {
	cfg := node.Config{ID: "n1", DataDir: t.TempDir()}
	n1, running := startNode(t, cfg)
	n2, _ := startNode(t, node.Config{ID: "n2", Seeds: []string{n1.GossipAddress()}})
	r1, r2 := follow(t, n1), follow(t, n2)

	both := func() (last eventnode.Position) {
		t.Helper()
		var wg sync.WaitGroup
		for i, r := range []*replica{r1, r2} {
			wg.Go(func() {
				for k := range 30 {
					id := uint64(1 + (i+k)%20) // the same users, in conflict
					if _, _, err := r.Submit(t.Context(), user(id, fmt.Sprint("of node ", i)), directory.DeleteUser(sessions.Snowflake(id+1))); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		last = r1.submit(t, user(100, "last"))
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if err := r2.Wait(ctx, last); err != nil {
			t.Fatal(err)
		}
		if r1.all() != r2.all() {
			t.Errorf("the states differ:\n%s\n%s", r1.order(), r2.order())
		}
		return last
	}
	both()

	r1.end(t, "log")
	running.end(t, "n1")
	submitted := make(chan error, 1)
	go func() { // while nobody has the stream
		_, _, err := r2.Submit(t.Context(), user(200, "meanwhile"))
		submitted <- err
	}()
	cfg.Seeds = []string{n2.GossipAddress()}
	n1, _ = startNode(t, cfg)
	r1 = follow(t, n1)
	if err := <-submitted; err != nil && !errors.Is(err, eventnode.ErrUnavailable) && !errors.Is(err, eventnode.ErrOutcomeUnknown) {
		t.Error(err)
	}
	both()
	if r1.order() != r2.order() {
		t.Errorf("the changes came otherwise:\n%s\n%s", r1.order(), r2.order())
	}
}

// What is no change is skipped, whoever published it, and what comes after it is applied.
func TestUndecodableEventsAreSkipped(t *testing.T) {
	n, _ := startNode(t, node.Config{ID: "n1", DataDir: t.TempDir()})
	r := follow(t, n)
	streams, err := n.Streams(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, ev := range []event.Event{
		event.New("directory_change", []byte{0xff}, event.WithDataType("application/protobuf")),
		event.New("directory_change", nil, event.WithDataType("application/json")),
		event.New("something", nil),
	} {
		if _, err := streams.Publish(t.Context(), directory.DefaultStream, ev); err != nil {
			t.Fatal(err)
		}
	}
	r.submit(t, user(1, "ada"))
	if again := follow(t, n); again.all() != r.all() || again.all() == "" || len(again.seen) != 1 {
		t.Error("a state that was made of the same stream differs")
	}
}

// A stream of which something may be removed is refused.
func TestAStreamThatForgetsIsRefused(t *testing.T) {
	n, _ := startNode(t, node.Config{ID: "n1", DataDir: t.TempDir()})
	streams, err := n.Streams(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]eventnode.StreamConfig{
		"by-limits": {Retain: eventnode.RetainLimits, MaxCount: 10},
		"by-group":  {Groups: []string{"g"}},
	} {
		if _, err := streams.Declare(t.Context(), name, cfg); err != nil {
			t.Fatal(err)
		}
		r := newReplica(t, streams, func(c *directory.LogConfig) { c.Stream = name })
		if err := r.Run(t.Context()); !errors.Is(err, directory.ErrIncomplete) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Another bound is the operator's affair.
	if _, err := streams.Declare(t.Context(), directory.DefaultStream, eventnode.StreamConfig{MaxBytes: 400}); err != nil {
		t.Fatal(err)
	}
	r := follow(t, n)
	r.submit(t, user(1, "ada"))
	for i := range uint64(20) {
		if _, _, err = r.Submit(t.Context(), user(2+i, "somebody")); err != nil {
			break
		}
	}
	if !errors.Is(err, eventnode.ErrStreamFull) {
		t.Errorf("a full stream: %v", err)
	}
}
