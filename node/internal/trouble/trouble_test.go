package trouble

import (
	"strings"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/link"
	"github.com/eventnode/eventnode/membership"
)

func peer(change func(p *Peer)) Peer {
	p := Peer{
		Node:  membership.Node{Ref: eventnode.NodeRef{ID: "n2", Epoch: 7}, GossipAddress: "10.0.0.2:7400", RPCAddress: "10.0.0.2:7401"},
		Nodes: 3,
	}
	change(&p)
	return p
}

func down(kind link.ErrorKind, since time.Duration) Peer {
	return peer(func(p *Peer) { p.Link = link.State{Kind: kind, LastError: "why", Down: since} })
}

func clock(ahead, within time.Duration) Peer {
	return peer(func(p *Peer) { p.Link.Clocks = link.Difference{Known: true, Ahead: ahead, Within: within} })
}

// What is seen of a member becomes the cause and the sentence that says what to do, and
// nothing as long as there is another likely reading.
func TestOfPeer(t *testing.T) {
	for what, c := range map[string]struct {
		peer  Peer
		cause Cause // "": nothing
		says  string
	}{
		"well":                        {peer(func(*Peer) {}), "", ""},
		"being dialled":               {down(link.KindNone, time.Hour), LinkRefused, "no link"},
		"rpc dropped":                 {down(link.KindTimeout, silentGrace), RPCBlocked, "n2 answers gossip at 10.0.0.2:7400 but not rpc at 10.0.0.2:7401: open TCP port 7401"},
		"dropped just now":            {down(link.KindTimeout, silentGrace-1), "", ""},
		"no way":                      {down(link.KindUnreachable, silentGrace), RPCBlocked, "open TCP port 7401"},
		"rpc refused":                 {down(link.KindRefused, linkGrace), RPCRefused, "--advertise-rpc"},
		"killed just now":             {down(link.KindRefused, linkGrace-1), "", ""},
		"another key":                 {down(link.KindSecret, 1), GossipKey, "--gossip-key-file"},
		"another cluster":             {down(link.KindForeign, 1), ClusterName, "why"},
		"no TLS there":                {down(link.KindTLS, tlsGrace), LinkRefused, "--tls-cert"},
		"certificate over":            {down(link.KindExpired, 1), LinkRefused, "clocks"},
		"something else":              {down("Aborted", linkGrace), LinkRefused, "see also its log: why"},
		"linked":                      {down(link.KindTimeout, 0), "", ""},
		"UDP lost twice":              {peer(func(p *Peer) { p.UDPFailed = udpStreak - 1 }), "", ""},
		"no UDP":                      {peer(func(p *Peer) { p.UDPFailed = udpStreak }), UDPBlocked, "UDP port 7400 between this machine and 10.0.0.2"},
		"clock ahead":                 {clock(3*time.Hour, time.Second), Clock, "n2 is 3h0m0s ahead of this node's"},
		"clock behind":                {clock(-3*time.Hour, time.Second), Clock, "3h0m0s behind this node's"},
		"clock tolerated":             {clock(clockTolerance, 0), "", ""},
		"clock unsure by a slow link": {clock(90*time.Second, 40*time.Second), "", ""},
		"silent in a large cluster":   {peer(func(p *Peer) { *p = down(link.KindTimeout, 2*silentGrace-1); p.Nodes = 100 }), "", ""},
	} {
		t.Run(what, func(t *testing.T) {
			found := OfPeer(c.peer)
			if c.cause == "" && len(found) > 0 {
				t.Fatalf("%+v", found)
			}
			if c.cause == "" {
				return
			}
			if len(found) != 1 || found[0].Cause != c.cause || found[0].Node != "n2" || !strings.Contains(found[0].Text, c.says) {
				t.Errorf("want %s and %q: %+v", c.cause, c.says, found)
			}
		})
	}
}

// Several things may be wrong at once.
func TestOfPeerAllAtOnce(t *testing.T) {
	p := down(link.KindTimeout, time.Minute)
	p.UDPFailed = 9
	p.Link.Clocks = link.Difference{Known: true, Ahead: time.Hour}
	if found := OfPeer(p); len(found) != 3 {
		t.Errorf("%+v", found)
	}
}

// What is seen of an address that is no member's becomes its state, the cause and the
// sentence; an address that does not answer is not complained of before a node there should
// have been started.
func TestOfContact(t *testing.T) {
	now := time.Unix(1000, 0)
	for refusal, want := range map[membership.Refusal]struct {
		state string
		cause Cause
		says  string
	}{
		membership.RefusalSilent:   {Unreachable, GossipBlocked, "open TCP and UDP port 7400"},
		membership.RefusalReset:    {Unreachable, GossipRefused, "start the node there"},
		membership.RefusalOther:    {Unreachable, GossipBlocked, "detail"},
		membership.RefusalClosed:   {Refused, ClusterName, "--cluster"},
		membership.RefusalKey:      {Refused, GossipKey, "another gossip key"},
		membership.RefusalKeyHere:  {Refused, GossipKey, "this node has none"},
		membership.RefusalKeyThere: {Refused, GossipKey, "has no gossip key"},
		membership.RefusalLabel:    {Refused, ClusterName, `of cluster "detail", this node of "east"`},
		membership.RefusalForeign:  {Refused, ClusterName, "another cluster of this name"},
		membership.RefusalName:     {Refused, NameTaken, "name of this one, n1, and must stop: give it another --name"},
	} {
		t.Run(string(refusal), func(t *testing.T) {
			c := membership.Contact{Address: "10.0.0.2:7400", Refusal: refusal, Detail: "detail", Since: now}
			if _, early := OfContact(c, "n1", "east", now.Add(seedGrace-1)); early != (want.state == Refused) {
				t.Errorf("told early: %v", early)
			}
			f, ok := OfContact(c, "n1", "east", now.Add(seedGrace))
			if !ok || StateOf(c) != want.state || f.Cause != want.cause || f.Address != c.Address || !strings.Contains(f.Text, want.says) {
				t.Errorf("want %+v: %s %+v", want, StateOf(c), f)
			}
		})
	}
}
