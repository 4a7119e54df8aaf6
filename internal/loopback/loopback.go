package loopback

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

const (
	// host is where all addresses are.
	host = "127.0.0.1"
	// firstPort begins the first block; the last block ends below 32768, where Linux
	// begins to give out ports by itself (ip_local_port_range).
	firstPort, lastPort = 12768, 32767
	// blockPorts is how many ports a process has, with the one that claims them.
	blockPorts = 1000
	blocks     = (lastPort - firstPort + 1) / blockPorts
)

// block is the ports of one process.
type block struct {
	claim net.Listener // on its first port
	first int

	mu   sync.Mutex
	used int // the last that was handed out, after first
}

// own is this process's block.
var own = sync.OnceValues(claim)

// Address returns an address on which nobody listens, for TCP and UDP. None is returned
// twice before all of the process's 999 were. It may be called concurrently.
func Address() (string, error) {
	b, err := own()
	if err != nil {
		return "", err
	}
	return b.address()
}

// Addresses returns n addresses as Address does.
func Addresses(n int) ([]string, error) {
	list := make([]string, n)
	for i := range list {
		var err error
		if list[i], err = Address(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// claim takes a block that no other process has.
func claim() (*block, error) {
	var last error
	for _, n := range rand.Perm(blocks) {
		b := &block{first: firstPort + n*blockPorts}
		if b.claim, last = net.Listen("tcp", join(b.first)); last == nil {
			return b, nil
		}
	}
	return nil, fmt.Errorf("no block of ports is free between %d and %d: %w", firstPort, lastPort, last)
}

func (b *block) address() (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range blockPorts - 1 {
		b.used = b.used%(blockPorts-1) + 1
		if address := join(b.first + b.used); free(address) {
			return address, nil
		}
	}
	return "", fmt.Errorf("no port is free between %d and %d", b.first, b.first+blockPorts-1)
}

// free reports whether nobody listens on address.
func free(address string) bool {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return false
	}
	defer func() { _ = l.Close() }()
	u, err := net.ListenPacket("udp", address)
	if err != nil {
		return false
	}
	_ = u.Close()
	return true
}

func join(port int) string { return fmt.Sprintf("%s:%d", host, port) }
