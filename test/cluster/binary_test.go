package cluster

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// dirVariable makes TestKilled the process that is killed.
const dirVariable = "EVENTNODE_TEST_DIR"

// TestKilled is no test: it is a process that has something built, and waits for its end.
func TestKilled(t *testing.T) {
	dir := os.Getenv(dirVariable)
	if dir == "" {
		t.Skip("for TestWhatIsBuiltIsRemoved")
	}
	life, err := removeAtEnd(dir)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	_ = life.Close()
}

// What a test binary has built for its nodes is removed when it has ended, also by kill -9,
// and not before.
func TestWhatIsBuiltIsRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a place")
	if err := os.MkdirAll(filepath.Join(dir, "more"), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
	cmd.Env = append(os.Environ(), dirVariable+"="+dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("ready\n"))); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Errorf("while the process runs: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	(&Cluster{t: t}).Eventually(10*time.Second, func() error {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is still there", dir)
		}
		return nil
	})
}

// refused is a test that is told to end.
type refused struct {
	testing.TB
	said string
}

func (r *refused) Helper() {}

func (r *refused) Fatal(args ...any) { r.Fatalf("%s", fmt.Sprint(args...)) }

func (r *refused) Fatalf(format string, args ...any) {
	r.said = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// What no network can be is refused, with what it may be; so is what this cluster has not.
func TestFaultsThatCannotBe(t *testing.T) {
	for name, tt := range map[string]struct {
		do   func(*Cluster)
		want string
	}{
		"backwards":   {func(c *Cluster) { c.Delay("n1", "n2", time.Second, 0) }, "a delay between 1s and 0s"},
		"negative":    {func(c *Cluster) { c.Delay("n1", "n2", -time.Second, 0) }, "a delay between -1s and 0s"},
		"too likely":  {func(c *Cluster) { c.Loss(1.5) }, "a probability of 1.5: it is from 0 to 1"},
		"no number":   {func(c *Cluster) { c.LossTo("n1", "n2", math.NaN()) }, "a probability of NaN"},
		"no node":     {func(c *Cluster) { c.hosts = &hosts{}; c.LossTo("n1", "n9", 0.5) }, `there is no node "n9"`},
		"no machines": {func(c *Cluster) { c.Traffic("n1", "n2") }, "use Config.Hosts"},
		"no place":    {func(c *Cluster) { _ = c.Node("n1").OnHost(nil) }, "use Config.Hosts"},
		"processes":   {func(c *Cluster) { c.Loss(0.5) }, "use a cluster in memory, or Config.Hosts"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &refused{TB: t}
			c := &Cluster{t: r}
			c.nodes = []*Node{{c: c, name: "n1"}, {c: c, name: "n2"}}
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				tt.do(c)
			}()
			if <-ended; !strings.Contains(r.said, tt.want) {
				t.Errorf("said %q, want %q", r.said, tt.want)
			}
		})
	}
}
