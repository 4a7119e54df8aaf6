package command

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/eventnode/eventnode/internal/settings"
	"github.com/eventnode/eventnode/node"
)

// runConfigured runs the program in an environment; cfg is what a node was started with.
func runConfigured(t *testing.T, environ []string, args ...string) (r result, cfg node.Config) {
	t.Helper()
	var stdout, stderr buffer
	a := &app{
		stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr,
		environ: func() []string { return environ },
		getenv: func(name string) string {
			for _, pair := range environ {
				if value, ok := strings.CutPrefix(pair, name+"="); ok {
					return value
				}
			}
			return ""
		},
		newServer: func(c node.Config) (server, error) {
			cfg = c
			return nil, usagef("not started")
		},
	}
	code := a.run(t.Context(), args)
	return result{code, stdout.String(), stderr.String()}, cfg
}

func writeNamed(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// serve and shard run take what is not on the command line from the environment, and then
// from the file that --config or EVENTNODE_CONFIG names.
func TestServeIsConfiguredInThreeWays(t *testing.T) {
	file := writeNamed(t, "node.yaml", "name: from-file\nrpc: 10.0.0.9:1\nzone: from-file\njoin: [a:1, b:2]\n")
	environ := []string{"EVENTNODE_RPC=10.0.0.8:1", "EVENTNODE_ZONE=from-variable"}
	bot := writeNamed(t, "token", "secret")
	for _, args := range [][]string{
		{"serve", "--config", file, "--zone", "from-flag"},
		{"shard", "run", "--config", file, "--zone", "from-flag", "--gateway", "ws://127.0.0.1:1", "--bot-token-file", bot},
	} {
		for _, way := range []string{"flag", "variable"} {
			args, environ := slices.Clone(args), slices.Clone(environ)
			if way == "variable" {
				at := slices.Index(args, "--config")
				args = slices.Delete(args, at, at+2)
				environ = append(environ, "EVENTNODE_CONFIG="+file)
			}
			r, cfg := runConfigured(t, environ, args...)
			if !strings.Contains(r.stderr, "not started") {
				t.Fatalf("%v: %s", args, r.stderr)
			}
			if cfg.ID != "from-file" || cfg.RPCAddress != "10.0.0.8:1" || cfg.Zone != "from-flag" || strings.Join(cfg.Seeds, " ") != "a:1 b:2" {
				t.Errorf("%v: %+v", args, cfg)
			}
		}
	}
}

// Three nodes that are told everything by files, but for a flag, are a cluster with storage.
func TestThreeNodesFromFiles(t *testing.T) {
	v := newVault(t)
	nodes, _ := v.serve(3, func(name, seed string) []string {
		file := v.put(name+".yaml", fmt.Appendf(nil, `# a node of three
name: %s
cluster: of-files
gossip: 127.0.0.1:0
rpc: 127.0.0.1:1  # a flag has another one
join: [%s]
label: [file=%[1]s]
data: %[3]s
bootstrap-expect: 3
replicas: 3
`, name, seed, filepath.Join(v.dir, name)))
		return []string{"--config", file, "--rpc", "127.0.0.1:0"}
	})
	v.until("created", "streams", "create", "s", "--addr", nodes[0].RPC)
	for i, n := range nodes {
		v.until(`"nodes":3`, "status", "--json", "--addr", n.RPC)
		v.until("", "publish", "s", "--data", "x", "--addr", n.RPC)
		v.until(fmt.Sprintf(`"file":"n%d"`, i+1), "members", "--json", "--addr", n.RPC)
	}
}

// A value from a file that means nothing for the node, though the flag takes it, is told
// with its line; a flag of another command, a key of another command and a variable that
// nobody knows are refused.
func TestWrongSettingsSayWhereTheyAre(t *testing.T) {
	for _, c := range []struct{ text, variable, want string }{
		{"log-format: text\nlog-level: loud\n", "", `--log-level "loud": use debug, info, warn or error (NAME:2)`},
		{"", "EVENTNODE_LOG_FORMAT=xml", `--log-format "xml": use text or json (EVENTNODE_LOG_FORMAT)`},
		{"http-ingest: true\n", "", `--http-ingest needs --http HOST:PORT: where to take events (NAME:1)`},
		{"addr: a:1\n", "", `NAME:1: there is no setting "addr"`},
		{"", "EVENTNODE_GOSIP=a:1", `the environment has EVENTNODE_GOSIP, and there is no such setting: did you mean EVENTNODE_GOSSIP?`},
	} {
		file := writeNamed(t, "node.yaml", c.text)
		want := strings.ReplaceAll(c.want, "NAME", file)
		for _, args := range [][]string{{"serve", "--config", file}, {"config", "check", file}} {
			r, _ := runConfigured(t, []string{c.variable}, args...)
			if r.code != exitUsage || !strings.Contains(r.stderr, want) {
				t.Errorf("%v: code %d:\n got %s\nwant %s", args, r.code, r.stderr, want)
			}
		}
	}
	r, _ := runConfigured(t, nil, "serve", "--config", "nowhere.yaml")
	if r.code != exitUsage || !strings.Contains(r.stderr, "--config: open nowhere.yaml: no such file") {
		t.Error(r.stderr)
	}
}

// config check says that a file is right, and config print shows where each value is
// from, also of what is behind --.
func TestConfigPrintShowsWhereValuesAreFrom(t *testing.T) {
	file := writeNamed(t, "node.yaml", "# a node\nzone: east\nlabel: [disk=ssd, rack=1]\n")
	environ := []string{"EVENTNODE_LOG_LEVEL=debug"}
	r, _ := runConfigured(t, environ, "config", "check", file)
	r.want(t, exitOK, "ok: 3 settings, the others have their defaults\n", "")
	r, _ = runConfigured(t, environ, "config", "print", file, "--json", "--", "--replicas", "5")
	for _, want := range []string{
		`{"key":"zone","value":"east","from":"file","where":"` + file + `:2"}`,
		`{"key":"label","value":"disk=ssd,rack=1","from":"file","where":"` + file + `:3"}`,
		`{"key":"log-level","value":"debug","from":"environment","where":"EVENTNODE_LOG_LEVEL"}`,
		`{"key":"replicas","value":"5","from":"flag","where":"--replicas"}`,
		`{"key":"cluster","value":"","from":"default"}`,
	} {
		if !strings.Contains(r.stdout, want+"\n") {
			t.Errorf("%s is not in\n%s%s", want, r.stdout, r.stderr)
		}
	}
	r, _ = runConfigured(t, nil, "config", "check", "--for", "shard run")
	if r.code != exitUsage || !strings.Contains(r.stderr, "say where the gateway is") {
		t.Errorf("config check for shard run: %s", r.stderr)
	}
	r, _ = runConfigured(t, nil, "config", "check", file, "more")
	if r.code != exitUsage || !strings.Contains(r.stderr, `unexpected argument "more"`) {
		t.Errorf("a second file: %s", r.stderr)
	}
	r, _ = runConfigured(t, nil, "config", "print", "--for", "serves")
	if r.code != exitUsage || !strings.Contains(r.stderr, `--for "serves": write serve or shard run`) {
		t.Errorf("no such command: %s", r.stderr)
	}
}

// Each setting says what unit it has and what a change of it needs, and no other is
// described: docs/configuration.md is complete.
func TestEachSettingIsDescribed(t *testing.T) {
	described := aspects()
	(&app{}).allSettings().VisitAll(func(f *pflag.Flag) {
		if slices.Contains(noSettings(), f.Name) {
			return
		}
		if at, ok := described[f.Name]; !ok || at.change == "" {
			t.Errorf("%s is not in aspects", f.Name)
		}
		delete(described, f.Name)
	})
	for name := range described {
		t.Errorf("there is no setting %s", name)
	}
	if settings.Variable("addr") != addrVariable {
		t.Errorf("--addr has the variable %s", addrVariable)
	}
}

// A local cluster's nodes do not take one node's settings from the environment, and do
// take what tests tell them.
func TestChildrenHaveNoSettings(t *testing.T) {
	got := withoutSettings([]string{"PATH=/bin", "EVENTNODE_DATA=d", "EVENTNODE_CONFIG=f", "EVENTNODE_TEST_ROLE=main", "EVENTNODE_LOCK=a"})
	if strings.Join(got, " ") != "PATH=/bin EVENTNODE_TEST_ROLE=main EVENTNODE_LOCK=a" {
		t.Error(got)
	}
}
