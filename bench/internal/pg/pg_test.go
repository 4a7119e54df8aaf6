package pg

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/eventnode/eventnode/bench/internal/suite"
)

// short returns where a case runs, or skips without Erlang.
func short(t *testing.T) *suite.Env {
	t.Helper()
	if _, unavailable := Find(); unavailable != "" {
		t.Skip(unavailable)
	}
	return &suite.Env{Dir: t.TempDir(), Log: t.Output(), Short: true}
}

func TestFanOutDeliversAll(t *testing.T) {
	env := short(t)
	out, err := FanOut(5, 128)(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"deliveries_per_second", "cpu_seconds_per_million_deliveries"} {
		if out.Values[name] <= 0 {
			t.Errorf("%s is %v", name, out.Values[name])
		}
	}
	noneLeft(t, env)
}

func TestLatency(t *testing.T) {
	env := short(t)
	out, err := Latency()(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	v := out.Values
	if v["p50_us"] <= 0 || v["p99_us"] < v["p50_us"] || v["p999_us"] < v["p99_us"] {
		t.Errorf("quantiles %v", v)
	}
	noneLeft(t, env)
}

// A subscriber that misses an event, or one of another size, must say so.
func TestWrongDeliveriesAreFaults(t *testing.T) {
	env := short(t)
	c, err := Start(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	if err := c.add(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	subscribed, err := fanOut{2, 64}.subscribe(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	_, err = fanOut{2, 65}.measure(t.Context(), c, subscribed, time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "event 1 of 65 bytes came for 1 of 64") {
		t.Errorf("events of another size: %v", err)
	}
	if err := c.nodes[0].Ask(t.Context(), "nonsense 1", nil); err == nil || !strings.Contains(err.Error(), "function_clause") {
		t.Errorf("a command that is none: %v", err)
	}
}

func TestCancellationEndsAll(t *testing.T) {
	env := short(t)
	ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
	defer cancel()
	env.Short = false
	if _, err := FanOut(2, 128)(ctx, env); err == nil {
		t.Error("a run that was cut off has figures")
	}
	noneLeft(t, env)
}

// noneLeft looks for processes with this run's directory in their command or
// environment.
func noneLeft(t *testing.T, env *suite.Env) {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Skip(err)
	}
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err != nil || pid == os.Getpid() {
			continue
		}
		for _, file := range []string{"cmdline", "environ"} {
			text, err := os.ReadFile(filepath.Join("/proc", e.Name(), file))
			if err == nil && strings.Contains(string(text), env.Dir) {
				t.Errorf("process %s is left: its %s has this run's directory", e.Name(), file)
			}
		}
	}
}
