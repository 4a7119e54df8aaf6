package cluster_test

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/eventnode/eventnode/test/cluster"
)

// The words of a program that tests upgrades.
const (
	nextRefused = "a command of the next level was refused"
	nextApplied = "a command of the next level was applied"
)

// Three nodes are upgraded in turn while clients publish. What only the next version
// knows is refused until all three know it, and then used; an older program does not
// open what was written then, and says why.
func TestUpgradingInTurn(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, and its nodes are processes: the race detector would not see them")
	}
	next, err := cluster.NextBinary()
	if err != nil {
		t.Fatal(err)
	}
	c := cluster.Start(t, cluster.Config{Processes: true, Args: storageArgs()})
	l := load(t, c, 2)
	names := []string{"n1", "n2", "n3"}
	said := func(words string) (found bool) {
		for _, name := range names {
			found = found || strings.Contains(c.Log(name), words)
		}
		return found
	}
	waits := func(notice string) bool { return strings.Contains(notice, "an upgrade waits for") }
	for i, name := range names {
		upToDate(t, c, name, waits)
		if i == 2 {
			// An upgraded one leads at last: the third hands over to one of the two.
			if s := c.Log(name); strings.Contains(s, nextApplied) {
				t.Fatal("an old program has applied what it does not know")
			}
			if said(nextApplied) {
				t.Fatal("used before all know it")
			}
		}
		c.Stop(name)
		c.Replace(name, next)
		if i == 2 {
			c.Eventually(10*time.Second, func() error {
				if !said(nextRefused) {
					return errors.New("nobody was refused")
				}
				return nil
			})
		}
		c.Restart(name)
	}
	c.Eventually(20*time.Second, func() error {
		if !said(nextApplied) {
			return errors.New("not used yet")
		}
		return nil
	})
	for _, name := range names {
		upToDate(t, c, name, nil)
	}
	l.check()

	c.Stop("n1")
	c.Replace("n1", "")
	out, err := c.Command("n1").CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || !strings.Contains(string(out), "was written by a newer version") || !strings.Contains(string(out), "run the newer program") {
		t.Errorf("an older program on newer data: %v\n%s", err, out)
	}
	c.Replace("n1", next)
	c.Restart("n1")
	upToDate(t, c, "n1", nil)
}
