package registry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/internal/labels"
)

const (
	maxName     = 255 // bytes of a name
	maxReplicas = 5   // of a pool
)

// Stream is a registered stream.
type Stream struct {
	// Name is unique over all pools.
	Name string
	// Config is how it is to be kept, with its pool and the consumer groups that are
	// served as the defaults say, from the oldest event on.
	Config eventnode.StreamConfig
	// Groups are its other consumer groups.
	Groups []Group
}

// Registry is the streams that a program uses, and the pools that they are in. The
// zero value is empty and ready.
type Registry struct {
	pools   []eventnode.Pool
	streams []Stream
	known   map[string]bool
	errs    []error
}

// New returns an empty registry.
func New() *Registry { return &Registry{} }

// Register adds a stream in a pool, "" for the default one, with its consumer
// groups. It is kept until all of them have acked what is in it.
func (r *Registry) Register(name, pool string, groups []string) {
	r.RegisterConfig(name, eventnode.StreamConfig{Pool: pool, Groups: groups})
}

// RegisterConfig adds a stream that is kept as cfg says.
func (r *Registry) RegisterConfig(name string, cfg eventnode.StreamConfig) {
	if err := r.add(name, cfg); err != nil {
		r.errs = append(r.errs, err)
	}
}

// add adds a stream, or says what is wrong with it.
func (r *Registry) add(name string, cfg eventnode.StreamConfig) error {
	if cfg.Pool == "" {
		cfg.Pool = eventnode.DefaultPool
	}
	if err := check("stream", name); err != nil {
		return err
	}
	if r.known[name] {
		return eventnode.StreamExists(name)
	}
	if err := check("pool", cfg.Pool); err != nil {
		return fmt.Errorf("stream %s: %w", name, err)
	}
	for i, g := range cfg.Groups {
		if err := check("group", g); err != nil {
			return fmt.Errorf("stream %s: %w", name, err)
		}
		if slices.Contains(cfg.Groups[:i], g) {
			return hasTwice(name, g)
		}
	}
	if r.known == nil {
		r.known = make(map[string]bool)
	}
	cfg.Groups = slices.Clone(cfg.Groups)
	r.known[name] = true
	r.streams = append(r.streams, Stream{Name: name, Config: cfg})
	return nil
}

// check says what is wrong with a name, as a cluster would.
func check(what, name string) error {
	reason := ""
	switch {
	case name == "":
		reason = "is empty"
	case len(name) > maxName:
		reason = fmt.Sprintf("has %d bytes, at most %d are allowed", len(name), maxName)
	case !utf8.ValidString(name):
		reason = "is not UTF-8"
	}
	for _, c := range name {
		if reason == "" && (unicode.IsControl(c) || unicode.IsSpace(c) || c == '/') {
			reason = fmt.Sprintf("has the character %q", c)
		}
	}
	if reason == "" {
		return nil
	}
	return fmt.Errorf("the name %.80q of a %s %s: %w", name, what, reason, eventnode.ErrInvalidArgument)
}

// Validate returns all that is wrong with what was registered; nil if nothing is.
func (r *Registry) Validate() error {
	if len(r.errs) == 1 {
		return r.errs[0]
	}
	return errors.Join(r.errs...)
}

// RegisterPool adds a pool with a placement. Those that streams name, and that were
// not registered, are as the cluster has them, or as its default one.
func (r *Registry) RegisterPool(p eventnode.Pool) {
	if err := r.addPool(p); err != nil {
		r.errs = append(r.errs, err)
	}
}

// addPool adds a pool, or says what is wrong with it.
func (r *Registry) addPool(p eventnode.Pool) error {
	if err := check("pool", p.Name); err != nil {
		return err
	}
	if slices.ContainsFunc(r.pools, func(q eventnode.Pool) bool { return q.Name == p.Name }) {
		return fmt.Errorf("pool %s is there twice: %w", p.Name, eventnode.ErrInvalidArgument)
	}
	if p.Replicas < 0 || p.Replicas > maxReplicas {
		return fmt.Errorf("pool %s asks for %d replicas, 1 to %d are possible: %w", p.Name, p.Replicas, maxReplicas, eventnode.ErrInvalidArgument)
	}
	if err := labels.Check(p.Labels); err != nil {
		return fmt.Errorf("pool %s: %w", p.Name, err)
	}
	p.Labels = maps.Clone(p.Labels)
	r.pools = append(r.pools, p)
	return nil
}

// Pools are those registered, in their order, and then those that only streams name.
func (r *Registry) Pools() []eventnode.Pool {
	pools := slices.Clone(r.pools)
	for _, s := range r.streams {
		if !slices.ContainsFunc(pools, func(p eventnode.Pool) bool { return p.Name == s.Config.Pool }) {
			pools = append(pools, eventnode.Pool{Name: s.Config.Pool})
		}
	}
	return pools
}

// Streams are those registered, in their order.
func (r *Registry) Streams() []Stream { return slices.Clone(r.streams) }

// Groups are the names of the streams of each consumer group, in their order.
func (r *Registry) Groups() map[string][]string {
	groups := make(map[string][]string)
	for _, s := range r.streams {
		for _, g := range s.groupNames() {
			groups[g] = append(groups[g], s.Name)
		}
	}
	return groups
}

// Declare declares the pools, the streams, and then the groups that are served in a way
// of their own, one after the other. It fails before the first one if the registry is
// not valid; else it goes on to the end, and returns what failed. consumers may be nil
// if there are no such groups.
func (r *Registry) Declare(ctx context.Context, streams eventnode.Streams, consumers eventnode.Consumers) error {
	if err := r.declarable(consumers); err != nil {
		return err
	}
	var errs []error
	for _, p := range r.Pools() {
		if _, err := streams.DeclarePool(ctx, p); err != nil {
			errs = append(errs, fmt.Errorf("declare pool %s: %w", p.Name, err))
		}
		if ctx.Err() != nil {
			return errors.Join(errs...)
		}
	}
	failed := make(map[string]bool)
	for _, s := range r.streams {
		if _, err := streams.Declare(ctx, s.Name, s.Config); err != nil {
			errs = append(errs, fmt.Errorf("declare stream %s: %w", s.Name, err))
			failed[s.Name] = true
		}
		if ctx.Err() != nil {
			return errors.Join(errs...)
		}
	}
	return errors.Join(append(errs, r.declareGroups(ctx, consumers, failed))...)
}

// declarable says why nothing can be declared.
func (r *Registry) declarable(consumers eventnode.Consumers) error {
	if err := r.Validate(); err != nil || consumers != nil {
		return err
	}
	for _, s := range r.streams {
		if len(s.Groups) > 0 {
			return fmt.Errorf("group %s of stream %s is served in a way of its own: give Declare the Consumers: %w", s.Groups[0].Name, s.Name, eventnode.ErrInvalidArgument)
		}
	}
	return nil
}
