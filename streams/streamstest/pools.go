package streamstest

import (
	"slices"

	"github.com/eventnode/eventnode"
)

// A pool is declared before streams are placed in it, by every instance of a
// service alike.
func pools(s *suite) {
	const name = "suite-pool" // of the cluster, not of the namespace
	_, err := s.Declare(s.ctx, "a", eventnode.StreamConfig{Pool: "nobody-made-it"})
	s.wantErr("a stream in no pool", err, eventnode.ErrPoolNotFound)
	for range 2 {
		_, err := s.DeclarePool(s.ctx, eventnode.Pool{Name: name})
		s.must(err)
	}
	created, err := s.Declare(s.ctx, "a", eventnode.StreamConfig{Pool: name})
	s.must(err)
	in, err := s.Info(s.ctx, "a")
	s.must(err)
	if !created || in.Config.Pool != name {
		s.Errorf("%v: %+v", created, in.Config)
	}
	_, err = s.DeclarePool(s.ctx, eventnode.Pool{Name: eventnode.DefaultPool})
	s.must(err)
	all, err := s.Pools(s.ctx)
	s.must(err)
	for _, want := range []string{eventnode.DefaultPool, name} {
		if !slices.ContainsFunc(all, func(p eventnode.Pool) bool { return p.Name == want }) {
			s.Errorf("no %s: %+v", want, all)
		}
	}
}

// A pool that wants what it cannot have is refused, and nothing changes.
func badPools(s *suite) {
	_, err := s.DeclarePool(s.ctx, eventnode.Pool{Name: "suite-as-default"})
	s.must(err)
	before, err := s.Pools(s.ctx)
	s.must(err)
	other := eventnode.Pool{Name: "suite-as-default", Replicas: 2, Labels: map[string]string{"k": "v"}}
	_, err = s.DeclarePool(s.ctx, other)
	s.wantErr("it is there", err, eventnode.ErrPoolDiffers)
	s.wantErr("two placements of one partition", s.UpdatePool(s.ctx, other), eventnode.ErrInvalidArgument)
	s.wantErr("not there", s.UpdatePool(s.ctx, eventnode.Pool{Name: "suite-nobody"}), eventnode.ErrPoolNotFound)
	for what, p := range map[string]eventnode.Pool{
		"another placement": {Name: "suite-other", Replicas: 2, Labels: map[string]string{"k": "v"}},
		"too many replicas": {Name: "suite-other", Replicas: 6},
		"negative":          {Name: "suite-other", Replicas: -1},
		"no name":           {},
	} {
		_, err := s.DeclarePool(s.ctx, p)
		s.wantErr(what, err, eventnode.ErrInvalidArgument)
	}
	after, err := s.Pools(s.ctx)
	s.must(err)
	if len(after) != len(before) {
		s.Errorf("%+v, before it was %+v", after, before)
	}
}
