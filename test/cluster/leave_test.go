package cluster_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/eventnode/eventnode/event"
	"github.com/eventnode/eventnode/test/cluster"
)

// command runs the program, and returns what it prints and its exit code.
func command(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	binary, err := cluster.Binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary, args...)
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(out), string(exit.Stderr), exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(out), "", 0
}

// Under load one of three leaves, and its process ends well. Of the two that are left
// one dies, and cannot be removed: that is what recover is for, and then the cluster
// has its members anew.
func TestLeaveAndRecoverByCommand(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, and its nodes are processes: the race detector would not see them")
	}
	c := cluster.Start(t, cluster.Config{Processes: true, Args: storageArgs()})
	n1 := c.Node("n1").RPCAddress()
	l := load(t, c, 2)
	upToDate(t, c, "n1", nil)
	if err := c.Ends("n3", func() {
		if _, stderr, code := command(t, "leave", "--addr", n1, "--node", "n3"); code != 0 {
			t.Errorf("leave: %d, %s", code, stderr)
		}
	}); err != nil {
		t.Errorf("n3 ended with %v", err)
	}
	l.check()
	acked := len(l.acked)

	// Two are left: n2 may not go while n1 is the only other one and does not answer.
	c.Kill("n2")
	_, stderr, code := command(t, "members", "remove", "n2", "--addr", n1)
	if code != 1 || !strings.Contains(stderr, "no leader answered") {
		t.Errorf("without a majority: %d, %s", code, stderr)
	}

	_, stderr, code = command(t, "recover", "--data", c.Node("n1").DataDir(), "--inspect")
	if code != 1 || !strings.Contains(stderr, "is in use by process") {
		t.Errorf("while it runs: %d, %s", code, stderr)
	}
	c.Stop("n1")
	stdout, stderr, code := command(t, "recover", "--data", c.Node("n1").DataDir())
	if code != 2 || !strings.Contains(stdout, "LAST INDEX") || !strings.Contains(stderr, "--accept-loss") {
		t.Errorf("without consent: %d, %s, %s", code, stdout, stderr)
	}
	stdout, stderr, code = command(t, "recover", "--data", c.Node("n1").DataDir(), "--accept-loss", "--json")
	var done struct {
		Recovered bool     `json:"recovered"`
		Voters    []string `json:"other_voters"`
	}
	if err := json.Unmarshal([]byte(stdout), &done); err != nil || code != 0 || !done.Recovered || len(done.Voters) != 1 {
		t.Fatalf("recover: %d, %s, %s, %v", code, stdout, stderr, err)
	}
	c.Restart("n1")
	c.Eventually(10*time.Second, func() error {
		if log := c.Log("n1"); !strings.Contains(log, "level=WARN") || !strings.Contains(log, "were recovered by hand") {
			return errors.New("it is not said at the start")
		}
		return nil
	})
	for _, name := range []string{"n2", "n3"} {
		if err := os.RemoveAll(c.Node(name).DataDir()); err != nil {
			t.Fatal(err)
		}
		c.Restart(name)
	}
	recovered := func(notice string) bool { return strings.Contains(notice, "were recovered by hand") }
	s := c.Node("n1").Client().Streams()
	c.Eventually(20*time.Second, func() error {
		info, err := s.Info(t.Context(), stream)
		if err == nil && info.Count != uint64(acked) {
			t.Fatalf("%d events, %d were acked", info.Count, acked)
		}
		return err
	})
	for _, name := range []string{"n1", "n2", "n3"} {
		upToDate(t, c, name, recovered)
	}
	if _, err := s.Publish(t.Context(), stream, event.New("after", nil)); err != nil {
		t.Fatal(err)
	}
	c.Eventually(20*time.Second, func() error {
		_, stderr, _ := command(t, "members", "remove", "nobody", "--addr", n1)
		if !strings.Contains(stderr, "n1, n2, n3") {
			return errors.New(stderr)
		}
		return nil
	})
}
