package command

import (
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// The shapes of --json that no other package has. Their names are stable.

// deliveryJSON is a line of subscribe --json: an event or a gap.
type deliveryJSON struct {
	Topics []string     `json:"topics,omitempty"`
	Event  *event.Event `json:"event,omitempty"`
	Gap    *gapJSON     `json:"gap,omitempty"`
}

// receivedJSON is a line of groups join --json: an event or a gap.
type receivedJSON struct {
	Scope string       `json:"scope,omitempty"`
	Group string       `json:"group,omitempty"`
	Event *event.Event `json:"event,omitempty"`
	Gap   *gapJSON     `json:"gap,omitempty"`
}

// gapJSON is a gap. Without a count nobody knows how many, perhaps none.
type gapJSON struct {
	Node   eventnode.NodeID `json:"node,omitempty"`
	Count  *uint64          `json:"count,omitempty"`
	Reason string           `json:"reason"`
}

func toGapJSON(g *eventnode.Gap) *gapJSON {
	j := &gapJSON{Node: g.Node, Reason: g.Reason.String()}
	if g.Known {
		j.Count = &g.Count
	}
	return j
}

// receiptJSON is what dispatch --json prints.
type receiptJSON struct {
	ID      string            `json:"id"`
	Reached int               `json:"reached"`
	Nodes   []nodeReceiptJSON `json:"nodes"`
}

// nodeReceiptJSON is one node's part of a receipt.
type nodeReceiptJSON struct {
	Node    eventnode.NodeID `json:"node"`
	Reached int              `json:"reached"`
	Error   string           `json:"error,omitempty"`
}

func toReceiptJSON(id event.ID, r eventnode.Receipt) receiptJSON {
	j := receiptJSON{ID: id.String(), Reached: r.Reached, Nodes: []nodeReceiptJSON{}}
	for _, n := range r.Nodes {
		e := ""
		if n.Err != nil {
			e = n.Err.Error()
		}
		j.Nodes = append(j.Nodes, nodeReceiptJSON{n.Node, n.Reached, e})
	}
	return j
}

// memberJSON names a member.
type memberJSON struct {
	Node  eventnode.NodeID `json:"node"`
	Epoch uint64           `json:"epoch"`
	Ref   uint64           `json:"ref"`
}

func toMemberJSON(r eventnode.MemberRef) memberJSON {
	return memberJSON{r.Node.ID, r.Node.Epoch, r.Ref}
}

// membershipJSON is a line of groups members --json.
type membershipJSON struct {
	Member memberJSON `json:"member"`
	Meta   string     `json:"meta,omitempty"`
}

func toMembershipsJSON(list []eventnode.Membership) []membershipJSON {
	var out []membershipJSON
	for _, m := range list {
		out = append(out, membershipJSON{toMemberJSON(m.Member), m.Meta})
	}
	return out
}

// groupJSON is a line of groups list --json.
type groupJSON struct {
	Group   string `json:"group"`
	Members int    `json:"members"`
}

// changeJSON is a line of groups monitor --json: one atomic change of a group,
// or a part of a snapshot.
type changeJSON struct {
	Group   string           `json:"group"`
	Joined  []membershipJSON `json:"joined,omitempty"`
	Left    []membershipJSON `json:"left,omitempty"`
	Updated []membershipJSON `json:"updated,omitempty"`
}

// snapshotJSON is a line of groups monitor --json: everything there is. The
// first line is one; a later one, with resync set, replaces what came before.
type snapshotJSON struct {
	Snapshot map[string][]membershipJSON `json:"snapshot"`
	Resync   bool                        `json:"resync,omitempty"`
}

// streamJSON is a line of streams list --json, and of what streams info --json prints.
type streamJSON struct {
	Namespace string   `json:"namespace,omitempty"`
	Name      string   `json:"name"`
	Count     uint64   `json:"count"`
	Bytes     uint64   `json:"bytes"`
	Published uint64   `json:"published"`
	First     string   `json:"first,omitempty"`
	Last      string   `json:"last,omitempty"`
	Retain    string   `json:"retain"`
	MaxAge    string   `json:"max_age,omitempty"`
	MaxBytes  uint64   `json:"max_bytes,omitempty"`
	MaxCount  uint64   `json:"max_count,omitempty"`
	Groups    []string `json:"groups"`
	Pool      string   `json:"pool"`
	Created   string   `json:"created"`
	Partition uint32   `json:"partition"`

	Leader eventnode.NodeID `json:"leader,omitempty"`
}

func toStreamJSON(s eventnode.StreamInfo) streamJSON {
	j := streamJSON{
		Namespace: s.Namespace, Name: s.Name, Count: s.Count, Bytes: s.Bytes, Published: s.Published,
		Retain: s.Config.Retain.String(), MaxBytes: s.Config.MaxBytes, MaxCount: s.Config.MaxCount,
		Groups: append([]string{}, s.Config.Groups...), Pool: s.Config.Pool,
		Created: s.Created.UTC().Format(time.RFC3339Nano), Partition: s.Partition, Leader: s.Leader,
	}
	if s.Count > 0 {
		j.First = s.First.String()
	}
	if s.Published > 0 {
		j.Last = s.Last.String()
	}
	if s.Config.MaxAge > 0 {
		j.MaxAge = s.Config.MaxAge.String()
	}
	return j
}

// streamInfoJSON is what streams info --json prints.
type streamInfoJSON struct {
	streamJSON
	ConsumerGroups []consumerGroupJSON `json:"consumer_groups"`
}

// streamCreatedJSON is what streams create --json prints.
type streamCreatedJSON struct {
	Stream  string `json:"stream"`
	Created bool   `json:"created"`
}

// streamUpdatedJSON is what streams update --json prints.
type streamUpdatedJSON struct {
	Stream  string `json:"stream"`
	Updated bool   `json:"updated"`
}

// streamDeletedJSON is what streams delete --json prints.
type streamDeletedJSON struct {
	Stream  string `json:"stream"`
	Deleted bool   `json:"deleted"`
}

// publishedJSON is what publish --json prints.
type publishedJSON struct {
	ID    string `json:"id,omitempty"`
	Count int    `json:"count"`
	Last  string `json:"last,omitempty"`
}

// recordedJSON is what streams record --json prints at its end.
type recordedJSON struct {
	Stream   string `json:"stream"`
	Received uint64 `json:"received"`
	Appended uint64 `json:"appended"`
	Known    uint64 `json:"known"`
	Refused  uint64 `json:"refused"`
	Gaps     uint64 `json:"gaps"`
	Last     string `json:"last,omitempty"`
}

// streamEventJSON is a line of streams read --json.
type streamEventJSON struct {
	Position string       `json:"position"`
	Topics   []string     `json:"topics,omitempty"`
	Event    *event.Event `json:"event"`
}
