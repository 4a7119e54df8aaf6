package cluster_test

import (
	"fmt"
	"strconv"
	"strings"
)

// A firewall made of routing rules, which need no more than iproute2: what comes in over
// eth0 is looked up among the machine's own addresses only if a rule says so, and has
// nowhere to go otherwise. As a firewall without memory does, it lets answers in by the
// port that they come from.

// opening is a port that is let in.
type opening struct {
	protocol string // tcp or udp
	port     int
}

// firewall lets in nothing but these.
func (m *machine) firewall(open ...opening) {
	var rules strings.Builder
	rules.WriteString("rule add pref 1 iif lo lookup local\nrule add pref 100 lookup local\nrule del pref 0\n")
	for _, o := range open {
		fmt.Fprintf(&rules, "rule add pref 10 iif eth0 ipproto %s dport %d lookup local\n", o.protocol, o.port)
		fmt.Fprintf(&rules, "rule add pref 10 iif eth0 ipproto %s sport %d lookup local\n", o.protocol, o.port)
	}
	rules.WriteString("rule add pref 50 iif eth0 blackhole\n")
	m.lan.ip(rules.String(), "-n", m.name, "-batch", "-")
}

// drop loses what comes to a port from some addresses, all if there is none. It may be
// called without firewall.
func (m *machine) drop(protocol string, port int, from ...string) {
	m.forbid("blackhole", protocol, port, from)
}

// reject answers what comes to a port that it is forbidden (ICMP). A router only says so.
func (m *machine) reject(protocol string, port int, from ...string) {
	if _, err := m.run("echo 1 > /proc/sys/net/ipv4/ip_forward"); err != nil {
		m.lan.t.Fatal(err)
	}
	m.forbid("prohibit", protocol, port, from)
}

func (m *machine) forbid(how, protocol string, port int, from []string) {
	if len(from) == 0 {
		from = []string{"0.0.0.0/0"}
	}
	if out, err := m.run("ip rule"); err != nil {
		m.lan.t.Fatal(err)
	} else if !strings.HasPrefix(out, "1:") { // its own addresses come first unless they are put behind
		m.lan.ip("rule add pref 1 iif lo lookup local\nrule add pref 100 lookup local\nrule del pref 0\n", "-n", m.name, "-batch", "-")
	}
	for _, address := range from {
		m.lan.ip("", "-n", m.name, "rule", "add", "pref", "5", "from", address, "iif", "eth0", "ipproto", protocol, "dport", strconv.Itoa(port), how)
	}
}

// allow ends drop and reject.
func (m *machine) allow() {
	m.lan.t.Helper()
	for {
		out, err := m.run("ip rule")
		if err != nil {
			m.lan.t.Fatal(err)
		}
		if !strings.Contains(out, "\n5:") {
			return
		}
		m.lan.ip("", "-n", m.name, "rule", "del", "pref", "5")
	}
}
