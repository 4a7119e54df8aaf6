package eventnode_test

import (
	"context"
	"maps"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode"
	"github.com/eventnode/eventnode/gateway"
	"github.com/eventnode/eventnode/node"
	"github.com/eventnode/eventnode/shard"
	"github.com/eventnode/eventnode/shard/fleet"
)

// everything runs a node with all features on, and returns its registry.
func everything(t *testing.T) *prometheus.Registry {
	t.Helper()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // a gateway that says nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	registry := prometheus.NewRegistry()
	const any = "127.0.0.1:0"
	n, err := node.New(node.Config{
		ID: "n1", GossipAddress: any, RPCAddress: any, HTTPAddress: any, HTTPIngest: true,
		DataDir: t.TempDir(), Storage: node.Storage{BootstrapExpect: 1}, Registry: registry,
		Chat: node.Chat{GatewayAddress: any, Journal: "chat-journal", Gateway: gateway.Config{Authenticator: nobody{}}},
		Sources: []node.Source{{
			Shard:  shard.Config{Name: "helper", Token: "t", Gateway: "ws://" + silent.Addr().String()},
			Shards: fleet.All(1),
			Fleet:  fleet.Config{Every: 100 * time.Millisecond, Settle: 100 * time.Millisecond},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-n.Ready():
	case <-time.After(time.Minute):
		t.Fatal("the node is not ready")
	}
	return registry
}

// nobody knows no client.
type nobody struct{}

// Authenticate implements gateway.Authenticator.
func (nobody) Authenticate(context.Context, string) (gateway.Principal, error) {
	return gateway.Principal{}, eventnode.ErrUnauthenticated
}

// metric is one as the registry has it, or the page.
type metric struct{ kind, labels string }

// registered are the metrics of a registry: those that it was told of, and those that
// collectors make when they are asked. What has no value yet has no kind.
func registered(t *testing.T, registry *prometheus.Registry) map[string]metric {
	t.Helper()
	described := make(chan *prometheus.Desc, 1000)
	registry.Describe(described)
	close(described)
	form := regexp.MustCompile(`fqName: "(\w+)".*constLabels: \{(.*)\}, variableLabels: \{(.*)\}\}$`)
	value := regexp.MustCompile(`="[^"]*"`)
	all := map[string]metric{}
	for d := range described {
		m := form.FindStringSubmatch(d.String())
		if m == nil {
			t.Fatalf("no metric: %s", d)
		}
		all[m[1]] = metric{labels: sorted(value.ReplaceAllString(m[2], "") + "," + m[3])}
	}
	gathered, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range gathered {
		var labels []string
		for _, l := range family.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		all[family.GetName()] = metric{strings.ToLower(family.GetType().String()), sorted(strings.Join(labels, ","))}
	}
	return all
}

// sorted are labels, as the page has them.
func sorted(labels string) string {
	names := slices.DeleteFunc(strings.Split(labels, ","), func(s string) bool { return s == "" })
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// documented are the metrics of docs/metrics.md.
func documented(t *testing.T) map[string]metric {
	t.Helper()
	page, err := os.ReadFile("docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| `(eventnode_\\w+)` \\| (\\w+) \\| ([^|]*) \\| ([^|]*) \\| ([^|]*) \\| ([^|]*) \\|$")
	all := map[string]metric{}
	for _, m := range row.FindAllStringSubmatch(string(page), -1) {
		if _, twice := all[m[1]]; twice {
			t.Errorf("%s is there twice", m[1])
		}
		for i, what := range map[int]string{4: "unit", 5: "meaning", 6: "what to do"} {
			if strings.TrimSpace(m[i]) == "" {
				t.Errorf("%s: there is no %s", m[1], what)
			}
		}
		all[m[1]] = metric{m[2], sorted(strings.ReplaceAll(strings.ReplaceAll(m[3], "`", ""), " ", ""))}
	}
	return all
}

// docs/metrics.md has every metric of a node that has all features on, with its type and
// labels, and no other one; counters are called so, and nothing else is.
func TestMetricsAreDocumented(t *testing.T) {
	registry := everything(t)
	deadline := time.Now().Add(time.Minute)
	known := registered(t, registry)
	for ; known["eventnode_shard_connected"] == (metric{}); known = registered(t, registry) { // its shard begins when it has a lease
		if time.Now().After(deadline) {
			t.Fatal("the shard has not begun")
		}
		<-time.After(50 * time.Millisecond)
	}
	page := documented(t)
	for _, name := range slices.Sorted(maps.Keys(known)) {
		is, said := known[name], page[name]
		switch {
		case said == (metric{}):
			t.Errorf("docs/metrics.md lacks %s (%s; labels: %s)", name, is.kind, is.labels)
		case is.labels != said.labels:
			t.Errorf("%s has the labels %q, docs/metrics.md says %q", name, is.labels, said.labels)
		case is.kind != "" && is.kind != said.kind:
			t.Errorf("%s is a %s, docs/metrics.md says %s", name, is.kind, said.kind)
		case strings.HasSuffix(name, "_total") != (said.kind == "counter"):
			t.Errorf("%s is no name of a %s", name, said.kind)
		}
	}
	for name := range page {
		if _, ok := known[name]; !ok {
			t.Errorf("docs/metrics.md has %s, which no node has", name)
		}
	}
}
