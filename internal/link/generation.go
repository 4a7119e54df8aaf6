package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/eventnode/eventnode/internal/apierr"
	clusterv1 "github.com/eventnode/eventnode/proto/eventnode/cluster/v1"
)

var (
	errHandshakeTimeout = errors.New("no handshake in time")
	errGoodbye          = errors.New("said goodbye")
	errEnded            = errors.New("the other node ended the link")
)

// generation is one outgoing link, from its handshake to its end.
type generation struct {
	p       *peer
	number  uint64
	client  clusterv1.LinkServiceClient
	stream  clusterv1.LinkService_ControlClient
	token   string
	lanes   int
	saidPub bool // the peer knows that this node is publishing

	// ctx ends with the link; its cause is why.
	ctx    context.Context
	cancel context.CancelCauseFunc

	exchanges *exchanges
	publish   chan struct{} // holds a token when publishing began
	goodbye   chan struct{} // closed when goodbye is to be said
	bye       sync.Once
	answered  chan struct{} // holds a token when a lane was answered
	done      chan struct{} // closed when all goroutines have ended
}

// connect makes one link and keeps it until it ends. It returns how long it was
// up and why it ended.
func (p *peer) connect(ctx context.Context) (lasted time.Duration, err error) {
	conn, err := p.dial(ctx)
	if err != nil {
		return 0, err
	}
	cc, err := p.l.clientConn(conn, p.addressNow())
	if err != nil {
		_ = conn.Close()
		return 0, fmt.Errorf("connect: %w", err)
	}
	// gRPC takes conn over with its first call only.
	defer closeBoth(cc, conn)

	g := &generation{
		p: p, number: p.l.generation.Add(1), client: clusterv1.NewLinkServiceClient(cc),
		exchanges: newExchanges(p.l.cfg.ControlQueue),
		publish:   make(chan struct{}, 1), goodbye: make(chan struct{}), answered: make(chan struct{}, 1),
		done: make(chan struct{}),
	}
	g.ctx, g.cancel = context.WithCancelCause(ctx)
	defer g.cancel(nil)
	return g.run(cc)
}

func closeBoth(cc *grpc.ClientConn, conn net.Conn) {
	_ = cc.Close()
	_ = conn.Close()
}

// run shakes hands, opens the lanes and waits for the end.
func (g *generation) run(cc *grpc.ClientConn) (lasted time.Duration, err error) {
	defer close(g.done)
	limit := time.AfterFunc(g.p.l.cfg.HandshakeTimeout, func() { g.cancel(errHandshakeTimeout) })
	defer limit.Stop()
	if err := g.shake(); err != nil {
		return 0, g.why(err)
	}
	lanes, err := g.openLanes()
	if err != nil {
		return 0, g.why(err)
	}
	if !limit.Stop() {
		return 0, errHandshakeTimeout
	}

	began := g.p.l.now()
	g.p.cameUp(g)
	wg := new(sync.WaitGroup)
	wg.Go(func() { g.cancel(g.writeControl()) })
	wg.Go(func() { g.cancel(g.readControl()) })
	for i, stream := range lanes {
		w := &laneWriter{g: g, lane: g.p.lanes[i], stream: stream, size: g.p.l.cfg.FrameBytes}
		wg.Go(func() { g.cancel(w.run()) })
		wg.Go(func() { g.cancel(w.listen()) })
	}
	<-g.ctx.Done()
	_ = cc.Close() // a writer may wait for the peer's flow control
	wg.Wait()
	g.p.wentDown()
	return g.p.l.now() - began, context.Cause(g.ctx)
}

// why prefers the reason for which the link was ended to the error that this
// led to.
func (g *generation) why(err error) error {
	if g.ctx.Err() != nil {
		return context.Cause(g.ctx)
	}
	return err
}

// shake is the dialler's side of the handshake.
func (g *generation) shake() error {
	var err error
	cfg := &g.p.l.cfg
	if g.stream, err = g.client.Control(g.ctx); err != nil {
		return callError(err)
	}
	hello := g.hello()
	asked := cfg.Clock()
	challenge, err := g.ask(&clusterv1.ControlRequest{Message: &clusterv1.ControlRequest_Hello{Hello: hello}})
	if err != nil {
		return err
	}
	heard := cfg.Clock()
	t := transcript{
		diallerNonce: hello.GetNonce(), calledNonce: challenge.GetChallenge().GetNonce(),
		dialler: cfg.Self, called: g.p.ref, generation: g.number,
	}
	// The one that the other node has proved it knows, also while secrets are changed.
	secret, err := checkChallenge(challenge.GetChallenge(), t, cfg.Secrets(), cfg.versions, len(g.p.lanes))
	if err != nil {
		return err
	}
	g.p.compareClocks(asked, heard, challenge.GetChallenge().GetClock())
	proof := &clusterv1.Proof{Proof: t.proof(secret, labelDialler)}
	resp, err := g.ask(&clusterv1.ControlRequest{Message: &clusterv1.ControlRequest_Proof{Proof: proof}})
	if err != nil {
		return err
	}
	return g.accepted(hello, challenge.GetChallenge(), resp.GetAccepted())
}

