package forming

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/eventnode/eventnode"
)

func ids(n int) (list []uuid.UUID) {
	for i := range n {
		list = append(list, uuid.UUID{15: byte(i + 1)})
	}
	return list
}

// Nodes that see what they like of each other, are asked what they like in any
// order, forget nothing that they said and crash whenever: never do two of them
// begin different clusters, and when all see each other they form one.
func TestOneClusterOnly(t *testing.T) {
	for seed := range uint64(3000) {
		rng := rand.New(rand.NewPCG(seed, 1))
		n := 3 + rng.IntN(3)
		expect := 1 + rng.IntN(n)
		all := ids(n)
		nodes := make([]State, n)
		begun := map[uuid.UUID]Founding{}
		try := func(i int, view []int) {
			var living []uuid.UUID
			for _, k := range view {
				if nodes[k].Stage != Belongs {
					living = append(living, all[k])
				}
			}
			fresh := uuid.UUID{0: byte(i + 1), 1: byte(rng.Uint32()), 2: byte(rng.Uint32())}
			f, asks := nodes[i].Propose(all[i], fresh, living, expect)
			if !asks {
				return
			}
			promised := 0
			for _, k := range view {
				if !slices.Contains(f.Voters, all[k]) || rng.IntN(8) == 0 {
					continue
				}
				if next, err := nodes[k].Promise(all[k], f); err == nil {
					nodes[k] = next
					promised++
				}
			}
			if promised < len(f.Voters) {
				return
			}
			for _, k := range view {
				if rng.IntN(8) == 0 {
					continue
				}
				if next, err := nodes[k].Begin(f); err == nil {
					nodes[k] = next
					begun[f.Cluster] = f
				}
			}
		}
		for range 30 {
			view := rng.Perm(n)[:1+rng.IntN(n)]
			try(view[0], view)
		}
		// expect may allow several clusters among nodes that do not see each other
		// only if two disjoint sets of that size exist; with a majority it cannot.
		if expect > n/2 && len(begun) > 1 {
			t.Fatalf("seed %d: %d nodes, expect %d: %d clusters were begun: %v", seed, n, expect, len(begun), begun)
		}
		for _, f := range begun {
			for i, s := range nodes {
				if slices.Contains(f.Voters, all[i]) && !s.Founding.Equal(f) {
					t.Fatalf("seed %d: voter %d of %v remembers %v", seed, i, f, s)
				}
			}
		}
	}
}

func TestAllSeeEachOther(t *testing.T) {
	all := ids(3)
	nodes := make([]State, 3)
	for range 3 {
		for i := range nodes {
			f, asks := nodes[i].Propose(all[i], uuid.UUID{0: 9}, all, 3)
			if asks != (i == 0 && nodes[0].Stage != Belongs) {
				t.Fatalf("node %d asks: %v", i, asks)
			}
			if !asks {
				continue
			}
			for k := range nodes {
				var err error
				if nodes[k], err = nodes[k].Promise(all[k], f); err != nil {
					t.Fatal(err)
				}
			}
			for k := range nodes {
				var err error
				if nodes[k], err = nodes[k].Begin(f); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, s := range nodes {
		if s.Stage != Belongs || s.Founding.Cluster != (uuid.UUID{0: 9}) || len(s.Founding.Voters) != 3 {
			t.Errorf("%+v", s)
		}
	}
}

func TestRefusals(t *testing.T) {
	all := ids(4)
	f, g := Founding{uuid.UUID{1}, all[:3]}, Founding{uuid.UUID{2}, all[1:]}
	promised, err := State{}.Promise(all[1], f)
	if err != nil {
		t.Fatal(err)
	}
	belongs, err := promised.Begin(f)
	if err != nil {
		t.Fatal(err)
	}
	joined, err := State{Stage: Alone}.Join(f.Cluster, all[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, refused := range map[string]func() (State, error){
		"another founding":         func() (State, error) { return promised.Promise(all[1], g) },
		"a founding after one":     func() (State, error) { return belongs.Promise(all[1], g) },
		"a founding after joining": func() (State, error) { return joined.Promise(all[1], g) },
		"begin without a promise":  func() (State, error) { return State{}.Begin(f) },
		"begin something else":     func() (State, error) { return promised.Begin(g) },
		"join after a promise":     func() (State, error) { return promised.Join(g.Cluster, all[3]) },
		"join another one":         func() (State, error) { return joined.Join(g.Cluster, all[3]) },
	} {
		if s, err := refused(); !errors.Is(err, eventnode.ErrForeignCluster) {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
	for name, bad := range map[string]Founding{
		"nothing": {}, "no voters": {Cluster: f.Cluster}, "not sorted": {f.Cluster, []uuid.UUID{all[1], all[0]}}, "not me": {f.Cluster, all[2:]},
	} {
		if _, err := (State{}).Promise(all[1], bad); !errors.Is(err, eventnode.ErrInvalidArgument) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (State{}).Join(uuid.Nil, all[0]); !errors.Is(err, eventnode.ErrInvalidArgument) {
		t.Errorf("joining nothing: %v", err)
	}
	if s, err := promised.Join(g.Cluster, all[2]); err != nil || s.Stage != Belongs || s.Founding.Cluster != g.Cluster {
		t.Errorf("a promise that cannot be kept: %+v, %v", s, err)
	}
	if s, err := promised.Join(f.Cluster, all[0]); err != nil || s.Stage != Promised {
		t.Errorf("a founder that hears of its cluster: %+v, %v", s, err)
	}
}

// What was stored is read back; any changed byte is found.
func TestFile(t *testing.T) {
	dir := t.TempDir()
	if s, err := Load(dir); err != nil || s.Stage != Alone {
		t.Fatalf("%+v, %v", s, err)
	}
	want := State{Stage: Promised, Founding: Founding{uuid.UUID{1}, ids(3)}}
	if err := Store(dir, want); err != nil {
		t.Fatal(err)
	}
	if s, err := Load(dir); err != nil || s.Stage != want.Stage || !s.Founding.Equal(want.Founding) {
		t.Fatalf("%+v, %v", s, err)
	}
	path := filepath.Join(dir, fileName)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		bad := slices.Clone(good)
		bad[i] ^= 1
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if s, err := Load(dir); err == nil && !s.Founding.Equal(want.Founding) {
			t.Errorf("byte %d (%q) changed: %+v", i, good[i], s)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"format":1,"state":{},"xxh64":"0"}`))
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = decode(b) })
}
