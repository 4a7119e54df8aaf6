package groups

import (
	"context"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode"
)

// alone runs one node until the test ends.
func alone(tb testing.TB, cfg Config) *Groups {
	tb.Helper()
	cfg.Self = eventnode.NodeRef{ID: "n1", Epoch: 1}
	g, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	tb.Cleanup(func() { cancel(); <-ended })
	return g
}

func TestMetrics(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	g := alone(t, Config{Registerer: r})
	m, err := g.NewMember(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Scope("").Join(t.Context(), "g", []eventnode.Member{m, m}); err != nil {
		t.Fatal(err)
	}
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		got[f.GetName()] = f.GetMetric()[0].GetGauge().GetValue()
	}
	equal(t, "memberships", got["eventnode_groups_memberships"], 2)
	equal(t, "metrics", len(families), 10)
}

func BenchmarkJoinAndLeave(b *testing.B) {
	g := alone(b, Config{})
	m, err := g.NewMember(b.Context(), 0)
	if err != nil {
		b.Fatal(err)
	}
	s := g.Scope("")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Join(b.Context(), "g", []eventnode.Member{m}); err != nil {
			b.Fatal(err)
		}
		if _, err := s.Leave(b.Context(), "g", m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBroadcastLocal(b *testing.B) {
	g := alone(b, Config{})
	var ms []eventnode.Member
	for range 100 {
		m, err := g.NewMember(b.Context(), 16)
		if err != nil {
			b.Fatal(err)
		}
		ms = append(ms, m)
	}
	s := g.Scope("")
	if _, err := s.Join(b.Context(), "g", ms); err != nil {
		b.Fatal(err)
	}
	e := ev("e")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.BroadcastLocal(b.Context(), "g", e); err != nil {
			b.Fatal(err)
		}
	}
}
