package eventnodepubsub

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gocloud.dev/gcerrors"
	"gocloud.dev/pubsub"
	"gocloud.dev/pubsub/driver"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/test/cluster"
)

// What the conformance tests do not ask for.
func TestDriver(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T, *world)
	}{
		{"refused", refused},
		{"the ordering key", orderingKey},
		{"the place of a batch", places},
		{"sharing", sharing},
		{"shutdown gives back", shutdownGivesBack},
		{"neither acked nor nacked", unsettled},
		{"dead letters", deadLetters},
		{"options", options},
		{"a lost lease", lostLease},
		{"an AckID of another driver", foreignAckID},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, w) })
	}
}

// A message that cannot be an event is refused, by the driver too, and its batch with it.
func refused(t *testing.T, w *world) {
	stream := w.stream(t)
	dt := newTopic(w.streams, stream, &TopicOptions{})
	for _, metadata := range []map[string]string{{"\xff": "v"}, {"k": "\xff"}, {"": "v"}, {"eventnode.k": "v"}} {
		err := dt.SendBatch(t.Context(), []*driver.Message{{Body: []byte("good")}, {Metadata: metadata}})
		var field *event.InvalidError
		if dt.ErrorCode(err) != gcerrors.InvalidArgument || !dt.ErrorAs(err, &field) || field.Field != "meta" {
			t.Errorf("%q: %v", metadata, err)
		}
	}
	err := dt.SendBatch(t.Context(), []*driver.Message{{Body: make([]byte, 2<<20)}})
	var limit *eventnode.LimitError
	if dt.ErrorCode(err) != gcerrors.ResourceExhausted || !dt.ErrorAs(err, &limit) {
		t.Errorf("%v", err)
	}
	if info, err := w.streams.Info(t.Context(), stream); err != nil || info.Published != 0 {
		t.Errorf("%d were published, %v", info.Published, err)
	}
	if err := w.topic(t, stream, nil).Send(t.Context(), &pubsub.Message{Body: make([]byte, 4<<20)}); err == nil {
		t.Error("a message of 4 MiB was sent")
	}
}

// The metadata of a name is the ordering key, if one says so.
func orderingKey(t *testing.T, w *world) {
	for _, metadata := range []map[string]string{{"user": "ada", "a": "b"}, {"user": ""}, {"a": "b"}, nil} {
		stream := w.stream(t)
		with := w.subscription(t, stream, w.group(t, stream, soon), &SubscriptionOptions{KeyName: "user"})
		without := w.subscription(t, stream, w.group(t, stream, soon), nil)
		topic := w.topic(t, stream, &TopicOptions{KeyName: "user", Name: "greeted"})
		must(t, topic.Send(t.Context(), &pubsub.Message{Metadata: metadata}))
		m, _, _ := receive(t, with)
		var d *eventnode.StreamDelivery
		if m.As(&d); d.Event().Name != "greeted" || d.Event().Key != metadata["user"] {
			t.Errorf("%+v", d.Event())
		}
		if !maps.Equal(m.Metadata, metadata) {
			t.Errorf("%q, want %q", m.Metadata, metadata)
		}
		m.Ack()
		m, _, _ = receive(t, without)
		if m.Metadata["user"] != "" || m.Metadata["a"] != metadata["a"] {
			t.Errorf("%q", m.Metadata)
		}
		m.Ack()
		must(t, with.Shutdown(t.Context()))
		must(t, without.Shutdown(t.Context()))
	}
}

