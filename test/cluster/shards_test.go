package cluster_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/chat/directory"
	"github.com/eventnode/eventnode/discord"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/shard"
	"github.com/eventnode/eventnode/source"
	"github.com/eventnode/eventnode/test/cluster"
)

// The tokens of these tests, which nobody must print.
const (
	botToken = "bot-secret-6a1f"
	badToken = "bad-secret-93c2"
)

// botGuilds are a guild of each shard, of two.
var botGuilds = []uint64{8 << 22, 7 << 22}

// shardWorld is n1, a chat service with a gateway; n2 and n3, which run the shards of the source
// helper; n4, whose token for the source wrong is none; and n5, where there is no gateway for
// the source away.
type shardWorld struct {
	*cluster.Cluster
	t *testing.T
}

func startShards(t *testing.T) *shardWorld {
	t.Helper()
	if testing.Short() {
		t.Skip("its nodes are processes: the race detector would not see them")
	}
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good, bad := file("good", botToken+"\n"), file("bad", badToken+"\n")
	w := &shardWorld{t: t, Cluster: cluster.Start(t, cluster.Config{
		Nodes: 5, Processes: true, Storage: true, HTTP: true,
		GatewayTokens: file("tokens", fmt.Sprintf("ann-token %d\n%s %d bot\n", ann, botToken, robot)),
		Args:          []string{"--gateway-identify-interval", "0"},
		ShardRun: func(c *cluster.Cluster, node string) []string {
			gateway := "ws://" + c.Node("n1").GatewayAddress()
			return map[string][]string{
				"n2": {"--source", "helper", "--gateway", gateway, "--bot-token-file", good, "--shards", "2"},
				"n3": {"--source", "helper", "--gateway", gateway, "--bot-token-file", good, "--shards", "2"},
				"n4": {"--source", "wrong", "--gateway", gateway, "--bot-token-file", bad},
				"n5": {"--source", "away", "--gateway", "ws://127.0.0.1:1", "--bot-token-file", good},
			}[node]
		},
	})}
	changes := []*eventnodev1.DirectoryChange{
		directory.PutUser(&eventnodev1.DirectoryUser{Id: ann, Username: "ann"}),
		directory.PutUser(&eventnodev1.DirectoryUser{Id: robot, Username: "robot", Bot: true}),
	}
	for _, g := range botGuilds {
		changes = append(changes, directory.PutGuild(&eventnodev1.DirectoryGuild{Id: g, OwnerId: ann, Name: "begun"}),
			directory.PutMember(&eventnodev1.DirectoryMember{GuildId: g, UserId: robot}))
	}
	chat := &chatWorld{Cluster: w.Cluster, t: t}
	chat.change(changes...)
	return w
}

