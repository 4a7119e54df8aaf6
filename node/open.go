package node

import (
	"net"
	"net/netip"
)

// exposure is a port that strangers may reach, and what that means.
type exposure struct{ port, address, meaning, advice string }

// warnOfOpenPorts says, a line each, which ports strangers may reach.
func (n *Node) warnOfOpenPorts() {
	for _, e := range exposures(n.cfg, n.RPCAddress(), n.GossipAddress(), n.HTTPAddress()) {
		n.cfg.Logger.Warn("A PORT IS OPEN TO STRANGERS", "port", e.port, "address", e.address, "so", e.meaning, "use", e.advice)
	}
}

// exposures are what a configuration leaves open, at the addresses where the node listens
// ("" for none).
func exposures(c Config, rpc, gossip, http string) []exposure {
	var found []exposure
	add := func(port, address, meaning, advice string) {
		found = append(found, exposure{port, address, meaning, advice})
	}
	if isOpen(rpc) {
		if c.TLS == nil {
			add("rpc", rpc, "events, and tokens, pass in the clear", "--tls-cert, --tls-key and --tls-ca, or a network that is yours alone")
		}
		if c.Authorizer == nil {
			add("rpc", rpc, "whoever reaches it may do everything", "--token-file")
		}
	}
	if (isOpen(gossip) || isOpen(rpc)) && len(c.GossipKeys) == 0 {
		add("gossip", gossip, "whoever reaches it may pose as a node, and read and forge what nodes say", "--gossip-key-file")
	}
	if isOpen(http) {
		if c.HTTPIngest && c.Authorizer == nil {
			add("http", http, "whoever reaches it may dispatch and publish everything", "--token-file")
		}
		if !c.HTTPTLS {
			add("http", http, "metrics, profiles and what is posted pass in the clear, and whoever reaches it may read the first two", "--http-tls, or bind it where only operators come")
		}
	}
	return found
}

// isOpen reports whether an address is reached from other machines.
func isOpen(address string) bool {
	if address == "" {
		return false
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	if host == "localhost" {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err != nil || !ip.IsLoopback()
}
