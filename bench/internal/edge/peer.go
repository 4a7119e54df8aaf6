package edge

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"slices"
	"sync"

	"github.com/gobwas/ws"
)

// peer is the plain loop: connections, and nothing else.
type peer struct {
	mu    sync.Mutex
	conns []net.Conn
}

// runPeer is the process of a peer.
func runPeer(ctx context.Context, cfg peerConfig, p process) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	x := &peer{}
	go x.accept(l) // until l closes
	workers := 1
	if cfg.Parallel {
		workers = runtime.GOMAXPROCS(0)
	}
	for answer := any(peerReady{l.Addr().String()}); ; {
		if err := p.out.Encode(answer); err != nil {
			return err
		}
		var o peerOrder
		if err := p.in.Decode(&o); err != nil {
			return err
		}
		b := begun{now()}
		if answer = b; x.send(o, workers) != nil {
			answer = failure(fmt.Errorf("a connection of the peer broke"))
		}
	}
}

// accept upgrades one connection after the other: clients wait for no more.
func (x *peer) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		if _, err := ws.Upgrade(c); err != nil {
			_ = c.Close()
			continue
		}
		x.mu.Lock()
		x.conns = append(x.conns, c)
		x.mu.Unlock()
	}
}

// send makes each event's frame once, and writes it to all connections.
func (x *peer) send(o peerOrder, workers int) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	shares := slices.Collect(slices.Chunk(x.conns, (len(x.conns)+workers-1)/workers))
	for i := range o.Events {
		n := o.First + uint64(i)
		frame := ws.MustCompileFrame(ws.NewTextFrame(peerMessage(n)))
		if err := toAll(frame, shares); err != nil {
			return err
		}
	}
	return nil
}

// toAll writes a frame, each share by a goroutine of its own.
func toAll(frame []byte, shares [][]net.Conn) error {
	if len(shares) == 1 {
		return toEach(frame, shares[0])
	}
	errs := make([]error, len(shares))
	var writing sync.WaitGroup
	for i, share := range shares {
		writing.Go(func() { errs[i] = toEach(frame, share) })
	}
	writing.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func toEach(frame []byte, conns []net.Conn) error {
	for _, c := range conns {
		if _, err := c.Write(frame); err != nil {
			return err
		}
	}
	return nil
}
