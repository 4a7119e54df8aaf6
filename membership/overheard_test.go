package membership

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
)

// The lines in which gossip says whom it refuses and how probes went are understood, also
// if a caller has made up a part of them.
func TestOverhear(t *testing.T) {
	for line, want := range map[string]overheard{
		"failed to receive: no installed keys could decrypt the message from=10.0.0.2:4321":             {caller: Contact{Address: "10.0.0.2", Refusal: RefusalKey}},
		"failed to receive: remote state is encrypted and encryption is not configured from=[::1]:4321": {caller: Contact{Address: "::1", Refusal: RefusalKeyHere}},
		"failed to receive: encryption is configured but remote state is not encrypted from=10.0.0.2:1": {caller: Contact{Address: "10.0.0.2", Refusal: RefusalKeyThere}},
		`discarding stream with unacceptable label "west": from=10.0.0.2:4321`:                          {caller: Contact{Address: "10.0.0.2", Refusal: RefusalLabel, Detail: "west"}},
		`discarding stream with unacceptable label "a\": from=10.9.9.9:1": from=10.0.0.2:4321`:          {caller: Contact{Address: "10.0.0.2", Refusal: RefusalLabel, Detail: `a": from=10.9.9.9:1`}},
		"Failed UDP ping: n2#7 (timeout reached)":                                                       {name: "n2#7", missed: true},
		"Suspect n2#7 has failed, no acks received":                                                     {name: "n2#7"},
		"failed to receive: EOF from=10.0.0.2:4321":                                                     {},
		"discarding packet with unacceptable label \"west\": from=10.0.0.2:7400":                        {}, // a datagram's sender may be anybody
		"Was able to connect to n2#7 over TCP but UDP probes failed, network may be misconfigured":      {},
		"discarding stream with unacceptable label west: from=10.0.0.2:4321":                            {},
		"Stream connection from=10.0.0.2:4321":                                                          {},
	} {
		got, ok := overhear(line)
		if ok != (want != overheard{}) || ok && got != want {
			t.Errorf("%s: %+v, %v", line, got, ok)
		}
	}
}

// The error of a join says why, from this side's point of view, also where the other side
// answered with its own.
func TestRefusalOf(t *testing.T) {
	for text, want := range map[string]Refusal{
		"dial tcp 10.0.0.2:7400: i/o timeout":                 RefusalSilent,
		"dial tcp 10.0.0.2:7400: connect: no route to host":   RefusalSilent,
		"dial tcp 10.0.0.2:7400: connect: connection refused": RefusalReset,
		"EOF": RefusalClosed,
		"read tcp 10.0.0.1:1->10.0.0.2:7400: read: connection reset by peer": RefusalClosed,
		textKey:                         RefusalKey,
		textKeyHere:                     RefusalKeyHere,
		textKeyThere:                    RefusalKeyThere,
		"remote error: " + textKeyHere:  RefusalKeyThere,
		"remote error: " + textKeyThere: RefusalKeyHere,
		eventnode.ErrForeignCluster.Error() + ": n2#7 at 10.0.0.2:7400 has cluster UUID x, this node y": RefusalForeign,
		"node name: bad": RefusalOther,
	} {
		if got := refusalOf("1 error occurred:\n\t* failed to join 10.0.0.2:7400: " + text + "\n\n"); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// No line, whoever wrote it, does harm.
func FuzzOverhear(f *testing.F) {
	f.Add(`discarding stream with unacceptable label "west": from=10.0.0.2:4321`)
	f.Add("failed to receive: no installed keys could decrypt the message from=10.0.0.2:4321")
	f.Add("Suspect n2#7 has failed")
	f.Fuzz(func(t *testing.T, line string) {
		if o, ok := overhear(line); ok && o.caller.Refusal == "" && o.name == "" {
			t.Errorf("%q says nothing: %+v", line, o)
		}
		refusalOf(line)
	})
}

// Callers are bounded and forgotten, and what one said goes before a connection that was
// closed without a word; since when it is so stays for as long as it is the same.
func TestContacts(t *testing.T) {
	counted := 0
	c := newContacts(func(Refusal) { counted++ })
	now := time.Unix(1000, 0)
	c.missed("10.0.0.2:7400", errors.New("EOF"), now)
	c.missed("10.0.0.2:7400", errors.New("EOF"), now.Add(time.Second))
	c.called(Contact{Address: "10.0.0.2", Refusal: RefusalLabel, Detail: "west"}, now)
	c.called(Contact{Address: "10.0.0.3", Refusal: RefusalKey}, now)
	all := c.list(now)
	if len(all) != 2 || all[0].Address != "10.0.0.2:7400" || all[0].Detail != "west" || all[0].Refusal != RefusalLabel || !all[0].Since.Equal(now) || all[1].Address != "10.0.0.3" {
		t.Fatalf("%+v", all)
	}
	c.joined("10.0.0.2:7400")
	if all = c.list(now.Add(callerKept + 1)); len(all) != 0 {
		t.Fatalf("%+v", all)
	}
	for i := range 3 * callersMax {
		c.called(Contact{Address: fmt.Sprintf("10.1.1.%d:1", i), Refusal: RefusalKey}, now)
	}
	if all = c.list(now); len(all) != callersMax || counted != 3*callersMax+2 {
		t.Fatalf("%d callers, %d counted", len(all), counted)
	}
}

// Probes that UDP missed count in a row: one that it did not, or that nothing answered,
// begins anew. Names are bounded.
func TestUDPFailedCountsARow(t *testing.T) {
	c := newContacts(func(Refusal) {})
	ref := eventnode.NodeRef{ID: "n2", Epoch: 7}
	for range 4 {
		c.probed("n2#7", true)
	}
	if got := c.udpFailed(ref); got != 4 {
		t.Errorf("%d", got)
	}
	c.probed("n2#7", false)
	if got := c.udpFailed(ref); got != 0 {
		t.Errorf("%d", got)
	}
	for i := range streaksMax + 10 {
		c.probed(fmt.Sprint(i), true)
	}
	if len(c.failed) != streaksMax {
		t.Errorf("%d names", len(c.failed))
	}
}
