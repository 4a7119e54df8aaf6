package membership

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eventnode/eventnode"
)

func TestConfigIsChecked(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*Config)
		want   error
		says   string
	}{
		"good":              {func(*Config) {}, nil, ""},
		"good key":          {func(c *Config) { c.SecretKey = make([]byte, 32) }, nil, ""},
		"good IPv6":         {func(c *Config) { c.BindAddress, c.RPCAddress = "[::1]:7400", "[::1]:7401" }, nil, ""},
		"no ID":             {func(c *Config) { c.ID = "" }, ErrConfig, "node ID"},
		"bad ID":            {func(c *Config) { c.ID = "a#b" }, ErrConfig, "node ID"},
		"long ID":           {func(c *Config) { c.ID = eventnode.NodeID(strings.Repeat("a", 64)) }, ErrConfig, "node ID"},
		"long cluster name": {func(c *Config) { c.Cluster = strings.Repeat("a", 256) }, ErrConfig, "255"},
		"no rpc":            {func(c *Config) { c.RPCAddress = "" }, ErrConfig, "rpc address"},
		"rpc on all":        {func(c *Config) { c.RPCAddress = "0.0.0.0:7401" }, ErrConfig, "rpc address"},
		"bad bind":          {func(c *Config) { c.BindAddress = "7400" }, ErrConfig, "bind address"},
		"bind a name":       {func(c *Config) { c.BindAddress = "localhost:7400" }, ErrConfig, "bind address"},
		"bad advertise":     {func(c *Config) { c.AdvertiseAddress = "10.0.0.1" }, ErrConfig, "advertise"},
		"bad seed":          {func(c *Config) { c.Seeds = []string{"n1"} }, ErrConfig, "n1"},
		"bad key":           {func(c *Config) { c.SecretKey = []byte("secret") }, ErrConfig, "16, 24 or 32"},
		"bad versions":      {func(c *Config) { c.VersionMin = 2 }, ErrConfig, "versions"},
		"long zone":         {func(c *Config) { c.Zone = strings.Repeat("z", 600) }, ErrConfig, "512"},
		"bad label":         {func(c *Config) { c.Labels = map[string]string{"a": "b c"} }, ErrConfig, "has the character"},
		"room for the UUID": {func(c *Config) { c.Zone = strings.Repeat("z", 480) }, ErrConfig, "512"},
		"seed elsewhere":    {func(c *Config) { c.Seeds = []string{"192.0.2.1:7400"} }, ErrLoopback, "192.0.2.1:7400"},
		"rpc on loopback": {func(c *Config) {
			c.AdvertiseAddress, c.Seeds = "192.0.2.2:7400", []string{"192.0.2.1:7400"}
		}, ErrLoopback, "127.0.0.1:7401"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := Config{ID: "n1", RPCAddress: "127.0.0.1:7401", Seeds: []string{"127.0.0.1:7400", "[::1]:7400", "localhost:7400"}}
			tc.change(&cfg)
			_, err := New(cfg)
			if !errors.Is(err, tc.want) || (err != nil && !strings.Contains(err.Error(), tc.says)) {
				t.Fatalf("got %v, want %v that says %q", err, tc.want, tc.says)
			}
		})
	}
}

func TestMetricsAreRegisteredOnce(t *testing.T) {
	cfg := Config{ID: "n1", RPCAddress: "127.0.0.1:7401", Registerer: prometheus.NewRegistry()}
	if _, err := New(cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := New(cfg); err == nil {
		t.Fatal("registered twice")
	}
}

func TestAdvertiseAddress(t *testing.T) {
	for bind, want := range map[string]string{"10.0.0.1:7400": "10.0.0.1:7400", "[::1]:7400": "[::1]:7400", "n1:7400": "n1:7400"} {
		if got, err := AdvertiseAddress(bind); got != want || err != nil {
			t.Errorf("%s: %s, %v", bind, got, err)
		}
	}
	for _, bind := range []string{"0.0.0.0:7400", "[::]:7400", ":7400"} {
		got, err := AdvertiseAddress(bind)
		if err == nil && (checkHostPort(got) != nil || !strings.HasSuffix(got, ":7400")) {
			t.Errorf("%s: %s", bind, got)
		}
	}
	if _, err := AdvertiseAddress("7400"); !errors.Is(err, ErrConfig) {
		t.Error(err)
	}
}

// A seed by name turns out to be on another machine: the node stops and says so.
func TestLoopbackAdvertisedElsewhere(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		resolver := &names{}
		a := w.start(0, func(c *Config) { c.Seeds = nil })
		b := w.start(1, func(c *Config) {
			c.Seeds, c.Resolver = []string{"dns:nodes"}, resolver
			c.AdvertiseAddress, c.RPCAddress = "127.0.0.1:7400", "127.0.0.1:7401"
		})
		<-b.Ready()
		resolver.learn(map[string][]string{"nodes": {hostOf(0)}}, nil)
		<-b.ended
		if !errors.Is(b.err, ErrLoopback) || !strings.Contains(b.err.Error(), gossipAt(0)) {
			t.Fatal(b.err)
		}
		// One that is found by others is refused by them, and stays by itself.
		c := w.start(2, func(c *Config) { c.Seeds, c.AdvertiseAddress = nil, "127.0.0.1:7400" })
		d := w.start(3, func(c *Config) { c.Seeds = []string{gossipAt(2), gossipAt(0)} })
		time.Sleep(time.Minute)
		if !agree(a, d) || len(c.Nodes()) != 1 {
			t.Fatal(w.dump())
		}
	})
}
