package shard_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/eventnode/eventnode/sessions"
	"github.com/eventnode/eventnode/shard"
)

// While a shard has no session it says why, also with what to do in its log; when it has one
// nothing is in the way any more.
func TestTrouble(t *testing.T) {
	e := newEdge(t, sessions.Config{}, nil)
	var open atomic.Bool
	r := e.run(func(c *shard.Config) {
		c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if !open.Load() {
				return nil, errors.New("nobody is at home")
			}
			return e.dials.Dial(ctx, network, address)
		}
	})
	eventually(t, "it says why", func() bool { return strings.Contains(r.Trouble(), "nobody is at home") })
	eventually(t, "it logs what to do", func() bool { return strings.Contains(r.log.String(), "check its address, and that it runs") })
	open.Store(true)
	r.ready(e, 2)
	if why := r.Trouble(); why != "" {
		t.Errorf("connected, but %q", why)
	}
	open.Store(false)
	e.dials.cut()
	eventually(t, "it says why again", func() bool { return r.Trouble() != "" })
	open.Store(true)
	eventually(t, "it has resumed", func() bool { return r.Trouble() == "" && r.Connected() })
}
