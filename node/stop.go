package node

import (
	"context"
	"strings"
	"time"
)

// How a node stops, in this order:
//
//  1. /readyz and gRPC health say that it does.
//  2. Clients of the gateway go, and their sessions to other nodes; so do shards.
//  3. The durable plane hands over what it leads.
//  4. Clients are told to go to other nodes: by GOAWAY on each connection, and by a word on
//     each DispatchStream and Subscribe. What is open goes on, until the client has opened
//     it elsewhere and was sent what was queued for it, at most for StopTimeout.
//  5. What publishers were told is accepted is sent to the other nodes.
//  6. Gossip is told, so that the others need not find out.
//  7. All else ends: members and monitors, reads, what clients held on to.
//
// Links stay until 5: what is dispatched elsewhere comes to clients that have not gone yet.

// progressInterval is how often it is logged who is waited for.
const progressInterval = time.Second

// goodbye does all but the last.
func (n *Node) goodbye(retire func()) {
	select {
	case <-n.ready:
	default:
		return
	}
	p := n.parts
	p.stopping.Store(true)
	p.healthy.Shutdown()
	p.chat.drain()
	p.sources.drain()
	retire()
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	select {
	case <-p.storage.stopped:
	case <-ctx.Done():
	}
	p.sendAway()
	p.farewell()
}

// sendAway tells clients to go to other nodes, and waits until they have.
func (p *parts) sendAway() {
	p.dispatch.SendAway()
	close(p.moving)
	limit, progress := time.NewTimer(p.cfg.StopTimeout), time.NewTicker(progressInterval)
	defer limit.Stop()
	defer progress.Stop()
	for {
		left := p.gate.clients()
		if left == 0 {
			return
		}
		select {
		case <-p.gate.gone:
		case <-progress.C:
			p.cfg.Logger.Info("waiting for clients, which were told to go to other nodes", "streams", left)
		case <-limit.C:
			p.cfg.Logger.Warn("some clients did not go to other nodes in time: what is queued for them is lost, and a gap tells them", "streams", left, "stop_timeout", p.cfg.StopTimeout)
			return
		}
	}
}

// farewell sends what is for other nodes, and tells them.
func (p *parts) farewell() {
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	p.links.Drain(ctx)
	if err := p.members.Leave(ctx); err != nil {
		p.cfg.Logger.Warn("could not announce the leave by gossip", "error", err)
	}
	late := time.NewTimer(moveTimeout)
	defer late.Stop()
	select {
	case <-p.moved: // else their calls would fail under way
	case <-late.C:
	}
}

// moves reports whether a stopping node waits for the end of such a stream: whoever has
// one would lose events else.
func moves(method string) bool {
	return strings.HasPrefix(method, dispatchPrefix)
}

// enter counts a stream that is waited for, until leave.
func (g *gate) enter() (leave func()) {
	g.mu.Lock()
	g.moving++
	g.mu.Unlock()
	return func() {
		g.mu.Lock()
		g.moving--
		g.mu.Unlock()
		select {
		case g.gone <- struct{}{}:
		default:
		}
	}
}

// clients is how many streams a stopping node waits for.
func (g *gate) clients() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.moving
}
