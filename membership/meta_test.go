package membership

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/hashicorp/memberlist"
	"google.golang.org/protobuf/proto"

	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

var typicalNode = Node{
	RPCAddress: "[2001:db8:1234:5678:9abc:def0:1234:5678]:7401",
	Zone:       "eu-central-1a", Version: "v1.12.3+5f3c2a1", VersionMin: 1, VersionMax: 3,
	Roles:       []clusterv1.Role{clusterv1.Role_ROLE_STORAGE},
	ClusterUUID: uuid.MustParse("0190f3f2-7c5e-7d3a-9a1b-3c5d7e9f1a2b"),
	Replica:     uuid.MustParse("1a90f3f2-7c5e-4d3a-9a1b-3c5d7e9f1a2b"), StorageLevel: 3, Labels: map[string]string{"disk": "ssd"},
}

func TestMetaRoundTrip(t *testing.T) {
	for name, n := range map[string]Node{"typical": typicalNode, "least": {RPCAddress: "h:1"}} {
		b, err := encodeMeta(n)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > 200 {
			t.Errorf("%s: %d bytes, the aim is 200", name, len(b))
		}
		got, err := decodeMeta(b)
		if err != nil || !got.equal(n) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func TestMalformedMeta(t *testing.T) {
	good := func(change func(*clusterv1.NodeMeta)) []byte {
		m := metaOf(typicalNode)
		change(m)
		b, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, b := range map[string][]byte{
		"empty":      nil,
		"garbage":    []byte("\xff\xff\xff"),
		"truncated":  good(func(*clusterv1.NodeMeta) {})[:20],
		"no address": good(func(m *clusterv1.NodeMeta) { m.RpcAddress = "" }),
		"no port":    good(func(m *clusterv1.NodeMeta) { m.RpcAddress = "10.0.0.1" }),
		"port 0":     good(func(m *clusterv1.NodeMeta) { m.RpcAddress = "10.0.0.1:0" }),
		"no host":    good(func(m *clusterv1.NodeMeta) { m.RpcAddress = ":7401" }),
		"all hosts":  good(func(m *clusterv1.NodeMeta) { m.RpcAddress = "[::]:7401" }),
		"short UUID": good(func(m *clusterv1.NodeMeta) { m.ClusterUuid = m.ClusterUuid[:15] }),
		"versions":   good(func(m *clusterv1.NodeMeta) { m.VersionMin = 9 }),
		"too long":   good(func(m *clusterv1.NodeMeta) { m.Zone = strings.Repeat("z", 512) }),
	} {
		if _, err := decodeMeta(b); !errors.Is(err, errMeta) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A later version may say more.
func TestUnknownMetaFieldsAreIgnored(t *testing.T) {
	b, _ := encodeMeta(typicalNode)
	b = append(b, 0xfa, 0x07, 3, 'n', 'e', 'w') // field 127
	if n, err := decodeMeta(b); err != nil || !n.equal(typicalNode) {
		t.Fatal(n, err)
	}
}

func FuzzDecodeMeta(f *testing.F) {
	b, _ := encodeMeta(typicalNode)
	f.Add(b)
	f.Add(bytes.Repeat([]byte{0xff}, memberlist.MetaMaxSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := decodeMeta(b)
		if err != nil {
			return
		}
		again, err := encodeMeta(n)
		if err != nil {
			t.Skip("not minimal")
		}
		if got, err := decodeMeta(again); err != nil || !got.equal(n) {
			t.Fatalf("%+v became %+v, %v", n, got, err)
		}
	})
}

// Whatever gossip brings is refused or taken, and counted; nothing crashes.
func FuzzNotifyAlive(f *testing.F) {
	b, _ := encodeMeta(typicalNode)
	f.Add("n2#5", []byte{10, 0, 0, 2}, uint16(7400), b)
	f.Add("n2", []byte{127, 0, 0, 1}, uint16(0), []byte{})
	m, err := New(Config{ID: "n1", RPCAddress: "10.0.0.1:7401", AdvertiseAddress: "10.0.0.1:7400"})
	if err != nil {
		f.Fatal(err)
	}
	d := &delegate{self: m.Self().Ref, view: m.view, inbox: m.inbox, refused: m.refusal.note, contacts: m.contacts}
	f.Fuzz(func(t *testing.T, name string, addr []byte, port uint16, meta []byte) {
		n := &memberlist.Node{Name: name, Addr: addr, Port: port, Meta: meta}
		err := d.NotifyAlive(n)
		_ = d.NotifyMerge([]*memberlist.Node{n})
		d.NotifyJoin(n)
		d.NotifyUpdate(n)
		d.NotifyLeave(n)
		if taken := m.inbox.take(); err == nil && len(taken) != 1 && name != m.Self().Ref.String() {
			t.Fatalf("admitted, but %d observations", len(taken))
		}
	})
}
