package table

import (
	"context"
	"fmt"

	"github.com/eventnode/eventnode"
)

// listed is how many memberships fill puts into one call.
const listed = 10_000

func (p *peer) makeMembers(ctx context.Context, w words) (any, error) {
	for range w.number(0) {
		m, err := p.node.NewMember(ctx, 1)
		if err != nil {
			return nil, err
		}
		p.members = append(p.members, m)
	}
	return nothing{}, nil
}

// first returns the first n members.
func (p *peer) first(n int) ([]eventnode.Member, error) {
	if n < 1 || n > len(p.members) {
		return nil, fmt.Errorf("%d of %d members", n, len(p.members))
	}
	return p.members[:n], nil
}

func (p *peer) join(ctx context.Context, w words) (any, error) {
	n, s := w.number(0), spread(w.text(1))
	members, err := p.first(s.members(n))
	if err != nil {
		return nil, err
	}
	begin := now()
	for i := range n {
		g, m := group(0), members[:1]
		if s == distinct {
			g = group(i)
		} else {
			m = members[i : i+1]
		}
		if _, err := p.scope.Join(ctx, g, m); err != nil {
			return nil, fmt.Errorf("join %d: %w", i, err)
		}
	}
	return span{BeginNS: begin, EndNS: now()}, nil
}

func (p *peer) fill(ctx context.Context, w words) (any, error) {
	n, s := w.number(0), spread(w.text(1))
	members, err := p.first(s.members(n))
	if err != nil {
		return nil, err
	}
	for from := 0; from < n; from += listed {
		to := min(from+listed, n)
		if s == one {
			_, err = p.scope.Join(ctx, group(0), members[from:to])
		} else {
			_, err = p.scope.JoinMany(ctx, groups(from, to), members[0])
		}
		if err != nil {
			return nil, fmt.Errorf("join %d to %d: %w", from, to, err)
		}
	}
	return nothing{}, nil
}

func groups(from, to int) []string {
	names := make([]string, 0, to-from)
	for i := from; i < to; i++ {
		names = append(names, group(i))
	}
	return names
}

func (p *peer) part(ctx context.Context, w words) (any, error) {
	members, err := p.first(w.number(0))
	if err != nil {
		return nil, err
	}
	_, err = p.scope.Join(ctx, group(0), members)
	return nothing{}, err
}

// single answers nothing, so that nothing else goes on.
func (p *peer) single(ctx context.Context, w words) (any, error) {
	members, err := p.first(1)
	if err != nil {
		return nil, err
	}
	g := group(w.number(0))
	p.begun = append(p.begun, now())
	_, err = p.scope.Join(ctx, g, members)
	return nil, err
}

func (p *peer) whenBegun(context.Context, words) (any, error) { return moments{NS: p.begun}, nil }
