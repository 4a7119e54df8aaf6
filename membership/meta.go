package membership

import (
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/google/uuid"
	"github.com/hashicorp/memberlist"
	"google.golang.org/protobuf/proto"

	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

// errMeta says that a node's metadata is malformed.
var errMeta = errors.New("malformed node metadata")

// encodeMeta returns what gossip carries of n: at most 512 bytes, or an error
// that tells the size.
func encodeMeta(n Node) ([]byte, error) {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(metaOf(n)) // labels are a map
	if err != nil {
		return nil, fmt.Errorf("encode node metadata: %w", err)
	}
	if len(b) > memberlist.MetaMaxSize {
		return nil, fmt.Errorf("node metadata is %d bytes, the limit is %d: shorten the zone, the labels, the version or the rpc address",
			len(b), memberlist.MetaMaxSize)
	}
	return b, nil
}

func metaOf(n Node) *clusterv1.NodeMeta {
	m := &clusterv1.NodeMeta{
		RpcAddress: n.RPCAddress,
		VersionMin: n.VersionMin,
		VersionMax: n.VersionMax,
		Zone:       n.Zone,
		Roles:      n.Roles,
		Version:    n.Version,
		Tentative:  n.Tentative,

		StorageLevel: n.StorageLevel,
		Labels:       n.Labels,
	}
	if n.ClusterUUID != uuid.Nil {
		m.ClusterUuid = n.ClusterUUID[:]
	}
	if n.Replica != uuid.Nil {
		m.Replica = n.Replica[:]
	}
	return m
}

// decodeMeta returns a node without its name and gossip address. Fields that it
// does not know are ignored: a later version may say more.
func decodeMeta(b []byte) (Node, error) {
	var m clusterv1.NodeMeta
	if len(b) > memberlist.MetaMaxSize {
		return Node{}, fmt.Errorf("%w: %d bytes", errMeta, len(b))
	}
	if err := proto.Unmarshal(b, &m); err != nil {
		return Node{}, fmt.Errorf("%w: %w", errMeta, err)
	}
	if err := checkHostPort(m.GetRpcAddress()); err != nil {
		return Node{}, fmt.Errorf("%w: rpc address: %w", errMeta, err)
	}
	if m.GetVersionMin() > m.GetVersionMax() {
		return Node{}, fmt.Errorf("%w: versions %d to %d", errMeta, m.GetVersionMin(), m.GetVersionMax())
	}
	var id, replica uuid.UUID
	if n := len(m.GetClusterUuid()); n != 0 && n != len(id) {
		return Node{}, fmt.Errorf("%w: cluster UUID of %d bytes", errMeta, n)
	}
	if n := len(m.GetReplica()); n != 0 && n != len(replica) {
		return Node{}, fmt.Errorf("%w: replica UUID of %d bytes", errMeta, n)
	}
	copy(id[:], m.GetClusterUuid())
	copy(replica[:], m.GetReplica())
	return Node{
		RPCAddress:  m.GetRpcAddress(),
		Zone:        m.GetZone(),
		Version:     m.GetVersion(),
		VersionMin:  m.GetVersionMin(),
		VersionMax:  m.GetVersionMax(),
		Roles:       m.GetRoles(),
		ClusterUUID: id,
		Replica:     replica,
		Tentative:   m.GetTentative(),

		StorageLevel: m.GetStorageLevel(),
		Labels:       m.GetLabels(),
	}, nil
}

// checkHostPort checks an address that others are to dial.
func checkHostPort(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("%.100q is not HOST:PORT", addr)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return fmt.Errorf("%.100q: the port must be 1 to 65535", addr)
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		return fmt.Errorf("%.100q names no host that others can dial", addr)
	}
	return nil
}
