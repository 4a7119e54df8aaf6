package command

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/eventnode/eventnode/internal/certs/certstest"
)

// secret is a principal's token.
func secret(name string) string { return "sesame-" + name + "-0123456789" }

// tokens puts a file of rules into the vault, and each principal's token into one of its
// own; rules are a flow mapping each.
func (v *vault) tokens(rules map[string]string) string {
	v.t.Helper()
	var text strings.Builder
	text.WriteString("principals:\n")
	for name, rule := range rules {
		sum := sha256.Sum256([]byte(secret(name)))
		fmt.Fprintf(&text, "  - {name: %s, sha256: %x, allow: [%s]}\n", name, sum, rule)
		v.put(name+".token", []byte(secret(name)+"\n"))
	}
	return v.put("tokens.yaml", []byte(text.String()))
}

// keys puts gossip keys into the vault.
func (v *vault) keys(keys ...string) string {
	var text strings.Builder
	for _, k := range keys {
		text.WriteString(base64.StdEncoding.EncodeToString([]byte(k)) + "\n")
	}
	return v.put("gossip.key", []byte(text.String()))
}

const gossipKey = "a gossip key of 32 bytes, secret"

// as are the flags of a principal's commands.
func (v *vault) as(name string) []string {
	return []string{"--token-file", v.dir + "/" + name + ".token"}
}

// Three nodes let each principal do what the file says, at every node, whoever leads: with
// commands, over HTTP, and what nodes do for themselves; who has no token, or one that nobody
// knows, is told so.
func TestServeWithTokens(t *testing.T) {
	v := newVault(t)
	file := v.tokens(map[string]string{
		"root":    "{operations: [all]}",
		"writer":  `{operations: [publish], streams: [orders]}`,
		"talker":  `{operations: [dispatch, subscribe], topics: ["topic:a"]}`,
		"watcher": "{operations: [inspect]}",
		"chatter": "{operations: [chat]}",
	})
	nodes, _ := v.cluster(3, "--token-file", file, "--gossip-key-file", v.keys(gossipKey), "--chat")
	for _, n := range nodes {
		v.until(`"nodes":3`, append(v.as("watcher"), "status", "--json", "--addr", n.RPC)...)
	}
	v.until("created", append(v.as("root"), "streams", "create", "orders", "--addr", nodes[0].RPC)...)
	v.until("created", append(v.as("root"), "streams", "create", "other", "--addr", nodes[0].RPC)...)
	directory := v.put("guilds.yaml", []byte("users:\n  - {id: 1, name: alice}\n"))
	v.put("stranger.token", []byte("sesame-stranger-0123456789"))
	for _, n := range nodes {
		for _, c := range []struct{ who, command, want string }{
			{"writer", "publish orders --data x", ""},
			{"writer", "publish other --data x", `writer may not do "publish" with the stream "other"`},
			{"writer", "status", `writer may not do "inspect"`},
			{"talker", "dispatch topic:a --data x", ""},
			{"talker", "dispatch topic:b --data x", `talker may not do "dispatch" with the topic "topic:b"`},
			{"talker", "subscribe topic:b --timeout 1s", `talker may not do "subscribe" with the topic "topic:b"`},
			{"talker", "publish orders --data x", `talker may not do "publish"`},
			{"watcher", "members", ""},
			{"watcher", "raft status", ""}, // asks the others
			{"watcher", "leave", `watcher may not do "admin"`},
			{"watcher", "chat export", `watcher may not do "chat"`},
			{"chatter", "chat load " + directory, ""}, // the directory is a stream, which the node writes
			{"chatter", "chat export", ""},
			{"stranger", "members", "nobody has the token that was sent"},
			{"", "members", "this node asks for a token"},
		} {
			args := append(strings.Fields(c.command), "--addr", n.RPC)
			if c.who != "" {
				args = append(args, v.as(c.who)...)
			}
			r := runReal(t, "", args...)
			if c.want == "" && r.code != exitOK || !strings.Contains(r.stderr, c.want) || strings.Contains(r.stderr, "sesame") {
				t.Errorf("%s at %s: %s: %+v, want %q", c.who, n.Serving, c.command, r, c.want)
			}
		}
		for path, status := range map[string]int{"/v1/streams/orders/events": 201, "/v1/streams/other/events": 403} {
			if got := postAs(t, "http://"+n.HTTP+path, secret("writer")); got != status {
				t.Errorf("%s at %s: %d", path, n.Serving, got)
			}
		}
	}
}

