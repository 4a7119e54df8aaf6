package faults_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
)

// sink is what handlers of one consumer group do: effects that count once for each
// event, by its ID, however often it comes. It is safe for concurrent use.
type sink struct {
	group string
	keyed bool

	mu       sync.Mutex
	handled  map[string]int           // by event: how often
	last     map[string]effect        // by key
	settled  map[string]time.Duration // by event: when its ack was known to be replicated
	again    int                      // effects that were not counted
	problems findings
}

func newSink(group string, keyed bool) *sink {
	return &sink{group: group, keyed: keyed, handled: map[string]int{}, last: map[string]effect{}, settled: map[string]time.Duration{}}
}

// effect is one event handled, which was begun at a time of the history.
type effect struct {
	ID, Key string
	Number  uint64
	Begun   time.Duration
	// By is the consumer's number; Epoch and Deliveries are the delivery's.
	By         int
	Epoch      uint64
	Deliveries int
}

// handle has the effect of an event, if it is the first time.
func (s *sink) handle(e effect) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.settled[e.ID]; ok && e.Begun > at {
		s.problems.add("handled after its ack", "%s: %s, at time %v, after its ack was known at %v", s.group, e.ID, e.Begun, at)
	}
	if s.handled[e.ID]++; s.handled[e.ID] > 1 {
		s.again++
		return
	}
	if s.keyed && e.Number < s.last[e.Key].Number {
		s.problems.add("order of a key", "%s: %+v behind %+v", s.group, e, s.last[e.Key])
	}
	s.last[e.Key] = e
}

// acked says that the ack of an event is replicated.
func (s *sink) acked(id string, at time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settled[id] = at
}

// published is what producers were told of their events, by outcome.
type published struct {
	mu  sync.Mutex
	ids map[outcome][]string
}

func (p *published) add(o outcome, id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ids == nil {
		p.ids = map[outcome][]string{}
	}
	p.ids[o] = append(p.ids[o], id)
}

// checkEffects says what is wrong when all groups have drained: each handled what was
// acked, nothing that was refused, nothing else, and all of them the same.
func checkEffects(p *published, sinks ...*sink) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := &findings{}
	known := map[string]outcome{}
	for o, ids := range p.ids {
		for _, id := range ids {
			known[id] = o
		}
	}
	for _, s := range sinks {
		s.mu.Lock()
		for _, id := range p.ids[acked] {
			if s.handled[id] == 0 {
				f.add("acked and not handled", "%s: %s", s.group, id)
			}
		}
		for _, id := range p.ids[unknown] {
			if (s.handled[id] == 0) != (sinks[0].handled[id] == 0) {
				f.add("handled by some", "%s and %s differ about %s", s.group, sinks[0].group, id)
			}
		}
		for id := range s.handled {
			switch known[id] {
			case refused:
				f.add("refused and handled", "%s: %s", s.group, id)
			case "":
				f.add("never published", "%s: %s", s.group, id)
			case acked, unknown:
			}
		}
		f.list = append(f.list, s.problems.all()...)
		if s != sinks[0] {
			s.mu.Unlock()
		}
	}
	sinks[0].mu.Unlock()
	return f.all()
}

// The checks find what they are there for.
func TestEffects(t *testing.T) {
	type effects = []effect
	good := func(names ...string) effects {
		var all effects
		for i, name := range names {
			all = append(all, effect{ID: name, Key: name[:1], Number: uint64(i + 1), Begun: time.Duration(i)})
		}
		return all
	}
	p := &published{}
	for _, id := range []string{"a1", "b1", "a2"} {
		p.add(acked, id)
	}
	p.add(unknown, "a3")
	p.add(refused, "a4")
	all := good("a1", "b1", "a2")
	for name, c := range map[string]struct {
		plain, keyed effects
		acked        string // by plain, after its first effect
		want         string // a part of what is found; "": nothing
	}{
		"right":                    {all, all, "", ""},
		"right, and the unknown":   {append(all[:3:3], good("a3")...), append(all[:3:3], effect{ID: "a3", Key: "a", Number: 9}), "", ""},
		"again":                    {append(all[:3:3], all[1]), all, "", ""},
		"not handled":              {all, all[:2], "", "acked and not handled"},
		"handled after its ack":    {append(all[:3:3], effect{ID: "a1", Begun: 99}), all, "a1", "handled after its ack"},
		"handled twice before it":  {append(effects{all[0]}, all...), all, "", ""},
		"unknown, and by one only": {append(all[:3:3], good("a3")...), all, "", "handled by some"},
		"refused":                  {append(all[:3:3], good("a4")...), all, "", "refused and handled"},
		"never published":          {append(all[:3:3], good("a5")...), all, "", "never published"},
		"keys out of order":        {all, effects{all[2], all[1], all[0]}, "", "order of a key"},
		"no matter without keys":   {effects{all[2], all[1], all[0]}, all, "", ""},
	} {
		plain, keyed := newSink("plain", false), newSink("keyed", true)
		for i, e := range c.plain {
			plain.handle(e)
			if i == 0 && c.acked != "" {
				plain.acked(c.acked, 50)
			}
		}
		for _, e := range c.keyed {
			keyed.handle(e)
		}
		found := strings.Join(checkEffects(p, plain, keyed), "\n")
		if c.want == "" && found != "" || !strings.Contains(found, c.want) {
			t.Errorf("%s: found %q, want %q", name, found, c.want)
		}
	}
}

// effectOf is a delivery as a sink takes it.
func effectOf(d *eventnode.StreamDelivery, by int, begun time.Duration) effect {
	return effect{ID: d.Event().Name, Key: d.Event().Key, Number: d.Number(), Begun: begun, By: by, Epoch: d.Epoch(), Deliveries: d.Deliveries()}
}
