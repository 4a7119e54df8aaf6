package watermill_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/adapters/watermill"
	"github.com/eventnode/eventnode/client"
	"github.com/eventnode/eventnode/event"
)

// suite is the universal suite of Watermill, with subscribers and publishers of one kind.
type suite struct {
	streams   eventnode.Streams
	consumers eventnode.Consumers
	pub       watermill.PublisherConfig
	sub       watermill.SubscriberConfig
	features  tests.Features
	restarted func(*testing.T) // waits for the restarts of TestReconnect

	mu    sync.Mutex
	began map[string]bool // tests that have asked for a publisher and a subscriber
}

// newSuite is for subscribers of the group "suite".
func newSuite(streams eventnode.Streams, consumers eventnode.Consumers) *suite {
	// New groups are to get what others have acked: the streams keep it.
	kept := eventnode.StreamConfig{Retain: eventnode.RetainLimits, MaxAge: time.Hour}
	return &suite{
		streams: streams, consumers: consumers, began: map[string]bool{},
		pub: watermill.PublisherConfig{Streams: streams, Stream: kept},
		sub: watermill.SubscriberConfig{
			Streams: streams, Consumers: consumers, Stream: kept,
			Group: "suite", GroupConfig: soon(), NackDelay: 10 * time.Millisecond, CloseTimeout: 500 * time.Millisecond,
		},
		features: tests.Features{
			ConsumerGroups: true, GuaranteedOrder: true, Persistent: true, NewSubscriberReceivesOldMessages: true,
			GuaranteedOrderWithSingleSubscriber: true, ForceShort: testing.Short(),
		},
	}
}

// TestSuite passes on a node, with each kind of subscriber: sharing with and without keys,
// one after the other, without a group; in its short form.
func TestSuite(t *testing.T) {
	w := newWorld(t)
	embedded, err := w.node.Streams(t.Context(), "embedded")
	must(t, err)
	consumers, err := w.node.Consumers(t.Context(), "embedded")
	must(t, err)
	kinds := map[string]*suite{
		"sharing, of a client":         newSuite(w.streams, w.consumers),
		"sharing, of an embedded node": newSuite(embedded, consumers),
		"keyed":                        newSuite(w.streams, w.consumers),
		"exclusive":                    newSuite(w.streams, w.consumers),
		"without a group":              newSuite(w.streams, w.consumers),
	}
	// These keep order over ten subscribers that the suite runs at once. The payload is what
	// it orders by.
	for _, kind := range []string{"keyed", "exclusive", "without a group"} {
		kinds[kind].features.GuaranteedOrderWithSingleSubscriber = false
	}
	kinds["keyed"].sub.GroupConfig.Keyed = true
	kinds["keyed"].pub.Key = func(_ string, m *message.Message) string { return string(m.Payload) }
	kinds["exclusive"].sub.Exclusive = true
	kinds["without a group"].sub.Group = ""
	for kind, s := range kinds {
		s.features.ForceShort = true
		t.Run(kind, s.run)
	}
}

// It passes on three nodes, with every feature, while the leader is killed and started
// again, twice.
func TestSuiteWithRestarts(t *testing.T) {
	if testing.Short() {
		t.Skip("three processes take long: TestSuite has the short form")
	}
	c := startCluster(t)
	streams := &watchedStreams{Streams: c.client.Streams(client.WithPatience(20 * time.Second))}
	s := newSuite(streams, c.client.Consumers())
	if !raceEnabled { // TestReconnect has a race of its own
		command, restarter := c.serveRestarts(t, streams.lastStream)
		s.features.RestartServiceCommand, s.restarted = command, restarter.wait
	}
	s.run(t)
}

// The same tests, several at once. It takes minutes: STRESS_TEST_COUNT says how many.
func TestStress(t *testing.T) {
	if os.Getenv("STRESS_TEST_COUNT") == "" {
		t.Skip("set STRESS_TEST_COUNT")
	}
	w := newWorld(t)
	s := newSuite(w.streams, w.consumers)
	tests.TestPubSubStressTest(t, s.features, s.pubSub, s.pubSubOf)
}

