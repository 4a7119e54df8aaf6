package table

// spread says which groups memberships are in.
type spread string

const (
	distinct spread = "distinct" // one member, each membership in another group
	one      spread = "one"      // as many members, all in one group
)

// members is how many members have so many memberships.
func (s spread) members(memberships int) int {
	if s == one {
		return memberships
	}
	return 1
}

// held is what a table holds when so many memberships are in it.
func (s spread) held(memberships int) held {
	if s == one {
		return held{Groups: 1, Memberships: memberships}
	}
	return held{Groups: memberships, Memberships: memberships}
}

// What nodes answer. Times are the machine's wall clock in nanoseconds.
type (
	// ready is the first line of a node.
	ready struct {
		ReadyNS int64 `json:"ready_ns"`
		// Gossip is an address for others to join at; Erlang has none.
		Gossip string `json:"gossip,omitempty"`
	}
	// span is when a run of calls began and when the last one had returned.
	span struct {
		BeginNS int64 `json:"begin_ns"`
		EndNS   int64 `json:"end_ns"`
	}
	// done is when something was complete.
	done struct {
		DoneNS int64 `json:"done_ns"`
	}
	// moment is a moment, moments are several.
	moment struct {
		NS int64 `json:"ns"`
	}
	moments struct {
		NS []int64 `json:"ns"`
	}
	// held is what a table holds.
	held struct {
		Groups      int `json:"groups"`
		Memberships int `json:"memberships"`
	}
	// memory is the live heap, in bytes.
	memory struct {
		Heap int64 `json:"heap"`
	}
	// looked is what a reader under churn did in so many nanoseconds.
	looked struct {
		Looks   int64 `json:"looks"`
		Members int   `json:"members"`
		Churned int64 `json:"churned"`
		NS      int64 `json:"ns"`
	}
)
