package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/eventnode/eventnode"
)

// Group is a consumer group that is served, or begins, in a way of its own.
type Group struct {
	// Name is unique among the groups of its stream.
	Name string
	// Config is how it is served.
	Config eventnode.ConsumerGroupConfig
	// Start is where it begins when it is made.
	Start eventnode.StartPlace
}

// RegisterGroup adds a consumer group to a stream that was registered before it.
func (r *Registry) RegisterGroup(stream string, g Group) {
	if err := r.addGroup(stream, g); err != nil {
		r.errs = append(r.errs, err)
	}
}

// addGroup adds a consumer group, or says what is wrong with it.
func (r *Registry) addGroup(stream string, g Group) error {
	at := slices.IndexFunc(r.streams, func(s Stream) bool { return s.Name == stream })
	if at < 0 {
		return fmt.Errorf("group %.80q is of stream %.80q, which is not registered: register the stream first: %w", g.Name, stream, eventnode.ErrInvalidArgument)
	}
	s := &r.streams[at]
	if err := check("group", g.Name); err != nil {
		return fmt.Errorf("stream %s: %w", stream, err)
	}
	if slices.Contains(s.groupNames(), g.Name) {
		return hasTwice(stream, g.Name)
	}
	if err := checkConfig(g.Config); err != nil {
		return fmt.Errorf("group %s of stream %s: %w", g.Name, stream, err)
	}
	s.Groups = append(s.Groups, g)
	return nil
}

// hasTwice is the error for a group that is there already.
func hasTwice(stream, group string) error {
	return fmt.Errorf("stream %s has the group %s twice: %w", stream, group, eventnode.ErrInvalidArgument)
}

// checkConfig says what no cluster takes; what only some take they say themselves.
func checkConfig(c eventnode.ConsumerGroupConfig) error {
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{keyAckWait, c.AckWait}, {keyBackoff, c.Backoff}, {keyBackoffMax, c.BackoffMax}} {
		if d.value < 0 || d.value%time.Millisecond != 0 {
			return fmt.Errorf("%s is %v: write whole milliseconds, such as 30s: %w", d.name, d.value, eventnode.ErrInvalidArgument)
		}
	}
	switch {
	case c.MaxDeliver < eventnode.NoMaxDeliver:
		return fmt.Errorf("%s is %d: write 1 or more, or never: %w", keyMaxDeliver, c.MaxDeliver, eventnode.ErrInvalidArgument)
	case c.BackoffMax > 0 && c.Backoff > c.BackoffMax:
		return fmt.Errorf("%s is %v, more than %s, %v: %w", keyBackoff, c.Backoff, keyBackoffMax, c.BackoffMax, eventnode.ErrInvalidArgument)
	}
	return nil
}

// groupNames are the names of all consumer groups of the stream, in their order.
func (s *Stream) groupNames() []string {
	names := slices.Clone(s.Config.Groups)
	for _, g := range s.Groups {
		names = append(names, g.Name)
	}
	return names
}

// declareGroups adds the groups of streams that are declared. A stream that failed has
// none.
func (r *Registry) declareGroups(ctx context.Context, consumers eventnode.Consumers, failed map[string]bool) error {
	var errs []error
	for _, s := range r.streams {
		if failed[s.Name] {
			continue
		}
		for _, g := range s.Groups {
			if _, err := consumers.AddGroup(ctx, s.Name, g.Name, g.Config, g.Start); err != nil {
				errs = append(errs, fmt.Errorf("declare group %s of stream %s: %w", g.Name, s.Name, err))
			}
			if ctx.Err() != nil {
				return errors.Join(errs...)
			}
		}
	}
	return errors.Join(errs...)
}
