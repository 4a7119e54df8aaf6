package cluster_test

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/link"
	"github.com/eventnode/eventnode/node"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
	"github.com/eventnode/eventnode/test/cluster"
)

// What comes from outside of the cluster, from impostors and from the future:
// PG-T3, PG-T7, PG-T21 and PG-T25.

// outsider is a program on a node's machine that is not that node.
type outsider struct {
	*world
	net node.Network
}

// withOutsider starts a cluster of two nodes, with an outsider on n2's machine.
func withOutsider(t *testing.T, story func(o *outsider)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o := &outsider{}
		o.world = &world{t: t, Cluster: cluster.Start(t, cluster.Config{Nodes: 2, Configure: func(name string, cfg *node.Config) {
			if name == "n2" {
				o.net = cfg.Network
			}
		}})}
		story(o)
	})
}

// self is a node's name and epoch.
func (w *world) self(name string) eventnode.NodeRef {
	w.t.Helper()
	s, err := w.Node(name).Cluster().Status(w.t.Context())
	w.must(err)
	return eventnode.NodeRef{ID: s.ID, Epoch: s.Epoch}
}

// says links to n1 under a name, says something over that link, and goes.
func (o *outsider) says(as eventnode.NodeRef, messages ...*clusterv1.Exchange) {
	o.t.Helper()
	to := o.self("n1")
	links, err := link.New(link.Config{Self: as, Cluster: "eventnode", Dial: o.net.Dial}, deaf{})
	o.must(err)
	links.Add(to, o.Node("n1").RPCAddress())
	ctx, stop := context.WithCancel(o.t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	wg.Go(func() {
		if err := links.Run(ctx); err != nil {
			o.t.Error(err)
		}
	})
	o.Eventually(settle, func() error {
		for _, m := range messages {
			msg, err := proto.Marshal(m)
			o.must(err)
			if !links.SendExchange(to, msg) {
				return errors.New("the outsider has no link: " + links.States()[0].LastError)
			}
		}
		return nil
	})
	synctest.Wait() // what was sent has arrived
}

// deaf is a handler for links that only speak.
type deaf struct{ link.Handler }

func (deaf) LinkUp(eventnode.NodeRef)   {}
func (deaf) LinkDown(eventnode.NodeRef) {}
func (deaf) Refused(eventnode.NodeRef)  {}

// changeSet claims that an origin joined a member 77 three times, and let others
// leave.
func changeSet(o eventnode.NodeRef, version uint64, left ...eventnode.Member) *clusterv1.Exchange {
	c := &clusterv1.ChangeSet{Origin: origin(o), Version: version, Groups: []*clusterv1.GroupDelta{
		{Group: "bogus", Joined: []*clusterv1.Membership{{Ref: 77, Times: 3}}},
	}}
	for _, m := range left {
		c.Groups = append(c.Groups, &clusterv1.GroupDelta{Group: "g", Left: []*clusterv1.Membership{{Ref: m.Ref().Ref}}})
	}
	return &clusterv1.Exchange{Message: &clusterv1.Exchange_ChangeSet{ChangeSet: c}}
}

func origin(o eventnode.NodeRef) *clusterv1.Origin {
	return &clusterv1.Origin{Node: string(o.ID), Epoch: o.Epoch}
}

// Inverted: pg's server crashes on garbage, and its members are lost. Here it is
// refused, on both ports and inside of the protocol, and nothing else happens.
func TestPGT3_errors(t *testing.T) {
	withOutsider(t, func(o *outsider) {
		m, other := o.member("n1"), o.member("n2")
		o.join("n1", "g", m)
		o.join("n2", "g", other)
		o.allSee("g", m, other)
		mon := o.monitorScope("n1")

		host, _, err := net.SplitHostPort(o.Node("n1").RPCAddress())
		o.must(err)
		for _, garbage := range []string{"\x00", strings.Repeat("\xff", 1<<16), "GET / HTTP/1.1\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n and garbage"} {
			o.throws(net.JoinHostPort(host, "7400"), garbage)
			o.throws(net.JoinHostPort(host, "7401"), garbage)
		}
		o.says(o.self("n2"), malformed(o.self("n2"))...)

		time.Sleep(time.Minute)
		o.equal("members", o.local("n1", "g"), refs(m))
		o.must(o.Linked())
		o.allSee("g", m, other)
		mon.quiet(time.Second)
		o.join("n1", "h", m)
		o.sees("n2", "h", m)
	})
}

// throws sends bytes to a port, as a stream and as datagrams, and waits until
// the stream is closed there.
func (o *outsider) throws(address, garbage string) {
	o.t.Helper()
	conn, err := o.net.Dial(o.t.Context(), address)
	o.must(err)
	defer func() { _ = conn.Close() }()
	_, _ = conn.Write([]byte(garbage))
	o.must(conn.SetReadDeadline(time.Now().Add(time.Minute)))
	if _, err := io.Copy(io.Discard, conn); isTimeout(err) {
		o.t.Errorf("%.10q to %s: the connection stays open", garbage, address)
	}
	gossip, err := o.net.Gossip("10.0.0.0:9999") // this machine, another port
	o.must(err)
	_, err = gossip.WriteTo([]byte(garbage[:min(len(garbage), 1400)]), address)
	o.must(err)
	o.must(gossip.Shutdown())
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

// malformed are group-table messages of a node that has gone mad.
func malformed(from eventnode.NodeRef) []*clusterv1.Exchange {
	unnamed := changeSet(from, 2)
	unnamed.GetChangeSet().Groups[0].Group = ""
	return []*clusterv1.Exchange{
		{},
		{Message: &clusterv1.Exchange_ChangeSet{ChangeSet: &clusterv1.ChangeSet{}}},
		unnamed,
		changeSet(from, 0),
		changeSet(eventnode.NodeRef{ID: from.ID}, 2),
		{Message: &clusterv1.Exchange_Sync{Sync: &clusterv1.Sync{Origin: origin(from), Chunk: 7, Version: 9}}},
		{Message: &clusterv1.Exchange_Sync{Sync: &clusterv1.Sync{Origin: origin(from), Last: true}}},
		{Message: &clusterv1.Exchange_Pull{Pull: &clusterv1.Pull{Scope: "none", Origin: origin(from), Have: 1 << 60}}},
		{Message: &clusterv1.Exchange_Applied{Applied: &clusterv1.Applied{Scope: "none", Version: 1 << 60}}},
		{Message: &clusterv1.Exchange_Digest{Digest: &clusterv1.Digest{Entries: []*clusterv1.DigestEntry{{}}, Reply: true}}},
		{Message: &clusterv1.Exchange_Hash{Hash: &clusterv1.Hash{Sum: 1}}},
	}
}

// What somebody says who is not a member of the cluster, or about somebody who
// is not, is ignored. So is what is said in the name of a node that has gone.
func TestPGT7_overlayMissing(t *testing.T) {
	withOutsider(t, func(o *outsider) {
		stranger := eventnode.NodeRef{ID: "stranger", Epoch: 5}
		mon := o.monitorScope("n1")
		o.says(stranger, changeSet(stranger, 1), changeSet(o.self("n2"), 1))
		o.says(o.self("n2"), changeSet(stranger, 1))
		gone := o.self("n2")
		o.Kill("n2")
		o.Eventually(settle, func() error { return o.lost("n1", "n2") })
		o.Restart("n2")
		o.Eventually(settle, o.Linked)
		o.says(stranger, changeSet(gone, 1))
		mon.quiet(time.Minute)
		o.equal("groups", len(o.groups("n1")), 0)
	})
}

// lost says whether a node still holds another one alive.
func (w *world) lost(node, other string) error {
	infos, err := w.Node(node).Cluster().Nodes(w.t.Context())
	if err != nil {
		return err
	}
	for _, i := range infos {
		if string(i.ID) == other && i.State == "alive" {
			return errors.New(other + " is alive for " + node)
		}
	}
	return nil
}

// Whatever a node was made to believe of another one is repaired by the next
// copy, which replaces, and monitors are told each step.
func TestPGT21_forcedSync(t *testing.T) {
	withOutsider(t, func(o *outsider) {
		m := o.member("n2")
		o.join("n2", "g", m)
		o.sees("n1", "g", m)
		mon := o.monitorScope("n1")
		o.says(o.self("n2"), changeSet(o.self("n2"), 2, m)) // n2 has made 1 change
		bogus := o.self("n2").String() + "/77"
		for _, want := range [][]string{
			{signedChange("bogus", "+", bogus), left("g", m)},
			{signedChange("bogus", "-", bogus), joined("g", m)},
		} {
			got := []string{mon.next(), mon.next()}
			slices.Sort(got)
			slices.Sort(want)
			o.equal("changes", got, want)
		}
		o.equal("groups", o.groups("n1"), map[string]int{"g": 1})
		o.join("n2", "h", m)
		o.sees("n1", "h", m)
		mon.tells(joined("h", m))
	})
}

func signedChange(group, sign, ref string) string {
	return strings.Join([]string{group, sign + ref, sign + ref, sign + ref}, " ")
}

// A node of a later version is answered, in the version that both speak; one
// that speaks only later versions is told so. Messages and fields that nobody
// knows yet are passed over.
func TestPGT25_protocolUpgrade(t *testing.T) {
	withOutsider(t, func(o *outsider) {
		challenge, err := o.greet(1, 99)
		o.must(err)
		o.equal("version", challenge.GetVersion(), uint32(1))
		if _, err := o.greet(98, 99); err == nil || !strings.Contains(err.Error(), "version") {
			o.t.Errorf("versions 98 to 99: %v", err)
		}
		m := o.member("n2")
		o.join("n2", "g", m)
		o.sees("n1", "g", m)
		future := &clusterv1.Exchange{}
		future.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 999, protowire.VarintType), 1))
		next := changeSet(o.self("n2"), 2)
		next.GetChangeSet().ProtoReflect().SetUnknown(protowire.AppendString(protowire.AppendTag(nil, 999, protowire.BytesType), "x"))
		mon := o.monitor("n1", "bogus")
		o.says(o.self("n2"), future, next)
		bogus := o.self("n2").String() + "/77"
		mon.tells(signedChange("bogus", "+", bogus)) // understood but for what is new
		mon.tells(signedChange("bogus", "-", bogus)) // and repaired, as above
		o.sees("n1", "g", m)
	})
}

// greet says hello to n1 in some versions and returns its challenge.
func (o *outsider) greet(lowest, highest uint32) (*clusterv1.Challenge, error) {
	o.t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+o.Node("n1").RPCAddress(),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithContextDialer(o.net.Dial))
	o.must(err)
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithTimeout(o.t.Context(), settle)
	defer cancel()
	control, err := clusterv1.NewLinkServiceClient(conn).Control(ctx)
	o.must(err)
	to := o.self("n1")
	o.must(control.Send(&clusterv1.ControlRequest{Message: &clusterv1.ControlRequest_Hello{Hello: &clusterv1.Hello{
		VersionMin: lowest, VersionMax: highest, Cluster: "eventnode", Node: "later", Epoch: 1, Generation: 1, Lanes: 1,
		TargetNode: string(to.ID), TargetEpoch: to.Epoch, Nonce: make([]byte, 16),
	}}}))
	resp, err := control.Recv()
	return resp.GetChallenge(), err
}
