package command

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/client"
)

// countTimeout bounds how long status counts consumer groups: the node's own health
// is not to wait for a leader.
const countTimeout = 3 * time.Second

// statusJSON is what status --json prints.
type statusJSON struct {
	eventnode.Status
	ConsumerGroups groupCount `json:"consumer_groups"`
}

// groupCount is how many consumer groups there are.
type groupCount struct {
	Count   int    `json:"count"`
	Lagging int    `json:"lagging"`
	Error   string `json:"error,omitempty"` // why not all were counted
}

// String is the count for people.
func (n groupCount) String() string {
	text := fmt.Sprintf("%s, %d lagging", plural(n.Count, "consumer group"), n.Lagging)
	switch {
	case n.Error != "" && n.Count == 0:
		return "not counted: " + n.Error
	case n.Error != "":
		return "at least " + text + ": " + n.Error
	}
	return text
}

// countGroups counts the consumer groups of a namespace.
func (f *streamFlags) countGroups(ctx context.Context, c cluster) (n groupCount) {
	ctx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	err := f.eachGroup(ctx, impatient{c}, nil, func(g eventnode.ConsumerGroupInfo) error {
		n.Count++
		if lagging(g) {
			n.Lagging++
		}
		return nil
	})
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		n.Error = fmt.Sprintf("it took longer than %v", countTimeout)
	case err != nil:
		n.Error = err.Error()
	}
	return n
}

// impatient is a cluster that does not try again what nobody can do now.
type impatient struct{ cluster }

// Streams returns the durable streams, whose calls try nothing again.
func (c impatient) Streams(opts ...client.StreamsOption) eventnode.Streams {
	return c.cluster.Streams(append(opts, client.WithPatience(-1))...)
}

// Consumers returns the consumer groups, whose calls try nothing again.
func (c impatient) Consumers(opts ...client.StreamsOption) eventnode.Consumers {
	return c.cluster.Consumers(append(opts, client.WithPatience(-1))...)
}
