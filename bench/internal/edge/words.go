package edge

// What is said to processes, and what they answer. Times are the machine's wall clock in
// nanoseconds.
type (
	// nodeConfig is a node process.
	nodeConfig struct {
		ID    string   `json:"id"`
		Dir   string   `json:"dir"`
		Seeds []string `json:"seeds,omitempty"`
		// Nodes is how many there will be.
		Nodes int `json:"nodes"`
	}
	// nodeReady is a node's first answer: where it is.
	nodeReady struct {
		Gossip  string `json:"gossip"`
		RPC     string `json:"rpc"`
		Gateway string `json:"gateway"`
	}
	// nodeOrder is for a node.
	nodeOrder struct {
		// Memory asks for sizes.
		Memory bool `json:"memory,omitempty"`
		// Heap is a file for a heap profile, which Memory writes.
		Heap string `json:"heap,omitempty"`
		// CPU is a file for a CPU profile from now on; Done ends it.
		CPU  string `json:"cpu,omitempty"`
		Done bool   `json:"done,omitempty"`
	}
	// sizes of a node, after two collections.
	sizes struct {
		InUse      int64 `json:"in_use"` // heap and stacks
		Stacks     int64 `json:"stacks"`
		Resident   int64 `json:"resident"`
		Goroutines int   `json:"goroutines"`
	}

	// peerConfig is a peer process.
	peerConfig struct {
		Parallel bool `json:"parallel"`
	}
	// peerReady is its first answer.
	peerReady struct {
		Address string `json:"address"`
	}
	// peerOrder has events sent, the first of which has a number.
	peerOrder struct {
		First  uint64 `json:"first"`
		Events int    `json:"events"`
	}
	// begun is when something began.
	begun struct {
		BeginNS int64 `json:"begin_ns"`
	}

	// clientsConfig is a process of clients.
	clientsConfig struct {
		// Plain clients are the peer's: they have no session.
		Plain bool `json:"plain"`
	}
	// clientsOrder is for clients: one of its fields.
	clientsOrder struct {
		Open   *openOrder   `json:"open,omitempty"`
		Expect *expectOrder `json:"expect,omitempty"`
		Cut    bool         `json:"cut,omitempty"`
		Resume *resumeOrder `json:"resume,omitempty"`
	}
	// openOrder adds clients; it is answered when all have a session.
	openOrder struct {
		Address string `json:"address"`
		First   int    `json:"first"` // the number of the first user
		Clients int    `json:"clients"`
	}
	// expectOrder is answered at once, and again when all clients have so many events more.
	expectOrder struct {
		Events int `json:"events"`
	}
	// resumeOrder has all clients resume, and is answered when all have, and were sent so
	// many events that they had missed.
	resumeOrder struct {
		Address string `json:"address"`
		Missed  int    `json:"missed"`
	}
	// span is when the first client began and when the last one was done.
	span struct {
		BeginNS int64 `json:"begin_ns"`
		LastNS  int64 `json:"last_ns"`
	}
	// nothing says only that it is done.
	nothing struct{}
)
