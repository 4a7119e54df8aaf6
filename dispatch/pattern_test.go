package dispatch

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/internal/wire"
)

// A pattern is matched where an event is published: what it stands for goes to its node,
// once, and nothing else does; a subscription that also names the topic gets it once.
func TestPatterns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 3, Config{Linger: time.Second})
		p := c.nodes[0].publisher()
		star := c.nodes[1].subscribe([]string{"topic:orders.*"})
		both := c.nodes[1].subscribe([]string{"topic:orders.>", "topic:*.eu", "topic:orders.eu"})
		here := c.nodes[0].subscribe([]string{"topic:>"})
		topics := []string{"topic:orders.eu", "topic:orders.eu.paid", "topic:orders", "topic:users.eu", "topic:users.us"}
		for _, topic := range topics {
			dispatch(t, p, topic, topic)
		}
		for what, s := range map[string]struct {
			sub  *Subscription
			want []string
		}{
			"orders.*": {star, topics[:1]},
			"several":  {both, []string{topics[0], topics[1], topics[3]}},
			">":        {here, topics},
		} {
			if got := names(t, s.sub); !slices.Equal(got, s.want) {
				t.Errorf("%s got %v, want %v", what, got, s.want)
			}
		}
		if c.sends["n1>n2"] != 3 || c.sends["n1>n3"] != 0 {
			t.Errorf("crossed: %v", c.sends)
		}
		if _, err := p.DispatchMany(t.Context(), topics, event.New("all", nil)); err != nil || !slices.Equal(names(t, both), []string{"all"}) || !slices.Equal(names(t, star), []string{"all"}) {
			t.Errorf("one event to all topics came otherwise than once: %v", err)
		}
		if r, err := p.Dispatch(t.Context(), "topic:orders.us", event.New("receipt", nil), eventnode.WithReceipt(0)); err != nil || r.Reached != 3 || len(r.Nodes) != 2 {
			t.Errorf("receipt %+v, %v", r, err)
		}
		star.Close()
		both.Close()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		before := c.sends["n1>n2"]
		dispatch(t, p, "late", "topic:orders.eu")
		if c.sends["n1>n2"] != before || c.nodes[1].table.patterns.Len() != 1 || c.nodes[0].table.patterns.Len() != 1 {
			t.Errorf("a pattern outlives its subscriptions: %v", c.sends)
		}
	})
}

// An event goes to topics: dispatching to a pattern is an error, in each way of dispatching,
// also where somebody subscribes to just that pattern.
func TestDispatchToAPattern(t *testing.T) {
	c := newCluster(t, 2, Config{})
	s := c.nodes[1].subscribe([]string{"topic:orders.*"})
	p := c.nodes[0].publisher()
	ev := event.New("x", nil)
	if _, err := p.Dispatch(t.Context(), "topic:orders.*", ev); !errors.Is(err, eventnode.ErrBadTopic) || !strings.Contains(err.Error(), "pattern") {
		t.Errorf("Dispatch: %v", err)
	}
	frame := wire.AppendEnvelope(nil, []string{"topic:orders.*"}, &ev)
	if _, refused, err := p.Forward(t.Context(), wire.Piece{Data: frame}); err != nil || len(refused) != 1 || !errors.Is(refused[0].Err, eventnode.ErrBadTopic) {
		t.Errorf("Forward: %v, %v", refused, err)
	}
	if c.sends["n1>n2"] != 0 || len(names(t, s)) != 0 {
		t.Error("it went out")
	}
}

// What is lost on the way to a pattern's node is told there.
func TestGapOfAPattern(t *testing.T) {
	c := newCluster(t, 2, Config{})
	s := c.nodes[1].subscribe([]string{"topic:orders.*"})
	other := c.nodes[1].subscribe([]string{"topic:else"})
	c.drop = func(_, _ eventnode.NodeID, _ string, _ int) bool { return true }
	p := c.nodes[0].publisher()
	dispatch(t, p, "one", "topic:orders.eu")
	if got := names(t, s); !slices.Equal(got, []string{"[n1sender_dropped 1]"}) {
		t.Errorf("got %v", got)
	}
	if got := names(t, other); len(got) != 0 {
		t.Errorf("a subscription that it was not for got %v", got)
	}
}

