package cache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/eventnode/eventnode"
)

// DefaultTimeout is SpreadConfig.Timeout where it is not said.
const DefaultTimeout = 2 * time.Second

// Peers are the other nodes.
type Peers interface {
	// Owner is the node that runs a guild's shard; "" is this one. Not known: no node does,
	// as far as this one has heard.
	Owner(guild Snowflake) (node string, known bool)
	// Others are all nodes but this one.
	Others() []string
	// Reader reads what a node itself has: its calls end in another process, which answers
	// from its Local. They fail when their context ends.
	Reader(node string) Reader
}

// SpreadConfig configures a Spread.
type SpreadConfig struct {
	// Local is what this node has. Needed.
	Local Reader
	// Peers are the others. Needed.
	Peers Peers
	// Timeout bounds each look-up that asks others. Longer: fewer are missed that a slow node
	// has, and callers wait longer for one that is gone. Defaults to 2 seconds.
	Timeout time.Duration
}

// Spread reads what all nodes have: each value where the shard runs that it came from. What
// belongs to a guild is asked of that guild's node. Of what belongs to none, such as users,
// who may be known to many, this node is asked first, and then all others at once.
//
// Writing is not spread: a node writes what its own shards say, to its own store.
type Spread struct{ cfg SpreadConfig }

var _ Reader = (*Spread)(nil)

// NewSpread makes one.
func NewSpread(cfg SpreadConfig) (*Spread, error) {
	switch {
	case cfg.Local == nil || cfg.Peers == nil:
		return nil, fmt.Errorf("a spread cache needs Local and Peers: %w", eventnode.ErrInvalidArgument)
	case cfg.Timeout < 0:
		return nil, fmt.Errorf("a spread cache's Timeout is %v: %w", cfg.Timeout, eventnode.ErrInvalidArgument)
	case cfg.Timeout == 0:
		cfg.Timeout = DefaultTimeout
	}
	return &Spread{cfg}, nil
}

// Read implements Reader.
func (s *Spread) Read(ctx context.Context, key Key) (json.RawMessage, error) {
	if guild, ok := key.guild(); ok {
		if node, known := s.cfg.Peers.Owner(guild); known {
			return readFrom(ctx, s, node, func(ctx context.Context, r Reader) (json.RawMessage, error) { return r.Read(ctx, key) })
		}
	}
	value, err := s.cfg.Local.Read(ctx, key)
	if !errors.Is(err, ErrNotFound) {
		return value, err
	}
	answers, failed := ask(ctx, s, true, func(ctx context.Context, r Reader) (json.RawMessage, error) { return r.Read(ctx, key) })
	switch {
	case len(answers) > 0:
		return answers[0], nil
	case failed != nil:
		return nil, failed
	}
	return nil, ErrNotFound
}

// List implements Reader.
func (s *Spread) List(ctx context.Context, r Range) ([]Entry, error) {
	list := func(ctx context.Context, from Reader) ([]Entry, error) { return from.List(ctx, r) }
	if guild, ok := (Key{Kind: r.Kind, In: r.In}).guild(); ok && guild != 0 {
		if node, known := s.cfg.Peers.Owner(guild); known {
			return readFrom(ctx, s, node, list)
		}
	}
	lists, err := everywhere(ctx, s, list)
	if err != nil {
		return nil, err
	}
	all := slices.Concat(lists...)
	slices.SortStableFunc(all, func(a, b Entry) int { return compare(a.Key.ID, b.Key.ID) })
	all = slices.CompactFunc(all, func(a, b Entry) bool { return a.Key.ID == b.Key.ID })
	return all[:min(len(all), r.most())], nil
}

// Places implements Reader.
func (s *Spread) Places(ctx context.Context, kind Kind, from Snowflake) ([]Snowflake, error) {
	lists, err := everywhere(ctx, s, func(ctx context.Context, r Reader) ([]Snowflake, error) { return r.Places(ctx, kind, from) })
	if err != nil {
		return nil, err
	}
	all := slices.Concat(lists...)
	slices.Sort(all)
	all = slices.Compact(all)
	return all[:min(len(all), MaxPage)], nil
}

func compare(a, b Snowflake) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// readFrom asks one node, which may be this one.
func readFrom[T any](ctx context.Context, s *Spread, node string, what func(context.Context, Reader) (T, error)) (T, error) {
	if node == "" {
		return what(ctx, s.cfg.Local)
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	answer, err := what(ctx, s.cfg.Peers.Reader(node))
	return answer, unreachable(node, err)
}

// unreachable is the error of a node that did not answer; that it has no such value, or one
// that is too large, is an answer.
func unreachable(node string, err error) error {
	if err == nil || errors.Is(err, ErrNotFound) || errors.Is(err, eventnode.ErrLimit) {
		return err
	}
	return fmt.Errorf("node %s: %w: %w", node, ErrUnreachable, err)
}

// everywhere is the answers of all nodes, this one's first. One that fails fails all: what
// is missing would not be seen.
func everywhere[T any](ctx context.Context, s *Spread, what func(context.Context, Reader) (T, error)) ([]T, error) {
	local, err := what(ctx, s.cfg.Local)
	if err != nil {
		return nil, err
	}
	others, err := ask(ctx, s, false, what)
	if err != nil {
		return nil, err
	}
	return append([]T{local}, others...), nil
}

// ask asks all other nodes at once: their answers, in no order, and why some failed. That
// one has nothing is no failure. Where the first answer is enough, the others are not
// waited for.
func ask[T any](ctx context.Context, s *Spread, first bool, what func(context.Context, Reader) (T, error)) (answers []T, failed error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	var mu sync.Mutex
	var asked sync.WaitGroup
	for _, node := range s.cfg.Peers.Others() {
		asked.Go(func() {
			answer, err := what(ctx, s.cfg.Peers.Reader(node))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				if answers = append(answers, answer); first {
					cancel()
				}
			case !errors.Is(err, ErrNotFound):
				failed = errors.Join(failed, unreachable(node, err))
			}
		})
	}
	asked.Wait()
	return answers, failed
}
