package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/event"
)

// acked is what publishers were told, by the event's name.
type acked struct {
	mu sync.Mutex
	at map[string]eventnode.Position
}

func (a *acked) note(name string, at eventnode.Position) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at[name] = at
}

func (a *acked) now() map[string]eventnode.Position {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.at)
}

// publishUntil publishes events with unique names until ctx ends, a few at a time.
func publishUntil(ctx context.Context, t *testing.T, s eventnode.Streams, who int, a *acked) {
	for i := 0; ctx.Err() == nil; i += 10 {
		var batch []event.Event
		for k := range 10 {
			batch = append(batch, event.New(fmt.Sprintf("%d-%d", who, i+k), make([]byte, 500)))
		}
		done, err := s.PublishMany(ctx, "orders", batch)
		if err != nil {
			if ctx.Err() == nil {
				t.Errorf("publisher %d: %v", who, err)
			}
			return
		}
		for k, ev := range batch {
			a.note(ev.Name, eventnode.Position{MS: done.First.MS, Seq: done.First.Seq + uint64(k)})
		}
	}
}

// eventnodeCommand runs the real binary to its end.
func eventnodeCommand(t *testing.T, args ...string) {
	t.Helper()
	binary, err := Binary()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), binary, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v: %s", args, err, out)
	}
}

// wellStored waits until there are so many voters, and all is well.
func wellStored(t *testing.T, c *Cluster, on string, voters int) {
	t.Helper()
	client := c.Node(on).Client()
	c.Eventually(30*time.Second, func() error {
		s, err := client.StorageStatus(t.Context())
		voting := 0
		for _, r := range s.Replicas {
			if r.Role == "voter" && r.State == "running" {
				voting++
			}
		}
		if err == nil && (!s.Healthy || voting != voters) {
			err = fmt.Errorf("%d voters, %v", voting, s.Problems)
		}
		return err
	})
}

// A backup that is made while events are published, and the cluster killed after it:
// in a new cluster of three nodes there is everything that was acked before it began,
// at its position, nothing that was not published, and what is published then stands
// behind it.
func TestBackupUnderLoad(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long, and its nodes are processes: the race detector would not see them")
	}
	const expect = "--bootstrap-expect=3"
	c := Start(t, Config{Processes: true, Args: []string{expect}})
	wellStored(t, c, "n1", 3)
	if _, err := c.Node("n1").Client().Streams().Declare(t.Context(), "orders", eventnode.StreamConfig{}); err != nil {
		t.Fatal(err)
	}
	a := &acked{at: map[string]eventnode.Position{}}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var publishers sync.WaitGroup
	for i, n := range c.Running() {
		s := n.Client().Streams()
		publishers.Go(func() { publishUntil(ctx, t, s, i, a) })
	}
	c.Eventually(30*time.Second, func() error {
		if n := len(a.now()); n < 3000 {
			return fmt.Errorf("%d events", n)
		}
		return nil
	})
	file := filepath.Join(t.TempDir(), "backup.evn")
	before := a.now()
	eventnodeCommand(t, "backup", file, "--addr", c.Node("n2").RPCAddress())
	during := len(a.now())
	stop()
	publishers.Wait()
	all := a.now()
	for _, n := range []string{"n1", "n2", "n3"} {
		c.Kill(n)
	}

	data := filepath.Join(t.TempDir(), "data")
	eventnodeCommand(t, "restore", "--check", file)
	eventnodeCommand(t, "restore", file, "--data", data)
	c = Start(t, Config{Processes: true, Args: []string{expect}, Data: map[string]string{"n1": data}})
	wellStored(t, c, "n3", 3)
	s := c.Node("n3").Client().Streams()
	there := map[string]eventnode.Position{}
	var last eventnode.Position
	for ev, err := range s.Read(t.Context(), "orders") {
		if err != nil {
			t.Fatal(err)
		}
		if at, known := all[ev.Event.Name]; known && at != ev.Position {
			t.Errorf("%s is at %v, was at %v", ev.Event.Name, ev.Position, at)
		}
		there[ev.Event.Name], last = ev.Position, ev.Position
	}
	for name, at := range before {
		if there[name] != at {
			t.Errorf("%s was acked at %v before the backup began, and is at %v", name, at, there[name])
		}
	}
	t.Logf("%d acked before the backup, %d until its end, %d in it, %d in all", len(before), during, len(there), len(all))
	if during == len(before) {
		t.Error("nothing was published during the backup")
	}
	at, err := s.Publish(t.Context(), "orders", event.New("after", nil))
	if err != nil || at.Compare(last) <= 0 {
		t.Errorf("the next one is at %v, after %v: %v", at, last, err)
	}
	c.Kill("n1") // the others have it all
	c.Eventually(20*time.Second, func() error {
		var names []string
		for ev, err := range c.Node("n2").Client().Streams().Read(t.Context(), "orders") {
			if err != nil {
				return err
			}
			names = append(names, ev.Event.Name)
		}
		if len(names) != len(there)+1 || !slices.Contains(names, "after") {
			return errors.New("not all events are there")
		}
		return nil
	})
}