// run runs the suite, and fails if one of its tests was skipped.
func (s *suite) run(t *testing.T) {
	t.Run("suite", func(t *testing.T) { tests.TestPubSub(t, s.features, s.pubSub, s.pubSubOf) })
	if f := flag.Lookup("test.run"); strings.Contains(f.Value.String(), "/suite") {
		return // some of them were asked for
	}
	all := []string{
		"TestConcurrentClose", "TestConcurrentSubscribe", "TestConcurrentSubscribeMultipleTopics", "TestConsumerGroups",
		"TestContinueAfterErrors", "TestContinueAfterSubscribeClose", "TestMessageCtx", "TestNewSubscriberReceivesOldMessages",
		"TestNoAck", "TestPublishSubscribe", "TestPublishSubscribeInOrder", "TestPublisherClose", "TestReconnect",
		"TestResendOnError", "TestSubscribeCtx", "TestTopic",
	}
	if s.features.RestartServiceCommand == nil {
		all = slices.DeleteFunc(all, func(name string) bool { return name == "TestReconnect" })
	}
	if ran := slices.Sorted(maps.Keys(s.began)); !slices.Equal(ran, all) {
		t.Errorf("%d tests of the suite ran: %q\nwant %d: %q", len(ran), ran, len(all), all)
	}
}

// pubSub makes what most tests ask for.
func (s *suite) pubSub(t *testing.T) (message.Publisher, message.Subscriber) {
	group := s.sub.Group
	if group != "" && strings.Contains(t.Name(), "/TestNewSubscriberReceivesOldMessages/") {
		group = event.NewID().String() // each subscriber is to get all of them
	}
	return s.pubSubOf(t, group)
}

// pubSubOf makes what the tests of consumer groups ask for.
func (s *suite) pubSubOf(t *testing.T, group string) (message.Publisher, message.Subscriber) {
	s.begun(t)
	pub, err := watermill.NewPublisher(s.pub)
	must(t, err)
	cfg := s.sub
	if cfg.Group = group; group == "" {
		cfg.GroupConfig = nil
	}
	sub, err := watermill.NewSubscriber(cfg)
	must(t, err)
	t.Cleanup(func() { must(t, sub.Close()) }) // TestPublishSubscribeInOrder forgets that
	if strings.Contains(t.Name(), "/TestReconnect/") {
		published := new(atomic.Int64)
		return countingPublisher{pub, published}, patientSubscriber{sub, published}
	}
	return pub, sub
}

var testOfSuite = regexp.MustCompile(`/(Test\w+)/[^/]*$`)

// begun takes note of a test. Those that are skipped ask for nothing.
func (s *suite) begun(t *testing.T) {
	m := testOfSuite.FindStringSubmatch(t.Name())
	if m == nil {
		t.Fatalf("which test of the suite is %s?", t.Name())
	}
	t.Cleanup(func() {
		if t.Skipped() {
			t.Errorf("%s was skipped", m[1])
		}
		if m[1] == "TestReconnect" {
			s.restarted(t)
		}
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.began[m[1]] = true
}

// watchedStreams knows what was published to last.
type watchedStreams struct {
	eventnode.Streams
	last atomic.Pointer[string]
}

// PublishMany implements eventnode.Streams.
func (s *watchedStreams) PublishMany(ctx context.Context, stream string, evs []event.Event, opts ...eventnode.PublishOption) (eventnode.Published, error) {
	s.last.Store(&stream)
	return s.Streams.PublishMany(ctx, stream, evs, opts...)
}

func (s *watchedStreams) lastStream() (string, error) {
	if last := s.last.Load(); last != nil {
		return *last, nil
	}
	return "", fmt.Errorf("nothing was published yet")
}
