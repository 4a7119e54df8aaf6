package report

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/eventnode/eventnode/bench/internal/suite"
)

func TestSaveLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "results.json")
	if _, err := Load(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	want := fixtureResults()
	want.Command = "make bench # \"samples\": [] <&>\n  \"samples\": []"
	for _, samples := range [][]suite.Sample{byWorkload(want.Samples), {}} {
		want.Samples = samples
		if err := Save(path, want); err != nil {
			t.Fatal(err)
		}
		got, err := Load(path)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%d samples: read something else than was written", len(samples))
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(data), "\n    {\"workload\":"); n != len(samples) {
			t.Errorf("%d lines of samples, want %d", n, len(samples))
		}
	}
	want.Samples = []suite.Sample{{Workload: "a", Values: map[string]float64{"x": math.NaN()}}}
	if Save(path, want) == nil {
		t.Error("saved a value that is no number")
	}
	if r, err := Load(path); err != nil || len(r.Samples) != 0 {
		t.Errorf("a failed Save left %v, %v", r, err)
	}
}

func sample(workload string, system suite.System, round int) suite.Sample {
	return suite.Sample{Workload: workload, System: system, Round: round}
}

func TestMerge(t *testing.T) {
	old := &suite.Results{
		Date: "2026-01-01", Command: "make bench", Rounds: 2,
		Machine: suite.Machine{CPU: "A", Versions: map[string]string{"go": "1", "eventnode": "x", "erlang": "25"}},
		Samples: []suite.Sample{sample("a", "eventnode", 1), sample("a", "nats", 1), sample("b", "eventnode", 1), sample("a", "eventnode", 2), sample("c", "pg", 1)},
		Skipped: map[suite.System]string{"nats": "no server", "relay": "no reason"},
	}
	part := &suite.Results{
		Date: "2026-02-02", Command: "make bench ONLY=a", Rounds: 1,
		Machine: suite.Machine{CPU: "A", Versions: map[string]string{"go": "1", "eventnode": "y"}},
		Samples: []suite.Sample{sample("d", "nats", 1), sample("a", "nats", 7)},
		Skipped: map[suite.System]string{"pg": "not asked for"},
	}
	before := *old
	want := &suite.Results{
		Date: "2026-01-01 and 2026-02-02", Command: "make bench\nmake bench ONLY=a", Rounds: 1,
		Machine: suite.Machine{CPU: "A", Versions: map[string]string{"go": "1", "eventnode": "x and y", "erlang": "25"}},
		Samples: []suite.Sample{sample("a", "nats", 7), sample("b", "eventnode", 1), sample("c", "pg", 1), sample("d", "nats", 1)},
		Skipped: map[suite.System]string{"relay": "no reason", "pg": "not asked for"},
	}
	if got := Merge(old, part); !reflect.DeepEqual(got, want) {
		t.Errorf("a part of the workloads:\ngot  %+v\nwant %+v", got, want)
	}
	if !reflect.DeepEqual(*old, before) || len(old.Skipped) != 2 || old.Machine.Versions["eventnode"] != "x" {
		t.Error("the older results were changed")
	}
	if got := Merge(nil, old); !reflect.DeepEqual(got.Samples, byWorkload(old.Samples)) || got.Date != old.Date {
		t.Errorf("nothing before: %+v", got)
	}
	// A run of everything leaves no trace of the one before.
	full := &suite.Results{Date: "2026-03-03", Samples: []suite.Sample{sample("a", "nats", 1), sample("b", "nats", 1), sample("c", "nats", 1)}}
	if got := Merge(old, full); !reflect.DeepEqual(got, full) {
		t.Errorf("all workloads: got %+v, want %+v", got, full)
	}
	if got := Merge(want, part).Command; got != "make bench\nmake bench ONLY=a" {
		t.Errorf("the same part again: command %q", got)
	}
}
