package command

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// The real thing: processes of the real program find each other, and none
// survives a dev that is killed with SIGKILL.
func TestDevKilledTakesItsNodesAlong(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var stdout, stderr buffer
	dev := exec.Command(os.Args[0], "dev", "--json")
	dev.Env = append(os.Environ(), roleVariable+"=main")
	dev.Stdout, dev.Stderr = &stdout, &stderr
	if err := dev.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dev.Process.Kill(); _ = dev.Wait() }() // if the test fails before it does so
	var ready devReadyJSON
	poll(t, "the cluster is ready", func() error {
		if stderr.String() != "" && strings.Contains(stderr.String(), "error") {
			t.Fatal(stderr.String())
		}
		return json.Unmarshal([]byte(stdout.String()), &ready)
	})
	r := runReal(t, "", "members", "--addr", ready.Nodes[2].RPC, "--json")
	if strings.Count(r.stdout, `"state":"alive"`) != 3 {
		t.Errorf("members: %+v", r)
	}
	if err := dev.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = dev.Wait() // its sockets are closed then, too
	for _, n := range ready.Nodes {
		poll(t, n.Name+" is gone", func() error {
			// Orphans stay as zombies where process 1 does not reap them.
			stat, err := os.ReadFile("/proc/" + strconv.Itoa(n.PID) + "/stat")
			if errors.Is(err, os.ErrNotExist) || strings.Contains(string(stat), ") Z ") {
				return nil
			}
			return errors.New(string(stat))
		})
	}
	if r := runReal(t, "", "dev", "kill", "n1"); r.code != exitError || !strings.Contains(r.stderr, "no dev cluster runs") {
		t.Errorf("kill after the end: %+v", r)
	}
}
