package node

import (
	"context"
	"strings"
	"testing"
)

// Each port that other machines reach is warned of, once for each thing that strangers may
// do there; one on this machine, or one that is guarded, is not.
func TestOpenPortsAreWarnedOf(t *testing.T) {
	key, secure := []byte("0123456789abcdef"), &TLS{}
	allow := func(context.Context, Call) error { return nil }
	for _, c := range []struct {
		cfg               Config
		rpc, gossip, http string
		want              string // ports
	}{
		{Config{HTTPIngest: true}, "127.0.0.1:1", "[::1]:2", "localhost:3", ""},
		{Config{}, "10.0.0.1:1", "127.0.0.1:2", "", "rpc rpc gossip"},
		{Config{}, "[::]:1", "0.0.0.0:2", "127.0.0.1:3", "rpc rpc gossip"},
		{Config{GossipKeys: [][]byte{key}}, "name:1", "0.0.0.0:2", "", "rpc rpc"},
		{Config{GossipKeys: [][]byte{key}, TLS: secure}, "10.0.0.1:1", "10.0.0.1:2", "", "rpc"},
		{Config{GossipKeys: [][]byte{key}, TLS: secure, Authorizer: allow}, "10.0.0.1:1", "10.0.0.1:2", "", ""},
		{Config{TLS: secure, Authorizer: allow}, "10.0.0.1:1", "10.0.0.1:2", "", "gossip"},
		{Config{TLS: secure, Authorizer: allow}, "127.0.0.1:1", "10.0.0.1:2", "", "gossip"},
		{Config{HTTPIngest: true}, "127.0.0.1:1", "127.0.0.1:2", "10.0.0.1:3", "http http"},
		{Config{HTTPIngest: true, HTTPTLS: true, Authorizer: allow}, "127.0.0.1:1", "127.0.0.1:2", "10.0.0.1:3", ""},
		{Config{}, "127.0.0.1:1", "127.0.0.1:2", "10.0.0.1:3", "http"},
	} {
		var ports []string
		for _, e := range exposures(c.cfg, c.rpc, c.gossip, c.http) {
			ports = append(ports, e.port)
			if e.meaning == "" || e.advice == "" || e.address == "" {
				t.Errorf("%+v says too little", e)
			}
		}
		if got := strings.Join(ports, " "); got != c.want {
			t.Errorf("%+v %s %s %s: %q, want %q", c.cfg, c.rpc, c.gossip, c.http, got, c.want)
		}
	}
}