// postAs posts an event, and says with which status that was answered.
func postAs(t *testing.T, url, token string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	for k, value := range map[string]string{
		"Authorization": "Bearer " + token, "Content-Type": "application/json", "Ce-Specversion": "1.0", "Ce-Id": url, "Ce-Source": "test", "Ce-Type": "x",
	} {
		req.Header.Set(k, value)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// A file of rules is read anew while the node runs: a right that is gone ends what was opened
// with it, and one that is new counts; a file that is no good changes nothing.
func TestRightsAreReadAnew(t *testing.T) {
	v := newVault(t)
	file := v.tokens(map[string]string{"a": "{operations: [subscribe]}", "b": "{operations: [subscribe]}"})
	nodes, programs := v.cluster(1, "--token-file", file)
	subscribe := func(who string) *program {
		p := start(t, "", append([]string{"subscribe", "topic:x", "--addr", nodes[0].RPC}, v.as(who)...)...)
		p.says(t, "subscribed")
		return p
	}
	a, b := subscribe("a"), subscribe("b")
	v.put("tokens.yaml", []byte("principals: [{name: a"))
	programs[0].says(t, "a file that changed is no good: what it said before holds")
	v.tokens(map[string]string{"a": "{operations: [inspect]}", "b": "{operations: [subscribe]}"})
	programs[0].says(t, "a file was read anew")
	if r := a.end(t); r.code != exitError || !strings.Contains(r.stderr, `a may not do "subscribe"`) {
		t.Errorf("who may not subscribe any more: %+v", r)
	}
	v.until("n1", append([]string{"members", "--addr", nodes[0].RPC}, v.as("a")...)...)
	b.interrupt()
	if r := b.end(t); r.code != exitOK || strings.Contains(r.stderr, "lost") || strings.Contains(r.stderr, "gap") {
		t.Errorf("who may still: %+v", r)
	}
}

// A token goes to a node by its variable, too, and does not go to another machine in the
// clear.
func TestTokenOfCommands(t *testing.T) {
	v := newVault(t)
	file := v.put("a.token", []byte(secret("a")))
	environ := []string{"EVENTNODE_TOKEN_FILE=" + file, "EVENTNODE_ADDR=192.0.2.1:1"}
	a := func(environ ...string) result {
		var stdout, stderr buffer
		p := &app{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, getenv: func(name string) string {
			for _, pair := range environ {
				if value, ok := strings.CutPrefix(pair, name+"="); ok {
					return value
				}
			}
			return ""
		}}
		p.dial = p.secured(dialClient)
		code := p.run(t.Context(), []string{"members"})
		return result{code, stdout.String(), stderr.String()}
	}
	if r := a(environ...); r.code == exitOK || !strings.Contains(r.stderr, "say with --token-in-clear that it may") {
		t.Errorf("%+v", r)
	}
	if r := a(append(environ, "EVENTNODE_TOKEN_IN_CLEAR=perhaps")...); r.code != exitUsage || !strings.Contains(r.stderr, "EVENTNODE_TOKEN_IN_CLEAR") {
		t.Errorf("%+v", r)
	}
	v.put("a.token", []byte("two lines\n"+secret("a")))
	if r := a(environ[0], "EVENTNODE_ADDR=127.0.0.1:1"); r.code == exitOK || !strings.Contains(r.stderr, "it must hold one line, the token") || strings.Contains(r.stderr, "sesame") {
		t.Errorf("%+v", r)
	}
}

// Nothing that real processes print, with all logs on, gRPC's too, has any secret in it:
// tokens good and bad, their digests, gossip keys old and new, the key of the certificate;
// nor has what config prints.
func TestNoSecretIsPrinted(t *testing.T) {
	v := newVault(t)
	ca := certstest.New(t)
	secure := v.tls(ca)
	private, err := os.ReadFile(v.dir + "/key.pem")
	if err != nil {
		t.Fatal(err)
	}
	flags := append(secure, "--token-file", v.tokens(map[string]string{"root": "{operations: [all]}", "none": ""}),
		"--gossip-key-file", v.keys(gossipKey), "--log-level", "debug", "--http", "127.0.0.1:0", "--http-ingest", "--data", v.dir+"/data")
	node := v.process("", append([]string{"serve", "--json", "--name", "n1", "--gossip", "127.0.0.1:0", "--rpc", "127.0.0.1:0"}, flags...)...)
	var at servingJSON
	poll(t, "a node", func() error { return json.Unmarshal(node.stdout.Bytes(), &at) })
	second := v.process("", append([]string{"serve", "--name", "n2", "--gossip", "127.0.0.1:0", "--rpc", "127.0.0.1:0", "--no-storage", "--join", at.Gossip}, flags...)...)
	v.put("bad.token", []byte(secret("bad")))
	var outputs []*process
	for _, who := range []string{"root", "none", "bad"} {
		for _, command := range []string{"members", "publish s --data x", "subscribe topic:x --timeout 1s", "streams create s", "config print"} {
			args := strings.Fields(command)
			if command == "config print" {
				args = append(append(args, "--"), flags...)
			} else {
				args = append(args, "--addr", at.RPC, "--tls-ca", v.dir+"/ca.pem", "--token-file", v.dir+"/"+who+".token")
			}
			p := v.process("", args...)
			_ = p.cmd.Wait()
			outputs = append(outputs, p)
		}
		_ = postAs(t, "http://"+at.HTTP+"/v1/topics/topic:x/events", secret(who))
	}
	const next = "the next gossip key, of 32 bytes"
	v.keys(gossipKey, next)
	v.tokens(map[string]string{"root": "{operations: [inspect]}", "later": ""})
	poll(t, "both files were read anew", func() error {
		if n := strings.Count(node.stderr.String(), "a file was read anew"); n < 2 {
			return fmt.Errorf("%d", n)
		}
		return nil
	})
	v.put("tokens.yaml", []byte("principals: [{name: x, tokens: ["+secret("later")+"], oops: "+secret("bad")+"}]"))
	v.put("gossip.key", []byte(base64.StdEncoding.EncodeToString([]byte(next))+" "+secret("bad")))
	poll(t, "both files are no good", func() error {
		if n := strings.Count(node.stderr.String(), "is no good"); n < 2 {
			return fmt.Errorf("%d", n)
		}
		return nil
	})
	for _, p := range []*process{second, node} {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		_ = p.cmd.Wait()
	}
	var secrets []string
	for _, s := range []string{secret("root"), secret("none"), secret("bad"), secret("later"), gossipKey, next} {
		sum := sha256.Sum256([]byte(s))
		secrets = append(secrets, s, base64.StdEncoding.EncodeToString([]byte(s)), hex.EncodeToString([]byte(s)), hex.EncodeToString(sum[:]))
	}
	secrets = append(secrets, strings.Split(string(private), "\n")[1])
	for _, p := range append(outputs, node, second) {
		for _, s := range secrets {
			if all := p.stdout.String() + p.stderr.String(); strings.Contains(all, s) {
				t.Errorf("%v prints the secret %s:\n%.2000s", p.cmd.Args[1:], s, all[max(0, strings.Index(all, s)-300):])
			}
		}
	}
	if log := node.stderr.String(); !strings.Contains(log, "level=DEBUG") || !strings.Contains(log, "INFO: ") {
		t.Errorf("the log is not as full as it can be:\n%.2000s", log)
	}
}

// process is a process of its own.
type process struct {
	cmd            *exec.Cmd
	stdout, stderr *syncBuffer
}

// syncBuffer is a buffer that also gives its bytes.
type syncBuffer struct{ buffer }

// Bytes are what was written.
func (b *syncBuffer) Bytes() []byte { return []byte(b.String()) }

// process starts the program with all logs on.
func (v *vault) process(stdin string, args ...string) *process {
	v.t.Helper()
	executable, err := os.Executable()
	if err != nil {
		v.t.Fatal(err)
	}
	p := &process{cmd: exec.Command(executable, args...), stdout: new(syncBuffer), stderr: new(syncBuffer)}
	p.cmd.Env = append(os.Environ(), roleVariable+"=main", "GRPC_GO_LOG_SEVERITY_LEVEL=info", "GRPC_GO_LOG_VERBOSITY_LEVEL=99")
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr, p.cmd.Dir = strings.NewReader(stdin), p.stdout, p.stderr, filepath.Dir(executable)
	if err := p.cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	return p
}
