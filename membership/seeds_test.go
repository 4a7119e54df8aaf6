package membership

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// names is a resolver for tests.
type names struct {
	mu  sync.Mutex
	ips map[string][]string
	srv map[string][]*net.SRV
}

// learn replaces what it knows.
func (n *names) learn(ips map[string][]string, srv map[string][]*net.SRV) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ips, n.srv = ips, srv
}

func (n *names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var addrs []netip.Addr
	for _, ip := range n.ips[host] {
		addrs = append(addrs, netip.MustParseAddr(ip))
	}
	if addrs == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return addrs, nil
}

func (n *names) LookupSRV(_ context.Context, _, _, name string) (string, []*net.SRV, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.srv[name] == nil {
		return "", nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return name, n.srv[name], nil
}

func TestParseSeed(t *testing.T) {
	for text, want := range map[string]seed{
		"10.0.0.1:7400":     {host: "10.0.0.1", port: "7400"},
		"[::1]:7400":        {host: "::1", port: "7400"},
		"n1.example:7400":   {host: "n1.example", port: "7400"},
		"dns:nodes":         {host: "nodes", port: "7400"},
		"dns:nodes.eu:9":    {host: "nodes.eu", port: "9"},
		"srv:_g._tcp.nodes": {srv: true, host: "_g._tcp.nodes"},
		"":                  {}, "n1": {}, "n1:": {}, "n1:x": {}, ":7400": {}, "n1:70000": {},
		"dns:": {}, "dns:a:b": {}, "srv:": {}, "srv:a:1": {}, "0.0.0.0:7400": {}, "::1:7400": {},
	} {
		got, err := parseSeed(text)
		if got != want || (err != nil) != (want == seed{}) || (err != nil && !errors.Is(err, ErrConfig)) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func FuzzParseSeed(f *testing.F) {
	f.Add("dns:nodes:7400")
	f.Add("srv:_g._tcp.nodes")
	f.Fuzz(func(t *testing.T, s string) {
		if got, err := parseSeed(s); err == nil && got.host == "" {
			t.Fatalf("%q gave no host", s)
		}
	})
}

func TestSeedAddresses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "seeds")
	if err := os.WriteFile(file, []byte("# the cluster\n\n 10.0.0.9:7400 \n10.0.0.1:7400\nnonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	fixed, err := parseSeeds([]string{"10.0.0.1:7400", "dns:nodes", "srv:_g._tcp.nodes", "dns:nowhere", "10.0.0.2:7400"})
	if err != nil {
		t.Fatal(err)
	}
	src := &seedSource{fixed: fixed, file: file, resolver: &names{
		ips: map[string][]string{"nodes": {"10.0.0.2", "fd00::2", "::ffff:10.0.0.3"}, "n7": {"10.0.0.7"}},
		srv: map[string][]*net.SRV{"_g._tcp.nodes": {{Target: "n7.", Port: 9}, {Target: "n8.", Port: 9}}},
	}}
	got, err := src.addresses(t.Context(), 0)
	want := "10.0.0.1:7400 10.0.0.2:7400 [fd00::2]:7400 10.0.0.3:7400 10.0.0.7:9 10.0.0.9:7400"
	if strings.Join(got, " ") != want {
		t.Errorf("got %v", got)
	}
	for _, part := range []string{"nowhere", "nonsense"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not tell of %s", err, part)
		}
	}
}

func TestSeedAddressesAreBounded(t *testing.T) {
	var many []string
	for i := range 2000 {
		many = append(many, fmt.Sprintf("10.0.%d.%d", i/250, i%250))
	}
	fixed, _ := parseSeeds([]string{"dns:many"})
	got, err := (&seedSource{fixed: fixed, resolver: &names{ips: map[string][]string{"many": many}}}).addresses(t.Context(), 0)
	if len(got) != maxSeedAddresses || err != nil {
		t.Fatal(len(got), err)
	}
}

// A node without seeds joins as soon as a file that is read again names one; one
// with a name as soon as the name resolves.
func TestSeedsThatComeLater(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		file := filepath.Join(t.TempDir(), "seeds")
		resolver := &names{}
		a := w.start(0, func(c *Config) { c.Seeds = nil })
		b := w.start(1, func(c *Config) { c.Seeds, c.SeedFile = nil, file })
		c := w.start(2, func(c *Config) { c.Seeds, c.Resolver = []string{"dns:nodes"}, resolver })
		d := w.start(3, func(c *Config) { c.Seeds, c.Resolver = []string{"srv:_g._tcp.nodes"}, resolver })
		time.Sleep(time.Minute)
		if len(a.Nodes())+len(b.Nodes())+len(c.Nodes())+len(d.Nodes()) != 4 {
			t.Fatal(w.dump())
		}
		if err := os.WriteFile(file, []byte(gossipAt(0)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		resolver.learn(map[string][]string{"nodes": {hostOf(9), hostOf(0)}, "n1": {hostOf(1)}},
			map[string][]*net.SRV{"_g._tcp.nodes": {{Target: "n1.", Port: gossipPort}}})
		w.eventually(10*time.Second, "one cluster", func() bool { return agree(a, b, c, d) })
	})
}

// The standard resolver against a real DNS server on loopback.
func TestSeedsFromDNS(t *testing.T) {
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	records := map[string]string{
		"nodes.test. A":           "nodes.test. 1 IN A 127.0.0.11",
		"nodes.test. AAAA":        "nodes.test. 1 IN AAAA ::1",
		"_gossip._tcp.nodes. SRV": "_gossip._tcp.nodes. 1 IN SRV 0 0 7444 nodes.test.",
	}
	mux := dns.NewServeMux()
	mux.HandleFunc(".", func(rw dns.ResponseWriter, req *dns.Msg) {
		m := new(dns.Msg)
		m.SetReply(req)
		q := req.Question[0]
		if text := records[q.Name+" "+dns.TypeToString[q.Qtype]]; text != "" {
			rr, err := dns.NewRR(text)
			if err != nil {
				t.Error(err)
			}
			m.Answer = append(m.Answer, rr)
		}
		_ = rw.WriteMsg(m)
	})
	srv := &dns.Server{PacketConn: pc, Handler: mux}
	done := make(chan error, 1)
	go func() { done <- srv.ActivateAndServe() }()
	defer func() {
		_ = pc.Close()
		<-done
	}()
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", pc.LocalAddr().String())
	}}
	fixed, _ := parseSeeds([]string{"dns:nodes.test.", "srv:_gossip._tcp.nodes."})
	got, err := (&seedSource{fixed: fixed, resolver: resolver}).addresses(t.Context(), 0)
	slices.Sort(got)
	if fmt.Sprint(got) != "[127.0.0.11:7400 127.0.0.11:7444 [::1]:7400 [::1]:7444]" {
		t.Fatal(got, err)
	}
}