// Each message of a batch is told its own place.
func places(t *testing.T, w *world) {
	stream := w.stream(t)
	var told []string
	after := func(as func(any) bool) error {
		var at eventnode.Position
		as(&at)
		told = append(told, at.String())
		return nil
	}
	dt := newTopic(w.streams, stream, &TopicOptions{})
	must(t, dt.SendBatch(t.Context(), []*driver.Message{{AfterSend: after}, {AfterSend: after}, {AfterSend: after}}))
	var stored []string
	for ev, err := range w.streams.Read(t.Context(), stream) {
		must(t, err)
		stored = append(stored, ev.Position.String())
	}
	if len(told) != 3 || !slices.Equal(told, stored) {
		t.Errorf("told %q, stored %q", told, stored)
	}
	failing := func(func(any) bool) error { return context.Canceled }
	if err := dt.SendBatch(t.Context(), []*driver.Message{{BeforeSend: failing}}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if err := dt.SendBatch(t.Context(), []*driver.Message{{AfterSend: failing}}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// Subscriptions of one name share the messages: each goes to one of them.
func sharing(t *testing.T, w *world) {
	const all = 200
	stream := w.stream(t)
	group := w.group(t, stream, soon)
	topic := w.topic(t, stream, nil)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	got := make(chan string, all)
	var receivers sync.WaitGroup
	for range 3 {
		s := w.subscription(t, stream, group, &SubscriptionOptions{Batch: 4})
		receivers.Go(func() {
			for {
				m, err := s.Receive(ctx)
				if err != nil {
					break
				}
				m.Ack()
				got <- string(m.Body)
			}
			must(t, s.Shutdown(context.Background()))
		})
	}
	var senders sync.WaitGroup
	for i := range all {
		senders.Go(func() { send(t, topic, fmt.Sprint(i)) })
	}
	senders.Wait()
	seen := map[string]int{}
	for range all {
		select {
		case body := <-got:
			seen[body]++
		case <-ctx.Done():
			t.Fatalf("%d of %d", len(seen), all)
		}
	}
	if len(seen) != all {
		t.Errorf("%d different messages of %d", len(seen), all)
	}
	cancel()
	receivers.Wait()
}

// What was acked before Shutdown does not come again; all else does, at once. What was not
// received counts as not delivered.
func shutdownGivesBack(t *testing.T, w *world) {
	stream := w.stream(t)
	group := w.group(t, stream, eventnode.ConsumerGroupConfig{AckWait: time.Hour})
	send(t, w.topic(t, stream, nil), "a", "b", "c", "d")
	// Package pubsub asks for some messages beforehand; the driver does not.
	ds := newSubscription(w.consumers, stream, group, &SubscriptionOptions{})
	var ms []*driver.Message
	for len(ms) < 3 {
		more, err := ds.ReceiveBatch(t.Context(), 3-len(ms))
		must(t, err)
		ms = append(ms, more...)
	}
	must(t, ds.SendAcks(t.Context(), []driver.AckID{ms[0].AckID, ms[2].AckID}))
	must(t, ds.Close())
	must(t, ds.SendAcks(t.Context(), []driver.AckID{ms[1].AckID})) // too late
	s := w.subscription(t, stream, group, nil)
	seen := map[string]int{}
	for range 2 {
		m, body, n := receive(t, s)
		seen[body] = n
		m.Ack()
	}
	if want := map[string]int{"b": 2, "d": 1}; !maps.Equal(seen, want) { // nobody had received d
		t.Errorf("what came again, and how often: %v, want %v", seen, want)
	}
	must(t, s.Shutdown(t.Context()))
	info, err := w.consumers.Group(t.Context(), stream, group)
	if must(t, err); info.Pending+info.Lag != 0 {
		t.Errorf("%d are pending, %d were not delivered", info.Pending, info.Lag)
	}
}

// What is neither acked nor nacked comes again when the ack wait is over; what has not been
// received does not.
func unsettled(t *testing.T, w *world) {
	stream := w.stream(t)
	group := w.group(t, stream, eventnode.ConsumerGroupConfig{AckWait: 300 * time.Millisecond})
	send(t, w.topic(t, stream, nil), "a", "b")
	s := w.subscription(t, stream, group, &SubscriptionOptions{Batch: 1})
	m, body, n := receive(t, s)
	if body != "a" || n != 1 {
		t.Errorf("%s, delivered %d times", body, n)
	}
	again := false
	for !again {
		m, body, n := receive(t, s)
		if again = body == "a"; again && n < 2 {
			t.Errorf("%s was delivered %d times", body, n)
		}
		m.Ack()
	}
	m.Nack() // too late
	must(t, s.Shutdown(t.Context()))
}

// A message that is nacked too often is a dead letter.
func deadLetters(t *testing.T, w *world) {
	stream := w.stream(t)
	group := w.group(t, stream, eventnode.ConsumerGroupConfig{MaxDeliver: 3, Backoff: 10 * time.Millisecond})
	send(t, w.topic(t, stream, nil), "a")
	s := w.subscription(t, stream, group, nil)
	for want := range 3 {
		m, body, n := receive(t, s)
		if body != "a" || n != want+1 {
			t.Errorf("%s, delivered %d times, want %d", body, n, want+1)
		}
		m.Nack()
	}
	eventually(t, "there is a dead letter", func() bool {
		for letter, err := range w.consumers.DeadLetters(t.Context(), stream) {
			must(t, err)
			return string(letter.Event.Event.Data) == "a"
		}
		return false
	})
	must(t, s.Shutdown(t.Context()))
}

// What makes no sense is refused where it is said.
func options(t *testing.T, w *world) {
	for _, err := range []error{
		second(OpenTopic(nil, "s", nil)), second(OpenTopic(w.streams, "", nil)),
		second(OpenSubscription(nil, "s", "g", nil)), second(OpenSubscription(w.consumers, "", "g", nil)),
		second(OpenSubscription(w.consumers, "s", "", nil)),
		second(OpenSubscription(w.consumers, "s", "g", &SubscriptionOptions{Batch: -1})),
	} {
		if !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Errorf("%v", err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// A subscription goes on when its consumer was ended by somebody: as another one.
func lostLease(t *testing.T, w *world) {
	stream := w.stream(t)
	group := w.group(t, stream, soon)
	topic := w.topic(t, stream, nil)
	s := w.subscription(t, stream, group, nil)
	send(t, topic, "a")
	lost, _, _ := receive(t, s)
	must(t, w.consumers.DeleteConsumer(t.Context(), stream, group, 1))
	m, body, n := receive(t, s)
	if body != "a" || n != 2 {
		t.Errorf("%s, delivered %d times", body, n)
	}
	lost.Ack() // it does not count, and is no error
	m.Ack()
	send(t, topic, "b")
	m, body, _ = receive(t, s)
	if body != "b" {
		t.Error(body)
	}
	m.Ack()
	must(t, s.Shutdown(t.Context()))
}

// It is told, not a panic.
func foreignAckID(t *testing.T, w *world) {
	s := newSubscription(w.consumers, "s", "g", &SubscriptionOptions{})
	for _, err := range []error{
		s.SendAcks(t.Context(), []driver.AckID{7}), s.SendNacks(t.Context(), []driver.AckID{"x"}),
	} {
		if s.ErrorCode(err) != gcerrors.InvalidArgument {
			t.Errorf("%v", err)
		}
	}
	must(t, s.Close())
	if _, err := s.ReceiveBatch(t.Context(), 1); s.ErrorCode(err) != gcerrors.FailedPrecondition {
		t.Errorf("%v", err)
	}
}

// Each error has its code, as it comes and as it is wrapped.
func TestErrorCodes(t *testing.T) {
	for err, want := range map[error]gcerrors.ErrorCode{
		eventnode.ErrStreamNotFound:        gcerrors.NotFound,
		eventnode.ErrConsumerGroupNotFound: gcerrors.NotFound,
		eventnode.ErrInvalidEvent:          gcerrors.InvalidArgument,
		eventnode.ErrInvalidArgument:       gcerrors.InvalidArgument,
		eventnode.ErrLimit:                 gcerrors.ResourceExhausted,
		eventnode.ErrStreamFull:            gcerrors.ResourceExhausted,
		eventnode.ErrStorageFull:           gcerrors.ResourceExhausted,
		eventnode.ErrPermissionDenied:      gcerrors.PermissionDenied,
		eventnode.ErrUnauthenticated:       gcerrors.PermissionDenied,
		eventnode.ErrClosed:                gcerrors.FailedPrecondition,
		eventnode.ErrOutcomeUnknown:        gcerrors.Unknown,
		eventnode.ErrUnavailable:           gcerrors.Unknown,
		context.Canceled:                   gcerrors.Canceled,
		context.DeadlineExceeded:           gcerrors.DeadlineExceeded,
		errors.New("other"):                gcerrors.Unknown,
	} {
		err = fmt.Errorf("wrapped: %w", err)
		if got := (errorCodes{}).ErrorCode(err); got != want {
			t.Errorf("%v: %v, want %v", err, got, want)
		}
		if got := (errorCodes{}).IsRetryable(err); got != strings.Contains(err.Error(), "unavailable") {
			t.Errorf("%v: retryable %v", err, got)
		}
	}
}

// The leader of three nodes is killed while messages are sent and received: each that was
// sent is received.
func TestLeaderIsKilled(t *testing.T) {
	c := cluster.Start(t, cluster.Config{Storage: true})
	c.Declare("orders", eventnode.StreamConfig{Groups: []string{"billing"}})
	leader := c.Leader("orders")
	cl := c.Followers("orders")[0].Client(c.Followers("orders")[1])
	topic, err := OpenTopic(cl.Streams(client.WithPatience(patience)), "orders", nil)
	must(t, err)
	s, err := OpenSubscription(cl.Consumers(), "orders", "billing", nil)
	must(t, err)
	const all = 300
	var sender sync.WaitGroup
	half := make(chan struct{})
	sender.Go(func() {
		for i := range all {
			if i == all/2 {
				close(half)
			}
			if err := topic.Send(t.Context(), &pubsub.Message{Body: fmt.Append(nil, i)}); err != nil {
				t.Errorf("message %d: %v", i, err)
			}
		}
	})
	sender.Go(func() {
		seen := map[string]bool{}
		for len(seen) < all && !t.Failed() {
			m, body, _ := receive(t, s)
			seen[body] = true
			m.Ack()
		}
	})
	<-half
	c.Kill(leader.Name())
	sender.Wait()
	must(t, topic.Shutdown(t.Context()))
	must(t, s.Shutdown(t.Context()))
}
