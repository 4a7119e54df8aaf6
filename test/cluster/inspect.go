package cluster

// What a test can see of a node besides what it serves.

// PID is the number of the node's process. For Config.Processes.
func (n *Node) PID() int {
	n.c.t.Helper()
	return n.process().cmd.Process.Pid
}

// Log is what the node has logged, over all restarts: what its processes wrote to
// stdout and stderr. In memory, only of nodes with Config.Storage and without
// Config.Logger.
func (n *Node) Log() string {
	n.c.t.Helper()
	log, err := n.c.host.log(n)
	if err != nil {
		n.c.t.Fatalf("the log of %s: %v", n.name, err)
	}
	return log
}

// Ended reports whether the node has ended, by itself or because it was stopped.
func (n *Node) Ended() bool {
	done := n.c.host.ended(n)
	if done == nil {
		return true
	}
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// GossipAddress is where other nodes reach the node.
func (n *Node) GossipAddress() string {
	if p, ok := n.c.host.(*processes); ok {
		return p.ports[n.name].gossip
	}
	return join(n.address(), gossipPort)
}

// HTTPAddress is where the node serves HTTP. For Processes with Config.HTTP.
func (n *Node) HTTPAddress() string {
	n.c.t.Helper()
	if !n.c.cfg.HTTP {
		n.c.t.Fatal("nodes serve no HTTP: use Config.HTTP")
	}
	return n.processes().ports[n.name].http
}

// GatewayAddress is where clients of the chat service connect. For Processes with
// Config.GatewayTokens.
func (n *Node) GatewayAddress() string {
	n.c.t.Helper()
	if n.c.cfg.GatewayTokens == "" {
		n.c.t.Fatal("nodes have no gateway: use Config.GatewayTokens")
	}
	return n.processes().ports[n.name].gateway
}

func (n *Node) process() *process {
	n.c.t.Helper()
	r := n.processes().of(n)
	if r == nil {
		n.c.t.Fatalf("%s does not run", n.name)
	}
	return r
}

func (n *Node) processes() *processes {
	n.c.t.Helper()
	p, ok := n.c.host.(*processes)
	if !ok {
		n.c.t.Fatal("nodes in memory are no processes: use Config.Processes")
	}
	return p
}
