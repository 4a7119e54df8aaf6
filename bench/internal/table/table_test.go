package table

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/eventnode/eventnode/bench/internal/pg"
	"github.com/eventnode/eventnode/bench/internal/suite"
)

var (
	profile = flag.String("profile", "", "write the nodes' CPU profiles into this directory")
	full    = flag.Bool("full", false, "run the workloads for figures, not for a proof that they work")
)

// A test is the bench binary's twin: run as "table-node" it is a node.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "table-node" {
		if err := NodeMain(os.Args[2:], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func TestEachWorkloadOnBothSystems(t *testing.T) {
	_, unavailable := pg.Find()
	dir := t.TempDir()
	for _, w := range Workloads(unavailable) {
		for _, r := range w.Runners {
			t.Run(w.ID+"/"+string(r.System), func(t *testing.T) {
				if r.Unavailable != "" {
					t.Skip(r.Unavailable)
				}
				t.Parallel()
				env := &suite.Env{Dir: dir, Self: self(t), Log: t.Output(), Short: !*full, Profile: *profile}
				out, err := r.Run(t.Context(), env)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range w.Metrics {
					v, ok := out.Values[m.Name]
					// Resident memory may shrink where little is held.
					if !ok || v < 0 && !strings.Contains(m.Name, "resident") {
						t.Errorf("%s: %v", m.Name, v)
					}
					t.Logf("%s: %.4g %s", m.Name, v, m.Unit)
				}
			})
		}
	}
}

func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