// run runs the program, as its user does, against a node.
func (w *shardWorld) run(node string, args ...string) (stdout, stderr string, code int) {
	w.t.Helper()
	binary, err := cluster.Binary()
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.CommandContext(w.t.Context(), binary, append(args, "--addr", w.Node(node).RPCAddress())...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		w.t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// shardLine is what is read of a line of shards list --json.
type shardLine struct {
	Shard            int
	State, Node, Pin string
	Seq              uint64
	Error            string
}

// where waits until both shards are connected, at these nodes, where they are said.
func (w *shardWorld) where(node string, at ...string) (list [2]shardLine) {
	w.t.Helper()
	w.Eventually(60*time.Second, func() error {
		out, errs, code := w.run(node, "shards", "list", "helper", "--json")
		lines := strings.Split(strings.TrimSpace(out), "\n")
		if code != 0 || len(lines) != 2 {
			return fmt.Errorf("code %d: %s%s", code, out, errs)
		}
		for i, line := range lines {
			if err := json.Unmarshal([]byte(line), &list[i]); err != nil {
				return err
			}
			if list[i].State != "connected" || i < len(at) && at[i] != "" && list[i].Node != at[i] {
				return errors.New(out)
			}
		}
		return nil
	})
	return list
}

// renames says of each guild over and over that it has another name, numbered.
type renames struct {
	w    *shardWorld
	stop context.CancelFunc
	done chan struct{}
	sent int
}

func (w *shardWorld) rename() *renames {
	ctx, stop := context.WithCancel(w.t.Context())
	r := &renames{w: w, stop: stop, done: make(chan struct{})}
	chat := w.Node("n1").Client().Chat()
	go func() {
		defer close(r.done)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for ; ctx.Err() == nil; r.sent++ {
			for _, g := range botGuilds {
				data := map[string]string{"id": fmt.Sprint(g), "guild_id": fmt.Sprint(g), "name": fmt.Sprint(r.sent)}
				if _, err := chat.Dispatch(w.t.Context(), fmt.Sprint("guild:", g), "GUILD_UPDATE", data); err != nil {
					w.t.Errorf("rename: %v", err)
					return
				}
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	}()
	w.t.Cleanup(func() { stop(); <-r.done })
	return r
}

// end ends it, and says how many names each guild had.
func (r *renames) end() int {
	r.stop()
	<-r.done
	return r.sent
}

// reader is a consumer that checks the names of each guild.
type reader struct {
	w       *shardWorld
	node    string
	mu      sync.Mutex
	next    map[discord.Snowflake]int
	repeats int // events that came again, as their numbers say
	unknown int // changes of which was not known what was before
	gaps    int
	told    bool // of a gap of the source's
}

// read starts a consumer at a node.
func (w *shardWorld) read(node string) *reader {
	w.t.Helper()
	g, err := source.NewConsumerGroup(w.Node(node).Client(), "helper")
	if err != nil {
		w.t.Fatal(err)
	}
	c, err := g.NewConsumer(w.t.Context(), eventnode.WithPolicy(eventnode.PolicyBlock))
	if err == nil {
		err = g.Join(w.t.Context(), c)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	r := &reader{w: w, node: node, next: map[discord.Snowflake]int{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for got, err := range c.All(w.t.Context()) {
			if err == nil {
				err = r.take(got)
			}
			if err != nil {
				w.t.Errorf("the consumer at %s: %v", node, err)
				return
			}
		}
	}()
	w.t.Cleanup(func() { _ = c.Close(); <-done })
	return r
}

func (r *reader) take(got source.Received) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch e := got.Event; {
	case got.Gap != nil:
		r.gaps++
	case e.Name == shard.GapName:
		r.told = true
	case got.Seen == source.Repeat:
		r.repeats++
	case e.Name == "GUILD_UPDATE":
		u, err := discord.As[discord.GuildUpdate](e.Name, e.Data)
		if err != nil {
			return err
		}
		var n int
		if _, err := fmt.Sscan(u.New.Name, &n); err != nil || n != r.next[u.New.ID] {
			return fmt.Errorf("guild %v is called %q, and not %d: %v", u.New.ID, u.New.Name, r.next[u.New.ID], got.Seen)
		}
		switch {
		case u.Old == nil:
			r.unknown++
		case n > 0 && u.Old.Name != fmt.Sprint(n-1):
			return fmt.Errorf("guild %v was called %q before %d", u.New.ID, u.Old.Name, n)
		}
		r.next[u.New.ID]++
	}
	return nil
}

// reaches waits until each guild has had so many names.
func (w *shardWorld) reaches(n int, readers ...*reader) {
	w.t.Helper()
	for _, r := range readers {
		w.Eventually(60*time.Second, func() error {
			r.mu.Lock()
			defer r.mu.Unlock()
			for _, g := range botGuilds {
				if r.next[discord.Snowflake(g)] < n {
					return fmt.Errorf("at %s: %v of %d", r.node, r.next, n)
				}
			}
			return nil
		})
	}
}

// more waits until a few more names have come.
func (w *shardWorld) more(r *reader) {
	w.t.Helper()
	r.mu.Lock()
	n := max(r.next[discord.Snowflake(botGuilds[0])], r.next[discord.Snowflake(botGuilds[1])])
	r.mu.Unlock()
	w.reaches(n+20, r)
}

// smooth fails if anything came twice, or was not known.
func (r *reader) smooth(when string) {
	r.w.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.repeats+r.unknown+r.gaps > 0 || r.told {
		r.w.t.Errorf("%s, at %s: %d events twice, %d of something unknown, %d gaps, a gap of the source: %t", when, r.node, r.repeats, r.unknown, r.gaps, r.told)
	}
}

// telemetry checks that metrics and log of a node tell of both shards, one of which was moved
// there, and one of which came when its node stopped.
func (w *shardWorld) telemetry(node string) {
	w.t.Helper()
	served, err := http.Get("http://" + w.Node(node).HTTPAddress() + "/metrics")
	if err != nil {
		w.t.Fatal(err)
	}
	defer served.Body.Close()
	text, err := io.ReadAll(served.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, re := range []string{
		`eventnode_shard_connected{shard="0",source="helper"} 1`, `eventnode_shard_connected{shard="1",source="helper"} 1`,
		`eventnode_shard_connects_total{result="resumed",shard="0",source="helper"} 1`,
		`eventnode_shard_delivered_total{shard="0",source="helper"} [1-9]`, `eventnode_shard_payloads_waiting{`,
		`eventnode_source_events_total{source="helper"} [1-9]`, `eventnode_source_underway{source="helper"} `,
		`eventnode_fleet_shards{source="helper",state="connected"} 2`, `eventnode_fleet_leases_lost_total{source="helper"} 0`,
	} {
		if !regexp.MustCompile(`(?m)^` + re).Match(text) {
			w.t.Errorf("%s does not have %s", node, re)
		}
	}
	for _, line := range []string{"msg=connected source=helper shard=0 how=resumed", "msg=connected source=helper shard=1 how="} {
		if !strings.Contains(w.Node(node).Log(), line) {
			w.t.Errorf("the log of %s does not have %s", node, line)
		}
	}
	if log := w.Node(another(node)).Log(); !strings.Contains(log, "msg=disconnected source=helper shard=0 reason=stopped") {
		w.t.Errorf("the log of %s does not say that its shard has gone", another(node))
	}
}

// another is the other node of the source.
func another(node string) string { return map[string]string{"n2": "n3", "n3": "n2"}[node] }

// N11, N12: `shard run` and `shards` as their users have them, with processes. Consumers see
// each event once, in order, with what was before, while a shard is moved and while a node
// stops on SIGTERM; after a kill -9 another node goes on, and nothing is missing that the
// gateway has. What hinders a source is said in the list.
func TestN11_ShardsOfProcesses(t *testing.T) {
	w := startShards(t)
	w.where("n2")
	first := w.read("n1")
	renames := w.rename()
	w.more(first)

	was := w.where("n3")[0].Node
	to := another(was)
	if out, errs, code := w.run("n2", "shards", "move", "helper", "0", "--to", to); code != 0 || out != "helper: shard 0 is connected where it is to be\n" {
		t.Fatalf("move: %d: %s%s", code, out, errs)
	}
	if got := w.where("n2", to)[0]; got.Pin != to || got.Seq == 0 {
		t.Errorf("moved: %+v", got)
	}
	w.more(first)
	w.Stop(another(to)) // exits with 0, or this fails
	w.where(to, to, to)
	w.more(first)
	first.smooth("moved, and stopped in good order")
	w.telemetry(to)

	w.Restart(another(to))
	w.Kill(to)
	w.where(another(to), another(to), another(to))
	w.more(first)
	if out, errs, code := w.run("n1", "shards", "list", "helper"); code != 0 || strings.Count(out, " "+another(to)+" ") != 2 {
		t.Errorf("a node without it: %d: %s%s", code, out, errs)
	}
	w.reaches(renames.end(), first)
	if first.told {
		t.Error("a gap was told, and the gateway had everything")
	}
	w.noTokens()
}

// Whoever has given a wrong token, or an address where nobody is, reads so in the list, with
// what to do; what is asked for that cannot be is refused in a line.
func TestShardsSayWhatIsWrong(t *testing.T) {
	w := startShards(t)
	for _, tt := range []struct {
		node, want string
		args       []string
	}{
		{"n4", `"state":"failed"`, []string{"list", "wrong", "--json"}},
		{"n4", `closed with 4004`, []string{"list", "wrong"}},
		{"n4", `the token is not good: give it another one`, []string{"list"}},
		{"n5", `connect to ws://127.0.0.1:1: dial tcp 127.0.0.1:1: connect: connection refused`, []string{"list", "away"}},
	} {
		w.Eventually(30*time.Second, func() error {
			if out, errs, _ := w.run(tt.node, append([]string{"shards"}, tt.args...)...); !strings.Contains(out, tt.want) {
				return fmt.Errorf("%v: %s%s", tt.args, out, errs)
			}
			return nil
		})
	}
	w.where("n2")
	for _, tt := range []struct {
		node, want string
		args       []string
	}{
		{"n4", "eventnode: shard 0: ", []string{"start", "wrong", "0"}},
		{"n5", "not done yet", []string{"start", "away", "0", "--wait", "2s"}},
		{"n1", "eventnode: no node runs a source none", []string{"list", "none"}},
		{"n1", `eventnode: "n1" does not run helper: use one of ["n2" "n3"]`, []string{"move", "helper", "0", "--to", "n1"}},
		{"n2", `eventnode: "n1" does not run helper: use one of ["n2" "n3"]`, []string{"move", "helper", "0", "--to", "n1"}},
		{"n2", "there is no shard 2: the source runs shards 2", []string{"stop", "helper", "2"}},
	} {
		out, errs, code := w.run(tt.node, append([]string{"shards"}, tt.args...)...)
		if !strings.Contains(errs, tt.want) || strings.Count(errs, "\n") != 1 || code == 0 {
			t.Errorf("%v: code %d, %q, %q", tt.args, code, out, errs)
		}
	}
	w.noTokens()
}

// noTokens fails if a token is where others may read it: in a log, or on a command line.
func (w *shardWorld) noTokens() {
	w.t.Helper()
	for _, n := range w.Running() {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", n.PID()))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			w.t.Error(err)
		}
		for _, token := range []string{botToken, badToken} {
			if strings.Contains(n.Log(), token) || bytes.Contains(line, []byte(token)) {
				w.t.Errorf("%s shows a token", n.Name())
			}
		}
		if strings.Contains(n.Log(), "a call about streams failed") {
			w.t.Errorf("%s takes an end in good order for an error", n.Name())
		}
	}
}
