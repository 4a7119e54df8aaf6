//go:build linux

package cluster_test

import (
	"context"
	"maps"
	"os/exec"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/eventnode/eventnode/test/cluster"
)

// While all cores are saturated for a minute nobody is taken for dead: no node is
// lost, no member leaves, and of a light flow of events none is missing.
func TestNoFalseAlarmOnSaturatedCores(t *testing.T) {
	saturated := time.Minute
	if testing.Short() {
		saturated = 10 * time.Second
	}
	c := cluster.Start(t, cluster.Config{Processes: true})
	before := epochs(t, c)
	var watchers []*watcher
	var tallies []*tally
	for _, n := range c.Running() {
		heldBy(t, n.Client(), "g")
		watchers = append(watchers, watch(t, n))
		tallies = append(tallies, follow(t, n.Name(), n.Client(), "topic:light"))
	}
	saturate(t, 2*runtime.NumCPU())
	p, err := c.Node("n1").Client().NewPublisher(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var sent atomic.Uint64
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(saturated); ; {
		select {
		case <-tick.C:
			dispatchTo(t, p, "topic:light", sent.Add(1))
			continue
		case <-end:
		}
		break
	}
	if err := p.Close(t.Context()); err != nil {
		t.Errorf("publisher: %v", err)
	}
	c.Eventually(10*time.Second, func() error { return atLeast(sent.Load(), tallies...) })
	for _, y := range tallies {
		if s := y.now(); len(s.gaps) > 0 || s.got != sent.Load() {
			t.Errorf("%s: %d of %d events, gaps %v", y.name, s.got, sent.Load(), s.gaps)
		}
	}
	for _, w := range watchers {
		w.leftOnce(nil)
	}
	if after := epochs(t, c); !maps.Equal(before, after) {
		t.Errorf("nodes before %v, after %v", before, after)
	}
	t.Logf("%d events; the longest rest between two of them: %v", sent.Load(), tallies[2].now().rest)
}

// saturate keeps so many processes busy until the test ends.
func saturate(t *testing.T, processes int) {
	t.Helper()
	for range processes {
		cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "sh", "-c", "while :; do :; done")
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
	}
}
