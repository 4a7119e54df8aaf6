package table

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/node"
)

// NodeMain is the process of one node that embeds eventnode, until in ends. It
// takes commands from in, each a line with a JSON string of words, and answers
// with lines of JSON on out. The first answer says that the node is ready. A
// command that fails answers {"error":"..."}.
//
//	members N          N more members (first, as the others use them)
//	join N SPREAD      N joins, one membership a call: one member into N groups
//	                   (distinct) or N members into one (one)
//	fill N SPREAD      the same memberships in few calls
//	part N             N members join one group in one call
//	single I           one join into a group of its own; no answer
//	begun              when these joins began
//	watch N            a monitor of the scope counts N joins; answers twice
//	report             a monitor of the scope answers with the time of each join
//	await GROUP N      waits until N members are in a group
//	sync GROUPS N      waits until N memberships are here
//	count              the groups and memberships that a reader finds
//	memory             the live heap after a collection
//	look WHAT MS       lists all or local members under churn
func NodeMain(args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("table-node", flag.ContinueOnError)
	id := flags.String("id", "n1", "the node's name")
	seed := flags.String("seed", "", "the gossip address of another node")
	profile := flags.String("profile", "", "write a CPU profile to this file")
	if err := flags.Parse(args); err != nil {
		return err
	}
	profiled, err := startProfile(*profile)
	if err != nil {
		return err
	}
	cfg := node.Config{
		ID: eventnode.NodeID(*id), GossipAddress: "127.0.0.1:0", RPCAddress: "127.0.0.1:0",
		Registry: prometheus.NewRegistry(),
		Logger:   slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		// Room for a member that joins a group that has all of them already.
		Limits: node.Limits{MaxGroups: 2_000_000},
	}
	if *seed != "" {
		cfg.Seeds = []string{*seed}
	}
	n, err := node.New(cfg)
	if err != nil {
		return err
	}
	return serve(n, cfg.Registry, in, out, profiled)
}

// startProfile profiles this process until stop is called; without a file it
// does not.
func startProfile(file string) (stop func() error, err error) {
	if file == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}

// serve runs the node while commands come. It calls profiled before the node
// stops: what that takes is not measured.
func serve(n *node.Node, registry *prometheus.Registry, in io.Reader, out io.Writer, profiled func() error) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	select {
	case <-n.Ready():
	case err := <-ended:
		return fmt.Errorf("the node ended: %w", err)
	}
	p := &peer{node: n, registry: registry, scope: n.Scope("bench"), out: json.NewEncoder(out)}
	p.answer(ready{ReadyNS: now(), Gossip: n.GossipAddress()})
	err := errors.Join(p.obeyAll(ctx, in), profiled())
	stop()
	p.monitors.Wait()
	return errors.Join(err, <-ended)
}

// peer is one embedded node and what commands made of it.
type peer struct {
	node     *node.Node
	registry *prometheus.Registry
	scope    eventnode.Scope
	members  []eventnode.Member
	begun    []int64
	monitors sync.WaitGroup

	mu  sync.Mutex // guards out
	out *json.Encoder
}

// now is the machine's wall clock, which all processes share.
func now() int64 { return time.Now().UnixNano() }

// answer writes a line. If nobody reads, in ends too.
func (p *peer) answer(v any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.out.Encode(v)
}

func (p *peer) obeyAll(ctx context.Context, in io.Reader) error {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		var command string
		if err := json.Unmarshal(lines.Bytes(), &command); err != nil {
			return fmt.Errorf("command %.80q: %w", lines.Text(), err)
		}
		answer, err := p.obey(ctx, strings.Fields(command))
		switch {
		case err != nil:
			p.answer(map[string]string{"error": err.Error()})
		case answer != nil:
			p.answer(answer)
		}
	}
	return lines.Err()
}

// obey carries out one command; a nil answer is none.
func (p *peer) obey(ctx context.Context, line []string) (any, error) {
	commands := map[string]func(context.Context, words) (any, error){
		"members": p.makeMembers, "join": p.join, "fill": p.fill, "part": p.part,
		"single": p.single, "begun": p.whenBegun, "watch": p.watch, "report": p.report,
		"await": p.await, "sync": p.sync, "count": p.count, "memory": p.memory, "look": p.look,
	}
	if len(line) == 0 || commands[line[0]] == nil {
		return nil, fmt.Errorf("no command: %q", line)
	}
	return commands[line[0]](ctx, line[1:])
}

// words are a command's arguments.
type words []string

// text returns an argument, "" if it is not there.
func (w words) text(i int) string {
	if i >= len(w) {
		return ""
	}
	return w[i]
}

// number returns an argument that is a number, -1 if it is none.
func (w words) number(i int) int {
	n, err := strconv.Atoi(w.text(i))
	if err != nil {
		return -1
	}
	return n
}

// nothing is the answer that says only that it is done.
type nothing struct{}

// group names a group as Erlang's node does.
func group(i int) string { return "group-" + strconv.Itoa(i) }
