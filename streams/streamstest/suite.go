package streamstest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// Open returns the streams of a namespace. Within one test it may be called several
// times, for the same cluster. What has to be closed it closes by t.Cleanup.
type Open func(t *testing.T, namespace string) eventnode.Streams

// testTime bounds a test.
const testTime = 30 * time.Second

// suite is one test.
type suite struct {
	*testing.T
	eventnode.Streams
	ctx  context.Context //nolint:containedctx // of this one test
	open Open
}

// Run runs all tests.
func Run(t *testing.T, open Open) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(*suite)
	}{
		{"DeclareTwice", declareTwice},
		{"DeclareDiffers", declareDiffers},
		{"Create", create},
		{"GroupsAreAdded", groupsAreAdded},
		{"Update", update},
		{"BadConfigurations", badConfigurations},
		{"Pools", pools},
		{"BadPools", badPools},
		{"List", list},
		{"Info", info},
		{"UnknownStream", unknownStream},
		{"NamespacesAreApart", namespaces},
		{"DeletedPositionsAreNotUsedAgain", deleted},

		{"PositionsIncrease", positionsIncrease},
		{"PublishMany", publishMany},
		{"EventsComeBackWhole", wholeEvents},
		{"Bodies", bodies},
		{"BadEvents", badEvents},
		{"TooLarge", tooLarge},
		{"ExpectLast", expectLast},
		{"Dedupe", dedupe},
		{"ConcurrentPublishers", concurrentPublishers},
		{"CancelledContexts", cancelledContexts},

		{"FlusherKeepsOrder", flusherOrder},
		{"FlusherFailsByStream", flusherFailures},
		{"FlusherRefusesAtOnce", flusherBadInput},
		{"FlusherDedupe", flusherDedupe},

		{"FullStream", fullStream},
		{"LimitByCount", limitByCount},
		{"LimitByBytes", limitByBytes},
		{"LimitByAge", limitByAge},

		{"ReadFromPlaces", readPlaces},
		{"ReadMany", readMany},
		{"Follow", follow},
		{"FollowNewOnly", followNew},
		{"ReadTellsWhatIsLost", readLost},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), testTime)
			defer cancel()
			test.run(&suite{T: t, Streams: open(t, "suite-"+test.name), ctx: ctx, open: open})
		})
	}
}

// must ends the test on an error.
func (s *suite) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// declare makes a stream.
func (s *suite) declare(stream string, cfg eventnode.StreamConfig) {
	s.Helper()
	created, err := s.Declare(s.ctx, stream, cfg)
	s.must(err)
	if !created {
		s.Fatalf("stream %s was there", stream)
	}
}

// publish publishes an event to stream a, which must be taken.
func (s *suite) publish(name string) eventnode.Position {
	s.Helper()
	at, err := s.Publish(s.ctx, "a", event.New(name, []byte("data of "+name)))
	s.must(err)
	return at
}

// publishAll publishes one event after the other to stream a.
func (s *suite) publishAll(names ...string) []eventnode.Position {
	s.Helper()
	var list []eventnode.Position
	for _, name := range names {
		list = append(list, s.publish(name))
	}
	return list
}

// read reads what there is.
func (s *suite) read(stream string, opts ...eventnode.ReadOption) []eventnode.StreamEvent {
	s.Helper()
	return s.collect(s.Read(s.ctx, stream, opts...), -1)
}

// collect takes n events, all if n is negative.
func (s *suite) collect(events iter.Seq2[eventnode.StreamEvent, error], n int) []eventnode.StreamEvent {
	s.Helper()
	var list []eventnode.StreamEvent
	for ev, err := range events {
		if err != nil {
			s.Fatalf("read, after %d events: %v", len(list), err)
		}
		if list = append(list, ev); len(list) == n {
			break
		}
	}
	return list
}

// wantNames compares the names of events.
func (s *suite) wantNames(what string, events []eventnode.StreamEvent, want ...string) {
	s.Helper()
	var got []string
	for _, ev := range events {
		got = append(got, ev.Event.Name)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		s.Errorf("%s: %v, want %v", what, got, want)
	}
}

// wantErr compares an error.
func (s *suite) wantErr(what string, err, want error) {
	s.Helper()
	if !errors.Is(err, want) {
		s.Errorf("%s: %v, want %v", what, err, want)
	}
}

// names are n names.
func names(prefix string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%s%d", prefix, i)
	}
	return list
}

// keep keeps everything.
func keep() eventnode.StreamConfig { return eventnode.StreamConfig{} }
