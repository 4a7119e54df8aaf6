package node_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/access"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/node"
)

// Who requests needs dispatch on the topic and subscribe on reply:, who replies subscribe on
// the topic and dispatch on reply:, and neither more; what is missing is told to whom it
// concerns.
func TestRightsOfRequests(t *testing.T) {
	topic, inbox := []string{"topic:prices"}, []string{"reply:"}
	n := governed(t, book{
		"asks":     {{access.Dispatch, topic}, {access.Subscribe, inbox}},
		"answers":  {{access.Subscribe, topic}, {access.Dispatch, inbox}},
		"no inbox": {{access.Dispatch, topic}, {access.Subscribe, topic}},
		"no topic": {{access.Subscribe, inbox}, {access.Dispatch, inbox}},
	}, node.Config{ID: "n1"})
	dial := func(principal string) *client.Client {
		t.Helper()
		c, err := client.Dial(t.Context(), []string{n.RPCAddress()}, client.WithToken(tokenOf(principal)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	ctx, stop := context.WithCancel(t.Context())
	stands, ended := make(chan struct{}), make(chan error, 1)
	echo := func(_ context.Context, d eventnode.Delivery) (event.Event, error) { return d.Event, nil }
	go func() {
		ended <- eventnode.Reply(ctx, dial("answers"), topic, echo, eventnode.WithReady(func(eventnode.Subscription) { close(stands) }))
	}()
	<-stands
	ask := func(principal string) error {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		_, err := eventnode.Request(ctx, dial(principal), topic[0], event.New("asked", nil))
		return err
	}
	if err := ask("asks"); err != nil {
		t.Error(err)
	}
	for _, principal := range []string{"no inbox", "no topic", "answers"} {
		if err := ask(principal); !errors.Is(err, eventnode.ErrPermissionDenied) {
			t.Errorf("%s: %v", principal, err)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}

	failed := make(chan error, 1)
	ctx, stop = context.WithCancel(t.Context())
	sub, err := dial("no inbox").Subscribe(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		ended <- eventnode.Handle(ctx, sub, eventnode.Replies(dial("no inbox"), echo), eventnode.WithOnError(func(_ eventnode.Delivery, err error) { failed <- err }))
	}()
	asking, cancel := context.WithCancel(t.Context())
	asked := make(chan error, 1)
	go func() {
		_, err := eventnode.Request(asking, dial("asks"), topic[0], event.New("asked", nil))
		asked <- err
	}()
	if err := <-failed; !errors.Is(err, eventnode.ErrPermissionDenied) {
		t.Errorf("a replier that may not reply: %v", err)
	}
	cancel()
	if err := <-asked; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
