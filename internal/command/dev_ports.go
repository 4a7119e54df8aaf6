package command

import (
	"fmt"
	"io"
	"net"
	"strconv"

	"github.com/eventnode/eventnode/node"
)

const (
	// devBasePort is the first default port: gossip of n1; rpc is the next.
	devBasePort = node.DefaultRPCPort - 1
	// devHTTPPort is where n1 serves HTTP, n2 at the next one: behind the ports of as
	// many nodes as there may be.
	devHTTPPort = devBasePort + 201
	// devGatewayPort is where n1 has its gateway, n2 at the next one.
	devGatewayPort = devBasePort + 301
	// devPortTries bounds the search for a port that is free for TCP and UDP.
	devPortTries = 50
)

// devAddress is where a node of a dev cluster listens.
type devAddress struct{ gossip, rpc, http, gateway string }

// devPorts finds addresses for count nodes: for gossip and rpc the default ones if they
// are free, which it reports, else any; for HTTP and the gateway the usual ones of each
// node if they are free, too. They are free at that moment; whoever is faster than the
// node takes one, and the node then ends with an error that says so.
func devPorts(count int) (addrs []devAddress, standard bool, err error) {
	var held ports
	defer held.close()
	for i := range count {
		gossip, errG := held.both(devBasePort + 2*i)
		rpc, errR := held.tcp(devBasePort + 2*i + 1)
		if errG != nil || errR != nil {
			break
		}
		addrs = append(addrs, devAddress{gossip: gossip, rpc: rpc})
	}
	if standard = len(addrs) == count; !standard {
		if addrs, err = held.anyAddresses(count); err != nil {
			return nil, false, err
		}
	}
	for i := range addrs {
		if addrs[i].http, err = held.usual(devHTTPPort+i, standard); err != nil {
			return nil, false, err
		}
		if addrs[i].gateway, err = held.usual(devGatewayPort+i, standard); err != nil {
			return nil, false, err
		}
	}
	return addrs, standard, nil
}

// usual finds an address: at the port if it is wanted and free, else at any.
func (p *ports) usual(port int, wanted bool) (string, error) {
	if wanted {
		if address, err := p.tcp(port); err == nil {
			return address, nil
		}
	}
	return p.tcp(0)
}

// anyAddresses finds free ports.
func (p *ports) anyAddresses(count int) (addrs []devAddress, err error) {
	for range count {
		gossip, err := p.anyBoth()
		if err != nil {
			return nil, err
		}
		rpc, err := p.tcp(0)
		if err != nil {
			return nil, err
		}
		addrs = append(addrs, devAddress{gossip: gossip, rpc: rpc})
	}
	return addrs, nil
}

// ports are held open, so that none is found twice.
type ports []io.Closer

// close frees them.
func (p *ports) close() {
	for _, c := range *p {
		_ = c.Close()
	}
}

// tcp holds a port, 0 for any, and returns its address.
func (p *ports) tcp(port int) (string, error) {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return "", err
	}
	*p = append(*p, l)
	return l.Addr().String(), nil
}

// both holds a port for TCP and UDP.
func (p *ports) both(port int) (string, error) {
	addr, err := p.tcp(port)
	if err != nil {
		return "", err
	}
	c, err := net.ListenPacket("udp", addr)
	if err != nil {
		return "", err
	}
	*p = append(*p, c)
	return addr, nil
}

// anyBoth finds one.
func (p *ports) anyBoth() (string, error) {
	var last error
	for range devPortTries {
		addr, err := p.both(0)
		if err == nil {
			return addr, nil
		}
		last = err
	}
	return "", fmt.Errorf("no port is free for gossip: %w", last)
}
