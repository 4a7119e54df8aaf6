package pg

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/eventnode/eventnode/bench/internal/proc"
	"github.com/eventnode/eventnode/bench/internal/suite"
)

// runTimeout bounds one run: at full speed what was sent in three seconds may
// wait in mailboxes for a while.
const runTimeout = 3 * time.Minute

// fanOut is one publisher on node 1 and subscribers on nodes 2 and 3.
type fanOut struct{ subscribers, size int }

// FanOut returns a run in which one process on node 1 sends events of size
// bytes to all members of a group, at full speed: subscribers, half of them on
// node 2 and half on node 3.
func FanOut(subscribers, size int) suite.Runner { return fanOut{subscribers, size}.run }

// OneToOne is FanOut to one subscriber, on node 2.
func OneToOne(size int) suite.Runner { return FanOut(1, size) }

// sent is what the publisher answers, received what nodes with subscribers do.
type (
	sent struct {
		Sent    int64
		FirstNS int64 `json:"first_ns"`
	}
	received struct {
		Received int64
		LastNS   int64 `json:"last_ns"`
		Faults   []string
	}
)

func (f fanOut) run(ctx context.Context, env *suite.Env) (suite.Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	c, err := Start(ctx, env)
	if err != nil {
		return suite.Outcome{}, err
	}
	defer c.Stop()
	if err := c.add(ctx, 3); err != nil {
		return suite.Outcome{}, err
	}
	subscribed, err := f.subscribe(ctx, c)
	if err != nil {
		return suite.Outcome{}, fmt.Errorf("subscribe: %w", err)
	}
	return f.measure(ctx, c, subscribed, duration(env))
}

// duration is how long the publisher sends.
func duration(env *suite.Env) time.Duration {
	if env.Short {
		return 300 * time.Millisecond
	}
	return 3 * time.Second
}

// subscribe puts half of the subscribers on node 2, the other half on node 3,
// and waits until node 1 knows them all. It returns the nodes that have some.
func (f fanOut) subscribe(ctx context.Context, c *Cluster) ([]*proc.Process, error) {
	var nodes []*proc.Process
	for i, n := range []int{(f.subscribers + 1) / 2, f.subscribers / 2} {
		if n == 0 {
			continue
		}
		node := c.nodes[i+1]
		if err := node.Ask(ctx, fmt.Sprintf("subscribe fanout %d %d", n, f.size), nil); err != nil {
			return nil, err
		}
		nodes = append(nodes, node)
	}
	return nodes, c.nodes[0].Ask(ctx, fmt.Sprintf("await fanout %d", f.subscribers), nil)
}

// measure publishes, waits for the last receipt, and checks that nothing is
// missing.
func (f fanOut) measure(ctx context.Context, c *Cluster, subscribed []*proc.Process, d time.Duration) (suite.Outcome, error) {
	before, err := c.cpu()
	if err != nil {
		return suite.Outcome{}, err
	}
	var out sent
	if err := c.nodes[0].Ask(ctx, fmt.Sprintf("publish fanout %d %d", f.size, d.Milliseconds()), &out); err != nil {
		return suite.Outcome{}, fmt.Errorf("publish: %w", err)
	}
	in, err := collect(ctx, subscribed)
	if err != nil {
		return suite.Outcome{}, fmt.Errorf("collect: %w", err)
	}
	after, err := c.cpu()
	if err != nil {
		return suite.Outcome{}, err
	}
	if want := out.Sent * int64(f.subscribers); len(in.Faults) > 0 || in.Received != want {
		return suite.Outcome{}, fmt.Errorf("%d of %d deliveries came: %s", in.Received, want, strings.Join(in.Faults, "; "))
	}
	took := time.Duration(in.LastNS - out.FirstNS)
	return suite.Outcome{Values: map[string]float64{
		"deliveries_per_second":              float64(in.Received) / took.Seconds(),
		"cpu_seconds_per_million_deliveries": (after - before).Seconds() / float64(in.Received) * 1e6,
	}}, nil
}

// collect waits until all subscribers have seen the end.
func collect(ctx context.Context, nodes []*proc.Process) (received, error) {
	var all received
	for _, node := range nodes {
		var r received
		if err := node.Ask(ctx, "collect", &r); err != nil {
			return received{}, err
		}
		all.Received += r.Received
		all.LastNS = max(all.LastNS, r.LastNS)
		all.Faults = append(all.Faults, r.Faults...)
	}
	return all, nil
}
