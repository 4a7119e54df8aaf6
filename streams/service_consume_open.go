package streams

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/access"
	"github.com/eventnode/eventnode/internal/permit"
	storagev1 "github.com/eventnode/eventnode/proto/eventnode/storage/v1"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/streams/internal/state"
)

const (
	// mostStreams bounds the streams of one consumer.
	mostStreams = 256
	// grantTries is how often a consumer that takes any number looks for one.
	grantTries = 16
)

// opening is what a consumer asked for.
type opening struct {
	group      string
	number     uint32 // 0: any
	holder     []byte
	names      []state.Name
	ids        []uint64 // of the streams
	each       bool
	countBytes bool
}

// permitted asks whether the caller may be a consumer of the streams.
func permitted(ctx context.Context, m *eventnodev1.OpenConsumer) error {
	for _, name := range m.GetStreams() {
		if err := permit.May(ctx, access.Consume, state.Name{Namespace: m.GetNamespace(), Name: name}.String()); err != nil {
			return err
		}
	}
	return nil
}

// open looks at what a consumer asks for, and finds its streams.
func open(ctx context.Context, p partition, m *eventnodev1.OpenConsumer) (*opening, error) {
	o := &opening{group: m.GetGroup(), number: m.GetConsumer(), holder: m.GetHolder(), each: m.GetEach(), countBytes: m.GetCountBytes()}
	switch n := len(m.GetStreams()); {
	case n == 0:
		return nil, fmt.Errorf("a consumer of no stream: %w", eventnode.ErrInvalidArgument)
	case n > mostStreams:
		return nil, &eventnode.LimitError{Limit: "max_streams_per_consumer", Max: mostStreams, Got: n}
	case len(o.holder) != idBytes:
		return nil, fmt.Errorf("a holder has %d bytes, not %d: %w", idBytes, len(o.holder), eventnode.ErrInvalidArgument)
	case o.group == "":
		return nil, fmt.Errorf("a consumer of no group: %w", eventnode.ErrInvalidArgument)
	}
	for _, name := range m.GetStreams() {
		n := state.Name{Namespace: m.GetNamespace(), Name: name}
		if slices.Contains(o.names, n) {
			return nil, fmt.Errorf("stream %.80q twice: %w", name, eventnode.ErrInvalidArgument)
		}
		id, err := numberOf(ctx, p, n)
		if err != nil {
			return nil, err
		}
		o.names, o.ids = append(o.names, n), append(o.ids, id)
	}
	return o, nil
}

// take has the lease granted.
func (c *consumer) take(ctx context.Context) error {
	if err := c.s.cfg.Desk.MayArrive(); err != nil {
		return err
	}
	free := c.number == 0
	for try := 1; ; try++ {
		if free {
			var err error
			if c.number, err = c.pick(); err != nil {
				return err
			}
		}
		r, err := propose(ctx, c.p, &storagev1.Command{Command: &storagev1.Command_GrantLease{GrantLease: &storagev1.GrantLease{
			Group: c.group, Consumer: c.number, Streams: c.ids, Holder: c.holder,
		}}})
		if free && errors.Is(err, eventnode.ErrLeaseTaken) && try < grantTries {
			continue
		}
		if err == nil {
			c.lease, err = c.s.cfg.Desk.Arrive(c.group, c.number, c.ids, r.Epoch)
		}
		return err
	}
}

// pick finds the number that the holder has on all streams, or else the lowest that
// nobody has on any.
func (c *consumer) pick() (uint32, error) {
	v, done, err := c.p.Look()
	if err != nil {
		return 0, err
	}
	defer done()
	mine, taken := map[uint32]int{}, map[uint32]bool{}
	for i, id := range c.ids {
		st, g, err := groupOf(v, id, c.names[i], c.group)
		if err != nil {
			return 0, err
		}
		for co, err := range v.Consumers(st, g, 0) {
			if err != nil {
				return 0, err
			}
			holder := co.Row.GetHolder()
			if taken[co.Number] = taken[co.Number] || len(holder) > 0; string(holder) == string(c.holder) {
				mine[co.Number]++
			}
		}
	}
	for number, n := range mine {
		if n == len(c.ids) {
			return number, nil
		}
	}
	number := uint32(1)
	for taken[number] {
		number++
	}
	return number, nil
}

// groupOf is a stream and a consumer group of it.
func groupOf(v state.View, id uint64, name state.Name, group string) (st state.Stream, g state.Group, err error) {
	st, found, err := v.ByNumber(id)
	if err == nil && !found {
		err = eventnode.StreamNotFound(name.String())
	}
	if err == nil {
		g, err = v.Group(st, group)
	}
	return st, g, err
}
