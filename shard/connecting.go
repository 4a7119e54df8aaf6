package shard

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// dialled is what became of connecting.
type dialled struct {
	socket  *socket
	gateway string
	err     error
}

// dial connects, and asks where the gateway is before if nobody has said so.
func (l *loop) dial(ctx context.Context, address, gateway string) (d dialled) {
	if address == "" && gateway == "" {
		d.gateway, d.err = l.discover(ctx)
		gateway = d.gateway
	}
	if d.err == nil {
		d.socket, d.err = l.cfg.connect(ctx, cmp.Or(address, gateway))
	}
	return d
}

func (l *loop) discover(ctx context.Context) (gateway string, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.ConnectTimeout)
	defer cancel()
	found, err := Discover(ctx, l.cfg.HTTP, l.cfg.API, l.cfg.Token)
	if err == nil && l.starts != nil {
		l.starts.Learn(found.Starts)
	}
	return found.URL, err
}

// connected is what became of connecting. Where the gateway is was true once: if nobody is
// there, the API is asked anew.
func (l *loop) connected(d dialled) {
	if d.gateway != "" {
		l.gateway, l.m.gateway = d.gateway, d.gateway
		l.delivery.connectedTo(d.gateway)
	}
	switch {
	case d.err == nil:
		l.socket = d.socket
		l.others.Go(d.socket.serve)
		l.m.opened(time.Now())
	case errors.Is(d.err, ErrRefused):
		l.m.refused(d.err)
	default:
		l.metrics.failed(noteConnect, d.err)
		if l.cfg.API != "" && l.cfg.Gateway == "" {
			l.gateway = ""
		}
		l.m.notOpened(time.Now(), rand.Float64())
	}
}