// A filter is applied at the subscriber's node, alike for events of its own and of others,
// one by one and in frames; receipts count what is wanted; what a link lost of it nobody knows.
func TestFilter(t *testing.T) {
	c := newCluster(t, 2, Config{})
	s := c.nodes[1].subscribe([]string{"topic:a"}, eventnode.WithNames("x", "y"), eventnode.WithMetaValue("region", "eu"))
	all := c.nodes[1].subscribe([]string{"topic:a"})
	for _, p := range []*Publisher{c.nodes[0].publisher(), c.nodes[1].publisher()} {
		var frame []byte
		for i, name := range []string{"x", "z", "y", "x"} {
			ev := event.New(name, nil)
			ev.Meta = map[string]string{"region": []string{"eu", "eu", "eu", "us"}[i], "other": "1"}
			frame = wire.AppendEnvelope(frame, []string{"topic:a"}, &ev)
			r, err := p.Dispatch(t.Context(), "topic:a", ev, eventnode.WithReceipt(0))
			if want := []int{2, 1, 2, 1}[i]; err != nil || r.Reached != want {
				t.Errorf("event %d reached %d, want %d; %v", i, r.Reached, want, err)
			}
		}
		if _, refused, err := p.Forward(t.Context(), wire.Piece{Data: frame}); err != nil || len(refused) > 0 {
			t.Error(refused, err)
		}
		if got := names(t, s); !slices.Equal(got, []string{"x", "y", "x", "y"}) {
			t.Errorf("got %v", got)
		}
		if got := names(t, all); len(got) != 8 {
			t.Errorf("who wants everything got %v", got)
		}
	}
	c.drop = func(_, _ eventnode.NodeID, _ string, _ int) bool { return true }
	dispatch(t, c.nodes[0].publisher(), "x", "topic:a")
	if got := names(t, s); !slices.Equal(got, []string{"[n1sender_dropped ?]"}) {
		t.Errorf("got %v", got)
	}
}

// A filter beyond the limits, or that nothing can match, is refused with the limit's name.
func TestFilterMistakes(t *testing.T) {
	c := newCluster(t, 1, Config{})
	long := strings.Repeat("x", 1025)
	many := map[string]string{}
	for i := range 17 {
		many[strings.Repeat("k", i+1)] = "v"
	}
	for want, f := range map[string]eventnode.Filter{
		"max_filter_names":      {Names: make([]string, 65)},
		"max_filter_meta":       {Meta: many},
		"max_filter_meta_bytes": {Meta: map[string]string{"k": long}},
		"1 to 255 bytes":        {Names: []string{""}},
		"not 256":               {Names: []string{long[:256]}},
		"empty key":             {Meta: map[string]string{"": "x"}},
	} {
		if _, err := c.nodes[0].Subscribe(t.Context(), []string{"topic:a"}, eventnode.WithFilter(f)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if n := c.nodes[0].Stats().Subscriptions; n != 0 {
		t.Errorf("%d subscriptions left", n)
	}
}

// Who lists the subscriptions to a topic sees those by pattern, each once.
func TestListedByPattern(t *testing.T) {
	c := newCluster(t, 1, Config{})
	n := c.nodes[0]
	n.subscribe([]string{"topic:orders.*", "topic:orders.eu", "topic:>"}, eventnode.WithHolder("a"))
	n.subscribe([]string{"topic:users.*"}, eventnode.WithHolder("b"))
	for topic, want := range map[string]int{"topic:orders.eu": 1, "topic:users.eu": 2, "topic:x": 1, "topic:orders.*": 1, "": 2} {
		if got := n.Subscriptions(topic); len(got) != want {
			t.Errorf("%q: %v, want %d", topic, got, want)
		}
	}
}

// Only kinds that have patterns take them; what none can be is refused with the reason.
func TestParseInterest(t *testing.T) {
	r := testRegistry(t)
	for topic, want := range map[string]string{
		"topic:a.b": "", "topic:a.*": "", "topic:>": "", "topic:a*": "",
		"topic:>.a":                         "last token",
		"topic:" + strings.Repeat("*.", 17): "max_pattern_tokens",
		"even:*.":                           "", // no pattern there: a key like others
		"even:*":                            "odd length",
		"none:*":                            "unknown kind",
		"topic:a. *":                        "space",
	} {
		got, isPattern, err := r.ParseInterest(topic, 255)
		switch {
		case want == "" && (err != nil || got.String() != topic || isPattern != (strings.HasPrefix(topic, "topic:") && strings.ContainsAny(topic, "*>") && topic != "topic:a*")):
			t.Errorf("%q: %v %v, %v", topic, got, isPattern, err)
		case want != "" && (!errors.Is(err, eventnode.ErrBadTopic) || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: %v, want %q", topic, err, want)
		}
	}
}
