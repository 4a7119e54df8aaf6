package discordjs_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/gateway"
	"github.com/eventnode/eventnode/node"
	eventnodev1 "github.com/eventnode/eventnode/proto/eventnode/v1"
	"github.com/eventnode/eventnode/sessions"
)

// asNode is the variable with the settings of a node. This program is one where it is set,
// so that a node can be killed.
const asNode = "EVENTNODE_TEST_NODE"

func TestMain(m *testing.M) {
	if settings := os.Getenv(asNode); settings != "" {
		if err := serve([]byte(settings)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// settings are what a node of these tests is told.
type settings struct {
	ID, Dir, Tokens, PublicURL string
	Nodes                      int
	Seeds                      []string
}

// addresses are what it says as soon as it is ready.
type addresses struct{ Gossip, RPC, Gateway string }

// serve is a node with a gateway, until SIGTERM.
func serve(text []byte) error {
	var s settings
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	auth, err := gateway.NewTokenFile(s.Tokens)
	if err != nil {
		return err
	}
	n, err := node.New(node.Config{
		ID: eventnode.NodeID(s.ID), DataDir: s.Dir, Seeds: s.Seeds, Storage: node.Storage{BootstrapExpect: s.Nodes},
		GossipAddress: "127.0.0.1:0", RPCAddress: "127.0.0.1:0", Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Chat: node.Chat{GatewayAddress: "127.0.0.1:0", Sessions: sessions.Config{ReplayEvents: logged}, Gateway: gateway.Config{
			Authenticator: auth, PublicURL: s.PublicURL, Shards: shards,
			Limits: gateway.Limits{IdentifyConcurrency: 2}, // or the second shard waits five seconds
		}},
	})
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go func() {
		<-n.Ready()
		_ = json.NewEncoder(os.Stdout).Encode(addresses{n.GossipAddress(), n.RPCAddress(), n.GatewayAddress()})
	}()
	return n.Run(ctx)
}

// shards recommends two shards to some of the bots.
func shards(_ context.Context, user sessions.Snowflake) int {
	if user == twins || user == pair {
		return 2
	}
	return 1
}

// process is a node.
type process struct {
	settings
	addresses
	api  eventnodev1.ChatServiceClient
	cmd  *exec.Cmd
	ends sync.Once
}

// start starts a node and waits until it serves.
func start(t *testing.T, s settings) *process {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{settings: s, cmd: exec.Command(program)}
	log := new(bytes.Buffer)
	p.cmd.Env, p.cmd.Stderr = append(os.Environ(), asNode+"="+string(text)), log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := p.cmd.StdoutPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.end(syscall.SIGKILL)
		if t.Failed() {
			t.Logf("the log of %s:\n%s", s.ID, log)
		}
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &p.addresses)
	}
	if err != nil {
		t.Fatalf("%s said %q, not where it is: %v", s.ID, line, err)
	}
	conn, err := grpc.NewClient(p.RPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	p.api = eventnodev1.NewChatServiceClient(conn)
	return p
}

// end ends a node by a signal, unless that was done, and waits for it.
func (p *process) end(s os.Signal) {
	p.ends.Do(func() {
		_ = p.cmd.Process.Signal(s)
		_ = p.cmd.Wait()
	})
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// patience is for a machine that does much else.
const patience = 30 * time.Second