// hello opens the handshake.
func (g *generation) hello() *clusterv1.Hello {
	cfg := &g.p.l.cfg
	g.saidPub = g.p.l.publishing.Load()
	return &clusterv1.Hello{
		VersionMin: cfg.versions.lo, VersionMax: cfg.versions.hi,
		Cluster: cfg.Cluster, ClusterUuid: cfg.ClusterUUID(),
		Node: string(cfg.Self.ID), Epoch: cfg.Self.Epoch,
		TargetNode: string(g.p.ref.ID), TargetEpoch: g.p.ref.Epoch,
		Generation: g.number, Lanes: uint32(len(g.p.lanes)), Nonce: newNonce(),
		LastSent: g.p.lastSent(), Publishing: g.saidPub, Interrupted: g.p.interrupted.Load(),
	}
}

// ask sends one message and receives one.
func (g *generation) ask(m *clusterv1.ControlRequest) (*clusterv1.ControlResponse, error) {
	// An error of Send only says that Recv has one to tell.
	if err := g.stream.Send(m); err != nil && !errors.Is(err, io.EOF) {
		return nil, callError(err)
	}
	resp, err := g.stream.Recv()
	if err != nil {
		return nil, callError(err)
	}
	return resp, nil
}

// accepted takes the last word of the handshake.
func (g *generation) accepted(hello *clusterv1.Hello, c *clusterv1.Challenge, a *clusterv1.Accepted) error {
	if a.GetToken() == "" {
		return errEnded
	}
	g.p.interrupted.Store(false)
	g.token, g.lanes = a.GetToken(), int(c.GetLanes())
	for i, sent := range hello.GetLastSent() {
		if i < len(a.GetLastReceived()) {
			g.p.counters.lostFrames.Add(sent - min(sent, a.GetLastReceived()[i]))
		}
	}
	return g.p.grant(g.lanes)
}

// outgoing adds the link's token to ctx.
func (g *generation) outgoing(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, MetadataKey, g.token)
}

// openLanes opens the lanes' streams.
func (g *generation) openLanes() ([]clusterv1.LinkService_LaneClient, error) {
	var lanes []clusterv1.LinkService_LaneClient
	for i := range g.lanes {
		stream, err := g.client.Lane(g.outgoing(g.ctx))
		if err != nil {
			return nil, callError(err)
		}
		if err := sendHead(stream, openHead(i)); err != nil {
			return nil, callError(err)
		}
		lanes = append(lanes, stream)
	}
	return lanes, nil
}

// writeControl sends what belongs on the control stream, until goodbye.
func (g *generation) writeControl() error {
	for {
		if err := g.announce(); err != nil {
			return err
		}
		if err := g.flush(); err != nil {
			return err
		}
		select {
		case <-g.exchanges.wake:
		case <-g.publish:
		case <-g.goodbye:
			return g.sayGoodbye()
		case <-g.ctx.Done():
			return nil
		}
	}
}

// flush sends the group-table messages that have gathered, as few messages of
// the stream. There is no timer: alone, one leaves at once; under load they
// gather while the ones before are sent.
func (g *generation) flush() error {
	for g.ctx.Err() == nil {
		frame := g.exchanges.take()
		if frame == nil {
			return nil
		}
		if err := g.told(g.stream.SendMsg(frame)); err != nil {
			return err
		}
	}
	return nil
}

// announce says, once, that this node accepts events from publishers.
func (g *generation) announce() error {
	if g.saidPub || !g.p.l.publishing.Load() {
		return nil
	}
	g.saidPub = true
	return g.tell(&clusterv1.ControlRequest{Message: &clusterv1.ControlRequest_Publishing{Publishing: &clusterv1.Publishing{}}})
}

// sayGoodbye sends what is queued, then goodbye, and waits for the peer to end
// the link.
func (g *generation) sayGoodbye() error {
	if err := g.flush(); err != nil {
		return err
	}
	if err := g.tell(&clusterv1.ControlRequest{Message: &clusterv1.ControlRequest_Goodbye{Goodbye: &clusterv1.Goodbye{}}}); err != nil {
		return err
	}
	_ = g.stream.CloseSend()
	<-g.ctx.Done()
	return errGoodbye
}

// tell sends one message. Its error is the cause that Recv knows.
func (g *generation) tell(m *clusterv1.ControlRequest) error {
	return g.told(g.stream.Send(m))
}

func (g *generation) told(err error) error {
	if errors.Is(err, io.EOF) {
		<-g.ctx.Done() // readControl has the reason, and ends the link
		return nil
	}
	return callError(err)
}

// readControl waits for the end of the link. Messages of kinds that this
// version does not know are ignored.
func (g *generation) readControl() error {
	for {
		_, err := g.stream.Recv()
		if errors.Is(err, io.EOF) {
			return errEnded
		}
		if err != nil {
			return callError(err)
		}
		g.p.l.counters.unknown.Add(1)
	}
}

// callError turns what gRPC returned into an error of this project's.
func callError(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, io.EOF) {
		return errEnded
	}
	if st, ok := status.FromError(err); ok && len(st.Details()) == 0 {
		return fmt.Errorf("link: %w", err)
	}
	return apierr.FromStatus(err)
}
