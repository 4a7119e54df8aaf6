package membership

import (
	"errors"
	"testing"
	"time"
)

func TestRivals(t *testing.T) {
	now := time.Unix(1000, 0)
	silent := errors.New("silent")
	self := life("x", 5)
	self.RPCAddress = "10.0.0.5:7401"
	other := func(epoch uint64) Node {
		n := life("x", epoch)
		n.RPCAddress = n.GossipAddress
		return n
	}
	former := other(7)
	former.GossipAddress = self.GossipAddress
	for name, tc := range map[string]struct {
		told        observation
		established bool
		first       verdict
		ask         time.Duration // when it is asked; negative: never
		ifSilent    verdict
	}{
		"newcomer hears of the holder":         {observation{node: other(3)}, false, goOn, 0, goOn},
		"established, the earlier one is back": {observation{node: other(3)}, true, goOn, -1, goOn},
		"a later one is heard":                 {observation{node: other(9)}, false, goOn, 5 * time.Second, tooLow},
		"a later one, established":             {observation{node: other(9)}, true, goOn, 5 * time.Second, tooLow},
		"own former life, higher":              {observation{node: former}, false, tooLow, -1, goOn},
		"a dead one, higher":                   {observation{node: other(9), state: Lost}, false, tooLow, -1, goOn},
		"a dead one, lower":                    {observation{node: other(3), state: Lost}, false, goOn, -1, goOn},
		"itself":                               {observation{node: self}, false, goOn, -1, goOn},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRivals(self, 5*time.Second)
			if got := r.observe(tc.told, tc.established, now); got != tc.first {
				t.Fatalf("verdict %v", got)
			}
			if r.pending() != (tc.ask >= 0) {
				t.Fatalf("pending: %v", r.pending())
			}
			if tc.ask < 0 {
				return
			}
			if _, ok := r.due(now.Add(tc.ask - 1)); ok {
				t.Fatal("asked too early")
			}
			n, ok := r.due(now.Add(tc.ask))
			if !ok || n.Ref != tc.told.node.Ref {
				t.Fatalf("due: %v %v", n.Ref, ok)
			}
			if got := r.answered(n, nil, now); got != nameTaken {
				t.Fatalf("it lives: %v", got)
			}
			if got := r.answered(n, silent, now); got != tc.ifSilent {
				t.Fatalf("it is silent: %v", got)
			}
			r.observe(observation{node: n, state: Lost}, tc.established, now)
			if got := r.answered(n, nil, now); got != goOn || r.pending() {
				t.Fatal("a rival that is gone still counts")
			}
		})
	}
}
