package command

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/eventnode/eventnode/internal/certs/certstest"
)

// vault is a directory with the files that secure nodes.
type vault struct {
	t   *testing.T
	dir string
}

func newVault(t *testing.T) *vault {
	t.Helper()
	goleak.VerifyNone(t)
	return &vault{t, t.TempDir()}
}

// put writes a file as an operator should: at once.
func (v *vault) put(name string, text []byte) string {
	v.t.Helper()
	path := filepath.Join(v.dir, name)
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		v.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		v.t.Fatal(err)
	}
	return path
}

// tls are serve's flags with a certificate of ca.
func (v *vault) tls(ca *certstest.CA) []string {
	v.t.Helper()
	cert, key := ca.Issue(v.t, []string{"127.0.0.1"})
	return []string{"--tls-cert", v.put("cert.pem", cert), "--tls-key", v.put("key.pem", key), "--tls-ca", v.put("ca.pem", ca.PEM)}
}

// cluster runs nodes with flags, each with storage and HTTP, until the test ends.
func (v *vault) cluster(count int, flags ...string) (nodes []servingJSON, programs []*program) {
	v.t.Helper()
	return v.serve(count, func(name, seed string) []string {
		return append([]string{
			"--log-level", "debug", "--name", name, "--gossip", "127.0.0.1:0", "--rpc", "127.0.0.1:0", "--join", seed,
			"--data", filepath.Join(v.dir, name), "--bootstrap-expect", fmt.Sprint(count), "--replicas", fmt.Sprint(count), "--http", "127.0.0.1:0", "--http-ingest",
		}, flags...)
	})
}

// serve runs nodes until the test ends, with the flags of each, which begins when the one
// before serves: seed is where that gossips.
func (v *vault) serve(count int, flags func(name, seed string) []string) (nodes []servingJSON, programs []*program) {
	v.t.Helper()
	seed := ""
	for i := range count {
		name := fmt.Sprintf("n%d", i+1)
		p := start(v.t, "", append([]string{"serve", "--json"}, flags(name, seed)...)...)
		var at servingJSON
		poll(v.t, name+" serves", func() error {
			if err := json.Unmarshal([]byte(p.stdout.String()), &at); err != nil {
				return fmt.Errorf("%w: %s", err, p.stderr)
			}
			return nil
		})
		nodes, programs, seed = append(nodes, at), append(programs, p), at.Gossip
	}
	v.t.Cleanup(func() {
		for _, p := range programs {
			p.interrupt()
		}
		for _, p := range programs {
			if code := <-p.code; code != exitOK {
				v.t.Errorf("a node ended with %d: %s", code, p.stderr)
			}
		}
		goleak.VerifyNone(v.t)
	})
	return nodes, programs
}

// until runs a command until it ends with code 0 and says text.
func (v *vault) until(text string, args ...string) {
	v.t.Helper()
	poll(v.t, strings.Join(args, " "), func() error {
		if r := runReal(v.t, "", args...); r.code != exitOK || !strings.Contains(r.stdout, text) {
			return fmt.Errorf("%+v", r)
		}
		return nil
	})
}

// Three nodes speak TLS to each other and to clients that trust their signer, for links,
// Raft and commands alike; who does not trust it, or speaks in the clear, is told what to
// do.
func TestServeWithTLS(t *testing.T) {
	v := newVault(t)
	ca := certstest.New(t)
	nodes, _ := v.cluster(3, append(v.tls(ca), "--http-tls")...)
	for _, n := range nodes {
		v.until(`"nodes":3`, "status", "--json", "--addr", n.RPC, "--tls-ca", v.dir+"/ca.pem")
	}
	v.until("created", "streams", "create", "s", "--addr", nodes[0].RPC, "--tls-ca", v.dir+"/ca.pem")
	for _, n := range nodes { // two of them pass it on
		v.until("", "publish", "s", "--data", "x", "--addr", n.RPC, "--tls-ca", v.dir+"/ca.pem")
	}
	other := v.put("other.pem", certstest.New(t).PEM)
	for _, c := range []struct{ flags, want string }{
		{"--tls-ca " + other, "certificate signed by unknown authority"},
		{"--tls-ca " + v.dir + "/key.pem", "--tls-ca " + v.dir + "/key.pem: signers: a block"},
		{"--tls-ca nowhere.pem", "--tls-ca: open nowhere.pem"},
		{"--tls-ca " + v.dir + "/ca.pem --tls-name elsewhere", "wanted to match elsewhere"},
		{"", "no node answers"},
	} {
		r := runReal(t, "", append([]string{"status", "--addr", nodes[0].RPC}, strings.Fields(c.flags)...)...)
		if r.code == exitOK || !strings.Contains(r.stderr, c.want) {
			t.Errorf("%s: %+v", c.flags, r)
		}
	}
}

// A certificate, its key and its signer are replaced while the node runs: new connections
// have the new ones, and the log says so; a key that is not the certificate's changes
// nothing, and the log says that once.
func TestCertificatesAreReadAnew(t *testing.T) {
	v := newVault(t)
	old := certstest.New(t)
	nodes, programs := v.cluster(1, v.tls(old)...)
	ask := []string{"members", "--addr", nodes[0].RPC, "--tls-ca"}
	v.until("n1", append(ask, v.dir+"/ca.pem")...)

	_, wrong := old.Issue(t, []string{"127.0.0.1"})
	v.put("key.pem", wrong)
	programs[0].says(t, "a file that changed is no good: what it said before holds")
	v.until("n1", append(ask, v.dir+"/ca.pem")...)

	next := certstest.New(t)
	v.tls(next)
	programs[0].says(t, "a file was read anew")
	v.until("n1", append(ask, v.dir+"/ca.pem")...)
	if r := runReal(t, "", append(ask, v.put("old.pem", old.PEM))...); r.code == exitOK {
		t.Error("the certificate of the old signer is still there")
	}
	if n := strings.Count(programs[0].stderr.String(), "no good"); n != 1 {
		t.Errorf("told %d times:\n%s", n, programs[0].stderr)
	}
}

// Half a configuration of TLS, or one that would not work, is refused before anything
// starts.
func TestHalfOfTLSIsRefused(t *testing.T) {
	v := newVault(t)
	ca := certstest.New(t)
	good := v.tls(ca)
	_, other := ca.Issue(t, []string{"127.0.0.1"})
	for _, c := range []struct {
		flags []string
		want  string
	}{
		{good[:2], "--tls-cert, --tls-key and --tls-ca go together"},
		{good[2:], "--tls-cert, --tls-key and --tls-ca go together"},
		{[]string{"--http", "127.0.0.1:0", "--http-tls"}, "--http-tls needs --tls-cert"},
		{[]string{"--tls-name", "x"}, "--tls-name needs --tls-cert"},
		{append(good[:2:2], "--tls-key", v.put("other.pem", other), "--tls-ca", v.dir+"/ca.pem"), "certificate and key: tls: private key does not match"},
	} {
		r, _ := runConfigured(t, nil, append([]string{"serve"}, c.flags...)...)
		if r.code != exitUsage || !strings.Contains(r.stderr, c.want) || strings.Contains(r.stderr, "PRIVATE") {
			t.Errorf("%v: %+v", c.flags, r)
		}
	}
}
